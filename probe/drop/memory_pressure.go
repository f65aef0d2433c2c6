package drop

import (
	"fmt"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	memoryWaits = pressureOf(kernel.MemoryPressure, "some")
	// allocStalls is how often a task had to make room itself: one number before 4.10, one for each zone after it.
	allocStalls = []probe.Cell{
		kernel.VMStat.Counter("", "allocstall"), kernel.VMStat.Counter("", "allocstall_dma"), kernel.VMStat.Counter("", "allocstall_dma32"),
		kernel.VMStat.Counter("", "allocstall_normal"), kernel.VMStat.Counter("", "allocstall_movable"),
	}
	emergencyDrops = kernel.Netstat.Counter("TcpExt", "PFMemallocDrop")

	memoryWaiting = Limit{
		Name: "waiting", Default: 0.1, Unit: "of the time, in the window and in the last minute, in which a task waited for memory",
		Source: "judgement, on what Documentation/accounting/psi.rst defines; systemd-oomd(8) ends programs at 60 % of full",
	}
	memoryStalls = Limit{
		Name: "stalls", Default: 1, Unit: "a second, where the kernel does not tell who waits",
		Source: "judgement: Documentation/admin-guide/mm: a task that has to free memory itself finds none",
	}
)

var _ = add(Rule{
	ID:       "FD002",
	Name:     "memory-pressure",
	Title:    "Memory is short, so programs are slow to read and packets may find none",
	Stage:    Whole,
	Scope:    Machine,
	Severity: map[Kind]Severity{Dropping: Medium, AtRisk: Low, Note: Info},
	Reasons:  []string{"PFMEMALLOC", "NOMEM"},
	Limits:   []Limit{memoryWaiting, memoryStalls},
	Needs:    []Need{firstNamespace, {memoryWaits.waited, allocStalls[0], allocStalls[3], emergencyDrops}},
	Wants:    append(append(memoryWaits.handles()[1:], handles(allocStalls)...), tcpInSegs, minFree, memTotal),
	Check:    checkMemoryPressure,

	Doc: `
Where memory is short, a program that needs some has to wait until the kernel has freed it, and does
not read its sockets in that time. A driver cannot wait: it finds no memory for the next packet, and
drops. Below vm.min_free_kbytes the kernel lives from a reserve, and a packet that was stored in it
is dropped unless it helps to free memory: PFMemallocDrop counts that, each packet once, the only
loss that is told here.

/proc/pressure/memory counts the time in which at least one task waited for memory. Only what holds
in the window and in the last minute is told, as at-risk and low. Kernels before 4.20 have no such
file: there allocstall of /proc/vmstat is taken, how often a task had to free memory itself. What a
driver could not allocate is told by ring-allocation-failure. It is of the machine, so in a
container this rule does not apply.

By hand: "cat /proc/pressure/memory"; "vmstat 1", columns free, si and so; "nstat -az
TcpExtPFMemallocDrop"; "grep MemAvailable /proc/meminfo".`,

	Examples: []Example{{
		Name: "a program that has less memory than it needs",
		From: "lab-pressure/after",
		Capture: `
-- first /proc/pressure/memory --
some avg10=57.73 avg60=37.15 avg300=24.86 total=118507041
full avg10=4.30 avg60=3.24 avg300=1.12 total=5260651
-- first /proc/uptime --
3429.94 1354.45
-- /proc/pressure/memory --
some avg10=58.66 avg60=39.91 avg300=25.79 total=123336569
full avg10=2.68 avg60=3.02 avg300=1.13 total=5444938
-- /proc/uptime --
3438.43 1354.49
-- /proc/sys/net/core/netdev_max_backlog --
1000
`,
		Outcome: Found,
		Want:    []string{"low at-risk: tasks waited for memory in 57 % of the window and 39 % of the last minute"},
	}, {
		Name: "the reserve is used, and packets are dropped",
		Capture: `
-- first /proc/net/netstat --
TcpExt: PFMemallocDrop
TcpExt: 0
-- first /proc/net/snmp --
Tcp: InSegs
Tcp: 1000
-- /proc/net/netstat --
TcpExt: PFMemallocDrop
TcpExt: 90
-- /proc/net/snmp --
Tcp: InSegs
Tcp: 9000
-- /proc/sys/net/core/netdev_max_backlog --
1000
-- /proc/sys/vm/min_free_kbytes --
67584
`,
		Outcome: Found,
		Want:    []string{"medium dropping: packets were dropped because they were stored in the last reserve of memory: 90 since boot, 90 of them in 10.0 s"},
	}, {
		Name: "kernel 4.4, where tasks free memory themselves",
		Capture: `
-- first /proc/vmstat --
allocstall 100
pgscan_direct_normal 700
-- /proc/vmstat --
allocstall 190
pgscan_direct_normal 7700
-- absent /proc/pressure/memory --
-- /proc/sys/net/core/netdev_max_backlog --
1000
`,
		Outcome: Found,
		Want:    []string{"low at-risk: 90 times in 10.0 s a task had to free memory itself"},
	}, {
		Name: "a blip, and a cache that takes what is free",
		Capture: `
-- first /proc/pressure/memory --
some avg10=0.00 avg60=0.00 avg300=0.00 total=1000000
full avg10=0.00 avg60=0.00 avg300=0.00 total=900000
-- first /proc/vmstat --
allocstall_dma 0
allocstall_normal 100
allocstall_movable 900
-- /proc/pressure/memory --
some avg10=14.00 avg60=3.00 avg300=0.00 total=2600000
full avg10=4.00 avg60=1.00 avg300=0.00 total=1900000
-- /proc/vmstat --
allocstall_dma 0
allocstall_normal 130
allocstall_movable 990
-- /proc/sys/net/core/netdev_max_backlog --
1000
`,
		Outcome: Clean,
	}},
})

