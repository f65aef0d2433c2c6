package drop

import (
	"fmt"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	ioWaits   = pressureOf(kernel.IOPressure, "full")
	waitTime  = kernel.CPUTime.Column("iowait")
	ioWaiting = Limit{
		Name: "waiting", Default: 0.5, Unit: "of the time, in the window and in the last minute, in which all tasks that had work waited for disks",
		Source: "judgement, on what Documentation/accounting/psi.rst defines",
	}
	ioWaitShare = Limit{
		Name: "iowait", Default: 0.4, Unit: "of the time of all CPUs, where the kernel does not tell who waits",
		Source: "https://github.com/netdata/netdata, health.d/cpu.conf: 10min_cpu_iowait is critical above 40 %",
	}
)

var _ = add(Rule{
	ID:       "FD003",
	Name:     "io-pressure",
	Title:    "Programs wait for disks, and may read their sockets too late",
	Stage:    Whole,
	Scope:    Machine,
	Severity: map[Kind]Severity{AtRisk: Low},
	Limits:   []Limit{ioWaiting, ioWaitShare},
	Needs:    []Need{firstNamespace, {ioWaits.waited, waitTime}},
	Wants:    append(ioWaits.handles()[1:], append(handles(otherTimes), probe.Handle(softirqTime))...),
	Check:    checkIOPressure,

	Doc: `
A program that waits for a disk, to write its log or to read what was asked for, does not read its
sockets in that time, and queues fill. Waiting by itself loses nothing, so this is at-risk and low.
A CPU that waits for a disk is idle: it still takes packets, so ring and backlog do not suffer.

/proc/pressure/io counts, in the row full, the time in which every task that had something to do
waited for a disk. A backup on a host that has nothing else to do looks the same, and harms nobody.
Only what holds in the window and in the last minute is told. Kernels before 4.20 have no such file:
there iowait of /proc/stat is taken. It is of the machine, so in a container this rule does not
apply.

By hand: "cat /proc/pressure/io"; "iostat -x 1"; "vmstat 1", column wa.`,

	Examples: []Example{{
		Name: "three readers of a disk of 40 reads a second",
		From: "vm-io/after",
		Capture: `
-- first /proc/pressure/io --
some avg10=95.54 avg60=76.45 avg300=26.33 total=90510191
full avg10=89.79 avg60=74.35 avg300=25.69 total=88054812
-- first /proc/uptime --
257.20 252.71
-- /proc/pressure/io --
some avg10=95.14 avg60=79.42 avg300=28.68 total=101168213
full avg10=88.10 avg60=76.00 avg300=27.68 total=97811420
-- /proc/uptime --
268.20 252.71
-- /proc/sys/net/core/netdev_max_backlog --
1000
`,
		Outcome: Found,
		Want:    []string{"low at-risk: all tasks with work waited for disks in 89 % of the window and 76 % of the last minute"},
	}, {
		Name: "kernel 4.4",
		Capture: `
-- first /proc/stat --
cpu0 1000 0 1000 90000 0 0 100 0 0 0
cpu1 1000 0 1000 90000 0 0 100 0 0 0
-- /proc/stat --
cpu0 1100 0 1100 90000 800 0 100 0 0 0
cpu1 1200 0 1200 90400 200 0 100 0 0 0
-- absent /proc/pressure/io --
-- /proc/sys/net/core/netdev_max_backlog --
1000
`,
		Outcome: Found,
		Want:    []string{"low at-risk: 50 % of the time of all CPUs was spent waiting for disks (iowait)"},
	}, {
		Name: "one program that reads a disk, while others have work too",
		Capture: `
-- first /proc/pressure/io --
some avg10=90.00 avg60=90.00 avg300=90.00 total=1000000
full avg10=2.00 avg60=2.00 avg300=1.00 total=100000
-- /proc/pressure/io --
some avg10=90.00 avg60=90.00 avg300=90.00 total=10400000
full avg10=2.00 avg60=2.00 avg300=1.00 total=300000
-- /proc/sys/net/core/netdev_max_backlog --
1000
`,
		Outcome: Clean,
	}},
})

func checkIOPressure(c *Case) []Finding {
	now, minute, told, why := ioWaits.in(c)
	_, _, share := timeShares(c, waitTime)
	f := Finding{
		Kind:     AtRisk,
		Message:  fmt.Sprintf("all tasks with work waited for disks in %s of the window and %s of the last minute", percent(now), percent(minute)),
		Evidence: why,
		Steps:    []Step{{Text: `see who reads and writes: "iotop -o", or "pidstat -d 5", on the host; let programs that serve the network not wait for disks: logs to a buffer, data in memory`}},
	}
	switch {
	case told && c.lasting(now, minute, ioWaiting):
	case !told && share >= c.Limit(ioWaitShare):
		waits := waitTime.Sum(c)
		f.Message = fmt.Sprintf("%s of the time of all CPUs was spent waiting for disks (iowait)", percent(share))
		f.Evidence = probe.Because(waits)
	default:
		return nil
	}
	return []Finding{f}
}
