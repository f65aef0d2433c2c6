package drop

import (
	"fmt"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

// signed are the counters of segments whose signature is not what the socket asks for. Whoever
// does not sign at all is mostly a stranger.
var signed = []struct {
	counter  probe.Cell
	stranger bool
	why      string
}{
	{kernel.Netstat.Counter("TcpExt", "TCPMD5NotFound"), true, "they had no MD5 signature where one is asked for"},
	{kernel.Netstat.Counter("TcpExt", "TCPMD5Unexpected"), false, "they had an MD5 signature where none is known"},
	{kernel.Netstat.Counter("TcpExt", "TCPMD5Failure"), false, "their MD5 signature was wrong"},
	{kernel.Netstat.Counter("TcpExt", "TCPAORequired"), true, "they had no TCP-AO signature where one is asked for"},
	{kernel.Netstat.Counter("TcpExt", "TCPAOKeyNotFound"), false, "they had a TCP-AO signature of a key that is not known"},
	{kernel.Netstat.Counter("TcpExt", "TCPAOBad"), false, "their TCP-AO signature was wrong"},
}

var _ = add(Rule{
	ID:       "FD707",
	Name:     "tcp-receive-other",
	Title:    "TCP segments are dropped as malformed or badly signed",
	Stage:    Transport,
	Scope:    Netns,
	Severity: map[Kind]Severity{Dropping: Low, Dropped: Low, Note: Info},
	Reasons: []string{"TCP_MD5NOTFOUND", "TCP_MD5UNEXPECTED", "TCP_MD5FAILURE", "TCP_AONOTFOUND", "TCP_AOUNEXPECTED",
		"TCP_AOKEYNOTFOUND", "TCP_AOFAILURE", "PKT_TOO_SMALL"},
	Needs:    []Need{{tcpInErrs}},
	Wants:    append([]probe.Handle{tcpInSegs, tcpInCsumErrors}, signedHandles()...),
	Residual: true,
	Check:    checkTCPOther,

	Doc: `
InErrs of TCP counts segments that cannot be what they say. What tcp-checksum and by-design-counter
have explained is taken away; what is left had a header that is shorter than a header can be, or
longer than the segment: a broken or a hostile sender, or something on the way that rewrites
packets. A kernel before 3.10 has no InCsumErrors, and bad checksums are in it.

A socket that asks for signatures (TCP_MD5SIG, as BGP does, or TCP-AO since 6.7) drops what is
signed wrong, or not at all. Who signs wrong is a neighbour whose password differs, and never gets a
connection; who does not sign is mostly a scan of the port, and so a note. The share is of InSegs,
which holds all of them.

By hand: "nstat -az TcpInErrs TcpInCsumErrors 'TcpExtTCPMD5*' 'TcpExtTCPAO*'"; "tcpdump -vv tcp".`,

	Examples: []Example{{
		Name: "every second segment has a header that is too short",
		From: "lab-tcp-header/after",
		Capture: `
-- first /proc/net/snmp --
Tcp: MaxConn InSegs InErrs InCsumErrors
Tcp: -1 0 0 0
-- first /proc/uptime --
1205.15 1161.95
-- /proc/net/snmp --
Tcp: MaxConn InSegs InErrs InCsumErrors
Tcp: -1 400 200 0
-- /proc/uptime --
1210.25 1161.98
`,
		Outcome: Found,
		Want:    []string{"low dropping: InErrs: segments were dropped: 200 since boot, 200 of them in 5.1 s: their header was wrong"},
	}, {
		Name: "one bad segment in 300 days",
		Capture: `
-- first /proc/net/snmp --
Tcp: MaxConn InSegs InErrs InCsumErrors
Tcp: -1 900005000 1 0
-- /proc/net/snmp --
Tcp: MaxConn InSegs InErrs InCsumErrors
Tcp: -1 900009000 1 0
-- /proc/uptime --
25920000.00 51840000.00
`,
		Outcome: Clean,
	}, {
		Name: "a neighbour of BGP with another password",
		Capture: `
-- first /proc/net/netstat --
TcpExt: TCPMD5NotFound TCPMD5Unexpected TCPMD5Failure
TcpExt: 3 0 100
-- first /proc/net/snmp --
Tcp: MaxConn InSegs InErrs InCsumErrors
Tcp: -1 1000 0 0
-- /proc/net/netstat --
TcpExt: TCPMD5NotFound TCPMD5Unexpected TCPMD5Failure
TcpExt: 3 0 105
-- /proc/net/snmp --
Tcp: MaxConn InSegs InErrs InCsumErrors
Tcp: -1 1900 0 0
-- /proc/uptime --
86400.00 1.00
`,
		Outcome: Found,
		Want:    []string{"low dropping: TCPMD5Failure: segments were dropped: 105 since boot, 5 of them in 10.0 s: their MD5 signature was wrong"},
	}, {
		Name: "bad segments, and a kernel before 3.10",
		Capture: `
-- first /proc/net/snmp --
Tcp: MaxConn InSegs InErrs
Tcp: -1 1000 0
-- /proc/net/snmp --
Tcp: MaxConn InSegs InErrs
Tcp: -1 5000 80
`,
		Outcome: Found,
		Want:    []string{"low dropping: InErrs: segments were dropped: 80 since boot, 80 of them in 10.0 s: their header or, as this kernel does not count it apart, their checksum was wrong"},
	}},
})

func signedHandles() (all []probe.Handle) {
	for _, s := range signed {
		all = append(all, s.counter)
	}
	return all
}

func checkTCPOther(c *Case) (found []Finding) {
	segments, sums := tcpInSegs.In(c), tcpInCsumErrors.In(c)
	arrived, _ := segments.Get()
	tell := func(f probe.Fact[probe.Counter], stranger bool, why string, steps ...Step) {
		n := c.Unclaimed(f)
		kind, loss := c.Lost(n, arrived, Segments)
		switch {
		case kind == "" || stranger && n.Delta == 0:
			return
		case stranger:
			kind, steps = Note, nil
		}
		loss.Exact = true
		found = append(found, Finding{
			Kind:     kind,
			Subject:  f.Source.Field,
			Message:  fmt.Sprintf("segments were dropped: %v: %s", n, why),
			Loss:     loss,
			Evidence: probe.Because(f, segments),
			Steps:    steps,
		})
	}
	header := "their header was wrong"
	if sums.State == probe.Absent {
		header = "their header or, as this kernel does not count it apart, their checksum was wrong"
	}
	tell(tcpInErrs.In(c), false, header, Step{
		Text: `see who sends them: "tcpdump -vv -c 1000 tcp" on the host; from one sender it is that sender, from all ` +
			"it is something on the way that rewrites packets",
	})
	for _, s := range signed {
		tell(s.counter.In(c), s.stranger, s.why, Step{
			Text: `see who sends them: "tcpdump -vv tcp" on the host; a neighbour that is meant to speak here needs the same ` +
				"password or key on both sides, and a firewall keeps strangers away from the port",
		})
	}
	return found
}
