package drop

import (
	"fmt"
	"strconv"
	"time"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	pausedShare = Limit{
		Name: "share", Default: 0.05, Unit: "of the time, if each frame asked for the longest pause",
		Source: "judgement; a pause frame stops the other end for 65,535 times 512 bits at most, IEEE 802.3 annex 31B: 33.6 ms at 1 Gbit/s, " +
			"0.34 ms at 100 Gbit/s. Adapters ask for the longest and take it back when they have room",
	}
	pausedSpeed = Limit{
		Name: "speed", Default: 10000, Unit: "Mbit/s, where the interface does not tell its own",
		Source: "judgement",
	}
)

var _ = add(Rule{
	ID:       "FD104",
	Name:     "nic-pause-storm",
	Title:    "Pause frames stop the link again and again",
	Stage:    NIC,
	Scope:    Host,
	Severity: map[Kind]Severity{AtRisk: Medium},
	Limits:   []Limit{pausedShare, pausedSpeed},
	Needs:    []Need{{driverStats}},
	Wants:    append([]probe.Handle{kernel.Speed, kernel.Ring, kernel.Channels}, adapterFacts...),
	Check:    checkPause,
	Seen:     []string{"ethtool-S/tr_mlx5_xdp_6.5.txt"},

	Doc: `
An adapter with flow control that runs out of room asks the switch to wait, with a pause frame, instead of
dropping: ring-overflow then shows nothing, though the host is too slow. The switch holds the packets back until its own
buffer is full, and drops there: also packets of other hosts, which come by the same port of another
switch. The other way round, a switch that sends pause frames stops this host: its packets
wait in the qdisc, which is qdisc-drop when it lasts.

Each driver counts them under names of its own (rx_flow_control_xoff, tx_pause_ctrl_phy, ...), for the port and
for each priority (PFC); the largest is taken. Only frames that stop are counted where the driver
tells them from those that let go. How long each of them stopped the link is not told, so the rate is held
against the longest pause there is. A few at a boot, or an hour, are what flow control is for.

By hand: "ethtool -S eth0 | grep -iE 'pause|xoff'" twice; "ethtool -a eth0" says whether flow control is on.`,

	Examples: []Example{{
		Name: "the host asks its switch to wait, port and priority count the same",
		Capture: `
-- first ethtool -S eth0 --
     tx_pause_ctrl_phy: 1000
     tx_prio3_pause: 900
     tx_prio3_pause_duration: 1000
-- /sys/class/net/*/device/uevent --
eth0 DRIVER=mlx5_core
-- /sys/class/net/*/speed --
eth0 25000
-- /sys/class/net/eth0/statistics/ --
rx_packets 1600000
-- ethtool -S eth0 --
     tx_pause_ctrl_phy: 1901000
     tx_prio3_pause: 1900900
     tx_prio3_pause_duration: 5001000
-- ethtool -g eth0 --
Pre-set maximums:
RX:		8192
Current hardware settings:
RX:		1024
-- ethtool -l eth0 --
Pre-set maximums:
Combined:	8
Current hardware settings:
Combined:	8
`,
		Outcome: Found,
		Want: []string{
			"medium at-risk: eth0: it asks the other end to wait, 190000 times a second: tx_pause_ctrl_phy is 1901000 since boot, 1900000 of them in 10.0 s (a link of 25000 Mbit/s)",
		},
	}, {
		Name: "the switch makes the host wait, of an adapter that does not tell its speed",
		Capture: `
-- first ethtool -S eth0 --
     rx_flow_control_xoff: 0
-- /sys/class/net/*/device/uevent --
eth0 DRIVER=ixgbe
-- /sys/class/net/*/speed --
eth0 -1
-- /sys/class/net/eth0/statistics/ --
rx_packets 1600000
-- ethtool -S eth0 --
     rx_flow_control_xoff: 4000
`,
		Outcome: Found,
		Want: []string{
			"low at-risk: eth0: the other end makes it wait, 400 times a second: rx_flow_control_xoff is 4000 since boot, 4000 of them in 10.0 s (a link of unknown speed)",
		},
	}, {
		Name: "some at a boot, and some now and then",
		Capture: `
-- first ethtool -S eth0 --
     tx_flow_control_xoff: 500000
     rx_flow_control_xoff: 0
-- /sys/class/net/*/device/uevent --
eth0 DRIVER=ixgbe
-- absent /sys/class/net/*/statistics/ --
-- /proc/net/dev --
  eth0: 1000 1000 0 0 0 0 0 0 0 0 0 0 0 0 0 0
-- /sys/class/net/*/speed --
eth0 10000
-- ethtool -S eth0 --
     tx_flow_control_xoff: 500040
     rx_flow_control_xoff: 0
     tx_flow_control_xon: 9000
`,
		Outcome: Clean,
	}},
})

func checkPause(c *Case) (found []Finding) {
	speeds := kernel.Speed.In(c)
	for _, a := range adapters(c) {
		for _, way := range []struct {
			class    kernel.Class
			severity Severity
			says     string
		}{
			{kernel.PauseSent, Medium, "it asks the other end to wait"},
			{kernel.PauseReceived, Low, "the other end makes it wait"},
		} {
			all, _ := a.driverCounts(c, ofClass(way.class))
			if len(all) == 0 {
				continue
			}
			frames := most(all)
			count, over := frames.n.Delta, frames.n.Over
			if over == 0 {
				count, over = frames.n.Total, c.Up() // one sample: since boot
			}
			rate := float64(count) / max(over.Seconds(), 1e-9)
			speed, mbits := linkSpeed(speeds, a.name)
			if mbits == 0 {
				mbits = c.Limit(pausedSpeed)
			}
			if over == 0 || rate*longestPause(mbits).Seconds() <= c.Limit(pausedShare) {
				continue
			}
			f := Finding{
				Kind:     AtRisk,
				Severity: way.severity,
				Subject:  a.name,
				Message:  fmt.Sprintf("%s, %.0f times a second: %s is %v (%s)", way.says, rate, frames.title(), frames.n, speed),
				Evidence: append(frames.quote(), speeds.Part(a.name, "", speed)),
			}
			if way.class == kernel.PauseReceived {
				f.Steps = []Step{{
					Text: "find what is full behind the port of the switch: its counters of pause frames and drops say which port does not keep up",
				}}
			} else {
				if step, larger := ringStep(a.name, kernel.Ring.Of(c, a.name)); larger {
					f.Steps = append(f.Steps, step)
				}
				f.Steps = append(f.Steps, spreadSteps(c, a.name)...)
			}
			f.Steps = append(f.Steps, Step{
				Text:  "where no storage or RDMA needs a link without loss, do without flow control, on the switch too: then only packets of this host are lost",
				Price: "packets are dropped in its place; ethtool -A may take the link down for a moment",
			})
			found = append(found, f)
		}
	}
	return found
}

// longestPause is how long one pause frame can stop a link of that many Mbit/s.
func longestPause(mbits float64) time.Duration {
	const bits = 65535 * 512
	return time.Duration(bits / mbits * float64(time.Microsecond))
}

// linkSpeed is the speed of an interface as a message says it, and as a number; 0 where it is not known.
func linkSpeed(speeds probe.Fact[probe.Values], name string) (says string, mbits float64) {
	all, _ := speeds.Get()
	word, _ := all.Get(name)
	n, err := strconv.ParseUint(word, 10, 31)
	if err != nil || n == 0 {
		return "a link of unknown speed", 0 // -1, 4294967295, or nothing
	}
	return fmt.Sprintf("a link of %d Mbit/s", n), float64(n)
}
