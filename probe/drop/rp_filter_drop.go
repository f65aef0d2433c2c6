package drop

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var reversePathDrops = kernel.Netstat.Counter("TcpExt", "IPReversePathFilter")

// What comes from another network on the same wire, such as the questions of DHCP, is dropped here too.
var (
	strangerShare = Limit{
		Name: "share", Default: 1e-3, Unit: "of what arrived", Source: "judgement: the noise of DHCP and multicast is below it",
	}
	strangerRate = Limit{
		Name: "rate", Default: 1, Unit: "a second", Source: "judgement: so is a question each second",
	}
)

var _ = add(Rule{
	ID:       "FD501",
	Name:     "rp-filter-drop",
	Title:    "The reverse path filter drops packets whose way back is another interface, or none",
	Stage:    IP,
	Scope:    Netns,
	Severity: map[Kind]Severity{Dropping: High, Dropped: Medium, Note: Info},
	Reasons:  []string{"IP_RPFILTER"},
	Limits:   []Limit{strangerShare, strangerRate},
	Needs:    []Need{{reversePathDrops}},
	Wants:    []probe.Handle{ipReceived, kernel.ReversePath, kernel.Messages},
	Check:    checkReversePath,

	Doc: `
For each IPv4 packet that comes in, the kernel looks up the way back to its source. With
rp_filter = 1 it drops the packet if that way is another interface, with 2 if there is none at
all. For each interface the larger of its own value and of net.ipv4.conf.all.rp_filter holds,
so a zero for the interface does nothing while all is 1.

TcpExt IPReversePathFilter counts it, and nothing else does: no counter of the interface, none
of IP. A ping proves little, for its source is mostly one that has a way back. A few of them
are the noise of DHCP and multicast, so it is a note unless it is more than a share of what arrived, or more
than a rate. With log_martians the kernel log names the sources and
the interface, a few times a second at most. The share is of all packets that IP received.
Linux 2.6.32 drops in the same way, and counts nowhere.

By hand: "nstat -az TcpExtIPReversePathFilter"; "sysctl -ar 'conf.*.rp_filter'"; "ip route get
SOURCE" says the way back.`,

	Examples: []Example{{
		Name: "every second packet comes by the wrong interface",
		From: "netns-rpfilter/after",
		Capture: `
-- first /proc/net/netstat --
TcpExt: IPReversePathFilter
TcpExt: 0
-- first /proc/net/snmp --
Ip: InReceives
Ip: 33
-- first /proc/uptime --
1090.30 1378.85
-- /proc/net/netstat --
TcpExt: IPReversePathFilter
TcpExt: 200
-- /proc/net/snmp --
Ip: InReceives
Ip: 588
-- /proc/uptime --
1091.66 1378.86
-- /proc/sys/net/ipv4/conf/*/rp_filter --
all 1
d0 0
d1 0
default 0
eth0 1
lo 0
`,
		Outcome: Found,
		Want:    []string{"high dropping: the reverse path filter dropped packets: 200 since boot, 200 of them in 1.4 s"},
	}, {
		Name: "the kernel log names the interface",
		Capture: `
-- first /proc/net/netstat --
TcpExt: IPReversePathFilter
TcpExt: 0
-- first /proc/net/snmp --
Ip: InReceives
Ip: 33
-- first /proc/uptime --
1090.30 1378.85
-- /proc/net/netstat --
TcpExt: IPReversePathFilter
TcpExt: 200
-- /proc/net/snmp --
Ip: InReceives
Ip: 588
-- /proc/uptime --
1091.66 1378.86
-- /proc/sys/net/ipv4/conf/*/rp_filter --
all 2
d0 1
default 0
eth0 1
lo 0
-- dmesg --
[ 1090.857553] IPv4: martian source 10.99.0.22 from 10.99.50.7, on dev eth0
[ 1090.857617] IPv4: martian source 10.99.0.22 from 10.99.50.7, on dev eth0
`,
		Outcome: Found,
		Want:    []string{"high dropping: eth0: the reverse path filter dropped packets: 200 since boot, 200 of them in 1.4 s"},
	}, {
		Name: "the one strict interface, and no log",
		Capture: `
-- first /proc/net/netstat --
TcpExt: IPReversePathFilter
TcpExt: 0
-- first /proc/net/snmp --
Ip: InReceives
Ip: 1000
-- /proc/net/netstat --
TcpExt: IPReversePathFilter
TcpExt: 5000
-- /proc/net/snmp --
Ip: InReceives
Ip: 91000
-- /proc/sys/net/ipv4/conf/*/rp_filter --
all 0
default 0
eth0 0
eth1 1
lo 0
-- denied dmesg --
`,
		Outcome: Found,
		Want:    []string{"high dropping: eth1: the reverse path filter dropped packets: 5000 since boot, 5000 of them in 10.0 s"},
	}, {
		Name: "the noise of DHCP, in 300 days",
		Capture: `
-- /proc/net/netstat --
TcpExt: IPReversePathFilter
TcpExt: 1900
-- /proc/net/snmp --
Ip: InReceives
Ip: 90000000
-- /proc/uptime --
25920000.00 51840000.00
-- /proc/sys/net/ipv4/conf/*/rp_filter --
all 1
eth0 1
`,
		Outcome: Clean,
	}, {
		Name: "a kernel that does not count it",
		Capture: `
-- /proc/net/netstat --
TcpExt: SyncookiesSent
TcpExt: 0
`,
		Outcome: NotApplicable,
	}},
})

