package drop

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

// What comes to an address of another host, or with a header that nobody can read, is mostly
// not this host's: another subnet on the same wire sends broadcasts, somebody scans or traces a
// route. Only more than both of these is taken for a loss. What a switch floods is not in it:
// IP drops a frame to another host's MAC address before it counts.
var (
	strayShare = Limit{
		Name: "stray-share", Default: 0.01, Unit: "of what arrived",
		Source: "judgement: the broadcasts of another subnet are below it on a host that has work",
	}
	strayRate = Limit{
		Name: "stray-rate", Default: 10, Unit: "a second",
		Source: "judgement: scans and traces are a few packets a second",
	}
)

// A discard is a counter of packets that IP received and threw away.
type discard struct {
	counter probe.Cell
	stray   bool // mostly no packets of this host's, so it is judged by the limits above
	why     string
	step    string
}

const (
	memoryWhy  = "there was no memory"
	memoryStep = `see if memory is short: "grep -E 'MemAvailable|Slab' /proc/meminfo"`
	policyWhy  = "there was no memory, or a policy of IPsec did not let them in"
	policyStep = memoryStep + `; "ip xfrm policy" lists the policies`
	cutWhy     = "they were shorter than their header says"
	cutStep    = "look at the adapter, its driver and the tunnels in front of it: they cut packets off"
	strayWhy   = "they were for an address that this host does not have, or that it does not forward to"
	strayStep  = `see who sends them: "tcpdump -ni any" on the host; a service address that has moved, or was never added here, ` +
		`and broadcasts of another subnet look the same`
	protoWhy  = "nothing on this host handles their IP protocol, such as ESP, GRE or SCTP"
	protoStep = `"tcpdump -ni any 'not udp and not tcp and not icmp and not icmp6'" on the host shows the protocol: the module of a tunnel, of IPsec or of SCTP is not loaded, ` +
		`or they are not for this host`
	headerWhy  = "a header was wrong, or a packet to be forwarded had lived too long"
	headerStep = `"tcpdump -nvi any" on the host shows bad checksums and time to live; a loop of routes sends each packet round`
)

// discards are the counters, IPv4 first.
var discards = []discard{
	{kernel.SNMP.Counter("Ip", "InDiscards"), false, memoryWhy, memoryStep},
	{kernel.Netstat.Counter("IpExt", "InTruncatedPkts"), false, cutWhy, cutStep},
	{kernel.SNMP.Counter("Ip", "InHdrErrors"), true, headerWhy, headerStep},
	{kernel.SNMP.Counter("Ip", "InAddrErrors"), true, strayWhy, strayStep},
	{kernel.SNMP.Counter("Ip", "InUnknownProtos"), true, protoWhy, protoStep},
	{kernel.Netstat.Counter("IpExt", "InNoRoutes"), true, "there is no route to where they go", strayStep},
	{ip6Discards, false, policyWhy, policyStep},
	{kernel.SNMP6.Counter("Ip6", "InTruncatedPkts"), false, cutWhy, cutStep},
	{kernel.SNMP6.Counter("Ip6", "InHdrErrors"), true, headerWhy, headerStep},
	{kernel.SNMP6.Counter("Ip6", "InAddrErrors"), true, strayWhy, strayStep},
	{kernel.SNMP6.Counter("Ip6", "InUnknownProtos"), true, protoWhy, protoStep},
	{kernel.SNMP6.Counter("Ip6", "InNoRoutes"), true, "there is no route to where they go", strayStep},
}

var ip6Discards = kernel.SNMP6.Counter("Ip6", "InDiscards")

