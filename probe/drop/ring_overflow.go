package drop

import (
	"fmt"
	"slices"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var _ = add(Rule{
	ID:       "FD201",
	Name:     "ring-overflow",
	Title:    "The adapter drops packets because the host does not empty its ring buffer in time",
	Stage:    Ring,
	Scope:    Host,
	Severity: map[Kind]Severity{Dropping: High, Dropped: Medium, Note: Info},
	Needs:    []Need{{linkMissed, devFifo}},
	Wants:    append([]probe.Handle{kernel.Ring, kernel.Channels}, ringFacts...),
	Check:    checkRing,

	Doc: `
The adapter writes each packet into memory that the driver gave it, a descriptor of the ring
buffer. If the CPU does not empty the ring in time, and the adapter's own memory is full, the
next packet is dropped; no software sees it.

rx_missed_errors counts it with most drivers; /proc/net/dev adds it to "drop". Old drivers
use rx_fifo_errors. Some count it only under a name of their own, and ip, ifconfig and
/proc/net/dev show nothing: "pkts rx OOB" of vmxnet3, rx_discards_phy of mlx5, rx_no_dma_resources
of ixgbe. The counters overlap, so the largest is taken and they are not added up: the loss is what it
says or more. Of a driver that fleetdrop does not know, the names of its counters say what they may count: such a
one is unverified, and makes medium at most. The share is of these packets and those received. A bond adds up
what its members count, so it is not looked at.

QEMU's e1000 (7.2) never clears the register that the driver adds up every 2 s: after one overflow of
a guest rx_missed_errors grows by the same number for ever, and nothing is lost. Give the guest virtio.

By hand: "ip -s -s link show dev eth0", where missed stands apart; "ethtool -S eth0"; "ethtool -g eth0".`,

	Examples: []Example{{
		Name: "a ring of 64 that cannot be made larger",
		From: "vm-nics/after-ring-8139cp",
		Capture: `
-- first /proc/uptime --
224.71 209.55
-- first /sys/class/net/eth0/statistics/ --
rx_fifo_errors 0
rx_missed_errors 0
rx_packets 0
-- first ethtool -S eth0 --
NIC statistics:
     rx_err: 0
     rx_fifo: 0
-- /proc/uptime --
266.61 261.58
-- /sys/class/net/*/device/uevent --
eth0 DRIVER=8139cp
-- /sys/class/net/eth0/statistics/ --
rx_fifo_errors 0
rx_missed_errors 8967
rx_packets 193
-- ethtool -S eth0 --
NIC statistics:
     rx_err: 8967
     rx_fifo: 8967
-- ethtool -g eth0 --
Pre-set maximums:
RX:		64
Current hardware settings:
RX:		64
`,
		Outcome: Found,
		Want:    []string{"high dropping: eth0: its ring buffer was full: rx_missed_errors is 8967 since boot, 8967 of them in 41.9 s (64 of 64 descriptors)"},
	}, {
		Name: "a loss that only ethtool knows, one sample",
		From: "vm-nics/after-ring-vmxnet3",
		Capture: `
-- /proc/uptime --
71.56 46.46
-- /sys/class/net/*/device/uevent --
eth1 DRIVER=vmxnet3
-- /sys/class/net/eth1/statistics/ --
rx_missed_errors 0
rx_fifo_errors 0
rx_packets 249
-- ethtool -S eth1 --
     Rx Queue#: 0
       pkts rx OOB: 2863
     Rx Queue#: 1
       pkts rx OOB: 0
-- ethtool -g eth1 --
Pre-set maximums:
RX:		4096
Current hardware settings:
RX:		64
`,
		Outcome: Found,
		Want:    []string{"medium dropped: eth1: its ring buffer was full: Rx Queue#: */pkts rx OOB is 2863 since boot (64 of 4096 descriptors)"},
	}, {
		Name: "3920 of 4000 packets at one member of a bond, which counts them once more",
		From: "vm-bond/after",
		Capture: `
-- first /proc/uptime --
44.65 60.30
-- first /sys/class/net/bond0/statistics/ --
rx_missed_errors 0
rx_packets 0
-- first /sys/class/net/eth1/statistics/ --
rx_missed_errors 0
rx_packets 0
-- first /sys/class/net/eth2/statistics/ --
rx_missed_errors 0
rx_packets 0
-- /proc/uptime --
59.47 87.71
-- /sys/class/net/*/bonding/slaves --
bond0 eth1 eth2
-- /sys/class/net/*/device/uevent --
eth1 DRIVER=8139cp
eth2 DRIVER=8139cp
-- /sys/class/net/bond0/statistics/ --
rx_missed_errors 3920
rx_packets 80
-- /sys/class/net/eth1/statistics/ --
rx_missed_errors 3920
rx_packets 80
-- /sys/class/net/eth2/statistics/ --
rx_missed_errors 0
rx_packets 0
-- ethtool -g eth1 --
Pre-set maximums:
RX:		64
Current hardware settings:
RX:		64
`,
		Outcome: Found,
		Want:    []string{"high dropping: eth1: its ring buffer was full: rx_missed_errors is 3920 since boot, 3920 of them in 14.8 s (64 of 64 descriptors)"},
	}, {
		Name: "a driver of which nothing is known: the name of its counter says so",
		Capture: `
-- first /sys/class/net/eth0/statistics/ --
rx_missed_errors 0
rx_packets 1000
-- first ethtool -S eth0 --
     rx_queue_0_no_buffer_drops: 0
     rx_queue_1_no_buffer_drops: 0
-- /sys/class/net/*/device/uevent --
eth0 DRIVER=newnic
-- /sys/class/net/eth0/statistics/ --
rx_missed_errors 0
rx_packets 100000
-- ethtool -S eth0 --
     rx_queue_0_no_buffer_drops: 4000
     rx_queue_1_no_buffer_drops: 3000
`,
		Outcome: Found,
		Want:    []string{"medium dropping: eth0: its ring buffer was full: rx_queue_*_no_buffer_drops (unverified) is 7000 since boot, 7000 of them in 10.0 s (of unknown size (unread))"},
	}, {
		Name: "two ports of a card that counts for both of them, and once only",
		Capture: `
-- first /sys/class/net/eth0/statistics/ --
rx_missed_errors 0
rx_packets 1000
-- first /sys/class/net/eth1/statistics/ --
rx_missed_errors 0
rx_packets 1000
-- first ethtool -S eth0 --
     rx_drops_no_pbuf: 5
-- first ethtool -S eth1 --
     rx_drops_no_pbuf: 5
-- /sys/class/net/*/device/uevent --
eth0 DRIVER=be2net
eth1 DRIVER=be2net
-- /sys/class/net/eth0/statistics/ --
rx_missed_errors 0
rx_packets 100000
-- /sys/class/net/eth1/statistics/ --
rx_missed_errors 0
rx_packets 100000
-- ethtool -S eth0 --
     rx_drops_no_pbuf: 905
-- ethtool -S eth1 --
     rx_drops_no_pbuf: 905
`,
		Outcome: Found,
		Want:    []string{"high dropping: eth0: its ring buffer was full: rx_drops_no_pbuf is 905 since boot, 900 of them in 10.0 s (of unknown size (unread))"},
	}, {
		Name: "sysfs is not mounted",
		Capture: `
-- absent /sys/class/net/*/statistics/ --
-- first /proc/net/dev --
  eth0: 1000 1000 0 0 0 0 0 0 0 0 0 0 0 0 0 0
-- /proc/net/dev --
  eth0: 2000 2000 0 0 60 0 0 0 0 0 0 0 0 0 0 0
`,
		Outcome: Found,
		Want:    []string{"high dropping: eth0: its ring buffer was full: rx_fifo is 60 since boot, 60 of them in 10.0 s (of unknown size (unread))"},
	}, {
		Name: "counters that look like it: packets that waited, a filter, an XDP program",
		Capture: `
-- first /sys/class/net/eth0/statistics/ --
rx_missed_errors 0
rx_packets 1000
-- first ethtool -S eth0 --
     rx_no_buffer_count: 0
     fdir_miss: 0
     rx_queue_0_xdp_drops: 0
-- /sys/class/net/*/device/uevent --
eth0 DRIVER=e1000e
-- /sys/class/net/eth0/statistics/ --
rx_missed_errors 0
rx_packets 100000
-- ethtool -S eth0 --
     rx_no_buffer_count: 900
     fdir_miss: 90000
     rx_queue_0_xdp_drops: 9000
`,
		Outcome: Clean,
	}},
})

func checkRing(c *Case) (found []Finding) {
	cards := map[string]probe.Counter{} // by driver: what one of their interfaces said of the whole card
	for _, a := range adapters(c) {
		full := a.ringLoss(c)
		if full.meaning.Level == kernel.CardLevel {
			if said, ok := cards[a.driver]; ok && said.Total == full.n.Total {
				continue
			}
			cards[a.driver] = full.n
		}
		received := a.of(c, linkPackets, devPackets)
		arrived, known := received.Get()
		if known {
			arrived = arrived.Plus(full.n)
		}
		kind, loss := c.Lost(full.n, arrived, Packets)
		if kind == "" {
			continue
		}
		size := kernel.Ring.Of(c, a.name)
		f := Finding{
			Kind:     kind,
			Severity: full.severity(),
			Subject:  a.name,
			Message:  fmt.Sprintf("its ring buffer was full: %s is %v (%s)", full.title(), full.n, ringSize(size)),
			Loss:     loss,
			Evidence: slices.Concat(full.quote(), probe.Because(received), ringEvidence(size)),
			// /proc/net/dev has what the ring lost in the same column as what the kernel dropped.
			Claims: []Claim{{devDrop.Row(a.name).Source(), full.n}},
		}
		dropped, _ := a.driverCounts(c, func(m kernel.Meaning) bool { return m.Class == kernel.RingLoss && inDropped(m) })
		for _, d := range dropped {
			f.Claims = append(f.Claims, Claim{linkDropped.Row(a.name).Source(), d.n})
		}
		if step, ok := ringStep(a.name, size); ok {
			f.Steps = append(f.Steps, step)
		}
		f.Steps = append(f.Steps, spreadSteps(c, a.name)...)
		found = append(found, f)
	}
	return found
}
