package drop

import (
	"fmt"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	tcpRetransSegs    = kernel.SNMP.Counter("Tcp", "RetransSegs")
	tcpOutSegs        = kernel.SNMP.Counter("Tcp", "OutSegs")
	tcpSynRetrans     = kernel.Netstat.Counter("TcpExt", "TCPSynRetrans")
	tcpTimeouts       = kernel.Netstat.Counter("TcpExt", "TCPTimeouts")
	tcpLostRetransmit = kernel.Netstat.Counter("TcpExt", "TCPLostRetransmit")
	tcpFastRetrans    = kernel.Netstat.Counter("TcpExt", "TCPFastRetrans")
	tcpMTUProbing     = kernel.Sysctl("net.ipv4.tcp_mtu_probing")
)

// How much may be sent again. Every path over the internet loses something, and TCP finds out how
// fast it may send by losing some.
var (
	retransShare = Limit{
		Name: "share", Default: 0.01, Unit: "of the segments that were sent",
		Source: "judgement: paths over the internet lose some in a thousand; at 1 in 100 a transfer over a long way is slow (RFC 3155 speaks of it)",
	}
	retransMuch = Limit{
		Name: "much", Default: 0.05, Unit: "of the segments that were sent", Source: "judgement: connections are hard to use",
	}
	retransFew = Limit{
		Name: "least", Default: 30, Unit: "segments in the window", Source: "judgement: one client that went away makes some ten",
	}
	stallShare = Limit{
		Name: "stall-share", Default: 0.005, Unit: "of the segments that were sent",
		Source: "judgement: where nothing but time-outs brings segments again, fewer of them are a connection that stands still",
	}
)

var _ = add(Rule{
	ID:       "FD706",
	Name:     "tcp-retransmission",
	Title:    "TCP has to send much again",
	Stage:    Transport,
	Scope:    Netns,
	Severity: map[Kind]Severity{AtRisk: Medium},
	Limits:   []Limit{retransShare, retransMuch, retransFew, stallShare},
	Needs:    []Need{{tcpRetransSegs}, {tcpOutSegs}},
	Wants:    []probe.Handle{tcpSynRetrans, tcpTimeouts, tcpLostRetransmit, tcpFastRetrans, tcpMTUProbing, qdiscDropped},
	Check:    checkRetransmission,

	Doc: `
A segment that is not acknowledged is sent again: soon, where the acknowledgements of later ones
tell that one is missing (fast retransmit), or when a timer has run out. Something on the way lost
it, in either direction, or the peer did. No counter of this host says where, so this is at-risk and
never a loss of this host.

RetransSegs counts segments that were sent again, and OutSegs those that were sent for the first time; SYNs that were sent again are
taken away (TCPSynRetrans), for scans and dead addresses make many, and so is what a queue of this
host dropped. Some in a thousand are ordinary on the internet. TCPTimeouts counts timers that ran
out.

Where all of it came after a timer had run out, and what was sent again was lost again
(TCPLostRetransmit), connections stand still. One cause is a path whose MTU is smaller than this
host believes, while a firewall keeps back the ICMP message that says so: a black hole for large
segments. Small ones pass, so connections are made and then hang. A peer that went away without a
word looks the same from here. The first is told from the second by hand.

By hand: "nstat -z TcpRetransSegs TcpOutSegs TcpExtTCPTimeouts TcpExtTCPLostRetransmit"; "ss -tino",
where backoff is a connection that stands still; "tracepath PEER", or "ping -M do -s 1472 PEER" for
an MTU of 1500.`,

	Examples: []Example{{
		Name: "a router drops what is larger than the next link takes, and its ICMP messages are lost",
		From: "netns-mtu-blackhole/after",
		Capture: `
-- first /proc/net/netstat --
TcpExt: TCPLostRetransmit TCPFastRetrans TCPTimeouts TCPSynRetrans
TcpExt: 0 0 0 0
-- first /proc/net/snmp --
Tcp: OutSegs RetransSegs
Tcp: 42 0
-- first /proc/uptime --
1135.74 1386.14
-- /proc/net/netstat --
TcpExt: TCPLostRetransmit TCPFastRetrans TCPTimeouts TCPSynRetrans
TcpExt: 2 0 3 0
-- /proc/net/snmp --
Tcp: OutSegs RetransSegs
Tcp: 363 3
-- /proc/uptime --
1139.11 1386.15
`,
		Outcome: Found,
		Want: []string{"low at-risk: connections stand still: 3 segments were sent again in 3.4 s, all of them after a time-out, and 2 were lost again; " +
			"a path MTU black hole looks like this, and so does a peer that went away"},
	}, {
		Name: "a path that loses 3 in 100",
		Capture: `
-- first /proc/net/netstat --
TcpExt: TCPLostRetransmit TCPFastRetrans TCPTimeouts TCPSynRetrans
TcpExt: 10 500 90 70
-- first /proc/net/snmp --
Tcp: OutSegs RetransSegs
Tcp: 100000 700
-- /proc/net/netstat --
TcpExt: TCPLostRetransmit TCPFastRetrans TCPTimeouts TCPSynRetrans
TcpExt: 12 720 110 90
-- /proc/net/snmp --
Tcp: OutSegs RetransSegs
Tcp: 110000 1020
`,
		Outcome: Found,
		Want:    []string{"low at-risk: 300 of 10000 segments were sent again in 10.0 s (3.0 %)"},
	}, {
		Name: "the host's own queue drops, and qdisc-drop says it",
		From: "netns-tx-tbf/after",
		Capture: `
-- first /proc/net/netstat --
TcpExt: TCPLostRetransmit TCPFastRetrans TCPTimeouts TCPSynRetrans
TcpExt: 0 0 0 0
-- first /proc/net/snmp --
Tcp: OutSegs RetransSegs
Tcp: 52 0
-- first tc -s qdisc --
qdisc tbf 8001: dev eth0 root refcnt 3 rate 1Mbit burst 5000b lat 40ms 
 Sent 14187 bytes 47 pkt (dropped 63, overlimits 10 requeues 0) 
 backlog 9416b 5p requeues 0
-- /proc/net/netstat --
TcpExt: TCPLostRetransmit TCPFastRetrans TCPTimeouts TCPSynRetrans
TcpExt: 12 57 0 0
-- /proc/net/snmp --
Tcp: OutSegs RetransSegs
Tcp: 409 97
-- tc -s qdisc --
qdisc tbf 8001: dev eth0 root refcnt 3 rate 1Mbit burst 5000b lat 40ms 
 Sent 125554 bytes 178 pkt (dropped 704, overlimits 510 requeues 0) 
 backlog 8662b 4p requeues 0
`,
		Outcome: Clean,
	}, {
		Name: "a server on the internet, scanned and with clients that go away",
		Capture: `
-- first /proc/net/netstat --
TcpExt: TCPLostRetransmit TCPFastRetrans TCPTimeouts TCPSynRetrans
TcpExt: 10 500 90 70
-- first /proc/net/snmp --
Tcp: OutSegs RetransSegs
Tcp: 100000 700
-- /proc/net/netstat --
TcpExt: TCPLostRetransmit TCPFastRetrans TCPTimeouts TCPSynRetrans
TcpExt: 40 520 390 370
-- /proc/net/snmp --
Tcp: OutSegs RetransSegs
Tcp: 150000 1150
-- /proc/sys/net/ipv4/tcp_mtu_probing --
0
`,
		Outcome: Clean,
	}, {
		Name: "a quiet host, and one client that went away",
		Capture: `
-- first /proc/net/netstat --
TcpExt: TCPLostRetransmit TCPFastRetrans TCPTimeouts TCPSynRetrans
TcpExt: 0 0 0 0
-- first /proc/net/snmp --
Tcp: OutSegs RetransSegs
Tcp: 1000 0
-- /proc/net/netstat --
TcpExt: TCPLostRetransmit TCPFastRetrans TCPTimeouts TCPSynRetrans
TcpExt: 1 0 2 0
-- /proc/net/snmp --
Tcp: OutSegs RetransSegs
Tcp: 1100 2
`,
		Outcome: Clean,
	}},
})

