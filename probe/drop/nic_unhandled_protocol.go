package drop

import (
	"fmt"
	"slices"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	linkDropped = kernel.LinkStats.Column("rx_dropped")
	devDrop     = kernel.NetDev.Column("rx_drop")
	ip6Received = kernel.SNMP6.Counter("Ip6", "InReceives")
)

// steadyRate is what the protocols of switches and of neighbours make, that no host speaks.
var steadyRate = Limit{
	Name: "rate", Default: 5, Unit: "a second",
	Source: "judgement: a switch sends a BPDU every 2 s, LLDP every 30 s, HomePlug adapters some a second",
}

var _ = add(Rule{
	ID:       "FD105",
	Name:     "nic-unhandled-protocol",
	Title:    "Frames of a protocol that this host does not speak are counted as dropped",
	Stage:    NIC,
	Scope:    Host,
	Severity: map[Kind]Severity{Note: Info},
	Reasons:  []string{"UNHANDLED_PROTO"},
	Limits:   []Limit{steadyRate},
	Needs:    []Need{{linkDropped, devDrop}},
	Wants: append([]probe.Handle{backlogDrops, ipReceived, ip6Received, driverStats, kernel.DeviceType},
		adapterFacts...),
	Check: checkUnhandled,

	Doc: `
Switches and neighbours send what a host has no use for: BPDUs of the spanning tree, LLDP, HomePlug,
IPv6 where the kernel was booted without it. No protocol of the kernel takes such a frame, so
since 2.6.37 it counts in rx_dropped of its interface. Nothing is lost that anybody waits for. A
packet tap takes all frames, so the counter stands still while tcpdump or lldpd runs.

No counter tells these frames from other drops. They are in rx_packets, and in no counter of IP:
so many packets that came in must have reached neither IPv4 nor IPv6; those of a bond, a VLAN or a
bridge are left out, as the interface below has counted them. At a few a second, while neither the
backlog nor the driver says that it dropped, the frames are taken for this; above that only if the
missing packets are as many as the dropped ones.

By hand: "tcpdump -e -n -i eth0 not ip and not ip6 and not arp" shows them.`,

	Examples: []Example{{
		Name: "200 frames of an EtherType that nobody handles",
		From: "netns-unknown-proto/after",
		Capture: `
-- first /proc/net/dev --
    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
  eth0:   18173     106    0    0    0     0          0         0     8979      46    0    0    0     0       0          0
-- first /proc/net/snmp --
Ip: InReceives
Ip: 41
-- first /proc/uptime --
1120.67 1383.11
-- first /sys/class/net/eth0/statistics/ --
rx_dropped 0
rx_packets 186
-- /proc/net/dev --
    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
  eth0:   56560     467    0  200    0     0          0         0   119244     332    0    0    0     0       0          0
-- /proc/net/snmp --
Ip: InReceives
Ip: 202
-- /proc/uptime --
1121.26 1383.26
-- /sys/class/net/eth0/statistics/ --
rx_dropped 200
rx_packets 542
-- absent /sys/class/net/*/device/uevent --
-- absent ethtool -S * --
`,
		Outcome: Found,
		Want:    []string{"info note: eth0: 200 since boot, 200 of them in 0.6 s, were of a protocol that this host does not speak"},
	}, {
		Name: "a switch that sends BPDUs, and a host without ethtool",
		Capture: `
-- first /sys/class/net/eth0/statistics/ --
rx_dropped 400
rx_packets 100000
-- /sys/class/net/*/device/uevent --
eth0 DRIVER=virtio_net
-- /sys/class/net/*/bonding/slaves --
bond0 eth0
-- absent ethtool -S eth0 --
-- /sys/class/net/eth0/statistics/ --
rx_dropped 405
rx_packets 110000
`,
		Outcome: Found,
		Want:    []string{"info note: eth0: 405 since boot, 5 of them in 10.0 s, were of a protocol that this host does not speak"},
	}, {
		Name: "all of it is in the driver's own counters, or may be the backlog's",
		Capture: `
-- first /proc/net/softnet_stat --
00001000 00000000 00000000
-- first /sys/class/net/eth0/statistics/ --
rx_dropped 0
rx_packets 1000
-- first /sys/class/net/eth1/statistics/ --
rx_dropped 0
rx_packets 1000
-- first ethtool -S eth0 --
     rx_queue_0_drops: 0
-- /proc/net/softnet_stat --
00002000 00000007 00000000
-- /sys/class/net/*/device/uevent --
eth0 DRIVER=virtio_net
-- /sys/class/net/eth0/statistics/ --
rx_dropped 20
rx_packets 9000
-- /sys/class/net/eth1/statistics/ --
rx_dropped 7
rx_packets 9000
-- ethtool -S eth0 --
     rx_queue_0_drops: 20
`,
		Outcome: Clean,
	}, {
		Name: "too many, and they reached IP or never came in",
		Capture: `
-- first /proc/net/dev --
  eth0: 1000 1000 0 0 0 0 0 0 0 0 0 0 0 0 0 0
-- first /proc/net/snmp --
Ip: InReceives
Ip: 500
-- first /proc/net/snmp6 --
Ip6InReceives	500
-- /proc/net/dev --
  eth0: 2000 2000 0 900 0 0 0 0 0 0 0 0 0 0 0 0
-- /proc/net/snmp --
Ip: InReceives
Ip: 1000
-- /proc/net/snmp6 --
Ip6InReceives	950
`,
		Outcome: Clean,
	}, {
		Name: "a member of a bond dropped, and what the bond counts of the others is no packet that missed IP",
		From: "lab-bond/after",
		Capture: `
-- first /proc/net/dev --
    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
  eth0:   42967      74    0    0    0     0          0         0     5296      37    0    0    0     0       0          0
  eth1:    1050      12    0    0    0     0          0         0      968      12    0    0    0     0       0          0
 bond0:     744       9    0    0    0     0          0         0      968      12    0    0    0     0       0          0
  eth2:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
-- first /proc/net/snmp --
Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards InDelivers OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates
Ip: 2 64 30 0 0 0 0 0 30 28 0 0 0 0 0 0 0 0 0
-- first /proc/net/snmp6 --
Ip6InReceives                   	51
-- first /sys/class/net/bond0/statistics/ --
rx_dropped 0
rx_packets 9
-- first /sys/class/net/eth1/statistics/ --
rx_dropped 0
rx_packets 12
-- /proc/net/dev --
    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
  eth0:   43581      83    0    0    0     0          0         0    21958      42    0    0    0     0       0          0
  eth1:   72120     513    0  500    0     0          0         0     1038      13    0    0    0     0       0          0
 bond0:   71814     510    0  500    0     0          0         0     1038      13    0    0    0     0       0          0
  eth2:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
-- /proc/net/snmp --
Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards InDelivers OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates
Ip: 2 64 534 0 0 0 0 0 534 32 0 0 0 0 0 0 0 0 0
-- /proc/net/snmp6 --
Ip6InReceives                   	57
-- /proc/uptime --
392.00 392.48
-- /sys/class/net/*/bonding/slaves --
bond0 eth1 eth2
-- /sys/class/net/bond0/statistics/ --
rx_dropped 500
rx_packets 510
-- /sys/class/net/eth1/statistics/ --
rx_dropped 500
rx_packets 513
`,
		Outcome: Clean,
	}},
})