var _ = add(Rule{
	ID:       "FD503",
	Name:     "ip-receive-discard",
	Title:    "IP throws received packets away and no other rule knows why",
	Stage:    IP,
	Scope:    Netns,
	Severity: map[Kind]Severity{Dropping: Medium, Dropped: Low, Note: Info},
	Reasons:  []string{"IP_INHDR", "IP_INADDRERRORS", "IP_INNOROUTES", "IP_CSUM", "IP_NOPROTO", "IPV6DISABLED", "PKT_TOO_SMALL", "XFRM_POLICY"},
	Limits:   []Limit{strayShare, strayRate},
	Needs:    []Need{anyDiscard()},
	Wants:    []probe.Handle{ipReceived, ip6Received, kernel.IPv6Disabled, kernel.MTU},
	Residual: true,
	Check:    checkDiscards,

	Doc: `
IP counts why it throws a received packet away before any transport sees it. InDiscards is the
lack of memory; of IPv6 it is also what a policy of IPsec does not let in (IPv4 counts that in
XfrmInNoPols and its like only), and every packet that comes to an interface where
net.ipv6.conf.*.disable_ipv6 is 1, as Docker sets it in containers, or that has an MTU below 1280, the least
that IPv6 takes: that is what was asked for, and so a note, as it is where the setting cannot be read.
InTruncatedPkts are packets shorter than they say. InHdrErrors are bad headers and checksums, and
packets to be forwarded whose time to live ran out, as every traceroute makes them. InAddrErrors
and InNoRoutes are packets for somebody else that were sent to this host's MAC address or to all: the
broadcasts of another subnet on the same wire, or a service address is missing here. InUnknownProtos are of
a protocol that nothing here takes, as ESP, GRE or SCTP where the module is not loaded; the sender is told.

The last four are mostly noise, so they are a note unless they are more than a share of what
arrived and more than a rate. The share is of InReceives, which holds them.

By hand: "nstat -az 'Ip*In*'".`,

	Examples: []Example{{
		Name: "all packets go to an address that the host does not have",
		From: "netns-wrong-dst/after",
		Capture: `
-- first /proc/net/netstat --
IpExt: InNoRoutes InTruncatedPkts
IpExt: 0 0
-- first /proc/net/snmp --
Ip: InReceives InHdrErrors InAddrErrors InDiscards
Ip: 31 0 0 0
-- first /proc/uptime --
1086.67 1378.84
-- /proc/net/netstat --
IpExt: InNoRoutes InTruncatedPkts
IpExt: 0 0
-- /proc/net/snmp --
Ip: InReceives InHdrErrors InAddrErrors InDiscards
Ip: 296 0 150 0
-- /proc/uptime --
1087.58 1378.85
`,
		Outcome: Found,
		Want:    []string{"low dropping: Ip InAddrErrors: 150 since boot, 150 of them in 0.9 s: they were for an address that this host does not have, or that it does not forward to"},
	}, {
		Name: "ESP for a host whose IPsec is not loaded",
		Capture: `
-- first /proc/net/snmp --
Ip: InReceives InHdrErrors InAddrErrors InUnknownProtos InDiscards
Ip: 1000 0 0 0 0
-- /proc/net/snmp --
Ip: InReceives InHdrErrors InAddrErrors InUnknownProtos InDiscards
Ip: 3000 0 0 300 0
`,
		Outcome: Found,
		Want:    []string{"low dropping: Ip InUnknownProtos: 300 since boot, 300 of them in 10.0 s: nothing on this host handles their IP protocol, such as ESP, GRE or SCTP"},
	}, {
		Name: "no memory, and IPv6 that is switched off",
		Capture: `
-- first /proc/net/snmp --
Ip: InReceives InHdrErrors InAddrErrors InDiscards
Ip: 1000 0 0 0
-- first /proc/net/snmp6 --
Ip6InReceives                   	0
Ip6InDiscards                   	0
-- /proc/net/snmp --
Ip: InReceives InHdrErrors InAddrErrors InDiscards
Ip: 51000 0 0 600
-- /proc/net/snmp6 --
Ip6InReceives                   	56
Ip6InDiscards                   	56
-- /proc/sys/net/ipv6/conf/*/disable_ipv6 --
all 0
eth0 1
lo 0
`,
		Outcome: Found,
		Want: []string{
			"medium dropping: Ip InDiscards: 600 since boot, 600 of them in 10.0 s: there was no memory",
			"info note: Ip6 InDiscards: 56 since boot, 56 of them in 10.0 s: IPv6 is switched off on eth0",
		},
	}, {
		Name: "multicast over IPv6 in a container, whose settings cannot be read",
		Capture: `
-- first /proc/net/snmp6 --
Ip6InReceives                   	9
Ip6InDiscards                   	9
-- /proc/net/snmp6 --
Ip6InReceives                   	119
Ip6InDiscards                   	119
-- unread /proc/sys/net/ipv6/conf/*/disable_ipv6 --
`,
		Outcome: Found,
		Want: []string{"info note: Ip6 InDiscards: 119 since boot, 110 of them in 10.0 s: IPv6 may be switched off here, which cannot be read, " +
			"or there was no memory, or a policy of IPsec did not let them in"},
	}, {
		Name: "an MTU that is too small for IPv6",
		Capture: `
-- first /proc/net/snmp6 --
Ip6InReceives                   	70
Ip6InDiscards                   	3
-- /proc/net/snmp6 --
Ip6InReceives                   	74
Ip6InDiscards                   	7
-- /proc/sys/net/ipv6/conf/*/disable_ipv6 --
all 0
eth0 0
lo 0
-- /sys/class/net/*/mtu --
eth0 1500
eth1 1000
lo 65536
`,
		Outcome: Found,
		Want:    []string{"info note: Ip6 InDiscards: 7 since boot, 4 of them in 10.0 s: IPv6 is switched off on eth1 (its MTU is 1000)"},
	}, {
		Name: "traces and broadcasts on a busy host",
		Capture: `
-- first /proc/net/snmp --
Ip: InReceives InHdrErrors InAddrErrors InDiscards
Ip: 1000000 400 90000 0
-- /proc/net/snmp --
Ip: InReceives InHdrErrors InAddrErrors InDiscards
Ip: 1050000 400 90000 0
-- first /proc/net/snmp6 --
Ip6InReceives                   	900
Ip6InDiscards                   	900
-- /proc/net/snmp6 --
Ip6InReceives                   	900
Ip6InDiscards                   	900
-- /proc/sys/net/ipv6/conf/*/disable_ipv6 --
all 1
eth0 1
lo 1
-- /proc/uptime --
25920000.00 51840000.00
`,
		Outcome: Clean,
	}},
})