func checkRetransmission(c *Case) []Finding {
	again, sent := tcpRetransSegs.In(c), tcpOutSegs.In(c)
	syns, timeouts, lost, fast := tcpSynRetrans.In(c), tcpTimeouts.In(c), tcpLostRetransmit.In(c), tcpFastRetrans.In(c)
	probing := tcpMTUProbing.In(c)
	segments, _ := again.Get()
	opening, _ := syns.Get()
	timers, _ := timeouts.Get()
	twice, _ := lost.Get()
	quick, _ := fast.Get()
	all, _ := sent.Get()
	// A SYN that is sent again after its timer ran out counts there too.
	n := segments.Minus(opening)
	local, _ := droppedByQueues(c)
	n = n.Minus(local)
	timers = timers.Minus(opening)
	if n.Delta == 0 || all.Delta == 0 {
		return nil
	}
	share := float64(n.Delta) / float64(all.Delta)
	f := Finding{
		Kind:     AtRisk,
		Severity: Low,
		Evidence: probe.Because(again, sent, syns, timeouts, lost, fast, probing),
	}
	look := Step{
		Text: `see which connections it is: "ss -tino" on the host, retrans and backoff; those of one network have their path in common. ` +
			"The counters of the host itself, and of the adapters on both ends, tell whether it was lost there",
	}
	// Three timers in a row are a connection that stands still: the kernel doubles the time from one to the next.
	const row = 3
	stalled := timers.Delta >= row && timers.Delta*10 >= n.Delta*9 && twice.Delta*2 >= timers.Delta && quick.Delta == 0
	switch {
	case stalled && share >= c.Limit(stallShare):
		f.Message = fmt.Sprintf("connections stand still: %d segments were sent again in %.1f s, all of them after a time-out, and %d were lost again; "+
			"a path MTU black hole looks like this, and so does a peer that went away", n.Delta, n.Over.Seconds(), twice.Delta)
		f.Steps = []Step{look, {
			Text: `see whether large packets pass: "tracepath PEER", or "ping -M do -s 1472 PEER" for an MTU of 1500; where small ones pass and large ` +
				"ones do not, let the firewalls on the way pass ICMP type 3 code 4 (for IPv6 type 2), or make the MTU of the route that of the path",
		}, set("net.ipv4.tcp_mtu_probing", probing, 1, "let TCP try smaller segments when a connection stands still; it helps TCP only, and IPv6 too",
			"a connection that stands still for another reason sends small segments for a while")}
	case share > c.Limit(retransShare) && float64(n.Delta) >= c.Limit(retransFew):
		f.Message = fmt.Sprintf("%d of %d segments were sent again in %.1f s (%.1f %%)",
			n.Delta, all.Delta, n.Over.Seconds(), 100*share)
		f.Steps = []Step{look}
		if share > c.Limit(retransMuch) {
			f.Severity = Medium
		}
	default:
		return nil
	}
	return []Finding{f}
}
