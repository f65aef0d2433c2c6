package drop

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

// tooBig is what the two versions of IP tell of packets that the next link does not take.
var tooBig = []struct {
	version                string
	fails, forwarded, sent probe.Cell
}{
	{"IPv4", kernel.SNMP.Counter("Ip", "FragFails"), kernel.SNMP.Counter("Ip", "ForwDatagrams"), ipSent},
	{"IPv6", kernel.SNMP6.Counter("Ip6", "FragFails"), kernel.SNMP6.Counter("Ip6", "OutForwDatagrams"), ip6Sent},
}

// A sender finds out what a path takes by one packet that is turned away, and again some minutes later. Only
// more than both of these is taken for senders that do not hear of it.
var (
	tooBigShare = Limit{
		Name: "share", Default: 0.01, Unit: "of what was sent and forwarded", Source: "judgement: most connections have far more than a hundred packets",
	}
	tooBigRate = Limit{Name: "rate", Default: 1, Unit: "a second", Source: "judgement"}
)

var _ = add(Rule{
	ID:       "FD507",
	Name:     "mtu-mismatch",
	Title:    "Packets are larger than the next link takes",
	Stage:    IP,
	Scope:    Netns,
	Severity: map[Kind]Severity{Dropping: Medium, AtRisk: Low, Note: Info},
	Reasons:  []string{"PKT_TOO_BIG"},
	Limits:   []Limit{tooBigShare, tooBigRate},
	Needs:    []Need{{tooBig[0].fails, tooBig[1].fails}, {kernel.MTU, tooBig[0].fails}},
	Wants: []probe.Handle{tooBig[0].forwarded, tooBig[1].forwarded, ipSent, ip6Sent,
		icmpLimited, kernel.MTU, kernel.Bridge},
	Check: checkMTU,

	Doc: `
A router that has a packet which is larger than the MTU of the next link, and which may not be cut
into fragments, throws it away and tells the sender by ICMP ("fragmentation needed", of IPv6 "packet
too big"). The sender then sends smaller ones. So a few are ordinary. Many, and again and again, say
that senders do not hear of it: a firewall keeps the message back, or the limit of ICMP messages
does. For them it is a black hole; what they see of it is told by tcp-retransmission on their side.

FragFails of Ip and of Ip6 counts it, each packet once. It is a note unless it is more than a share
of what was sent and forwarded and more than a rate; new kernels count it as forwarded all the same.
A program that sends a datagram that is too large, and does not let it be cut, gets EMSGSIZE; that
is counted nowhere. A bridge drops a frame that is longer than the port it is to leave by takes,
counts it nowhere either, and tells nobody: so ports of one bridge that take different lengths are
told as at-risk. What comes too long for the adapter itself is told by nic-rx-errors.

By hand: "nstat -az IpFragFails Ip6FragFails"; "ip -o link", for mtu and master; "tracepath PEER".`,

	Examples: []Example{{
		Name: "a router, a tunnel that takes less, and a sender that does not hear",
		From: "lab-mtu-router/after",
		Capture: `
-- first /proc/net/snmp --
Ip: ForwDatagrams OutRequests FragFails
Ip: 0 0 0
-- first /proc/uptime --
2472.33 1345.58
-- /proc/net/snmp --
Ip: ForwDatagrams OutRequests FragFails
Ip: 400 200 200
-- /proc/uptime --
2477.46 1347.33
-- /sys/class/net/*/mtu --
eth0 1500
eth1 1000
lo 65536
`,
		Outcome: Found,
		Want:    []string{"medium dropping: IPv4: packets were larger than the next link takes: 200 since boot, 200 of them in 5.1 s"},
	}, {
		Name: "a router of many connections, each of which finds out once",
		Capture: `
-- first /proc/net/snmp --
Ip: ForwDatagrams OutRequests FragFails
Ip: 100000 1000 500
-- /proc/net/snmp --
Ip: ForwDatagrams OutRequests FragFails
Ip: 150000 1500 560
-- absent /proc/net/snmp6 --
-- /sys/class/net/*/mtu --
eth0 1500
gre0 1476
`,
		Outcome: Found,
		Want:    []string{"info note: IPv4: packets were larger than the next link takes: 560 since boot, 60 of them in 10.0 s"},
	}, {
		Name: "a virtual machine that takes less than the uplink of its bridge",
		Capture: `
-- /proc/net/snmp --
Ip: ForwDatagrams OutRequests FragFails
Ip: 0 1500 0
-- /sys/class/net/*/mtu --
br0 1500
eth0 9000
tap1 1500
tap2 9000
-- /sys/class/net/*/brport/bridge/uevent --
eth0 INTERFACE=br0
tap1 INTERFACE=br0
tap2 INTERFACE=br0
`,
		Outcome: Found,
		Want:    []string{"low at-risk: br0: its ports take different lengths, 1500 bytes (tap1) to 9000 (eth0): what is longer than a port takes is dropped, and nothing counts it"},
	}, {
		Name: "ports of one MTU, and interfaces of others that share no link",
		Capture: `
-- first /proc/net/snmp --
Ip: ForwDatagrams OutRequests FragFails
Ip: 0 1500 3
-- /proc/net/snmp --
Ip: ForwDatagrams OutRequests FragFails
Ip: 0 1900 3
-- /sys/class/net/*/mtu --
br0 1500
eth0 1500
eth1 9000
lo 65536
tap1 1500
-- /sys/class/net/*/brport/bridge/uevent --
eth0 INTERFACE=br0
tap1 INTERFACE=br0
`,
		Outcome: Clean,
	}},
})

