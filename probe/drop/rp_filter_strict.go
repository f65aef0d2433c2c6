package drop

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var _ = add(Rule{
	ID:       "FD502",
	Name:     "rp-filter-strict",
	Title:    "A host with more than one network takes packets only by the way back to their source",
	Stage:    IP,
	Scope:    Netns,
	Severity: map[Kind]Severity{AtRisk: Medium},
	Reasons:  []string{"IP_RPFILTER"},
	Needs:    []Need{{kernel.ReversePath}, {kernel.Addresses}},
	Wants:    []probe.Handle{kernel.Routes, kernel.Rules, kernel.DeviceEvent, kernel.BondMembers, kernel.OperState, reversePathDrops},
	Check:    checkStrict,

	Doc: `
A host that is reached by two networks, and answers by its default route, gets packets by one
interface whose way back is the other. With rp_filter = 1 on the first they are dropped, though
all else is right: a client of another network reaches one address of the host and not the other.
Loose mode, 2, takes them. On a host with one network the strict mode does no harm, and it is the
default of some distributions.

It is looked at only where two interfaces or more that lead out of the host have an address: those
with hardware, bonds, their VLANs, and those that a route with a gateway goes by. Bridges of
containers and virtual machines lead nowhere else, so they do not count. The setting is no loss:
see rp-filter-drop for that. Where the filter has dropped nothing in a day or more, the networks
are likely such that it need not, and the finding is low.

By hand: "sysctl -ar 'conf.*.rp_filter'", where the larger of all and the interface's own holds;
"ip -br addr"; "ip route"; "ip rule".`,

	Examples: []Example{{
		Name: "two networks, a route with a gateway by each",
		From: "lab-multi-homed/after",
		Capture: `
-- /proc/sys/net/ipv4/conf/*/rp_filter --
all 1
default 1
eth0 0
eth1 0
lo 0
-- ip -o -4 addr --
1: lo    inet 127.0.0.1/8 scope host lo\       valid_lft forever preferred_lft forever
3: eth0    inet 10.98.1.7/24 scope global eth0\       valid_lft forever preferred_lft forever
5: eth1    inet 10.98.2.7/24 scope global eth1\       valid_lft forever preferred_lft forever
-- ip rule --
0:	from all lookup local
32766:	from all lookup main
32767:	from all lookup default
-- /proc/net/route --
Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT                                                       
eth0	00000000	0101620A	0003	0	0	0	00000000	0	0	0                                                                               
eth0	0001620A	00000000	0001	0	0	0	00FFFFFF	0	0	0                                                                               
eth1	0002620A	00000000	0001	0	0	0	00FFFFFF	0	0	0                                                                               
eth1	0008620A	0102620A	0003	0	0	0	00FFFFFF	0	0	0                                                                               
`,
		Outcome: Found,
		Want:    []string{"medium at-risk: eth0 and eth1 take only packets whose way back is the same interface (ip rule: 3, without any policy routing)"},
	}, {
		Name: "two networks, and one default route",
		Capture: `
-- /proc/sys/net/ipv4/conf/*/rp_filter --
all 1
default 1
docker0 0
eth0 0
eth1 0
eth2 0
lo 0
-- ip -o -4 addr --
1: lo    inet 127.0.0.1/8 scope host lo\       valid_lft forever preferred_lft forever
2: eth0    inet 10.1.0.7/24 brd 10.1.0.255 scope global eth0\       valid_lft forever preferred_lft forever
3: eth1    inet 10.2.0.7/24 brd 10.2.0.255 scope global eth1\       valid_lft forever preferred_lft forever
4: eth2    inet 10.3.0.7/24 brd 10.3.0.255 scope global eth2\       valid_lft forever preferred_lft forever
5: docker0    inet 172.17.0.1/16 brd 172.17.255.255 scope global docker0\       valid_lft forever preferred_lft forever
-- ip rule --
0:	from all lookup local
32766:	from all lookup main
32767:	from all lookup default
-- /proc/net/route --
Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	0100010A	0003	0	0	0	00000000	0	0	0
eth0	0000010A	00000000	0001	0	0	0	00FFFFFF	0	0	0
eth1	0000020A	00000000	0001	0	0	0	00FFFFFF	0	0	0
-- /sys/class/net/*/device/uevent --
eth0 DRIVER=e1000e
eth1 DRIVER=e1000e
eth2 DRIVER=e1000e
-- /sys/class/net/*/operstate --
docker0 up
eth0 up
eth1 up
eth2 down
lo unknown
-- absent /sys/class/net/*/bonding/slaves --
`,
		Outcome: Found,
		Want:    []string{"medium at-risk: eth0 and eth1 take only packets whose way back is the same interface (ip rule: 3, without any policy routing)"},
	}, {
		Name: "a bond with a VLAN, one of them strict, and two routing rules more",
		Capture: `
-- /proc/sys/net/ipv4/conf/*/rp_filter --
all 0
bond0 2
bond0.7 1
default 0
lo 0
-- ip -o -4 addr --
1: lo    inet 127.0.0.1/8 scope host lo\
2: bond0    inet 10.1.0.7/24 scope global bond0\
3: bond0.7    inet 10.2.0.7/24 scope global bond0.7\
-- ip rule --
0:	from all lookup local
100:	from 10.2.0.7 lookup 7
32766:	from all lookup main
32767:	from all lookup default
-- /sys/class/net/*/bonding/slaves --
bond0 eth0 eth1
-- /sys/class/net/*/operstate --
bond0 up
bond0.7 up
`,
		Outcome: Found,
		Want:    []string{"medium at-risk: bond0.7 takes only packets whose way back is the same interface (ip rule: 4)"},
	}, {
		Name: "a network for storage, whose hosts are all on it: in 30 days nothing was dropped",
		Capture: `
-- /proc/net/netstat --
TcpExt: IPReversePathFilter
TcpExt: 0
-- /proc/sys/net/ipv4/conf/*/rp_filter --
all 1
eth0 1
eth1 1
-- /proc/uptime --
2592000.00 2592000.00
-- ip -o -4 addr --
2: eth0    inet 10.1.0.7/24 scope global eth0\
3: eth1    inet 10.2.0.7/24 scope global eth1\
-- /sys/class/net/*/device/uevent --
eth0 DRIVER=e1000e
eth1 DRIVER=e1000e
`,
		Outcome: Found,
		Want:    []string{"low at-risk: eth0 and eth1 take only packets whose way back is the same interface (ip rule: unknown (unread))"},
	}, {
		Name: "one network, strict, and a bridge for containers",
		Capture: `
-- /proc/sys/net/ipv4/conf/*/rp_filter --
all 1
default 1
docker0 1
eth0 1
lo 0
-- ip -o -4 addr --
1: lo    inet 127.0.0.1/8 scope host lo\
2: eth0    inet 10.1.0.7/24 scope global eth0\
2: eth0    inet 10.1.0.8/24 scope global secondary eth0\
3: docker0    inet 172.17.0.1/16 scope global docker0\
-- /proc/net/route --
Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	0100010A	0003	0	0	0	00000000	0	0	0
docker0	000011AC	00000000	0001	0	0	0	0000FFFF	0	0	0
-- /sys/class/net/*/device/uevent --
eth0 DRIVER=virtio_net
`,
		Outcome: Clean,
	}, {
		Name: "two networks, and loose",
		Capture: `
-- /proc/sys/net/ipv4/conf/*/rp_filter --
all 2
default 1
eth0 1
eth1 1
lo 0
-- ip -o -4 addr --
2: eth0    inet 10.1.0.7/24 scope global eth0\
3: eth1    inet 10.2.0.7/24 scope global eth1\
-- /sys/class/net/*/device/uevent --
eth0 DRIVER=e1000e
eth1 DRIVER=e1000e
`,
		Outcome: Clean,
	}},
})

