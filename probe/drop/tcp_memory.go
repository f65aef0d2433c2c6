package drop

import (
	"fmt"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	tcpPressures  = kernel.Netstat.Counter("TcpExt", "TCPMemoryPressures")
	tcpPressureMs = kernel.Netstat.Counter("TcpExt", "TCPMemoryPressuresChrono")
	tcpPages      = kernel.Sockstat.Gauge("TCP", "mem")
	tcpMem        = kernel.Shared(kernel.SysctlTriple("net.ipv4.tcp_mem"))
)

var _ = add(Rule{
	ID:       "FD702",
	Name:     "tcp-memory",
	Title:    "TCP drops segments, or is about to, because all its sockets together hold too much memory",
	Stage:    Transport,
	Scope:    Netns,
	Severity: map[Kind]Severity{Dropping: High, AtRisk: High, Note: Info},
	Reasons:  []string{"PROTO_MEM"},
	Limits:   []Limit{socketMemoryNear},
	Needs:    []Need{{tcpPressures, tcpPages}},
	Wants:    append([]probe.Handle{tcpPressureMs, tcpMem, tcpAborts, tcpInSegs}, tcpQueueHandles()...),
	Check:    checkTCPMemory,

	Doc: `
All TCP sockets of the machine, those of its containers too, share net.ipv4.tcp_mem: three numbers
in pages of memory. Beyond the second TCP is under pressure, until it is below the first: windows
are kept small, what came out of order is thrown away, and transfers become slow. Beyond the third a
segment that needs memory is dropped, and a connection that was closed with data still to send is
reset.

TCPMemoryPressures counts how often pressure began, TCPMemoryPressuresChrono (since 4.13) the
milliseconds of it, when it ends. Where there was pressure, the segments that no socket had room
for, TCPRcvQDrop and TCPOFODrop, are taken to be lost by it, and TCPAbortOnMemory too; without it
they are told by tcp-receive-queue-drop. How many pages are held stands behind mem in the row TCP of
/proc/net/sockstat, for all network namespaces together; the limits are shown in the first of them
only. What the memory limit of a container takes from its sockets makes the same counters grow. The
share is of InSegs.

By hand: "nstat -az 'TcpExtTCPMemoryPressures*' TcpExtTCPRcvQDrop"; "grep TCP: /proc/net/sockstat";
"sysctl net.ipv4.tcp_mem"; "ss -tm", where r and t in skmem are what a socket holds, in bytes.`,

	Examples: []Example{{
		Name: "tcp_mem is far too small",
		From: "vm-e1000/after-tcpmem",
		Capture: `
-- first /proc/net/netstat --
TcpExt: PruneCalled RcvPruned OfoPruned TCPAbortOnMemory TCPMemoryPressures TCPMemoryPressuresChrono TCPBacklogDrop TCPOFODrop TCPZeroWindowDrop TCPRcvQDrop
TcpExt: 0 0 0 0 0 0 0 0 0 0
-- first /proc/net/snmp --
Tcp: InSegs
Tcp: 5682
-- first /proc/uptime --
444.36 433.02
-- /proc/net/netstat --
TcpExt: PruneCalled RcvPruned OfoPruned TCPAbortOnMemory TCPMemoryPressures TCPMemoryPressuresChrono TCPBacklogDrop TCPOFODrop TCPZeroWindowDrop TCPRcvQDrop
TcpExt: 39 0 1 0 1 8988 0 20 0 19
-- /proc/net/snmp --
Tcp: InSegs
Tcp: 6676
-- /proc/uptime --
475.71 457.47
-- /proc/net/sockstat --
TCP: inuse 15 orphan 0 tw 0 alloc 16 mem 256
`,
		Outcome: Found,
		Want:    []string{"high dropping: TCP held too much memory, and dropped 39 segments in 31.4 s; it holds 256 pages now"},
	}, {
		Name: "under pressure, and nothing is lost yet",
		Capture: `
-- first /proc/net/netstat --
TcpExt: PruneCalled RcvPruned OfoPruned TCPMemoryPressures TCPOFODrop TCPRcvQDrop
TcpExt: 0 0 0 4 0 0
-- /proc/net/netstat --
TcpExt: PruneCalled RcvPruned OfoPruned TCPMemoryPressures TCPOFODrop TCPRcvQDrop
TcpExt: 300 0 0 6 0 0
-- /proc/net/sockstat --
TCP: inuse 4000 orphan 0 tw 900 alloc 4100 mem 400000
-- /proc/sys/net/ipv4/tcp_mem --
287901	383868	575802
`,
		Outcome: Found,
		Want:    []string{"medium at-risk: TCP is under memory pressure: it holds 400000 pages, of which 383868 are the limit of pressure and 575802 the most (net.ipv4.tcp_mem); pressure began 2 times in 10.0 s"},
	}, {
		Name: "a container whose memory is short, and its limit is not seen",
		Capture: `
-- first /proc/net/netstat --
TcpExt: TCPMemoryPressures TCPMemoryPressuresChrono TCPOFODrop TCPRcvQDrop
TcpExt: 4 900 0 0
-- /proc/net/netstat --
TcpExt: TCPMemoryPressures TCPMemoryPressuresChrono TCPOFODrop TCPRcvQDrop
TcpExt: 6 1900 0 0
-- /proc/net/sockstat --
TCP: inuse 40 orphan 0 tw 900 alloc 41 mem 4000
-- absent /proc/sys/net/ipv4/tcp_mem --
`,
		Outcome: Found,
		Want:    []string{"medium at-risk: TCP is under memory pressure: it holds 4000 pages; pressure began 2 times in 10.0 s, and lasted 1000 ms"},
	}, {
		Name: "queues are put in order, 300 days after a time of pressure",
		Capture: `
-- first /proc/net/netstat --
TcpExt: PruneCalled RcvPruned OfoPruned TCPMemoryPressures TCPOFODrop TCPRcvQDrop
TcpExt: 9000 0 0 4 20 30
-- /proc/net/netstat --
TcpExt: PruneCalled RcvPruned OfoPruned TCPMemoryPressures TCPOFODrop TCPRcvQDrop
TcpExt: 9900 0 0 4 20 30
-- /proc/net/sockstat --
TCP: inuse 4000 orphan 0 tw 900 alloc 4100 mem 9000
-- /proc/sys/net/ipv4/tcp_mem --
287901	383868	575802
-- /proc/uptime --
25920000.00 51840000.00
`,
		Outcome: Clean,
	}},
})

