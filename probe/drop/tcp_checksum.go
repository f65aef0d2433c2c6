package drop

import (
	"fmt"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	tcpInCsumErrors = kernel.SNMP.Counter("Tcp", "InCsumErrors")
	tcpInErrs       = kernel.SNMP.Counter("Tcp", "InErrs")
)

var _ = add(Rule{
	ID:       "FD704",
	Name:     "tcp-checksum",
	Title:    "TCP segments are dropped because their checksum is wrong",
	Stage:    Transport,
	Scope:    Netns,
	Severity: map[Kind]Severity{Dropping: Medium, Dropped: Low, Note: Info},
	Reasons:  []string{"TCP_CSUM"},
	Needs:    []Need{{tcpInCsumErrors}},
	Wants:    []probe.Handle{tcpInSegs},
	Check:    checkTCPChecksum,

	Doc: `
A segment whose checksum does not fit its content was damaged on the way, or was sent that way;
it is dropped, and the sender sends it again some time later. A frame that the wire damaged
fails the check of Ethernet long before; so it was damaged inside something: an adapter, a
switch, a router that rewrites addresses, or a virtual machine's network that left the sum to
an adapter which was not there.

InCsumErrors counts it since 3.10, for IPv4 and IPv6, and InErrs counts the same segment again.
Sums that are wrong in what this host sends are not in it: tcpdump shows them wherever the
adapter fills them in later. The share is of InSegs, which holds the bad ones.

By hand: "nstat -az TcpInCsumErrors"; "tcpdump -vv -i eth0 tcp", which prints "cksum …
(incorrect" and the sender; "dmesg | grep 'hw csum failure'".`,

	Examples: []Example{{
		Name: "a sender whose sums are wrong",
		From: "netns-tcp-csum/after",
		Capture: `
-- first /proc/net/snmp --
Tcp: MaxConn InSegs InErrs InCsumErrors
Tcp: -1 0 0 0
-- first /proc/uptime --
4592.35 7029.78
-- /proc/net/snmp --
Tcp: MaxConn InSegs InErrs InCsumErrors
Tcp: -1 404 200 200
-- /proc/uptime --
4598.38 7032.91
`,
		Outcome: Found,
		Want:    []string{"medium dropping: checksums were wrong: 200 since boot, 200 of them in 6.0 s"},
	}, {
		Name: "segments that are bad in another way, and one bad sum in 300 days",
		Capture: `
-- first /proc/net/snmp --
Tcp: MaxConn InSegs InErrs InCsumErrors
Tcp: -1 900005000 0 1
-- /proc/net/snmp --
Tcp: MaxConn InSegs InErrs InCsumErrors
Tcp: -1 900009000 80 1
-- /proc/uptime --
25920000.00 51840000.00
`,
		Outcome: Clean,
	}, {
		Name: "before 3.10, which did not count it",
		Capture: `
-- /proc/net/snmp --
Tcp: MaxConn InSegs InErrs
Tcp: -1 5000 80
`,
		Outcome: NotApplicable,
	}},
})

func checkTCPChecksum(c *Case) []Finding {
	wrong, segments := tcpInCsumErrors.In(c), tcpInSegs.In(c)
	n, _ := wrong.Get()
	arrived, _ := segments.Get()
	kind, loss := c.Lost(n, arrived, Segments)
	if kind == "" {
		return nil
	}
	loss.Exact = true
	return []Finding{{
		Kind:     kind,
		Message:  fmt.Sprintf("checksums were wrong: %v", n),
		Loss:     loss,
		Evidence: probe.Because(wrong, segments),
		Claims:   []Claim{{tcpInErrs.Source(), n}},
		Steps:    checksumSteps("tcp"),
	}}
}

// checksumSteps find what damages the packets of a protocol.
func checksumSteps(protocol string) []Step {
	return []Step{{
		Text: fmt.Sprintf(`see who sends them: "tcpdump -vv -c 1000 %s" on the host, as root. From one sender: its adapter, or `+
			`the virtual network it is in, so turn the offload off there; from all: this adapter, its firmware, or what is in between`,
			protocol),
	}, {
		Text: "to tell whether it is this adapter, let the kernel check the sums for a while: ethtool -K DEV rx off; " +
			"if the counter stands still then, it is its firmware or driver",
		Undo:  "ethtool -K DEV rx on",
		Price: "more work for the CPUs",
	}}
}
