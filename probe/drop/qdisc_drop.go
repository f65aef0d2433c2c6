package drop

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	qdiscDropped = kernel.Qdiscs.Column("dropped")
	qdiscFull    = kernel.Qdiscs.Column("drop_overlimit")
	qdiscPackets = kernel.Qdiscs.Column("packets")
)

// activeQueues are the qdiscs that drop to keep delay low, before they are full. TCP slows
// down by it, which is what they are for.
var activeQueues = []string{"fq_codel", "codel", "cake", "fq_pie", "pie", "red", "gred", "sfb", "choke"}

// lengthQueue is the qdisc whose limit is the interface's txqueuelen. pfifo and bfifo look at
// it when they are made, and never again.
const lengthQueue = "pfifo_fast"

var _ = add(Rule{
	ID:       "FD901",
	Name:     "qdisc-drop",
	Title:    "Packets are dropped on their way out because the queue of an interface is full",
	Stage:    Egress,
	Scope:    Netns,
	Severity: map[Kind]Severity{Dropping: Medium, Dropped: Low, Note: Info},
	Reasons:  []string{"QDISC_DROP"},
	Needs:    []Need{{qdiscDropped}},
	Wants:    []probe.Handle{qdiscFull, qdiscPackets, kernel.TxQueueLen},
	Check:    checkQdisc,

	Doc: `
What leaves by an interface waits in its queueing discipline. When that is full, because the
link, a rate limit or the adapter is slower than the senders, the packet is dropped. sendto(2) may
say nothing of it; TCP sends it again. "ip -s link" does not show it.

"tc -s qdisc" counts it as dropped. That of the root holds its children's, so only the root's
is taken. fq_codel, cake and the like drop on purpose to keep delay low; that is a note, and only drop_overlimit,
their queue being full, is a loss. pfifo_fast holds txqueuelen packets, the others have a limit of
their own; pfifo takes txqueuelen for it when it is made, and does not follow it. Packets of one large send count as many. The share is of these packets and those sent.
What filters and policers drop (ingress, clsact) is firewall-silent-drop.

By hand: "tc -s qdisc show dev eth0"; "cat /sys/class/net/eth0/tx_queue_len".`,

	Examples: []Example{{
		Name: "a rate limit of 1 Mbit/s",
		From: "netns-tx-tbf/after",
		Capture: `
-- first /proc/uptime --
1123.08 1383.91
-- first tc -s qdisc --
qdisc tbf 8001: dev eth0 root refcnt 3 rate 1Mbit burst 5000b lat 40ms 
 Sent 14187 bytes 47 pkt (dropped 63, overlimits 10 requeues 0) 
 backlog 9416b 5p requeues 0
-- /proc/uptime --
1124.55 1384.66
-- /sys/class/net/*/tx_queue_len --
eth0 1000
lo 1000
-- tc -s qdisc --
qdisc tbf 8001: dev eth0 root refcnt 3 rate 1Mbit burst 5000b lat 40ms 
 Sent 125554 bytes 178 pkt (dropped 704, overlimits 510 requeues 0) 
 backlog 8662b 4p requeues 0
`,
		Outcome: Found,
		Want:    []string{"medium dropping: eth0 tbf: its queue was full: 704 since boot, 641 of them in 1.5 s"},
	}, {
		Name: "272 of 300 packets of a bridge over a VLAN, which counts them as tx_dropped too",
		From: "vm-vlan/after",
		Capture: `
-- first /proc/uptime --
107.52 161.13
-- first tc -s qdisc --
qdisc tbf 8001: dev eth1 root refcnt 2 rate 1Mbit burst 5000b lat 40ms 
 Sent 0 bytes 0 pkt (dropped 0, overlimits 0 requeues 0) 
-- /proc/uptime --
122.84 186.19
-- tc -s qdisc --
qdisc tbf 8001: dev eth1 root refcnt 2 rate 1Mbit burst 5000b lat 40ms 
 Sent 15176 bytes 28 pkt (dropped 272, overlimits 324 requeues 0) 
`,
		Outcome: Found,
		Want:    []string{"medium dropping: eth1 tbf: its queue was full: 272 since boot, 272 of them in 15.3 s"},
	}, {
		Name: "fq_codel keeps delay low, under mq",
		Capture: `
-- first tc -s qdisc --
qdisc mq 0: dev eth0 root 
 Sent 1000000 bytes 10000 pkt (dropped 50, overlimits 0 requeues 0) 
 backlog 0b 0p requeues 0
qdisc fq_codel 0: dev eth0 parent :1 limit 10240p flows 1024
 Sent 1000000 bytes 10000 pkt (dropped 50, overlimits 0 requeues 0) 
 backlog 0b 0p requeues 0
  maxpacket 1514 drop_overlimit 0 new_flow_count 0 ecn_mark 0
-- tc -s qdisc --
qdisc mq 0: dev eth0 root 
 Sent 9000000 bytes 90000 pkt (dropped 350, overlimits 0 requeues 0) 
 backlog 0b 0p requeues 0
qdisc fq_codel 0: dev eth0 parent :1 limit 10240p flows 1024
 Sent 9000000 bytes 90000 pkt (dropped 350, overlimits 0 requeues 0) 
 backlog 0b 0p requeues 0
  maxpacket 1514 drop_overlimit 0 new_flow_count 0 ecn_mark 0
`,
		Outcome: Found,
		Want:    []string{"info note: eth0 mq: 350 since boot, 300 of them in 10.0 s, were dropped by design, to keep delay low"},
	}, {
		Name: "fq_codel was full too",
		Capture: `
-- first tc -s qdisc --
qdisc fq_codel 0: dev eth0 root limit 10240p flows 1024
 Sent 1000000 bytes 10000 pkt (dropped 50, overlimits 0 requeues 0) 
 backlog 0b 0p requeues 0
  maxpacket 1514 drop_overlimit 0 new_flow_count 0 ecn_mark 0
-- tc -s qdisc --
qdisc fq_codel 0: dev eth0 root limit 10240p flows 1024
 Sent 9000000 bytes 90000 pkt (dropped 350, overlimits 0 requeues 0) 
 backlog 0b 0p requeues 0
  maxpacket 1514 drop_overlimit 200 new_flow_count 0 ecn_mark 0
`,
		Outcome: Found,
		Want:    []string{"medium dropping: eth0 fq_codel: its queue was full: 200 since boot, 200 of them in 10.0 s"},
	}, {
		Name: "pfifo_fast under mq was full",
		Capture: `
-- first tc -s qdisc --
qdisc mq 0: dev eth0 root 
 Sent 1000000 bytes 10000 pkt (dropped 0, overlimits 0 requeues 0) 
 backlog 0b 0p requeues 0
qdisc pfifo_fast 0: dev eth0 parent :1 bands 3
 Sent 1000000 bytes 10000 pkt (dropped 0, overlimits 0 requeues 0) 
 backlog 0b 0p requeues 0
-- tc -s qdisc --
qdisc mq 0: dev eth0 root 
 Sent 9000000 bytes 90000 pkt (dropped 500, overlimits 0 requeues 0) 
 backlog 0b 0p requeues 0
qdisc pfifo_fast 0: dev eth0 parent :1 bands 3
 Sent 9000000 bytes 90000 pkt (dropped 500, overlimits 0 requeues 0) 
 backlog 0b 0p requeues 0
-- /sys/class/net/*/tx_queue_len --
eth0 1000
`,
		Outcome: Found,
		Want:    []string{"medium dropping: eth0 mq: its queue was full: 500 since boot, 500 of them in 10.0 s (txqueuelen is 1000)"},
	}, {
		Name: "a policer on the way in, and packets that wait",
		Capture: `
-- first tc -s qdisc --
qdisc ingress ffff: dev eth0 parent ffff:fff1 ---------------- 
 Sent 14187 bytes 47 pkt (dropped 63, overlimits 10 requeues 0) 
 backlog 0b 0p requeues 0
qdisc pfifo_fast 0: dev eth0 root refcnt 2 bands 3
 Sent 14187 bytes 47 pkt (dropped 0, overlimits 10 requeues 7) 
 backlog 1500b 1p requeues 7
-- tc -s qdisc --
qdisc ingress ffff: dev eth0 parent ffff:fff1 ---------------- 
 Sent 24187 bytes 97 pkt (dropped 93, overlimits 10 requeues 0) 
 backlog 0b 0p requeues 0
qdisc pfifo_fast 0: dev eth0 root refcnt 2 bands 3
 Sent 14187 bytes 47 pkt (dropped 0, overlimits 99 requeues 70) 
 backlog 150000b 100p requeues 70
`,
		Outcome: Clean,
	}},
})

