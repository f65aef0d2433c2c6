package drop

import (
	"fmt"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	pawsEstab    = kernel.Netstat.Counter("TcpExt", "PAWSEstab")
	pawsActive   = kernel.Netstat.Counter("TcpExt", "PAWSActive")
	pawsTimewait = kernel.Netstat.Counter("TcpExt", "PAWSTimewait")
	pawsOldAck   = kernel.Netstat.Counter("TcpExt", "PAWSOldAck")
	tcpInSegs    = kernel.SNMP.Counter("Tcp", "InSegs")
)

// A share of rejected segments is ordinary: duplicates that come late.
var (
	pawsOrdinary = Limit{
		Name: "ordinary-share", Default: 1e-3, Unit: "of the segments that arrived", Source: "judgement",
	}
	pawsOrdinaryOldAcks = Limit{
		Name: "ordinary-share-with-old-acks", Default: 1e-2, Unit: "of the segments that arrived",
		Source: "judgement; before 6.14 net/ipv4/tcp_input.c counts old ACKs in PAWSEstab, which it calls common",
	}
)

var _ = add(Rule{
	ID:       "FD701",
	Name:     "paws-reject",
	Title:    "TCP segments are rejected because their timestamp is older than the last one",
	Stage:    Transport,
	Scope:    Netns,
	Severity: map[Kind]Severity{Dropping: Medium, Dropped: Low, Note: Info},
	Reasons:  []string{"TCP_RFC7323_PAWS", "TCP_RFC7323_TW_PAWS"},
	Limits:   []Limit{pawsOrdinary, pawsOrdinaryOldAcks},
	Needs:    []Need{{pawsEstab}},
	Wants:    []probe.Handle{pawsActive, pawsTimewait, pawsOldAck, tcpInSegs},
	Check:    checkPAWS,

	Doc: `
With timestamps on, TCP drops a segment whose timestamp is older than the last one it saw of
that connection (PAWS, RFC 7323): it takes it for a duplicate that comes late. Such duplicates are
ordinary, and no loss. Many of them are the sign of something that mixes clocks: several hosts
behind one address of a NAT or load balancer, whose SYN meets a connection of another one in
TIME_WAIT, or a middlebox that rewrites the timestamps of some segments only.

PAWSEstab counts them in open connections, PAWSActive answers to this host's own SYNs, and
PAWSTimewait (since 6.16; before, in PAWSEstab) those for a connection in TIME_WAIT. Before 6.14
PAWSEstab also counts old ACKs, which are common and harmless, and PAWSOldAck after; so the line
is drawn higher there. The share is of InSegs. PAWSPassive is another thing: tcp_tw_recycle, gone in 4.12.

By hand: "nstat -az | grep PAWS". Leave net.ipv4.tcp_timestamps at 1.`,

	Examples: []Example{{
		Name: "segments with timestamps of another clock",
		From: "netns-paws/after",
		Capture: `
-- first /proc/net/netstat --
TcpExt: PAWSActive PAWSEstab PAWSOldAck PAWSTimewait
TcpExt: 0 0 0 0
-- first /proc/net/snmp --
Tcp: MaxConn InSegs
Tcp: -1 28
-- first /proc/uptime --
1110.07 1379.00
-- /proc/net/netstat --
TcpExt: PAWSActive PAWSEstab PAWSOldAck PAWSTimewait
TcpExt: 0 150 0 0
-- /proc/net/snmp --
Tcp: MaxConn InSegs
Tcp: -1 335
-- /proc/uptime --
1111.99 1379.00
`,
		Outcome: Found,
		Want:    []string{"medium dropping: segments were rejected for their timestamp: 150 since boot, 150 of them in 1.9 s"},
	}, {
		Name: "late duplicates of a busy server with kernel 5.10, 300 days long",
		Capture: `
-- first /proc/net/netstat --
TcpExt: PAWSActive PAWSEstab
TcpExt: 0 4999000
-- first /proc/net/snmp --
Tcp: MaxConn InSegs
Tcp: -1 2999500000
-- first /proc/uptime --
25919990.00 51840000.00
-- /proc/net/netstat --
TcpExt: PAWSActive PAWSEstab
TcpExt: 0 5000000
-- /proc/net/snmp --
Tcp: MaxConn InSegs
Tcp: -1 3000000000
-- /proc/uptime --
25920000.00 51840000.00
`,
		Outcome: Found,
		Want:    []string{"info note: segments were rejected for their timestamp: 5000000 since boot, 1000 of them in 10.0 s"},
	}, {
		Name: "old ACKs, which have a counter of their own now",
		Capture: `
-- first /proc/net/netstat --
TcpExt: PAWSActive PAWSEstab PAWSOldAck PAWSTimewait
TcpExt: 0 3 1000 0
-- first /proc/net/snmp --
Tcp: MaxConn InSegs
Tcp: -1 10000
-- /proc/net/netstat --
TcpExt: PAWSActive PAWSEstab PAWSOldAck PAWSTimewait
TcpExt: 0 3 9000 0
-- /proc/net/snmp --
Tcp: MaxConn InSegs
Tcp: -1 90000
`,
		Outcome: Clean,
	}},
})

func checkPAWS(c *Case) []Finding {
	open, active, timewait := pawsEstab.In(c), pawsActive.In(c), pawsTimewait.In(c)
	acks, segments := pawsOldAck.In(c), tcpInSegs.In(c)
	ordinary := c.Limit(pawsOrdinary)
	if acks.State == probe.Absent {
		ordinary = c.Limit(pawsOrdinaryOldAcks)
	}
	n, _ := open.Get()
	for _, f := range []probe.Fact[probe.Counter]{active, timewait} {
		more, _ := f.Get()
		n = n.Plus(more)
	}
	arrived, _ := segments.Get()
	kind, loss := c.Lost(n, arrived, Segments)
	if share, known := loss.Ratio(); kind != "" && (!known || share <= ordinary) {
		if kind == Dropped {
			return nil
		}
		kind = Note
	}
	if kind == "" {
		return nil
	}
	return []Finding{{
		Kind:     kind,
		Message:  fmt.Sprintf("segments were rejected for their timestamp: %v", n),
		Loss:     loss,
		Evidence: probe.Because(open, active, timewait, acks, segments),
		Steps: []Step{{
			Text: `find the peer: "tcpdump -ni any tcp" on the host, as root, shows "TS val", which must not go back within a connection. ` +
				"Where it is a NAT or a load balancer, let it keep one clock for what it sends, or leave out the timestamps of all",
		}},
	}}
}
