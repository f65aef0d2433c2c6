package drop

import (
	"fmt"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

// smallRing is where a ring is worth a word though nothing was lost.
var smallRing = Limit{
	Name: "descriptors", Default: 256, Unit: "descriptors",
	Source: "judgement: at 10 Gbit/s small packets fill 256 in 17 µs, which is less than an interrupt may be held back",
}

var _ = add(Rule{
	ID:       "FD202",
	Name:     "ring-undersized",
	Title:    "A ring buffer is smaller than the adapter allows",
	Stage:    Ring,
	Scope:    Host,
	Severity: map[Kind]Severity{AtRisk: Low, Note: Info},
	Limits:   []Limit{smallRing},
	Needs:    []Need{{kernel.Ring}},
	Wants:    append([]probe.Handle{kernel.OperState}, ringFacts...),
	Check:    checkRingSize,

	Doc: `
Most drivers begin with a ring buffer far smaller than the adapter can have: 256 descriptors
of 4096 is common. That is no fault: a small ring keeps delay low, and an adapter that loses
nothing needs no larger one. So this is a note, and only of an interface that is in use with a
ring of 256 or less. Where the adapter did drop packets for want of room, in the window or before,
a ring that could be larger is a risk; ring-overflow says how much was lost.

By hand: "ethtool -g eth0".`,

	Examples: []Example{{
		Name: "nothing was lost",
		From: "vm-nics/after-ring-e1000",
		Capture: `
-- /sys/class/net/*/operstate --
eth2 up
eth5 up
-- /sys/class/net/eth2/statistics/ --
rx_packets 0
rx_fifo_errors 0
rx_missed_errors 0
-- /sys/class/net/eth5/statistics/ --
rx_packets 2020
rx_fifo_errors 0
rx_missed_errors 0
-- ethtool -g eth5 --
Pre-set maximums:
RX:		4096
Current hardware settings:
RX:		48
`,
		Outcome: Found,
		Want:    []string{"info note: eth5: its ring buffer is small: 48 of 4096 descriptors"},
	}, {
		Name: "the adapter dropped packets",
		From: "vm-nics/after-ring-vmxnet3",
		Capture: `
-- /proc/uptime --
71.56 46.46
-- /sys/class/net/*/device/uevent --
eth1 DRIVER=vmxnet3
-- /sys/class/net/*/operstate --
eth1 up
-- /sys/class/net/eth1/statistics/ --
rx_packets 249
rx_fifo_errors 0
rx_missed_errors 0
-- ethtool -S eth1 --
     Rx Queue#: 0
       pkts rx OOB: 2863
-- ethtool -g eth1 --
Pre-set maximums:
RX:		4096
Current hardware settings:
RX:		64
`,
		Outcome: Found,
		Want:    []string{"low at-risk: eth1: its ring buffer overflowed, and could be larger: 64 of 4096 descriptors"},
	}, {
		Name: "at its maximum, while it overflows",
		From: "vm-nics/after-ring-8139cp",
		Capture: `
-- /proc/uptime --
266.61 261.58
-- /sys/class/net/*/operstate --
eth0 up
-- /sys/class/net/eth0/statistics/ --
rx_packets 193
rx_fifo_errors 0
rx_missed_errors 8967
-- ethtool -g eth0 --
Pre-set maximums:
RX:		64
Current hardware settings:
RX:		64
`,
		Outcome: Clean,
	}, {
		Name: "an adapter that cannot say, and one that is down",
		Capture: `
-- /sys/class/net/*/operstate --
eth0 up
eth1 down
-- /sys/class/net/eth0/statistics/ --
rx_packets 193
-- /sys/class/net/eth1/statistics/ --
rx_packets 0
-- absent ethtool -g eth0 --
-- ethtool -g eth1 --
Pre-set maximums:
RX:		4096
Current hardware settings:
RX:		64
`,
		Outcome: Clean,
	}, {
		Name: "sysfs is not mounted",
		Capture: `
-- absent /sys/class/net/*/statistics/ --
-- /proc/net/dev --
  eth0: 1000 1000 0 0 0 0 0 0 0 0 0 0 0 0 0 0
-- ethtool -g eth0 --
Pre-set maximums:
RX:		4096
RX Mini:	n/a
Current hardware settings:
RX:		1024
RX Mini:	n/a
`,
		Outcome: Clean,
	}},
})

func checkRingSize(c *Case) (found []Finding) {
	states := kernel.OperState.In(c)
	for _, a := range adapters(c) {
		full := a.ringLoss(c)
		size := kernel.Ring.Of(c, a.name)
		step, larger := ringStep(a.name, size)
		if !larger {
			continue
		}
		f := Finding{
			Subject:  a.name,
			Evidence: append(ringEvidence(size), full.quote()...),
			Steps:    []Step{step},
		}
		arrived, _ := a.of(c, linkPackets, devPackets).Get()
		kind, _ := c.Lost(full.n, arrived.Plus(full.n), Packets)
		setup, _ := size.Get()
		current, _, _ := setup.Get("rx")
		all, _ := states.Get()
		state, _ := all.Get(a.name)
		switch {
		case kind == Dropping || kind == Dropped:
			f.Kind = AtRisk
			f.Message = "its ring buffer overflowed, and could be larger: " + ringSize(size)
		case state == "up" && arrived.Total > 0 && float64(current) <= c.Limit(smallRing):
			f.Kind = Note
			f.Message = fmt.Sprintf("its ring buffer is small: %s", ringSize(size))
		default:
			continue
		}
		found = append(found, f)
	}
	return found
}
