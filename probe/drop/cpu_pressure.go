package drop

import (
	"fmt"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	cpuWaits   = pressureOf(kernel.CPUPressure, "some")
	stealTime  = kernel.CPUTime.Column("steal")
	cpuWaiting = Limit{
		Name: "waiting", Default: 0.5, Unit: "of the time, in the window and in the last minute, in which a task waited for a CPU",
		Source: "judgement, on what Documentation/accounting/psi.rst defines: half of the time an application that should read its sockets may be one that waits",
	}
	cpuStolen = Limit{
		Name: "steal", Default: 0.1, Unit: "of the time of all CPUs",
		Source: "https://github.com/netdata/netdata, health.d/cpu.conf: 20min_steal_cpu warns above 10 %",
	}
	cpuBusy = Limit{
		Name: "busy", Default: 0.5, Unit: "of one CPU's time for softirqs and for other virtual machines, where the kernel does not tell who waits",
		Source: "judgement: with half of its time gone, a program on that CPU gets its turn too late",
	}
)

var _ = add(Rule{
	ID:       "FD001",
	Name:     "cpu-pressure",
	Title:    "Programs wait for a CPU, and may read their sockets too late",
	Stage:    Whole,
	Scope:    Machine,
	Severity: map[Kind]Severity{AtRisk: Low},
	Limits:   []Limit{cpuWaiting, cpuStolen, cpuBusy},
	Needs:    []Need{firstNamespace, {cpuWaits.waited, softirqTime}},
	Wants:    append(cpuWaits.handles()[1:], append(handles(otherTimes), probe.Handle(softirqTime))...),
	Check:    checkCPUPressure,

	Doc: `
A program that does not get a CPU does not read its sockets, and softirqs that do not get one do not
empty the rings: queues fill and overflow. The pressure by itself loses nothing, so this is at-risk
and low; what it brings about is told by ring-overflow, udp-receive-buffer or accept-queue-overflow,
and is worth more there.

/proc/pressure/cpu counts the time in which at least one task was ready and had no CPU. Only what
holds in the window and in the last minute is told; a blip is ordinary. Time that the hypervisor
gave to others (steal) is not in it, and is told by itself. Kernels before 4.20 have no such file:
there the share of softirq and steal of the worst CPU is taken, from /proc/stat. It is of the
machine, so in a container this rule does not apply.

By hand: "cat /proc/pressure/cpu"; "mpstat -P ALL 5", columns %soft and %steal; "vmstat 1", columns
r and st.`,

	Examples: []Example{{
		Name: "two CPUs with more work than time",
		From: "lab-pressure/after",
		Capture: `
-- first /proc/pressure/cpu --
some avg10=90.62 avg60=88.26 avg300=93.05 total=2353360337
full avg10=0.00 avg60=0.00 avg300=0.00 total=0
-- first /proc/stat --
cpu0 202327 1624 60285 69598 482 0 460 7527 0 0
cpu1 199798 1243 63044 65846 1190 0 3069 8075 0 0
-- first /proc/uptime --
3429.94 1354.45
-- /proc/pressure/cpu --
some avg10=92.23 avg60=88.94 avg300=93.07 total=2361305250
full avg10=0.00 avg60=0.00 avg300=0.00 total=0
-- /proc/stat --
cpu0 202985 1624 60456 69598 482 0 462 7546 0 0
cpu1 200392 1243 63240 65850 1195 0 3084 8105 0 0
-- /proc/uptime --
3438.43 1354.49
-- /proc/sys/net/core/netdev_max_backlog --
1000
`,
		Outcome: Found,
		Want:    []string{"low at-risk: tasks waited for a CPU in 94 % of the window and 88 % of the last minute"},
	}, {
		Name: "a virtual machine whose hypervisor has too much to do, and a kernel without PSI",
		Capture: `
-- first /proc/stat --
cpu0 1000 0 1000 90000 0 0 100 0 0 0
cpu1 1000 0 1000 90000 0 0 100 0 0 0
-- /proc/stat --
cpu0 1100 0 1100 90250 0 0 150 500 0 0
cpu1 1100 0 1100 90800 0 0 100 0 0 0
-- absent /proc/pressure/cpu --
-- /proc/sys/net/core/netdev_max_backlog --
1000
`,
		Outcome: Found,
		Want: []string{
			"low at-risk: 25 % of the time of all CPUs went to other virtual machines (steal)",
			"low at-risk: cpu0: 55 % of its time went to softirqs and to other virtual machines",
		},
	}, {
		Name: "a blip: busy in the window, and not in the last minute",
		Capture: `
-- first /proc/pressure/cpu --
some avg10=20.00 avg60=5.00 avg300=2.00 total=1000000
-- first /proc/stat --
cpu0 1000 0 1000 90000 0 0 100 0 0 0
-- /proc/pressure/cpu --
some avg10=80.00 avg60=21.00 avg300=3.00 total=9000000
-- /proc/stat --
cpu0 1900 0 1050 90050 0 0 100 0 0 0
-- /proc/sys/net/core/netdev_max_backlog --
1000
`,
		Outcome: Clean,
	}, {
		Name: "a container",
		Capture: `
-- /proc/pressure/cpu --
some avg10=90.00 avg60=90.00 avg300=90.00 total=1000000
-- absent /proc/sys/net/core/netdev_max_backlog --
`,
		Outcome: NotApplicable,
	}},
})

func checkCPUPressure(c *Case) (found []Finding) {
	now, minute, told, why := cpuWaits.in(c)
	worst, most, _ := timeShares(c, softirqTime, stealTime)
	_, _, stolen := timeShares(c, stealTime)
	look := Step{Text: `see what runs: "top -H" on the host; give the programs that read sockets more CPUs, or a higher priority, and the others fewer`}
	if told && c.lasting(now, minute, cpuWaiting) {
		found = append(found, Finding{
			Kind:     AtRisk,
			Message:  fmt.Sprintf("tasks waited for a CPU in %s of the window and %s of the last minute", percent(now), percent(minute)),
			Evidence: why,
			Steps:    []Step{look},
		})
	}
	if stolen >= c.Limit(cpuStolen) {
		all := stealTime.Sum(c)
		found = append(found, Finding{
			Kind:     AtRisk,
			Message:  fmt.Sprintf("%s of the time of all CPUs went to other virtual machines (steal)", percent(stolen)),
			Evidence: probe.Because(all),
			Steps:    []Step{{Text: "ask who runs the hypervisor: it has more to do than it has CPUs, or this machine has used up what it may have; nothing on this host helps"}},
		})
	}
	if !told && most >= c.Limit(cpuBusy) {
		softirqs, steals := softirqTime.Row(worst).In(c), stealTime.Row(worst).In(c)
		found = append(found, Finding{
			Kind:     AtRisk,
			Subject:  worst,
			Message:  fmt.Sprintf("%s of its time went to softirqs and to other virtual machines", percent(most)),
			Evidence: probe.Because(softirqs, steals),
			Steps:    []Step{look},
		})
	}
	return found
}