var icmpLimited = kernel.SNMP.Counter("Icmp", "OutRateLimitHost")

func checkMTU(c *Case) (found []Finding) {
	limited := icmpLimited.In(c)
	for _, v := range tooBig {
		fails, forwarded, sent := v.fails.In(c), v.forwarded.In(c), v.sent.In(c)
		n, _ := fails.Get()
		own, _ := sent.Get()
		others, _ := forwarded.Get()
		kind, loss := c.Lost(n, own.Plus(others), Packets)
		if kind == "" || n.Delta == 0 {
			continue
		}
		loss.Exact = true
		f := Finding{
			Kind:     kind,
			Subject:  v.version,
			Message:  fmt.Sprintf("packets were larger than the next link takes: %v", n),
			Loss:     loss,
			Evidence: append(probe.Because(fails, forwarded, sent), mtus(c)...),
		}
		share, known := loss.Ratio()
		rate, dated := loss.PerSecond()
		if !dated || rate <= c.Limit(tooBigRate) || known && share <= c.Limit(tooBigShare) {
			f.Kind = Note
			found = append(found, f)
			continue
		}
		if silent, _ := limited.Get(); v.version == "IPv4" && silent.Delta > 0 {
			f.Message += fmt.Sprintf("; %d ICMP messages were kept back by the limit of this host", silent.Delta)
			f.Evidence = append(f.Evidence, limited.Evidence())
		}
		f.Steps = []Step{{
			Text: `see whose packets they are, and whether the senders hear of it: "tcpdump -ni any 'icmp[0:2] == 0x0304 or icmp6[0] == 2'" on the host; ` +
				"let the firewalls between here and them pass these messages",
		}, {
			Text:  `let TCP itself begin with smaller segments: "-t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu", or "tcp option maxseg size set rt mtu" of nftables`,
			Undo:  "the same with -D",
			Price: "some work for each SYN; it helps TCP only",
		}, {
			Text: "give all links of the way one MTU, or the senders a route with the smaller one",
		}}
		found = append(found, f)
	}
	return append(found, unevenBridges(c)...)
}

// mtus quotes the MTUs of the interfaces, a few of the smallest.
func mtus(c *Case) (why []probe.Evidence) {
	values := kernel.MTU.In(c)
	all, _ := values.Get()
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b probe.Value) int { return cmp.Compare(bytesOf(a.Text), bytesOf(b.Text)) })
	const most = 4
	for i, v := range all {
		if i == most {
			break
		}
		why = append(why, values.Part(v.Name, "", v.Text))
	}
	return why
}

func bytesOf(mtu string) uint64 {
	n, _ := strconv.ParseUint(mtu, 10, 32)
	return n
}

// unevenBridges finds bridges whose ports differ in what they take.
func unevenBridges(c *Case) (found []Finding) {
	lengths, bridged := kernel.MTU.In(c), kernel.Bridge.In(c)
	mtu, _ := lengths.Get()
	ports, _ := bridged.Get()
	type span struct {
		name        string
		small, wide probe.Value
	}
	var bridges []span
	for _, p := range ports {
		name, ok := strings.CutPrefix(p.Text, "INTERFACE=")
		length, known := mtu.Get(p.Name)
		if !ok || !known {
			continue
		}
		v := probe.Value{Name: p.Name, Text: length}
		i := slices.IndexFunc(bridges, func(b span) bool { return b.name == name })
		if i < 0 {
			bridges = append(bridges, span{name, v, v})
			continue
		}
		if b := &bridges[i]; bytesOf(length) < bytesOf(b.small.Text) {
			b.small = v
		} else if bytesOf(length) > bytesOf(b.wide.Text) {
			b.wide = v
		}
	}
	for _, b := range bridges {
		if b.small.Text == b.wide.Text {
			continue
		}
		found = append(found, Finding{
			Kind:    AtRisk,
			Subject: b.name,
			Message: fmt.Sprintf("its ports take different lengths, %s bytes (%s) to %s (%s): what is longer than a port takes is dropped, and nothing counts it",
				b.small.Text, b.small.Name, b.wide.Text, b.wide.Name),
			Evidence: []probe.Evidence{lengths.Part(b.small.Name, "", b.small.Text), lengths.Part(b.wide.Name, "", b.wide.Text),
				bridged.Part(b.small.Name, "", b.name), bridged.Part(b.wide.Name, "", b.name)},
			Steps: []Step{{
				Text:  fmt.Sprintf("give all hosts of this link one MTU: %s on all ports, or %s on all, the peers beyond the port included", b.small.Text, b.wide.Text),
				Price: "connections that are open may stand still until they find out",
			}},
		})
	}
	return found
}
