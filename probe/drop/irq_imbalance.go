package drop

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	imbalanceShare = Limit{Name: "share", Default: 0.8, Unit: "of all packets", Source: "judgement"}
	imbalanceRate  = Limit{
		Name: "rate", Default: 40000, Unit: "packets a second on one CPU",
		Source: "netutils-linux, which warns of 40,000 on one CPU; a CPU does some 500,000 to 1,000,000 small packets",
	}
)

var _ = add(Rule{
	ID:       "FD304",
	Name:     "irq-imbalance",
	Title:    "One CPU receives nearly all packets while others could help",
	Stage:    Softirq,
	Scope:    Machine,
	Severity: map[Kind]Severity{AtRisk: Medium},
	Limits:   []Limit{imbalanceShare, imbalanceRate},
	Needs:    []Need{{backlogProcessed}},
	Wants:    append([]probe.Handle{kernel.Interrupts, kernel.Softirqs, kernel.Channels}, adapterFacts...),
	Check:    checkImbalance,

	Doc: `
The CPU that takes the interrupt of an adapter's queue receives its packets too. Adapters with
many queues give each its own interrupt, but something has to spread them: irqbalance, the driver
or a person. Where all stay on one CPU, and it has nearly as much to do as it can, its rings
overflow while the other CPUs are idle.

What each CPU received is column 1 of /proc/net/softnet_stat, hardware or not, so packets of veth and
loopback are in it. What came over loopback can be handed to no other CPU, and is taken off the rate. It is said only of a host with work to share out: at some thousand packets a second one
CPU is enough, and better for its caches. The rows of /proc/interrupts that grew
most on this CPU, and NET_RX of /proc/softirqs, are evidence.

By hand: "cat /proc/net/softnet_stat" twice; "grep eth0 /proc/interrupts"; "ethtool -l eth0".`,

	Examples: []Example{{
		Name: "all interrupts on the first of four CPUs",
		Capture: `
-- first /proc/interrupts --
CPU0 CPU1 CPU2 CPU3
 40: 0=1000 PCI-MSI 1-edge eth0-TxRx-0
 41: 0=1000 PCI-MSI 2-edge eth0-TxRx-1
LOC: 0=1000 1=1000 2=1000 3=1000 Local timer interrupts
-- first /proc/net/softnet_stat --
00010000 00000000 00000000
00010000 00000000 00000000
00010000 00000000 00000000
00010000 00000000 00000000
-- first /proc/softirqs --
NET_RX: 0=100 1=100 2=100 3=100
-- first /sys/class/net/eth0/statistics/ --
rx_packets 1000000
-- /proc/interrupts --
CPU0 CPU1 CPU2 CPU3
 40: 0=61000 PCI-MSI 1-edge eth0-TxRx-0
 41: 0=31000 PCI-MSI 2-edge eth0-TxRx-1
LOC: 0=901000 1=901000 2=901000 3=901000 Local timer interrupts
-- /proc/net/softnet_stat --
000a0000 00000000 00000000
00011000 00000000 00000000
00011000 00000000 00000000
00011000 00000000 00000000
-- /proc/softirqs --
NET_RX: 0=90100 1=110 2=110 3=110
-- /sys/class/net/*/device/uevent --
eth0 DRIVER=ixgbe
-- /sys/class/net/eth0/statistics/ --
rx_packets 1600000
-- ethtool -l eth0 --
Pre-set maximums:
Combined:	63
Current hardware settings:
Combined:	2
`,
		Outcome: Found,
		Want:    []string{"medium at-risk: cpu0: it received 98 % of all packets, 58982 a second, and the other CPUs (3) the rest; most interrupts of an adapter come from eth0-TxRx-0"},
	}, {
		Name: "one sender on one of two CPUs, over veth",
		From: "netns-irq-imbalance/after",
		Capture: `
-- first /proc/net/softnet_stat --
00067a69 000005c0 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
000a9d49 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000001 00000000 00000000
-- first /proc/uptime --
4538.69 7009.96
-- /proc/net/softnet_stat --
00067c3f 000005c0 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
000cb9a8 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000001 00000000 00000000
-- /proc/uptime --
4540.71 7011.46
-- absent ethtool -l * --
`,
		Outcome: Found,
		Want:    []string{"medium at-risk: cpu1: it received 100 % of all packets, 68483 a second, and the other CPUs (1) the rest"},
	}, {
		Name: "the same share of a small load",
		Capture: `
-- first /proc/net/softnet_stat --
00010000 00000000 00000000
00010000 00000000 00000000
-- absent /sys/class/net/*/statistics/ --
-- /proc/net/dev --
  eth0: 2000 2000 0 0 0 0 0 0 0 0 0 0 0 0 0 0
-- /proc/net/softnet_stat --
00020000 00000000 00000000
00010100 00000000 00000000
`,
		Outcome: Clean,
	}, {
		Name: "a program that talks to another over loopback",
		Capture: `
-- first /proc/net/dev --
    lo: 2000 0 0 0 0 0 0 0 2000 0 0 0 0 0 0 0
  eth0: 2000 1000 0 0 0 0 0 0 0 0 0 0 0 0 0 0
-- first /proc/net/softnet_stat --
00010000 00000000 00000000
00010000 00000000 00000000
-- absent /sys/class/net/*/statistics/ --
-- /proc/net/dev --
    lo: 2000 600000 0 0 0 0 0 0 2000 600000 0 0 0 0 0 0
  eth0: 2000 9000 0 0 0 0 0 0 0 0 0 0 0 0 0 0
-- /proc/net/softnet_stat --
000a0000 00000000 00000000
00011000 00000000 00000000
`,
		Outcome: Clean,
	}, {
		Name: "only one CPU",
		Capture: `
-- first /proc/net/softnet_stat --
00010000 00000000 00000000
-- /proc/net/softnet_stat --
000a0000 00000000 00000000
`,
		Outcome: Clean,
	}},
})

