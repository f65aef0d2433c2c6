package drop

import (
	"fmt"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	tcpRcvQDrop = kernel.Netstat.Counter("TcpExt", "TCPRcvQDrop")
	rcvPruned   = kernel.Netstat.Counter("TcpExt", "RcvPruned")
	tcpRmem     = kernel.SysctlTriple("net.ipv4.tcp_rmem")
)

// tcpQueueCounters are the counters of segments for which a socket had no room.
var tcpQueueCounters = []struct {
	counter probe.Cell
	memory  bool // where TCP as a whole is short of memory, it is that
	note    bool // it grows by design
	why     string
	steps   []Step
}{
	{tcpRcvQDrop, true, false, "the receive queue took no more", slowReaderSteps},
	{kernel.Netstat.Counter("TcpExt", "TCPOFODrop"), true, false, "the queue of what came out of order took no more", slowReaderSteps},
	{kernel.Netstat.Counter("TcpExt", "TCPBacklogDrop"), false, false, "they came while the application was inside a call on the socket, more than twice the receive buffer of them", backlogSteps},
	{kernel.Netstat.Counter("TcpExt", "TCPZeroWindowDrop"), false, true, "a peer sent into a window that was closed, to see whether it still is", nil},
}

var slowReaderSteps = []Step{{
	Text: `find out which socket is not read: "ss -tmn", where a Recv-Q that stays is what the application has not read and d in skmem what the socket dropped; let it read faster`,
}, {
	Text: "let TCP have larger receive buffers, the last number of net.ipv4.tcp_rmem, where the application does not set SO_RCVBUF itself; " +
		"see first how much memory there is (net.ipv4.tcp_mem)",
	Price: "as much kernel memory for each connection that is not read",
}}

var backlogSteps = []Step{{
	Text: `find out which socket it is: "ss -tmn", d in skmem; a reader that takes large pieces into memory that is slow to come, ` +
		"such as a page that is swapped out or a file system of a user's, keeps its socket busy for long",
}, {
	Text:  "let TCP have larger receive buffers, the last number of net.ipv4.tcp_rmem; the backlog of a socket may take twice its buffer",
	Price: "as much kernel memory for each connection that is not read",
}}

