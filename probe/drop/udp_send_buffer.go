package drop

import (
	"fmt"
	"slices"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
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
		[]probe.Handle{qdiscDropped, wmemMax, wmemDefault}),
	Residual: true,
	Check:    checkUDPSendBuffer,

	Doc: `
What a UDP socket sends is charged to its send buffer until the adapter has it. Where that is
full, a sender that does not wait gets EAGAIN, and may try again. Where the queue of the interface
drops the datagram, it is lost, and the sender is told nothing unless it set IP_RECVERR.

SndbufErrors counts both, each try once, and so does OutDiscards of IP. What qdisc-drop explains
is not told again here; what is left where no queue dropped are tries that senders know of, which
is no loss, and so a note. In a container it is none, as what it sends may wait in a queue of the
host (macvlan). The share is of OutDatagrams and these.

By hand: "nstat -az UdpSndbufErrors Udp6SndbufErrors"; "tc -s qdisc"; "ss -uanm", where t in skmem
is what waits to be sent and tb the send buffer.`,

	Examples: []Example{{
		Name: "a sender that does not wait for its socket",
		From: "netns-udp-sndbuf/after",
		Capture: `
-- first /proc/net/snmp --
Udp: OutDatagrams SndbufErrors
Udp: 0 0
-- first /proc/uptime --
4962.94 7178.56
-- first tc -s qdisc --
qdisc tbf 8003: dev eth0 root refcnt 3 rate 1Mbit burst 5Kb lat 33.5s 
 Sent 0 bytes 0 pkt (dropped 0, overlimits 0 requeues 0) 
 backlog 0b 0p requeues 0
-- /proc/net/snmp --
Udp: OutDatagrams SndbufErrors
Udp: 87 413
-- /proc/uptime --
4967.00 7178.69
-- tc -s qdisc --
qdisc tbf 8003: dev eth0 root refcnt 3 rate 1Mbit burst 5Kb lat 33.5s 
 Sent 90946 bytes 91 pkt (dropped 0, overlimits 244 requeues 0) 
 backlog 0b 0p requeues 0
-- /proc/sys/net/core/wmem_max --
4194304
`,
		Outcome: Found,
		Want:    []string{"info note: datagrams were not sent: 413 since boot, 413 of them in 4.1 s; no queue of an interface dropped any, so senders were told"},
	}, {
		Name: "a rate limit on the interface, which drops and tells nobody",
		From: "netns-tx-tbf/after",
		Capture: `
-- first /proc/net/snmp --
Udp: OutDatagrams SndbufErrors
Udp: 0 0
-- first /proc/uptime --
1123.08 1383.91
-- first tc -s qdisc --
qdisc tbf 8001: dev eth0 root refcnt 3 rate 1Mbit burst 5000b lat 40ms 
 Sent 14187 bytes 47 pkt (dropped 63, overlimits 10 requeues 0) 
 backlog 9416b 5p requeues 0
-- /proc/net/snmp --
Udp: OutDatagrams SndbufErrors
Udp: 24 276
-- /proc/uptime --
1124.55 1384.66
-- tc -s qdisc --
qdisc tbf 8001: dev eth0 root refcnt 3 rate 1Mbit burst 5000b lat 40ms 
 Sent 125554 bytes 178 pkt (dropped 704, overlimits 510 requeues 0) 
 backlog 8662b 4p requeues 0
`,
		Outcome: Found,
		Want:    []string{"low dropping: datagrams were not sent: 276 since boot, 276 of them in 1.5 s"},
	}, {
		Name: "a burst, 300 days ago",
		Capture: `
-- /proc/net/snmp --
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
	most, usual := wmemMax.In(c), wmemDefault.In(c)
	dropped, queues := droppedByQueues(c)
	known := qdiscDropped.State(c) == probe.Known
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
		Evidence: slices.Concat(rows.evidence(), queues, probe.Because(most, usual)),
	}
	for i, discards := range []probe.Cell{ipOutDiscards, ip6OutDiscards} {
		if of, _ := rows[i].Get(); of.Total > 0 {
			f.Claims = append(f.Claims, Claim{discards.Source(), of})
		}
	}
	wait := Step{Text: "let the application wait until its socket can be written to, or send less at once"}
	if known && (dropped.Delta == 0 && dropped.Over > 0 && kind != Dropped || dropped.Total == 0) {
		if !kernel.OwnNetns(c) {
			if kind == Dropped {
				return nil
			}
			f.Kind, f.Steps = Note, []Step{wait}
		}
		f.Message += "; no queue of an interface dropped any, so senders were told"
	} else {
		f.Steps = []Step{{
			Text: `see whether the queue of an interface drops: "tc -s qdisc"; let the senders slow down, or the queue be longer`,
		}}
	}
	if f.Kind == Note {
		return []Finding{f}
	}
	f.Steps = append(f.Steps, wait, raise("net.core.wmem_max", most, 4<<20,
		"let it ask for a larger buffer with SO_SNDBUF, and restart it; it gets no more than net.core.wmem_max",
		"helps in bursts only; kernel memory, for each socket that asks"))
	return []Finding{f}
}
