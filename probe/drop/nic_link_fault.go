package drop

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	linkCollisions = kernel.LinkStats.Column("collisions")
	devCollisions  = kernel.NetDev.Column("tx_colls")

	flapRate = Limit{
		Name: "flaps", Default: 2, Unit: "an hour since boot",
		Source: "judgement: a link goes down when somebody works at it, or at a boot of the switch",
	}
	fewChanges = Limit{
		Name: "few-changes", Default: 10, Unit: "times up or down since boot",
		Source: "judgement: a driver that begins, and a bond that is set up, make the link come and go some times",
	}
)

var _ = add(Rule{
	ID:       "FD102",
	Name:     "nic-link-fault",
	Title:    "A link goes down again and again, is half duplex, or slower than its bond's other links",
	Stage:    NIC,
	Scope:    Host,
	Severity: map[Kind]Severity{AtRisk: Medium},
	Limits:   []Limit{flapRate, fewChanges},
	Needs:    []Need{{kernel.CarrierChanges, kernel.Duplex}},
	Wants: append([]probe.Handle{
		kernel.Speed, kernel.OperState, linkCollisions, devCollisions, driverStats,
	}, adapterFacts...),
	Check: checkLink,

	Doc: `
While a link is down all that comes is lost on the other side, where no counter of this host sees it; and each
time a bond, a route or a neighbour has to be found anew. carrier_changes counts each time that it came up or
went down; it shows what the kernel's messages have forgotten. Twice or more in the window is told, or many
times since boot.

Half duplex is nearly always a mistake: one end was set by hand, so the other could not negotiate and took half. The
end that believes in full duplex sends at any time; the other calls that a collision, and late ones
lose the frame. It works while there is little traffic.

A bond balances over its members as if they were equal; a member that is slower than the others is full before them
(balance-rr, balance-xor), or left out (802.3ad). A link of 1 Gbit/s that became one of 100 Mbit/s has a bad
pair of wires.

None of this says that a packet was lost, so it is a risk; nic-rx-errors and nic-tx-errors tell of losses.

By hand: "cat /sys/class/net/eth0/carrier_changes" twice; "ethtool eth0"; "cat /proc/net/bonding/bond0".`,

	Examples: []Example{{
		Name: "its other end went down and up three times within the window",
		From: "netns-link-flap/after",
		Capture: `
-- first /proc/uptime --
2387.10 1341.95
-- first /sys/class/net/*/carrier_changes --
eth0 2
lo 0
-- /proc/uptime --
2391.28 1342.11
-- /sys/class/net/*/carrier_changes --
eth0 8
lo 0
-- /sys/class/net/*/duplex --
eth0 full
-- /sys/class/net/*/operstate --
eth0 up
lo unknown
-- /sys/class/net/eth0/statistics/ --
collisions 0
rx_packets 5
`,
		Outcome: Found,
		Want:    []string{"medium at-risk: eth0: its link came up or went down 6 times in 4.2 s: carrier_changes is 8"},
	}, {
		Name: "an end that was set by hand to 100 Mbit/s, so the other took half duplex",
		From: "netns-half-duplex/after",
		Capture: `
-- first /proc/uptime --
2392.16 1342.12
-- first /sys/class/net/*/carrier_changes --
eth0 0
lo 0
-- /proc/uptime --
2395.25 1342.13
-- /sys/class/net/*/carrier_changes --
eth0 0
lo 0
-- /sys/class/net/*/duplex --
eth0 half
-- /sys/class/net/*/operstate --
eth0 unknown
lo unknown
-- /sys/class/net/*/speed --
eth0 100
-- /sys/class/net/eth0/statistics/ --
collisions 0
rx_packets 0
`,
		Outcome: Found,
		Want:    []string{"medium at-risk: eth0: it is half duplex (a link of 100 Mbit/s); its collisions are 0 since boot"},
	}, {
		Name: "a container that sees no statistics of its interface",
		Capture: `
-- absent /sys/class/net/*/statistics/ --
-- first /proc/net/dev --
  eth0: 1000 1000 0 0 0 0 0 0 1000 1000 0 0 0 3 0 0
-- /proc/net/dev --
  eth0: 2000 2000 0 0 0 0 0 0 2000 2000 0 0 0 90 0 0
-- /sys/class/net/*/duplex --
eth0 half
-- /sys/class/net/*/operstate --
eth0 up
`,
		Outcome: Found,
		Want:    []string{"medium at-risk: eth0: it is half duplex (a link of unknown speed); its collisions are 90 since boot, 87 of them in 10.0 s"},
	}, {
		Name: "since boot, of an adapter whose other end tells of faults",
		Capture: `
-- first /sys/class/net/*/carrier_changes --
eth0 501
-- /proc/uptime --
360000.00 1.00
-- /sys/class/net/*/carrier_changes --
eth0 501
-- /sys/class/net/*/device/uevent --
eth0 DRIVER=i40e
-- /sys/class/net/*/duplex --
eth0 full
-- /sys/class/net/*/operstate --
eth0 up
-- /sys/class/net/eth0/statistics/ --
rx_packets 100000
collisions 0
-- ethtool -S eth0 --
     port.mac_remote_faults: 250
`,
		Outcome: Found,
		Want:    []string{"medium at-risk: eth0: its link went down about 2.5 times an hour since boot: carrier_changes is 501"},
	}, {
		Name: "a bond with a member that is slower, and one that is down",
		Capture: `
-- first /sys/class/net/*/carrier_changes --
bond0 2
eth0 2
eth1 2
eth2 1
-- /sys/class/net/*/bonding/slaves --
bond0 eth0 eth1 eth2
-- /sys/class/net/*/carrier_changes --
bond0 2
eth0 2
eth1 2
eth2 1
-- /sys/class/net/*/device/uevent --
eth0 DRIVER=ixgbe
eth1 DRIVER=ixgbe
eth2 DRIVER=ixgbe
-- /sys/class/net/*/duplex --
bond0 full
eth0 full
eth1 full
eth2 unknown
-- /sys/class/net/*/operstate --
bond0 up
eth0 up
eth1 up
eth2 down
-- /sys/class/net/*/speed --
bond0 11000
eth0 10000
eth1 1000
eth2 -1
-- /sys/class/net/bond0/statistics/ --
rx_packets 100000
collisions 0
-- /sys/class/net/eth0/statistics/ --
rx_packets 100000
collisions 0
-- /sys/class/net/eth1/statistics/ --
rx_packets 100000
collisions 0
-- /sys/class/net/eth2/statistics/ --
rx_packets 100000
collisions 0
`,
		Outcome: Found,
		Want:    []string{"medium at-risk: eth1: its link has 1000 Mbit/s, another member of bond0 has 10000"},
	}, {
		Name: "a link that was set up, an adapter without a cable, and one that does not say; sysfs has no statistics",
		Capture: `
-- absent /sys/class/net/*/statistics/ --
-- first /sys/class/net/*/carrier_changes --
eth0 3
eth1 1
-- /proc/uptime --
3600.00 1.00
-- /proc/net/dev --
  eth0: 1000 1000 0 0 0 0 0 0 0 0 0 0 0 0 0 0
  eth1: 1000 1000 0 0 0 0 0 0 0 0 0 0 0 0 0 0
-- /sys/class/net/*/carrier_changes --
eth0 3
eth1 1
-- /sys/class/net/*/duplex --
eth0 half
eth1 half
-- /sys/class/net/*/operstate --
eth0 up
eth1 down
`,
		Outcome: Clean,
	}},
})