func checkTCPMemory(c *Case) []Finding {
	pressures, lasted := tcpPressures.In(c), tcpPressureMs.In(c)
	pages, limits, segments := tcpPages.In(c), tcpMem.In(c), tcpInSegs.In(c)
	began, _ := pressures.Get()
	most, limited := limits.Get()
	now, known := pages.Get()
	limited = limited && known
	over := limited && most.Max > 0 && now > uint64(max(most.Default, 0))
	if held, _ := lasted.Get(); began.Delta == 0 && held.Delta == 0 && !over {
		return nil
	}
	f := Finding{
		Evidence: probe.Because(pressures, lasted, pages, limits),
		Steps: []Step{{
			Text: `find out which sockets hold it: "ss -tm", sorted by r and t in skmem, on the host and in its containers; ` +
				"an application that does not read, or a client that does not, holds all that its buffer takes",
		}, raiseMem("net.ipv4.tcp_mem", limits, "give TCP more memory")},
	}
	var lost probe.Counter
	for _, q := range tcpQueues(c) {
		if q.memory {
			lost = lost.Plus(q.counter)
			f.Claims = append(f.Claims, Claim{q.fact.Source, q.counter})
			f.Evidence = append(f.Evidence, q.fact.Evidence())
		}
	}
	aborts := tcpAborts.In(c)
	if n, _ := aborts.Get(); n.Delta > 0 {
		f.Claims = append(f.Claims, Claim{aborts.Source, n})
		f.Evidence = append(f.Evidence, aborts.Evidence())
	}
	arrived, _ := segments.Get()
	if f.Kind, f.Loss = c.Lost(lost, arrived, Segments); f.Kind == Dropping {
		f.Message = fmt.Sprintf("TCP held too much memory, and dropped %d segments in %.1f s", lost.Delta, lost.Over.Seconds())
		switch {
		case limited:
			f.Message += fmt.Sprintf("; it holds %d of %d pages now", now, most.Max)
		case known:
			f.Message += fmt.Sprintf("; it holds %d pages now", now)
		}
		f.Evidence = append(f.Evidence, segments.Evidence())
		return []Finding{f}
	}
	f.Kind, f.Loss, f.Severity = AtRisk, Loss{}, Medium
	f.Message = "TCP is under memory pressure"
	if limited {
		f.Message += fmt.Sprintf(": it holds %d pages, of which %d are the limit of pressure and %d the most (net.ipv4.tcp_mem)", now, most.Default, most.Max)
	} else if known {
		f.Message += fmt.Sprintf(": it holds %d pages", now)
	}
	if began.Delta > 0 {
		f.Message += fmt.Sprintf("; pressure began %d times in %.1f s", began.Delta, began.Over.Seconds())
		if ms, _ := lasted.Get(); ms.Delta > 0 {
			f.Message += fmt.Sprintf(", and lasted %d ms", ms.Delta)
		}
	}
	if limited && float64(now) >= c.Limit(socketMemoryNear)*float64(most.Max) {
		f.Severity = High
	}
	return []Finding{f}
}
