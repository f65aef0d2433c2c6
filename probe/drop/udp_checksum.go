package drop

import (
	"fmt"
	"slices"
)

var udpInCsumErrors = udp("InCsumErrors")

var _ = add(Rule{
	ID:       "FD712",
	Name:     "udp-checksum",
	Title:    "Datagrams are dropped because their checksum is wrong",
	Stage:    Transport,
	Scope:    Netns,
	Severity: map[Kind]Severity{Dropping: Medium, Dropped: Low, Note: Info},
	Reasons:  []string{"UDP_CSUM"},
	Needs:    []Need{{udpInCsumErrors[0]}},
	Wants:    slices.Concat(udpInCsumErrors.handles()[1:], udpInDatagrams.handles(), udpInErrors.handles()),
	Check:    checkUDPChecksum,

	Doc: `
A datagram whose checksum does not fit its content was damaged on the way, or was sent that
way. The adapter checks it, or the kernel, and drops it. A frame that the wire damaged fails the
check of Ethernet long before; so it was damaged inside something: an adapter, a switch, a router
that rewrites addresses, or a virtual machine's network that left the sum to an adapter
which was not there. SO_NO_CHECK does not help: it is about what a socket sends.

InCsumErrors counts it since 3.10, each datagram once, and InErrors counts the same datagram
again. Sums that are wrong in what this host sends are not in it: tcpdump shows them wherever the
adapter fills them in later. The share is of InDatagrams and InErrors.

By hand: "nstat -az UdpInCsumErrors Udp6InCsumErrors"; "tcpdump -vv -i eth0 udp", which
prints "bad udp cksum" and the sender.`,

	Examples: []Example{{
		Name: "every second datagram is damaged",
		From: "netns-udp-csum/after",
		Capture: `
-- first /proc/net/snmp --
Udp: InDatagrams InErrors RcvbufErrors InCsumErrors
Udp: 0 0 0 0
-- first /proc/uptime --
1081.76 1378.67
-- /proc/net/snmp --
Udp: InDatagrams InErrors RcvbufErrors InCsumErrors
Udp: 200 200 0 200
-- /proc/uptime --
1082.53 1378.79
`,
		Outcome: Found,
		Want:    []string{"medium dropping: checksums were wrong: 200 since boot, 200 of them in 0.8 s"},
	}, {
		Name: "buffers were full, sums were right",
		From: "netns-udp-rcvbuf/after",
		Capture: `
-- first /proc/net/snmp --
Udp: InDatagrams InErrors RcvbufErrors InCsumErrors
Udp: 0 0 0 0
-- /proc/net/snmp --
Udp: InDatagrams InErrors RcvbufErrors InCsumErrors
Udp: 9 991 991 0
`,
		Outcome: Clean,
	}, {
		Name: "before 3.10, which did not count it",
		Capture: `
-- /proc/net/snmp --
Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors
Udp: 200 0 200 0 0 0
`,
		Outcome: NotApplicable,
	}},
})

func checkUDPChecksum(c *Case) []Finding {
	wrong := udpInCsumErrors.in(c)
	kind, loss := c.Lost(wrong.sum(), udpArrived(c), Datagrams)
	if kind == "" {
		return nil
	}
	loss.Exact = true
	return []Finding{{
		Kind:     kind,
		Message:  fmt.Sprintf("checksums were wrong: %v", wrong.sum()),
		Loss:     loss,
		Evidence: append(wrong.evidence(), udpInDatagrams.in(c).evidence()...),
		Claims:   wrong.claims(udpInErrors),
		Steps:    checksumSteps("udp"),
	}}
}