func checkLink(c *Case) (found []Finding) {
	changes, duplex, states, speeds := kernel.CarrierChanges.In(c), kernel.Duplex.In(c), kernel.OperState.In(c), kernel.Speed.In(c)
	all := adapters(c)
	for _, a := range all {
		if f, ok := flaps(c, a, changes); ok {
			found = append(found, f)
		}
		modes, _ := duplex.Get()
		if mode, _ := modes.Get(a.name); mode != "half" || !inUse(states, a.name) {
			continue
		}
		collisions := a.of(c, linkCollisions, devCollisions)
		n, _ := collisions.Get()
		speed, mbits := linkSpeed(speeds, a.name)
		if mbits == 0 && n.Total == 0 {
			continue // a driver that says nothing of its link says half: it is the zero of ethtool's struct
		}
		found = merge(found, Finding{
			Kind:     AtRisk,
			Severity: Medium,
			Subject:  a.name,
			Message:  fmt.Sprintf("it is half duplex (%s); its collisions are %v", speed, n),
			Evidence: append([]probe.Evidence{duplex.Part(a.name, "", "half")}, collisions.Evidence()),
			Steps: []Step{{
				Text: fmt.Sprintf(`let both ends negotiate: where "ethtool %s" says that this one does, the port of the switch was set by hand; `+
					"where one must be set by hand, set the other to the same", shellWord(a.name)),
				Price: "the link goes down for some seconds, and so does a login that comes by it",
			}},
		})
	}
	for _, f := range slowMembers(c, all, states, speeds) {
		found = merge(found, f)
	}
	return found
}

