package drop

import (
	"fmt"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	softirqTime = kernel.CPUTime.Column("softirq")
	// otherTimes are the rest of a CPU's time; that of guests is in user and nice too.
	otherTimes = []probe.Column{
		kernel.CPUTime.Column("user"), kernel.CPUTime.Column("nice"), kernel.CPUTime.Column("system"), kernel.CPUTime.Column("idle"),
		kernel.CPUTime.Column("iowait"), kernel.CPUTime.Column("irq"), kernel.CPUTime.Column("steal"),
	}

	cpuTimes = append([]probe.Column{softirqTime}, otherTimes...)

	softirqShare = Limit{
		Name: "share", Default: 0.8, Unit: "of a CPU's time",
		Source: "judgement: of five parts of its time one is left, so a burst of a quarter more packets is too much; " +
			"share as mpstat's %soft: softirq / (user + nice + system + idle + iowait + irq + softirq + steal), proc(5)",
	}
	softirqPackets = Limit{
		Name: "rate", Default: 1000, Unit: "packets a second on that CPU",
		Source: "judgement: with fewer it is no packets that the softirqs are busy with, but disks or timers",
	}
)

var _ = add(Rule{
	ID:       "FD305",
	Name:     "softirq-saturation",
	Title:    "A CPU has nearly no time left but for receiving packets",
	Stage:    Softirq,
	Scope:    Machine,
	Severity: map[Kind]Severity{AtRisk: Medium},
	Limits:   []Limit{softirqShare, softirqPackets},
	Needs:    []Need{{softirqTime}, {backlogProcessed}},
	Wants:    append(handles(otherTimes), append([]probe.Handle{kernel.Channels}, adapterFacts...)...),
	Check:    checkSoftirqTime,

	Doc: `
Packets are received in softirqs, on the CPU that took the adapter's interrupt: driver, firewall,
routing and protocol up to the socket. A CPU that spends all its time there can take no more. What
comes then waits in the ring buffer until that is full, which is ring-overflow, or in the backlog,
and programs on this CPU get no turn to read their sockets. Nothing need be lost yet.

The share is what softirq grew by in /proc/stat, of all that the CPU's times grew by in the window:
mpstat's %soft. The kernel looks once a tick what a CPU is doing, so the share of a short window is
rough. ksoftirqd counts too. It is said only of a CPU that received packets, column 1 of
/proc/net/softnet_stat. In /proc/stat all network namespaces see the machine.

By hand: "mpstat -P ALL 5", column %soft; "cat /proc/net/softnet_stat" twice; "perf top -C 1" says where the
time goes.`,

	Examples: []Example{{
		Name: "a firewall of 12,000 rules on the way of each packet",
		From: "netns-softirq/after",
		Capture: `
-- first /proc/net/softnet_stat --
0005f9eb 00000000 00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
00097a4d 00000000 00000009 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000001 00000000 00000000
-- first /proc/stat --
cpu0 24657 0 10372 59727 198 0 154 1523 0 0
cpu1 25468 0 11471 56271 719 0 1194 1478 0 0
-- first /proc/uptime --
970.10 1159.99
-- /proc/net/softnet_stat --
0005f9ed 00000000 00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
0009d637 00000000 0000000b 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000001 00000000 00000000
-- /proc/stat --
cpu0 24900 0 10463 59727 198 0 154 1524 0 0
cpu1 25494 0 11486 56273 719 0 1483 1480 0 0
-- /proc/uptime --
973.45 1160.00
`,
		Outcome: Found,
		Want:    []string{"medium at-risk: cpu1: it spends 87 % of its time in softirqs, while it receives 7024 packets a second"},
	}, {
		Name: "three of four CPUs, one of them of an adapter with two queues of 8",
		Capture: `
-- first /proc/net/softnet_stat --
00010000 00000000 00000000
00010000 00000000 00000000
00010000 00000000 00000000
00010000 00000000 00000000
-- first /proc/stat --
cpu0 1000 0 1000 90000 0 0 1000 0 0 0
cpu1 1000 0 1000 90000 0 0 1000 0 0 0
cpu2 1000 0 1000 90000 0 0 1000 0 0 0
cpu3 1000 0 1000 90000 0 0 1000 0 0 0
-- first /sys/class/net/eth0/statistics/ --
rx_packets 1000000
-- /proc/net/softnet_stat --
000a0000 00000000 00000000
000a0000 00000000 00000000
000a0000 00000000 00000000
00011000 00000000 00000000
-- /proc/stat --
cpu0 1010 0 1010 90000 0 0 1980 0 0 0
cpu1 1010 0 1010 90020 0 0 1960 0 0 0
cpu2 1050 0 1000 90000 0 0 1950 0 0 0
cpu3 1010 0 1010 90000 0 0 1980 0 0 0
-- /sys/class/net/*/device/uevent --
eth0 DRIVER=ixgbe
-- /sys/class/net/eth0/statistics/ --
rx_packets 1600000
-- ethtool -l eth0 --
Pre-set maximums:
Combined:	8
Current hardware settings:
Combined:	2
`,
		Outcome: Found,
		Want:    []string{"medium at-risk: cpu0, cpu1 and cpu2, of 4 CPUs, spend up to 98 % of their time in softirqs, while they receive 176947 packets a second"},
	}, {
		Name: "a CPU that is busy with a disk",
		Capture: `
-- first /proc/net/softnet_stat --
00010000 00000000 00000000
-- first /proc/stat --
cpu0 1000 0 1000 90000 0 0 1000 0 0 0
-- /proc/net/softnet_stat --
00010100 00000000 00000000
-- /proc/stat --
cpu0 1010 0 1010 90000 0 0 1980 0 0 0
`,
		Outcome: Clean,
	}, {
		Name: "busy since boot, idle in the window",
		Capture: `
-- first /proc/net/softnet_stat --
00100000 00000000 00000000
-- first /proc/stat --
cpu0 1000 0 1000 1000 0 0 99000 0 0 0
-- /proc/net/softnet_stat --
00110000 00000000 00000000
-- /proc/stat --
cpu0 1010 0 1010 1900 0 0 99080 0 0 0
`,
		Outcome: Clean,
	}},
})