var _ = add(Rule{
	ID:       "FD703",
	Name:     "tcp-receive-queue-drop",
	Title:    "TCP segments are dropped because their socket has no room for them",
	Stage:    Transport,
	Scope:    Netns,
	Severity: map[Kind]Severity{Dropping: Medium, Dropped: Low, Note: Info},
	Reasons:  []string{"SOCKET_BACKLOG", "TCP_ZEROWINDOW", "TCP_OFOMERGE", "TCP_OFO_QUEUE_PRUNE", "PROTO_MEM"},
	Needs:    []Need{tcpQueueHandles()},
	Wants:    []probe.Handle{tcpInSegs, tcpRmem},
	Check:    checkTCPQueues,

	Doc: `
TCP promises a sender no more than it has room for, so a segment that finds none is rare: it takes
many small segments, which cost more memory than they carry, or a sender that does not keep to the
window. TCPRcvQDrop (since 4.19; before, RcvPruned) counts those that the receive queue did not
take, TCPOFODrop those that came out of order. TCPBacklogDrop counts those that came while the
application was inside a call on the socket, when what the socket may hold apart was full. The
sender sends them again later, so nothing is missing in the end, but transfers are slow.

TCPZeroWindowDrop (since 4.19) is a note: while an application does not read, its peer asks now and
then with a byte whether it still does not. So are PruneCalled and TCPRcvCollapsed, where memory is
put to better use and nothing is lost. What tcp-memory has explained is taken away. The share is of
InSegs.

By hand: "nstat -az TcpExtTCPRcvQDrop TcpExtTCPOFODrop TcpExtTCPBacklogDrop
TcpExtTCPZeroWindowDrop"; "ss -tmn".`,

	Examples: []Example{{
		Name: "a peer that does not keep to the window, and an application that is busy with the socket",
		From: "lab-tcp-backlog/after",
		Capture: `
-- first /proc/net/netstat --
TcpExt: PruneCalled RcvPruned OfoPruned TCPBacklogDrop TCPOFODrop TCPZeroWindowDrop TCPRcvQDrop
TcpExt: 0 0 0 0 0 0 0
-- first /proc/net/snmp --
Tcp: InSegs
Tcp: 0
-- first /proc/uptime --
1911.58 1307.11
-- /proc/net/netstat --
TcpExt: PruneCalled RcvPruned OfoPruned TCPBacklogDrop TCPOFODrop TCPZeroWindowDrop TCPRcvQDrop
TcpExt: 0 0 0 2843 0 0 0
-- /proc/net/snmp --
Tcp: InSegs
Tcp: 3003
-- /proc/uptime --
1917.71 1307.12
`,
		Outcome: Found,
		Want: []string{"medium dropping: TCPBacklogDrop: segments were dropped: 2843 since boot, 2843 of them in 6.1 s: " +
			"they came while the application was inside a call on the socket, more than twice the receive buffer of them"},
	}, {
		Name: "8,000 segments of one byte for an application that does not read: all find room",
		From: "lab-tcp-slow-reader/after",
		Capture: `
-- first /proc/net/netstat --
TcpExt: PruneCalled RcvPruned OfoPruned TCPBacklogDrop TCPOFODrop TCPZeroWindowDrop TCPRcvQDrop
TcpExt: 0 0 0 0 0 0 0
-- first /proc/net/snmp --
Tcp: InSegs
Tcp: 0
-- first /proc/uptime --
1896.80 1305.49
-- /proc/net/netstat --
TcpExt: PruneCalled RcvPruned OfoPruned TCPBacklogDrop TCPOFODrop TCPZeroWindowDrop TCPRcvQDrop
TcpExt: 24 0 0 0 0 0 0
-- /proc/net/snmp --
Tcp: InSegs
Tcp: 7420
-- /proc/uptime --
1901.94 1305.59
`,
		Outcome: Clean,
	}, {
		Name: "kernel 4.14, which counts it as RcvPruned",
		Capture: `
-- first /proc/net/netstat --
TcpExt: PruneCalled RcvPruned OfoPruned TCPBacklogDrop TCPOFODrop
TcpExt: 900 0 0 0 0
-- first /proc/net/snmp --
Tcp: InSegs
Tcp: 100000
-- /proc/net/netstat --
TcpExt: PruneCalled RcvPruned OfoPruned TCPBacklogDrop TCPOFODrop
TcpExt: 990 80 0 0 0
-- /proc/net/snmp --
Tcp: InSegs
Tcp: 200000
`,
		Outcome: Found,
		Want:    []string{"medium dropping: RcvPruned: segments were dropped: 80 since boot, 80 of them in 10.0 s: the receive queue took no more"},
	}, {
		Name: "clients ask whether a window is still closed",
		Capture: `
-- first /proc/net/netstat --
TcpExt: TCPBacklogDrop TCPOFODrop TCPZeroWindowDrop TCPRcvQDrop
TcpExt: 0 0 7000 0
-- first /proc/net/snmp --
Tcp: InSegs
Tcp: 100000
-- /proc/net/netstat --
TcpExt: TCPBacklogDrop TCPOFODrop TCPZeroWindowDrop TCPRcvQDrop
TcpExt: 0 0 7090 0
-- /proc/net/snmp --
Tcp: InSegs
Tcp: 200000
-- /proc/sys/net/ipv4/tcp_rmem --
4096	131072	6291456
`,
		Outcome: Found,
		Want:    []string{"info note: TCPZeroWindowDrop: segments were dropped: 7090 since boot, 90 of them in 10.0 s: a peer sent into a window that was closed, to see whether it still is"},
	}},
})

// A tcpQueue is one of those counters on a host.
type tcpQueue struct {
	fact         probe.Fact[probe.Counter]
	counter      probe.Counter // what no other rule explained
	memory, note bool
	why          string
	steps        []Step
}

func tcpQueueHandles() (need Need) {
	for _, q := range tcpQueueCounters {
		need = append(need, q.counter)
	}
	return append(need, rcvPruned)
}

// tcpQueues returns the counters. Kernels before 4.19 have RcvPruned for TCPRcvQDrop; those
// after it count the same segment twice.
func tcpQueues(c *Case) (all []tcpQueue) {
	pruned := rcvPruned.In(c)
	for _, q := range tcpQueueCounters {
		f := q.counter.In(c)
		if f.Source == tcpRcvQDrop.Source() && f.State == probe.Absent {
			f = pruned
		}
		if f.State == probe.Known {
			all = append(all, tcpQueue{f, c.Unclaimed(f), q.memory, q.note, q.why, q.steps})
		}
	}
	return all
}

func checkTCPQueues(c *Case) (found []Finding) {
	segments, buffers := tcpInSegs.In(c), tcpRmem.In(c)
	arrived, _ := segments.Get()
	for _, q := range tcpQueues(c) {
		kind, loss := c.Lost(q.counter, arrived, Segments)
		switch {
		case kind == "" || q.note && q.counter.Delta == 0:
			continue
		case q.note:
			kind = Note
		}
		loss.Exact = true
		found = append(found, Finding{
			Kind:     kind,
			Subject:  q.fact.Source.Field,
			Message:  fmt.Sprintf("segments were dropped: %v: %s", q.counter, q.why),
			Loss:     loss,
			Evidence: probe.Because(q.fact, segments, buffers),
			Steps:    q.steps,
		})
	}
	return found
}
