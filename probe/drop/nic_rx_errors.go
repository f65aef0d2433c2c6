package drop

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	linkPackets = kernel.LinkStats.Column("rx_packets")
	linkErrors  = kernel.LinkStats.Column("rx_errors")
	linkCRC     = kernel.LinkStats.Column("rx_crc_errors")
	linkFrame   = kernel.LinkStats.Column("rx_frame_errors")
	linkLength  = kernel.LinkStats.Column("rx_length_errors")
	linkMissed  = kernel.LinkStats.Column("rx_missed_errors")
	linkFifo    = kernel.LinkStats.Column("rx_fifo_errors")
	devPackets  = kernel.NetDev.Column("rx_packets")
	devErrors   = kernel.NetDev.Column("rx_errs")
	devFrame    = kernel.NetDev.Column("rx_frame")
	devFifo     = kernel.NetDev.Column("rx_fifo")
	driverStats = kernel.EthtoolStats.Whole()
	deviceEvent = kernel.DeviceEvent
	bondMembers = kernel.BondMembers
)

var _ = add(Rule{
	ID:       "FD101",
	Name:     "nic-rx-errors",
	Title:    "Frames arrive broken, or of a length the adapter does not take",
	Stage:    NIC,
	Scope:    Host,
	Severity: map[Kind]Severity{Dropping: High, Dropped: Medium, Note: Info},
	Needs:    []Need{{linkErrors, devErrors}},
	Wants: append([]probe.Handle{linkCRC, linkFrame, linkLength, devFrame, kernel.Duplex, kernel.Speed},
		ringFacts...),
	Check: checkReceiveErrors,

	Doc: `
The adapter checks each frame before it hands it on. One with a wrong checksum (crc), one
that does not end on a byte (frame), and one that is too long or too short (length) is
thrown away, and no software sees it. The first two come from the cable, the transceiver or
the other end's port; a length from a neighbour with a larger MTU.

Drivers count each kind, and some of them one frame as two kinds: the largest counter is
taken and they are not added up, so the loss is what it says or more. Frames that found no
room in the ring buffer may be in rx_errors too, and are taken off; they are ring-overflow.
For be2net and ixgbe rx_errors alone says nothing: they count packets there whose fault is in
the layers above. /proc/net/dev has crc, frame, length and overrun together as "frame". The
share is of these frames and those received.

By hand: "ip -s -s link show dev eth0"; "ethtool -S eth0", which tells more kinds apart;
"ethtool eth0" for duplex and speed.`,

	Examples: []Example{{
		Name: "a neighbour with a larger MTU: 100 frames of 300",
		From: "vm-rx-errors/after",
		Capture: `
-- first /proc/uptime --
7.13 4.02
-- first /sys/class/net/eth0/statistics/ --
rx_crc_errors 0
rx_errors 0
rx_frame_errors 0
rx_length_errors 0
rx_missed_errors 0
rx_packets 0
-- first ethtool -S eth0 --
NIC statistics:
     rx_length_errors: 0
     rx_long_length_errors: 0
-- /proc/uptime --
15.44 11.80
-- /sys/class/net/*/device/uevent --
eth0 DRIVER=e1000
-- /sys/class/net/*/duplex --
eth0 full
-- /sys/class/net/*/speed --
eth0 1000
-- /sys/class/net/eth0/statistics/ --
rx_crc_errors 0
rx_errors 95
rx_frame_errors 0
rx_length_errors 95
rx_missed_errors 0
rx_packets 200
-- ethtool -S eth0 --
NIC statistics:
     rx_length_errors: 100
     rx_long_length_errors: 100
`,
		Outcome: Found,
		Want:    []string{"high dropping: eth0: frames came too long or too short: rx_length_errors is 100 since boot, 100 of them in 8.3 s (1000 Mbit/s, full duplex)"},
	}, {
		Name: "a bad cable",
		Capture: `
-- first /sys/class/net/eth0/statistics/ --
rx_packets 100000
rx_errors 40
rx_crc_errors 38
rx_frame_errors 21
rx_length_errors 0
-- first ethtool -S eth0 --
NIC statistics:
     rx_crc_errors: 38
-- /sys/class/net/*/device/uevent --
eth0 DRIVER=e1000e
-- /sys/class/net/*/duplex --
eth0 half
-- /sys/class/net/*/speed --
eth0 100
-- /sys/class/net/eth0/statistics/ --
rx_packets 140000
rx_errors 1040
rx_crc_errors 1030
rx_frame_errors 600
rx_length_errors 0
-- ethtool -S eth0 --
NIC statistics:
     rx_crc_errors: 1030
`,
		Outcome: Found,
		Want:    []string{"high dropping: eth0: frames came broken: rx_crc_errors is 1030 since boot, 992 of them in 10.0 s (100 Mbit/s, half duplex)"},
	}, {
		Name: "what found no room is in rx_errors too, and the other has never counted",
		From: "vm-nics/after-ring-pcnet32",
		Capture: `
-- first /sys/class/net/eth3/statistics/ --
rx_packets 0
rx_errors 0
rx_crc_errors 0
rx_frame_errors 0
rx_length_errors 0
rx_fifo_errors 0
rx_missed_errors 0
-- /sys/class/net/*/device/uevent --
eth3 DRIVER=pcnet32
-- /sys/class/net/eth3/statistics/ --
rx_packets 1568
rx_errors 98
rx_crc_errors 0
rx_frame_errors 0
rx_length_errors 0
rx_fifo_errors 0
rx_missed_errors 12338
`,
		Outcome: Clean,
	}, {
		Name: "sysfs is not mounted",
		Capture: `
-- absent /sys/class/net/*/statistics/ --
-- first /proc/net/dev --
  eth0: 1000 1000 0 0 0 0 0 0 0 0 0 0 0 0 0 0
vethab: 1000 1000 0 0 0 0 0 0 0 0 0 0 0 0 0 0
-- /proc/net/dev --
  eth0: 2000 2000 60 0 0 60 0 0 0 0 0 0 0 0 0 0
vethab: 1000 1000 60 0 0 60 0 0 0 0 0 0 0 0 0 0
`,
		Outcome: Found,
		Want:    []string{"high dropping: eth0: frames came broken: rx_frame is 60 since boot, 60 of them in 10.0 s"},
	}, {
		Name: "rx_errors of a driver that counts packets there whose checksum is wrong above the frame",
		Capture: `
-- first /sys/class/net/eth0/statistics/ --
rx_packets 100000
rx_errors 7000
rx_crc_errors 0
-- /sys/class/net/*/device/uevent --
eth0 DRIVER=be2net
-- /sys/class/net/eth0/statistics/ --
rx_packets 200000
rx_errors 9000
rx_crc_errors 0
`,
		Outcome: Clean,
	}},
})

