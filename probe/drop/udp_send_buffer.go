package drop

import (
	"fmt"
	"slices"

	"github.com/fleetdrop/fleetdrop/probe"
)

var (
	udpSndbufErrors = udp("SndbufErrors")
	udpOutDatagrams = udp("OutDatagrams")
)

var _ = add(Rule{
	ID:       "FD902",
	Name:     "udp-send-buffer",
	Title:    "Datagrams are not sent because there is no room for them",
	Stage:    Egress,
	Scope:    Netns,
	Severity: map[Kind]Severity{Dropping: Low, Dropped: Low, Note: Info},
	Reasons:  []string{"QDISC_DROP"},
	Needs:    []Need{{udpSndbufErrors[0]}},
	Wants: slices.Concat(udpSndbufErrors.handles()[1:], udpOutDatagrams.handles(),
		[]probe.Handle{ipOutDiscards, ip6OutDiscards, wmemMax, wmemDefault}),
	Check: checkUDPSendBuffer,

	Doc: `
What a UDP socket sends is charged to its send buffer until the adapter has it. Where that is
full, a sender that does not wait gets EAGAIN, and may try again. Where the queue of the interface
drops the datagram, it is lost, and the sender is told nothing unless it set IP_RECVERR.

SndbufErrors counts both, and OutDiscards of IP the second kind alone; tries count each
time. What qdisc-drop explains is not told again here. The share is of OutDatagrams and these.

By hand: "nstat -az UdpSndbufErrors IpOutDiscards"; "tc -s qdisc"; "ss -uanm", where t in skmem is
what waits to be sent and tb the send buffer.`,

	Examples: []Example{{
		Name: "a rate limit on the interface, seen without tc",
		From: "netns-tx-tbf/after",
		Capture: `
-- first /proc/net/snmp --
Ip: OutDiscards
Ip: 0
Udp: OutDatagrams SndbufErrors
Udp: 0 0
-- first /proc/uptime --
1123.08 1383.91
-- /proc/net/snmp --
Ip: OutDiscards
Ip: 276
Udp: OutDatagrams SndbufErrors
Udp: 24 276
-- /proc/uptime --
1124.55 1384.66
-- /proc/sys/net/core/wmem_default --
212992
`,
		Outcome: Found,
		Want:    []string{"low dropping: datagrams were not sent: 276 since boot, 276 of them in 1.5 s; IP discarded 276, of which senders are not told"},
	}, {
		Name: "a sender that does not wait for its socket",
		Capture: `
-- first /proc/net/snmp --
Ip: OutDiscards
Ip: 0
Udp: OutDatagrams SndbufErrors
Udp: 1000 0
-- /proc/net/snmp --
Ip: OutDiscards
Ip: 0
Udp: OutDatagrams SndbufErrors
Udp: 9000 2000
`,
		Outcome: Found,
		Want:    []string{"low dropping: datagrams were not sent: 2000 since boot, 2000 of them in 10.0 s"},
	}, {
		Name: "a burst, 300 days ago",
		Capture: `
-- /proc/net/snmp --
Ip: OutDiscards
Ip: 0
Udp: OutDatagrams SndbufErrors
Udp: 90000000 700
-- /proc/uptime --
25920000.00 51840000.00
`,
		Outcome: Clean,
	}},
})

func checkUDPSendBuffer(c *Case) []Finding {
	rows, sent := udpSndbufErrors.in(c), udpOutDatagrams.in(c).sum()
	discards := [2]probe.Fact[probe.Counter]{ipOutDiscards.In(c), ip6OutDiscards.In(c)}
	most, usual := wmemMax.In(c), wmemDefault.In(c)
	var n probe.Counter
	for _, f := range rows {
		n = n.Plus(c.Unclaimed(f))
	}
	kind, loss := c.Lost(n, sent.Plus(n), Datagrams)
	if kind == "" {
		return nil
	}
	f := Finding{
		Kind:     kind,
		Message:  fmt.Sprintf("datagrams were not sent: %v", n),
		Loss:     loss,
		Evidence: append(rows.evidence(), probe.Because(discards[0], discards[1], most, usual)...),
	}
	var queue probe.Counter
	for _, d := range discards {
		more, _ := d.Get()
		queue = queue.Plus(more)
	}
	gone := queue.Delta
	if kind == Dropped {
		gone = queue.Total
	}
	if gone > 0 {
		f.Message += fmt.Sprintf("; IP discarded %d, of which senders are not told", gone)
		f.Steps = []Step{{
			Text: `see which queue drops: "tc -s qdisc"; let the senders slow down, or the queue be longer`,
		}}
		return []Finding{f}
	}
	f.Steps = []Step{{
		Text: "let the application wait until its socket can be written to, or send less at once",
	}, raise("net.core.wmem_max", most, 4<<20,
		"let it ask for a larger buffer with SO_SNDBUF, and restart it; it gets no more than net.core.wmem_max",
		"helps in bursts only; kernel memory, for each socket that asks")}
	return []Finding{f}
}
