package drop

import (
	"fmt"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var _ = add(Rule{
	ID:       "FD302",
	Name:     "flow-limit",
	Title:    "The flow limit drops packets of the largest flow before the backlog of a CPU is full",
	Stage:    Softirq,
	Scope:    Machine,
	Severity: map[Kind]Severity{Dropping: Medium, Dropped: Low, Note: Info},
	Reasons:  []string{"CPU_BACKLOG"},
	Needs:    []Need{{flowLimitDrops}},
	Wants:    []probe.Handle{backlogProcessed, kernel.MaxBacklog},
	Check:    checkFlowLimit,

	Doc: `
A CPU has a flow limit only if net.core.flow_limit_cpu_bitmap names it; by default none does. Its
backlog is then shared out once it is half full: a flow that has more than half of the last 128 packets loses the next one, so
that small flows still get through. What it drops is a loss for that one flow, and usually
a flood or one very large transfer.

Column 11 of /proc/net/softnet_stat counts it for each CPU, since 3.11; the same packets are in
column 2, where backlog-overflow takes them off, and in rx_dropped of an interface. The share is of
what the CPUs processed.

By hand: "cat /proc/net/softnet_stat" twice; the numbers are hexadecimal. "sysctl net.core.flow_limit_cpu_bitmap".`,

	Examples: []Example{{
		Name: "one flow of a flood, seen from a container; 57 of 736 came before the limit was reached",
		From: "netns-flow-limit/after",
		Capture: `
-- first /proc/net/softnet_stat --
00067c60 000005c0 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
000cc1af 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000001 00000000 00000000
-- first /proc/uptime --
4540.98 7011.51
-- /proc/net/softnet_stat --
00067e3d 000008a0 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 000002a7 00000000 00000000 00000000 00000000
000cc1b0 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000001 00000000 00000000
-- /proc/uptime --
4543.03 7014.96
-- absent /proc/sys/net/core/netdev_max_backlog --
`,
		Outcome: Found,
		Want:    []string{"medium dropping: cpu0: the flow limit dropped packets of the largest flow: 679 since boot, 679 of them in 2.0 s (net.core.netdev_max_backlog is unknown (absent))"},
	}, {
		Name: "the backlog overflowed, and no flow was limited",
		From: "netns-softnet-drop/after",
		Capture: `
-- first /proc/net/softnet_stat --
0002ddf8 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
0003b4ff 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000001 00000000 00000000
-- /proc/net/softnet_stat --
0002de42 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
0003b800 00000453 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000001 00000000 00000000
`,
		Outcome: Clean,
	}, {
		Name: "a kernel that does not count it",
		Capture: `
-- /proc/net/softnet_stat --
00001000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
`,
		Outcome: NotApplicable,
	}},
})

func checkFlowLimit(c *Case) []Finding {
	column, limit := flowLimitDrops.In(c), kernel.MaxBacklog.In(c)
	drops, processed := flowLimitDrops.Sum(c), backlogProcessed.Sum(c)
	n, _ := drops.Get()
	arrived, _ := processed.Get()
	kind, loss := c.Lost(n, arrived.Plus(n), Packets)
	if kind == "" {
		return nil
	}
	loss.Exact = true
	return []Finding{{
		Kind:    kind,
		Subject: soleCPU(column, n),
		Message: fmt.Sprintf("the flow limit dropped packets of the largest flow: %v (net.core.netdev_max_backlog is %v)",
			n, limit),
		Loss:     loss,
		Evidence: probe.Because(drops, processed, limit),
		Claims:   []Claim{{linkDropped.Source(), n}, {devDrop.Source(), n}},
		Steps: []Step{{
			Text: "find the flow: a flood belongs into the firewall, a large transfer on a CPU of its own",
		}, raise("net.core.netdev_max_backlog", limit, 2000,
			"the limit begins at half of the backlog: let it be longer",
			"more delay in bursts"),
		},
	}}
}

// soleCPU returns the one CPU that counted all of it, which is worth a name.
func soleCPU(column []probe.Fact[probe.Counter], all probe.Counter) string {
	for _, cpu := range column {
		if n, _ := cpu.Get(); n.Total == all.Total && n.Delta == all.Delta {
			return cpu.Source.Row
		}
	}
	return ""
}