func checkUnhandled(c *Case) (found []Finding) {
	drops := backlogDrops.Sum(c)
	backlog, _ := drops.Get()
	missing, evidence := missingPackets(c)
	hardware := deviceEvent.State(c) != probe.Absent // a container has none whose driver could count
	for _, a := range adapters(c) {
		dropped := a.of(c, linkDropped, devDrop)
		n, _ := dropped.Get()
		own, known := a.driverCounts(c, inDropped)
		for _, counted := range own {
			n = n.Minus(counted.n)
		}
		// Which interface the backlog's drops came by is not known: any of them may explain these.
		here := n
		n = n.Minus(backlog)
		backlog = backlog.Minus(here)
		if n.Delta == 0 {
			continue
		}
		few := float64(n.Delta) <= c.Limit(steadyRate)*n.Over.Seconds()
		if !few && (float64(n.Delta) > 1.1*float64(missing) || a.sysfs && hardware && !known && kernel.CountsDropped(a.driver)) {
			continue // the two files are not read at one instant, hence the 1.1
		}
		missing -= min(missing, n.Delta)
		found = append(found, Finding{
			Kind:     Note,
			Subject:  a.name,
			Message:  fmt.Sprintf("%v, were of a protocol that this host does not speak", n),
			Loss:     Loss{Count: n.Delta, Over: n.Over, Unit: Packets},
			Evidence: slices.Concat(probe.Because(dropped, drops), evidence),
			Claims:   []Claim{{dropped.Source, n}},
			Steps: []Step{{
				Text:    "nothing has to be done; this shows what they are",
				Command: fmt.Sprintf("tcpdump -e -n -c 20 -i %s not ip and not ip6 and not arp", shellWord(a.name)),
			}},
		})
	}
	return found
}

// mostReceivers is how many counters at most are quoted of where packets came in.
const mostReceivers = 10

// inDropped wants the counters that the driver adds to rx_dropped.
func inDropped(m kernel.Meaning) bool { return m.In == "rx_dropped" }

// missingPackets returns how many packets came in, by all interfaces, that neither IPv4 nor
// IPv6 counted in the window, and the counters that say so. What a bond, a VLAN or a bridge counts
// has come in by another interface. Merged packets (GRO) make it larger, so it only tells where
// the frames cannot have gone.
func missingPackets(c *Case) (missing uint64, evidence []probe.Evidence) {
	v4, v6 := ipReceived.In(c), ip6Received.In(c)
	evidence = probe.Because(v4, v6)
	ip, known := v4.Get()
	if ip6, ok := v6.Get(); ok {
		ip = ip.Plus(ip6)
	}
	if !known || ip.Over == 0 || ip.Reset {
		return 0, evidence
	}
	var in probe.Counter
	again := repeating(c)
	for name, n := range devPackets.All(c) {
		if again(name) {
			continue
		}
		in = in.Plus(n)
		if n.Delta > 0 && len(evidence) < mostReceivers {
			evidence = append(evidence, devPackets.Row(name).In(c).Evidence())
		}
	}
	return in.Minus(ip).Delta, evidence
}