func checkQdisc(c *Case) (found []Finding) {
	rows, lengths := qdiscDropped.In(c), kernel.TxQueueLen.In(c)
	for _, root := range rows {
		if !strings.HasSuffix(root.Source.Row, " root") {
			continue
		}
		kind, device := kernel.QdiscDevice(root.Source.Row)
		subject := device + " " + kind
		n, _ := root.Get()
		onPurpose := droppedOnPurpose(c, rows, device)
		n = n.Minus(onPurpose)
		packets := qdiscPackets.Row(root.Source.Row).In(c)
		sent, _ := packets.Get()
		evidence := probe.Because(root, packets)
		lost, loss := c.Lost(n, sent.Plus(n), Packets)
		if lost == "" {
			if onPurpose.Delta > 0 {
				found = append(found, Finding{
					Kind:     Note,
					Subject:  subject,
					Message:  fmt.Sprintf("%v, were dropped by design, to keep delay low", onPurpose),
					Loss:     Loss{Count: onPurpose.Delta, Of: sent.Delta + onPurpose.Delta, Over: onPurpose.Over, Unit: Packets},
					Evidence: evidence,
				})
			}
			continue
		}
		f := Finding{
			Kind:     lost,
			Subject:  subject,
			Message:  fmt.Sprintf("its queue was full: %v", n),
			Loss:     loss,
			Evidence: evidence,
			Claims:   countedAgain(n),
		}
		full := fullQueue(rows, kind, device)
		values, _ := lengths.Get()
		length, known := values.Get(device)
		if known && full == lengthQueue {
			f.Message += fmt.Sprintf(" (txqueuelen is %s)", length)
			f.Evidence = append(f.Evidence, lengths.Part(device, "", length))
		}
		f.Steps = qdiscSteps(full, device, length)
		found = append(found, f)
	}
	return found
}

