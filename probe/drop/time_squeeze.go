package drop

import (
	"fmt"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	timeSqueeze  = kernel.Softnet.Column("time_squeeze")
	netdevBudget = kernel.Sysctl("net.core.netdev_budget")
	budgetMicros = kernel.Sysctl("net.core.netdev_budget_usecs")
)

// squeezeRate is where pressure is worth a person's time.
var squeezeRate = Limit{
	Name: "rate", Default: 10, Unit: "a second, all CPUs together",
	Source: "netdata, health.d/softnet.conf: 1m_netdev_budget_ran_outs",
}

var _ = add(Rule{
	ID:       "FD303",
	Name:     "time-squeeze",
	Title:    "A CPU often stops receiving before the rings are empty",
	Stage:    Softirq,
	Scope:    Machine,
	Severity: map[Kind]Severity{AtRisk: Low},
	Limits:   []Limit{squeezeRate},
	Needs:    []Need{{timeSqueeze}},
	Wants:    []probe.Handle{netdevBudget, budgetMicros},
	Check:    checkTimeSqueeze,

	Doc: `
One round of receiving ends after net.core.netdev_budget packets or after
net.core.netdev_budget_usecs (two ticks before 4.12), so that other work gets its turn. What is left is
looked at in the next round, and nothing is lost by that. But packets that wait fill the rings: where
this goes on all the time, ring-overflow comes next.

Column 3 of /proc/net/softnet_stat counts the rounds that ended with work left, for each CPU. Some
an hour are normal, and on a virtual machine some a second. All network namespaces see
these numbers.

By hand: "cat /proc/net/softnet_stat" twice; the numbers are hexadecimal.`,

	Examples: []Example{{
		Name: "500 datagrams with a budget of 1: all of them arrived",
		From: "netns-time-squeeze/after",
		Capture: `
-- first /proc/net/softnet_stat --
0002df1a 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
0003b9ef 00000453 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000001 00000000 00000000
-- first /proc/uptime --
1133.48 1386.14
-- /proc/net/softnet_stat --
0002e001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
0003bf24 00000453 000001f4 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000001 00000000 00000000
-- /proc/uptime --
1134.72 1386.14
`,
		Outcome: Found,
		Want:    []string{"low at-risk: cpu1: receiving stopped with work left 403 times a second: 500 since boot, 500 of them in 1.2 s (net.core.netdev_budget is unknown (unread))"},
	}, {
		Name: "a slow virtual machine, 31 in 22 s",
		From: "vm-e1000/after-deep",
		Capture: `
-- first /proc/net/softnet_stat --
00000004 00000000 000000ae 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
0000198f 000004b9 000001f5 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000001
-- first /proc/uptime --
422.47 421.28
-- /proc/net/softnet_stat --
00000004 00000000 000000ca 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
00001c76 000004b9 000001f8 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000001
-- /proc/uptime --
444.36 433.02
-- /proc/sys/net/core/netdev_budget --
300
-- /proc/sys/net/core/netdev_budget_usecs --
8000
`,
		Outcome: Clean,
	}},
})

func checkTimeSqueeze(c *Case) []Finding {
	column, all := timeSqueeze.In(c), timeSqueeze.Sum(c)
	budget, micros := netdevBudget.In(c), budgetMicros.In(c)
	n, _ := all.Get()
	rate := float64(n.Delta) / max(n.Over.Seconds(), 1e-9)
	if n.Delta == 0 || rate <= c.Limit(squeezeRate) {
		return nil
	}
	steps := []Step{{
		Text: "spread the load: the interrupts of the adapters over more CPUs, or receive packet steering",
	}, raise("net.core.netdev_budget", budget, 600,
		"let a round take more packets",
		"other work on this CPU waits longer; it changes nothing where the time ran out, not the packets"),
	}
	if micros.State == probe.Known {
		steps = append(steps, raise("net.core.netdev_budget_usecs", micros, 4000,
			"let a round take more time",
			"other work on this CPU waits longer"))
	}
	return []Finding{{
		Kind:    AtRisk,
		Subject: soleCPU(column, n),
		Message: fmt.Sprintf("receiving stopped with work left %.0f times a second: %v (net.core.netdev_budget is %v)",
			rate, n, budget),
		Evidence: probe.Because(all, budget, micros),
		Steps:    steps,
	}}
}