func checkStrict(c *Case) []Finding {
	modes, rules := kernel.ReversePath.In(c), kernel.Rules.In(c)
	values, _ := modes.Get()
	out := leadingOut(c)
	if len(out) < 2 {
		return nil
	}
	strict := kernel.Strict(values)
	strict = slices.DeleteFunc(strict, func(name string) bool { return !slices.Contains(out, name) })
	if len(strict) == 0 {
		return nil
	}
	take := "takes"
	if len(strict) > 1 {
		take = "take"
	}
	message := fmt.Sprintf("%s %s only packets whose way back is the same interface (ip rule: %v", list(strict), take, rules)
	if n, known := rules.Get(); known && n <= 3 {
		message += ", without any policy routing"
	}
	f := Finding{
		Kind:     AtRisk,
		Message:  message + ")",
		Evidence: probe.Because(rules),
		Steps:    reversePathSteps(values, strict),
	}
	drops := reversePathDrops.In(c)
	if n, known := drops.Get(); known && n.Total == 0 && c.Up() >= 24*time.Hour {
		f.Severity = Low
		f.Evidence = append(f.Evidence, drops.Evidence())
	}
	for _, v := range values {
		if v.Name == "all" || slices.Contains(strict, v.Name) {
			f.Evidence = append(f.Evidence, modes.Part(v.Name, "", v.Text))
		}
	}
	return []Finding{f}
}

// leadingOut returns the interfaces with an IPv4 address by which packets of other hosts
// come.
func leadingOut(c *Case) (names []string) {
	addresses, _ := kernel.Addresses.In(c).Get()
	routes, _ := kernel.Routes.In(c).Get()
	devices, _ := kernel.DeviceEvent.In(c).Get()
	bonds, _ := kernel.BondMembers.In(c).Get()
	states, _ := kernel.OperState.In(c).Get()
	for _, a := range addresses {
		state, _ := states.Get(a.Interface)
		if a.Scope != "global" || state == "down" || slices.Contains(names, a.Interface) {
			continue
		}
		lower, _, _ := strings.Cut(a.Interface, ".") // of a VLAN
		_, device := devices.Get(lower)
		_, bond := bonds.Get(lower)
		if device || bond || slices.ContainsFunc(routes, func(r kernel.Route) bool {
			return r.Interface == a.Interface && r.Gateway != netip.IPv4Unspecified()
		}) {
			names = append(names, a.Interface)
		}
	}
	return names
}

// list joins names as a sentence does.
func list(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