func checkReversePath(c *Case) []Finding {
	drops, received := reversePathDrops.In(c), ipReceived.In(c)
	modes, log := kernel.ReversePath.In(c), kernel.Messages.In(c)
	n, _ := drops.Get()
	arrived, _ := received.Get()
	kind, loss := c.Lost(n, arrived, Packets)
	if kind == "" {
		return nil
	}
	loss.Exact = true
	share, known := loss.Ratio()
	if rate, dated := loss.PerSecond(); known && share <= c.Limit(strangerShare) && dated && rate <= c.Limit(strangerRate) {
		if kind == Dropped {
			return nil
		}
		kind = Note
	}
	values, _ := modes.Get()
	strict := kernel.Strict(values)
	f := Finding{
		Kind:     kind,
		Message:  fmt.Sprintf("the reverse path filter dropped packets: %v", n),
		Loss:     loss,
		Evidence: probe.Because(drops, received),
	}
	for _, v := range values {
		if v.Name == "all" || slices.Contains(strict, v.Name) {
			f.Evidence = append(f.Evidence, modes.Part(v.Name, "", v.Text))
		}
	}
	if len(strict) == 1 {
		f.Subject = strict[0]
	}
	if m, device, ok := c.lastMartian(log); ok && slices.ContainsFunc(values, func(v probe.Value) bool { return v.Name == device }) {
		f.Subject = device
		f.Evidence = append(f.Evidence, log.Part("", "", m.Text))
	}
	if kind != Note {
		f.Steps = reversePathSteps(values, strict)
	}
	return []Finding{f}
}

// lastMartian returns the youngest message of the window that names an interface which took
// a packet from a source it has no way back to.
func (c *Case) lastMartian(log probe.Fact[[]kernel.Message]) (last kernel.Message, device string, ok bool) {
	messages, _ := log.Get()
	for _, m := range messages {
		_, name, named := strings.Cut(m.Text, ", on dev ")
		if named && strings.Contains(m.Text, "martian source") && m.Timed && c.Logged(m.At) == Dropping {
			last, device, ok = m, name, true
		}
	}
	return last, device, ok
}

// reversePathSteps are what to do about a filter that is too narrow.
func reversePathSteps(modes probe.Values, strict []string) []Step {
	steps := []Step{{
		Text: `find the sources: "ip route get SOURCE" on the host says the way back; a route to them, or routing ` +
			`rules for each address of the host, is the cure that keeps the filter`,
	}}
	if len(strict) == 0 {
		return steps // it is loose already: there is no way back at all
	}
	now, _ := modes.Get("all")
	if _, err := strconv.Atoi(now); err != nil {
		now = ""
	}
	const price = "a forged source that is reached by another interface gets in; hardening baselines such as CIS ask for 1"
	plain := func(name string) bool { return shellWord(name) == name }
	if few := 4; now == "0" && len(strict) <= few && !slices.ContainsFunc(strict, func(name string) bool { return !plain(name) }) {
		// To raise all would switch the filter on for the interfaces that have none.
		for _, name := range strict {
			key := "net.ipv4.conf." + strings.ReplaceAll(name, ".", "/") + ".rp_filter" // as sysctl writes a VLAN's name
			steps = append(steps, change(key, "1", "2", "take what has a way back by any interface: loose mode", price))
		}
		return steps
	}
	if now == "0" || now == "" {
		return append(steps, Step{
			Text:  "take what has a way back by any interface: rp_filter 2, loose mode, for each interface that has 1; not for conf.all, which would switch the filter on for those that have none",
			Price: price,
		})
	}
	return append(steps, change("net.ipv4.conf.all.rp_filter", now, "2",
		"take what has a way back by any interface: loose mode, which the larger value makes of the strict one", price))
}