// droppedByQueues returns what the queues of all interfaces dropped on the way out. That of a root holds its children's.
func droppedByQueues(c *Case) (sum probe.Counter, why []probe.Evidence) {
	for _, f := range qdiscDropped.In(c) {
		if !strings.HasSuffix(f.Source.Row, " root") {
			continue
		}
		n, _ := f.Get()
		sum = sum.Plus(n)
		if n.Delta > 0 && len(why) < mostRules {
			why = append(why, f.Evidence())
		}
	}
	return sum, why
}

// countedAgain claims what the layers above count once more when they are told that a packet
// of theirs was dropped.
func countedAgain(n probe.Counter) []Claim {
	return []Claim{
		{kernel.SNMP.Counter("Ip", "OutDiscards").Source(), n},
		{kernel.SNMP.Counter("Udp", "SndbufErrors").Source(), n},
		{kernel.SNMP6.Counter("Ip6", "OutDiscards").Source(), n},
		{kernel.SNMP6.Counter("Udp6", "SndbufErrors").Source(), n},
	}
}

// droppedOnPurpose returns what the active queues of an interface dropped before they were full.
func droppedOnPurpose(c *Case, rows []probe.Fact[probe.Counter], device string) (sum probe.Counter) {
	for _, row := range rows {
		kind, of := kernel.QdiscDevice(row.Source.Row)
		full, _ := qdiscFull.Row(row.Source.Row).In(c).Get()
		if of == device && slices.Contains(activeQueues, kind) {
			n, _ := row.Get()
			sum = sum.Plus(n.Minus(full))
		}
	}
	return sum
}

// fullQueue returns the kind of the qdisc that has the limit: mq has none, but the one below
// it for each transmit queue, of which that counts which dropped most.
func fullQueue(rows []probe.Fact[probe.Counter], root, device string) string {
	full, most := root, uint64(0)
	for _, row := range rows {
		kind, of := kernel.QdiscDevice(row.Source.Row)
		n, _ := row.Get()
		if strings.HasPrefix(root, "mq") && of == device && !strings.HasSuffix(row.Source.Row, " root") && n.Total > most {
			full, most = kind, n.Total
		}
	}
	return full
}

// qdiscSteps are what to do about a qdisc that is full.
func qdiscSteps(kind, device, length string) []Step {
	steps := []Step{{
		Text: "let the senders slow down, or send by a faster link; where this qdisc limits the rate, ask whether it still has to",
	}}
	now, err := strconv.ParseInt(length, 10, 32)
	if err != nil || kind != lengthQueue {
		return append(steps, Step{
			Text:  fmt.Sprintf("raise the limit of %s, or of the qdisc below it that drops, to take longer bursts: tc qdisc change", kind),
			Price: "more delay for all that waits in it",
		})
	}
	return append(steps, queueStep(device, now))
}

// queueStep makes an interface's queue longer than it is now.
func queueStep(device string, now int64) Step {
	longer, word := max(2*now, 1000), shellWord(device)
	return Step{
		Text:    "let the queue be longer, to take longer bursts",
		Command: fmt.Sprintf("ip link set dev %s txqueuelen %d", word, longer),
		Value:   strconv.FormatInt(longer, 10),
		Present: strconv.FormatInt(now, 10),
		Undo:    fmt.Sprintf("ip link set dev %s txqueuelen %d", word, now),
		Persist: "what sets up the interface, such as a .link file of systemd-udevd: TransmitQueueLength",
		Price:   "more delay for all that waits in it",
	}
}