func anyDiscard() (need Need) {
	for _, d := range discards {
		need = append(need, d.counter)
	}
	return need
}

func checkDiscards(c *Case) (found []Finding) {
	received, received6 := ipReceived.In(c), ip6Received.In(c)
	off, known := withoutIPv6(c)
	for _, d := range discards {
		f := d.counter.In(c)
		n := c.Unclaimed(f)
		if n.Total == 0 {
			continue
		}
		of := received
		if f.Source.Section == kernel.SNMP6.ID() {
			of = received6
		}
		arrived, _ := of.Get()
		kind, loss := c.Lost(n, arrived, Packets)
		finding := Finding{Kind: kind, Loss: loss, Evidence: probe.Because(f, of), Steps: []Step{{Text: d.step}}}
		why := d.why
		switch {
		case kind == "":
			continue
		case d.stray:
			finding.Severity = Low
			if !c.beyondStray(loss) {
				finding.Kind = Note
			}
		case f.Source == ip6Discards.Source() && len(off) > 0:
			finding.Kind, why = Note, "IPv6 is switched off on "+list(off)
		case f.Source == ip6Discards.Source() && !known:
			finding.Kind, why = Note, "IPv6 may be switched off here, which cannot be read, or "+policyWhy
		}
		if finding.Kind == Note {
			if n.Delta == 0 {
				continue
			}
			finding.Steps = nil
		}
		finding.Subject = f.Source.Row + " " + f.Source.Field
		finding.Message = fmt.Sprintf("%v: %s", n, why)
		found = append(found, finding)
	}
	return found
}

// beyondStray says that a loss is more than others' packets make up.
func (c *Case) beyondStray(l Loss) bool {
	share, known := l.Ratio()
	rate, dated := l.PerSecond()
	return dated && rate > c.Limit(strayRate) && (!known || share > c.Limit(strayShare))
}

// withoutIPv6 returns the interfaces that take no IPv6: a few, and how many more. Of one whose
// MTU is below 1280 there is no setting: IPv6 has left it.
//
// Source: net/ipv6/addrconf.c, addrconf_notify; net/ipv6/ip6_input.c, ip6_rcv_core.
func withoutIPv6(c *Case) (names []string, known bool) {
	settings, lengths := kernel.IPv6Disabled.In(c), kernel.MTU.In(c)
	values, known := settings.Get()
	for _, v := range values {
		if v.Text == "1" && v.Name != "all" && v.Name != "default" {
			names = append(names, v.Name)
		}
	}
	const least = 1280
	mtus, _ := lengths.Get()
	for _, v := range mtus {
		if n, err := strconv.Atoi(v.Text); err == nil && n < least {
			names = append(names, fmt.Sprintf("%s (its MTU is %d)", v.Name, n))
		}
	}
	const most = 4
	if more := len(names) - most; more > 0 {
		names = slices.Concat(names[:most], []string{fmt.Sprintf("%d more", more)})
	}
	return names, known
}