func checkSoftirqTime(c *Case) []Finding {
	column := softirqTime.In(c)
	spent := timeOfEach(c, cpuTimes)
	receiver := busiestAdapter(c)
	var names []string
	var evidence []probe.Evidence
	var most, rate float64
	for i, f := range column {
		n, _ := f.Get()
		share := float64(n.Delta) / float64(max(spent[i], 1))
		packets := backlogProcessed.Row(f.Source.Row).In(c)
		received, _ := packets.Get()
		perSecond := float64(received.Delta) / max(received.Over.Seconds(), 1e-9)
		if n.Delta == 0 || share < c.Limit(softirqShare) || received.Delta == 0 || perSecond <= c.Limit(softirqPackets) {
			continue
		}
		names = append(names, f.Source.Row)
		most, rate = max(most, share), rate+perSecond
		if len(names) <= 10 {
			evidence = append(evidence, probe.Because(f, packets)...)
		}
	}
	if len(names) == 0 {
		return nil
	}
	f := Finding{
		Kind:     AtRisk,
		Subject:  names[0],
		Message:  fmt.Sprintf("it spends %.0f %% of its time in softirqs, while it receives %.0f packets a second", 100*most, rate),
		Evidence: evidence,
	}
	if len(names) > 1 {
		// Which of them they are differs from scan to scan, so they are no subject.
		f.Subject = ""
		f.Message = fmt.Sprintf("%s, of %d CPUs, spend up to %.0f %% of their time in softirqs, while they receive %.0f packets a second",
			listed(names), len(column), 100*most, rate)
	}
	if receiver.name != "" {
		f.Steps = spreadSteps(c, receiver.name)
	}
	f.Steps = append(f.Steps, Step{
		Text: "let a packet cost less: fewer firewall rules on its way or sets in their place, GRO on (ethtool -k), no capture " +
			`that is left running; "perf top -C CPU" says where the time goes`,
	}, Step{
		Text: "where an adapter has one queue only, let receive packet steering hand its packets to other CPUs: " +
			"a mask of CPUs in /sys/class/net/*/queues/rx-0/rps_cpus",
		Price: "the CPUs wake each other: more work in all, and the packets pass the backlog",
	})
	return []Finding{f}
}

// listed writes at most five names as people do: "cpu0, cpu1 and cpu2".
func listed(names []string) string {
	if len(names) > 5 {
		return fmt.Sprintf("%s and %d others", strings.Join(names[:5], ", "), len(names)-5)
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// handles makes handles of columns.
func handles[H probe.Handle](columns []H) []probe.Handle {
	all := make([]probe.Handle, len(columns))
	for i, c := range columns {
		all[i] = c
	}
	return all
}