// impreciseErrors are the drivers that count packets in rx_errors that are no bad frames.
//
// Source: drivers/net/ethernet/emulex/benet/be_main.c, be_get_stats64; for ixgbe, the driver
// that Intel gives out beside the kernel's.
var impreciseErrors = []string{"be2net", "ixgbe"}

func checkReceiveErrors(c *Case) (found []Finding) {
	duplex, speed := kernel.Duplex.In(c), kernel.Speed.In(c)
	for _, a := range adapters(c) {
		kinds, _ := a.driverCounts(c, ofClass(kernel.WireLoss))
		if a.sysfs {
			for _, column := range []probe.Column{linkCRC, linkFrame, linkLength} {
				kinds = append(kinds, one(column.Row(a.name).In(c)))
			}
		} else {
			kinds = append(kinds, one(devFrame.Row(a.name).In(c)))
		}
		errors := a.of(c, linkErrors, devErrors)
		if !slices.Contains(impreciseErrors, a.driver) {
			rest := one(errors)
			rest.n = rest.n.Minus(a.ringLoss(c).n)
			// It is the sum of them all, so it is worth a word only where no kind is known.
			if largest := most(kinds); largest.n.Delta == 0 && (rest.n.Delta > 0 || largest.n.Total == 0) {
				kinds = append(kinds, rest)
			}
		}
		broken := most(kinds)
		received := a.of(c, linkPackets, devPackets)
		arrived, known := received.Get()
		if known {
			arrived = arrived.Plus(broken.n)
		}
		kind, loss := c.Lost(broken.n, arrived, Packets)
		if kind == "" {
			continue
		}
		f := Finding{
			Kind:     kind,
			Severity: broken.severity(),
			Subject:  a.name,
			Message:  fmt.Sprintf("frames came broken: %s is %v", broken.title(), broken.n),
			Loss:     loss,
			Evidence: append(broken.quote(), probe.Because(errors, received)...),
			Steps: []Step{{
				Text: "change the cable or the transceiver, then the port of the switch; its own counters say which direction is bad",
			}},
			Claims: []Claim{{errors.Source, broken.n}},
		}
		if strings.Contains(broken.name, "len") || strings.Contains(broken.name, "long") || strings.Contains(broken.name, "size") {
			f.Message = fmt.Sprintf("frames came too long or too short: %s is %v", broken.title(), broken.n)
			f.Steps = []Step{{
				Text: "find the neighbour that sends longer frames: the MTU must be the same on all hosts of this network, and on the switch",
			}}
		}
		if mode := linkMode(duplex, speed, a.name); mode != "" {
			f.Message += " (" + mode + ")"
			modes, _ := duplex.Get()
			word, _ := modes.Get(a.name)
			f.Evidence = append(f.Evidence, duplex.Part(a.name, "", word))
		}
		found = append(found, f)
	}
	return found
}

// linkMode is "100 Mbit/s, half duplex", of what is known of it.
func linkMode(duplex, speed probe.Fact[probe.Values], name string) string {
	modes, _ := duplex.Get()
	speeds, _ := speed.Get()
	mode, _ := modes.Get(name)
	rate, _ := speeds.Get(name)
	switch {
	case mode != "full" && mode != "half":
		return ""
	case rate == "" || rate == "-1" || rate == "4294967295" || strings.Trim(rate, "0123456789") != "":
		return mode + " duplex"
	}
	return rate + " Mbit/s, " + mode + " duplex"
}