func checkMemoryPressure(c *Case) (found []Finding) {
	now, minute, told, why := memoryWaits.in(c)
	drops, segments, reserve := emergencyDrops.In(c), tcpInSegs.In(c), minFree.In(c)
	n, _ := drops.Get()
	arrived, _ := segments.Get()
	if kind, loss := c.Lost(n, arrived, Packets); kind != "" && n.Delta > 0 {
		loss.Exact = true
		found = append(found, Finding{
			Kind:     kind,
			Message:  fmt.Sprintf("packets were dropped because they were stored in the last reserve of memory: %v", n),
			Loss:     loss,
			Evidence: probe.Because(drops, segments, reserve),
			Steps:    []Step{largerReserve(c, reserve, 1<<16)},
		})
	}
	look := []Step{{
		Text: `see who holds it: "ps -eo rss,comm --sort=-rss | head" and "grep -E 'MemAvailable|Slab|Swap' /proc/meminfo" on the host; give it less to do, or more memory`,
	}}
	if told {
		if c.lasting(now, minute, memoryWaiting) {
			found = append(found, Finding{
				Kind:     AtRisk,
				Message:  fmt.Sprintf("tasks waited for memory in %s of the window and %s of the last minute", percent(now), percent(minute)),
				Evidence: why,
				Steps:    look,
			})
		}
		return found
	}
	var stalls probe.Counter
	why = nil
	for _, cell := range allocStalls {
		f := cell.In(c)
		if n, known := f.Get(); known {
			stalls = stalls.Plus(n)
			why = append(why, f.Evidence())
		}
	}
	if rate := float64(stalls.Delta) / max(stalls.Over.Seconds(), 1e-9); stalls.Delta > 0 && rate > c.Limit(memoryStalls) {
		found = append(found, Finding{
			Kind:     AtRisk,
			Message:  fmt.Sprintf("%d times in %.1f s a task had to free memory itself", stalls.Delta, stalls.Over.Seconds()),
			Evidence: why,
			Steps:    look,
		})
	}
	return found
}