func checkImbalance(c *Case) []Finding {
	interrupts, softirqs := kernel.Interrupts.In(c), kernel.Softirqs.In(c)
	column, sum := backlogProcessed.In(c), backlogProcessed.Sum(c)
	all, _ := sum.Get()
	var busiest probe.Fact[probe.Counter]
	var most probe.Counter
	for _, cpu := range column {
		if n, _ := cpu.Get(); n.Delta > most.Delta {
			busiest, most = cpu, n
		}
	}
	receiver := busiestAdapter(c)
	// Loopback is the senders' own: of the rest the CPU took no more than there was.
	loopback, _ := devPackets.Row("lo").In(c).Get()
	rate := float64(most.Delta) / max(most.Over.Seconds(), 1e-9)
	outside := float64(min(most.Delta, all.Delta-min(all.Delta, loopback.Delta))) / max(most.Over.Seconds(), 1e-9)
	share := float64(most.Delta) / float64(max(all.Delta, 1))
	if len(column) < 2 || most.Delta == 0 || outside <= c.Limit(imbalanceRate) || share < c.Limit(imbalanceShare) {
		return nil
	}
	f := Finding{
		Kind:    AtRisk,
		Subject: busiest.Source.Row,
		Message: fmt.Sprintf("it received %.0f %% of all packets, %.0f a second, and the other CPUs (%d) the rest",
			100*share, rate, len(column)-1),
		Evidence: probe.Because(busiest, sum),
	}
	number, _ := strings.CutPrefix(busiest.Source.Row, "cpu")
	if cpu, err := strconv.Atoi(number); err == nil {
		if name, n := busiestInterrupt(kernel.Interrupts.First(c), interrupts, cpu, receiver); n > 0 {
			f.Message += "; most interrupts of an adapter come from " + name
			f.Evidence = append(f.Evidence, interrupts.Part(name, busiest.Source.Row, n))
		}
		now, _ := softirqs.Get()
		f.Evidence = append(f.Evidence, softirqs.Part("NET_RX", busiest.Source.Row, now.Row("NET_RX").CPUs.Get(cpu)))
	}
	if receiver.name != "" {
		f.Steps = spreadSteps(c, receiver.name)
	}
	f.Steps = append(f.Steps, Step{
		Text: "where an adapter has one queue only, let receive packet steering hand its packets to other CPUs: " +
			"a mask of CPUs in /sys/class/net/*/queues/rx-0/rps_cpus",
		Price: "the CPUs wake each other: more work in all, and the packets pass the backlog",
	})
	return []Finding{f}
}

// busiestAdapter returns the adapter that received most in the window.
func busiestAdapter(c *Case) (busiest adapter) {
	var most uint64
	for _, a := range adapters(c) {
		n, _ := a.of(c, linkPackets, devPackets).Get()
		if kernel.Channels.Of(c, a.name); n.Delta > most {
			busiest, most = a, n.Delta
		}
	}
	return busiest
}

// busiestInterrupt returns that interrupt of an adapter's queues which came most often to a
// CPU in the window, and how often. Most drivers put the interface's name into it; virtio
// names the device, which may be a disk.
func busiestInterrupt(before, now probe.Fact[kernel.IRQs], cpu int, a adapter) (name string, most uint64) {
	first, known := before.Get()
	last, ok := now.Get()
	if !known || !ok || a.name == "" {
		return "", 0
	}
	for _, irq := range last {
		device := irq.What[strings.LastIndexByte(irq.What, ' ')+1:]
		if !strings.Contains(device, a.name) && !(a.driver == "virtio_net" && strings.Contains(device, "-input")) {
			continue
		}
		n := irq.CPUs.Get(cpu)
		if was := first.Row(irq.Name).CPUs.Get(cpu); n > was && n-was > most {
			name, most = device, n-was
		}
	}
	return name, most
}