// merge adds a finding, or makes it a part of the one that there is of its subject.
func merge(found []Finding, f Finding) []Finding {
	i := slices.IndexFunc(found, func(other Finding) bool { return other.Subject == f.Subject })
	if i < 0 {
		return append(found, f)
	}
	found[i].Severity = max(found[i].Severity, f.Severity)
	found[i].Message += "; " + f.Message
	found[i].Evidence = append(found[i].Evidence, f.Evidence...)
	found[i].Steps = append(found[i].Steps, f.Steps...)
	return found
}

// flaps tells how often the link of an adapter went down.
func flaps(c *Case, a adapter, changes probe.Fact[probe.Values]) (Finding, bool) {
	now, known := valueOf(changes, a.name)
	before, paired := valueOf(kernel.CarrierChanges.First(c), a.name)
	if !known {
		return Finding{}, false
	}
	e := changes.Part(a.name, "", now)
	f := Finding{Kind: AtRisk, Severity: Medium, Subject: a.name}
	perHour := float64(now/2) / max(c.Up().Hours(), 1e-9)
	switch {
	case paired && now >= before+2:
		e.Before = before
		if now < before+4 {
			f.Severity = Low // it went down once
		}
		f.Message = fmt.Sprintf("its link came up or went down %d times in %.1f s: carrier_changes is %d", now-before, c.Over().Seconds(), now)
	case c.Up() > 0 && float64(now) > c.Limit(fewChanges) && perHour > c.Limit(flapRate):
		f.Message = fmt.Sprintf("its link went down about %.1f times an hour since boot: carrier_changes is %d", perHour, now)
	default:
		return Finding{}, false
	}
	f.Evidence = []probe.Evidence{e}
	faults, _ := a.driverCounts(c, ofClass(kernel.LinkFault))
	for _, fault := range faults {
		f.Evidence = append(f.Evidence, fault.quote()...)
	}
	f.Steps = []Step{{
		Text: "change the cable or the transceiver, then the port of the switch; \"ethtool -m\" tells how much light a transceiver gets",
	}, {
		Text: "where it is the program that sets up the network, such as one that takes the link down to change it, look in its log",
	}}
	return f, true
}

// slowMembers tells of members of a bond whose link is slower than that of others which are up.
func slowMembers(c *Case, all []adapter, states, speeds probe.Fact[probe.Values]) (found []Finding) {
	bonds, _ := bondMembers.In(c).Get()
	for _, bond := range bonds {
		members := slices.DeleteFunc(strings.Fields(bond.Text), func(name string) bool {
			return !inUse(states, name) || !slices.ContainsFunc(all, func(a adapter) bool { return a.name == name })
		})
		fastest := 0.0
		for _, name := range members {
			_, speed := linkSpeed(speeds, name)
			fastest = max(fastest, speed)
		}
		for _, name := range members {
			_, speed := linkSpeed(speeds, name)
			if speed == 0 || speed >= fastest {
				continue
			}
			found = append(found, Finding{
				Kind:     AtRisk,
				Severity: Medium,
				Subject:  name,
				Message:  fmt.Sprintf("its link has %.0f Mbit/s, another member of %s has %.0f", speed, bond.Name, fastest),
				Evidence: []probe.Evidence{speeds.Part(name, "", fmt.Sprint(speed)), bondMembers.In(c).Part(bond.Name, "", bond.Text)},
				Steps: []Step{{
					Text: "look at both ends of this link: the cable, the transceiver, what the switch's port offers, and whether autonegotiation is on",
				}},
			})
		}
	}
	return found
}

// inUse says that an interface is up; some drivers do not tell, and then it is "unknown".
func inUse(states probe.Fact[probe.Values], name string) bool {
	all, _ := states.Get()
	state, _ := all.Get(name)
	return state == "up" || state == "unknown"
}

// valueOf is the number that a file of one interface holds.
func valueOf(values probe.Fact[probe.Values], name string) (n uint64, known bool) {
	all, _ := values.Get()
	word, _ := all.Get(name)
	n, err := strconv.ParseUint(word, 10, 64)
	return n, err == nil
}
