package drop

import (
	"fmt"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var ip6OutNoRoutes = kernel.SNMP6.Counter("Ip6", "OutNoRoutes")

// A program that tries an address to which there is no way is told so at once, and most try
// another one. Only more than both of these is taken for a loss.
var (
	noRouteShare = Limit{
		Name: "no-route-share", Default: 0.01, Unit: "of what the host sends",
		Source: "judgement: names with several addresses, and hosts without the internet that look for it, are below it",
	}
	noRouteRate = Limit{
		Name: "no-route-rate", Default: 1, Unit: "a second", Source: "judgement: a daemon that tries again and again is below it",
	}
)

var _ = add(Rule{
	ID:       "FD504",
	Name:     "ip-no-route",
	Title:    "The host has no route to where it wants to send",
	Stage:    IP,
	Scope:    Netns,
	Severity: map[Kind]Severity{Dropping: Medium, Note: Info},
	Reasons:  []string{"IP_OUTNOROUTES"},
	Limits:   []Limit{noRouteShare, noRouteRate},
	Needs:    []Need{{outNoRoutes, ip6OutNoRoutes}},
	Wants: []probe.Handle{ipSent, ip6Sent, kernel.Routes, kernel.DefaultRoutes6,
		listenDrops, listenOverflows, reqQFullDrop},
	Residual: true,
	Check:    checkNoRoute,

	Doc: `
When the routing tables say nothing of an address, or an unreachable or blackhole route says that
there is no way, nothing is sent. A program of this host gets ENETUNREACH at once; an answer that
the kernel itself owes somebody, such as a SYN+ACK, is lost, and nobody is told. What ICMP of IPv4 cannot send is counted
nowhere.

OutNoRoutes of Ip and of Ip6 count both kinds, each try once. What listen-drop-other explains, SYNs
of clients to which there is no way back, is not told again here. Of IPv6 it is a note where the
host has no default route: to sort the addresses of a name, getaddrinfo(3) tries a connect to each,
and without one each IPv6 address counts here, with no harm. Right after boot, before the network is
up, programs make it grow too, so its total since boot says nothing. What comes for somebody else
and cannot be passed on is counted by InNoRoutes, see ip-receive-discard. The share is of
OutRequests and these.

By hand: "nstat -az IpOutNoRoutes Ip6OutNoRoutes"; "ip route get ADDRESS"; "ip rule".`,

	Examples: []Example{{
		Name: "150 datagrams for a network that no route leads to",
		From: "lab-no-route/after",
		Capture: `
-- first /proc/net/snmp --
Ip: OutRequests OutNoRoutes
Ip: 0 0
-- first /proc/uptime --
1198.09 1161.69
-- /proc/net/snmp --
Ip: OutRequests OutNoRoutes
Ip: 50 150
-- /proc/uptime --
1203.22 1161.93
`,
		Outcome: Found,
		Want:    []string{"medium dropping: IPv4: there was no route to where packets were to go: 150 since boot, 150 of them in 5.1 s"},
	}, {
		Name: "SYNs of clients to which there is no way back: listen-drop-other says it",
		From: "netns-listen-no-route/after",
		Capture: `
-- first /proc/net/netstat --
TcpExt: ListenOverflows ListenDrops TCPReqQFullDrop
TcpExt: 0 0 0
-- first /proc/net/snmp --
Ip: OutRequests OutNoRoutes
Ip: 0 0
-- first /proc/uptime --
5141.38 7368.07
-- /proc/net/netstat --
TcpExt: ListenOverflows ListenDrops TCPReqQFullDrop
TcpExt: 0 180 0
-- /proc/net/snmp --
Ip: OutRequests OutNoRoutes
Ip: 40 180
-- /proc/uptime --
5146.45 7371.88
`,
		Outcome: Clean,
	}, {
		Name: "a host that speaks IPv4 only looks up names that have an IPv6 address too",
		Capture: `
-- first /proc/net/snmp --
Ip: OutRequests OutNoRoutes
Ip: 100000 12
-- first /proc/net/snmp6 --
Ip6OutRequests                  	40
Ip6OutNoRoutes                  	90000
-- /proc/net/snmp --
Ip: OutRequests OutNoRoutes
Ip: 150000 12
-- /proc/net/snmp6 --
Ip6OutRequests                  	40
Ip6OutNoRoutes                  	90500
-- /proc/net/ipv6_route --
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
`,
		Outcome: Found,
		Want:    []string{"info note: IPv6: there was no route to where packets were to go: 90500 since boot, 500 of them in 10.0 s; the host has no default route, so programs that try an address are told at once"},
	}, {
		Name: "a host with IPv6, and a network that a route refuses",
		Capture: `
-- first /proc/net/snmp6 --
Ip6OutRequests                  	4000
Ip6OutNoRoutes                  	0
-- /proc/net/snmp6 --
Ip6OutRequests                  	5000
Ip6OutNoRoutes                  	500
-- /proc/net/ipv6_route --
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000002 00000000 00450003     eth0
`,
		Outcome: Found,
		Want:    []string{"medium dropping: IPv6: there was no route to where packets were to go: 500 since boot, 500 of them in 10.0 s"},
	}, {
		Name: "programs that began before the network did, 300 days ago",
		Capture: `
-- first /proc/net/snmp --
Ip: OutRequests OutNoRoutes
Ip: 1000 900000
-- /proc/net/snmp --
Ip: OutRequests OutNoRoutes
Ip: 1500 900000
-- /proc/uptime --
25920000.00 51840000.00
`,
		Outcome: Clean,
	}, {
		Name: "no default route, and a clock that is looked for",
		Capture: `
-- first /proc/net/snmp --
Ip: OutRequests OutNoRoutes
Ip: 1000 900
-- /proc/net/snmp --
Ip: OutRequests OutNoRoutes
Ip: 1500 904
-- /proc/net/route --
Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	0000630A	00000000	0001	0	0	0	00FFFFFF	0	0	0
`,
		Outcome: Found,
		Want:    []string{"info note: IPv4: there was no route to where packets were to go: 904 since boot, 4 of them in 10.0 s; the host has no default route, so programs that try an address are told at once"},
	}},
})

// noRoutes is what the two versions of IP tell of it.
var noRoutes = []struct {
	version       string
	counter, sent probe.Cell
	ask           string // how to look a route up by hand
}{
	{"IPv4", outNoRoutes, ipSent, "ip route get ADDRESS"},
	{"IPv6", ip6OutNoRoutes, ip6Sent, "ip -6 route get ADDRESS"},
}

func checkNoRoute(c *Case) (found []Finding) {
	unanswered := unroutedSYNs(c)
	for _, v := range noRoutes {
		counter, sent := v.counter.In(c), v.sent.In(c)
		all := c.Unclaimed(counter)
		n := all.Minus(unanswered)
		unanswered = unanswered.Minus(all)
		arrived, known := sent.Get()
		if known {
			arrived = arrived.Plus(n)
		}
		kind, loss := c.Lost(n, arrived, Packets)
		if kind == "" || n.Delta == 0 {
			continue
		}
		defaults, why := defaultRoutes(c, v.version)
		f := Finding{
			Kind:     kind,
			Subject:  v.version,
			Message:  fmt.Sprintf("there was no route to where packets were to go: %v", n),
			Loss:     loss,
			Evidence: append(probe.Because(counter, sent), why),
			Steps: []Step{{
				Text: fmt.Sprintf("find out who is meant: %q on the host, for the addresses that its programs and its clients have; "+
					`"perf trace -e skb:kfree_skb" as root shows what the kernel itself could not send`, v.ask),
			}, {
				Text:  "give the host the route that it lacks, in the configuration of its network, or take away the one that refuses (unreachable, prohibit)",
				Undo:  `"ip route del" of the same route`,
				Price: "what was kept from leaving leaves",
			}},
		}
		if why.State == probe.Known && defaults == 0 {
			f.Message += "; the host has no default route, so programs that try an address are told at once"
		}
		// Of IPv6 it is not even certain that the host is meant to have it.
		if !c.beyondNoRoute(loss) || v.version == "IPv6" && defaults == 0 {
			f.Kind, f.Steps = Note, nil
		}
		found = append(found, f)
	}
	return found
}

// defaultRoutes returns how many default routes the main table has, or any table of IPv6.
func defaultRoutes(c *Case, version string) (n int, why probe.Evidence) {
	if version == "IPv6" {
		routes := kernel.DefaultRoutes6.In(c)
		all, _ := routes.Get()
		return len(all), routes.Part("::/0", "routes", len(all))
	}
	routes := kernel.Routes.In(c)
	all, _ := routes.Get()
	for _, r := range all {
		if r.Prefix.Bits() == 0 && r.Interface != "*" {
			n++
		}
	}
	return n, routes.Part("0.0.0.0/0", "routes", n)
}

// beyondNoRoute says that a loss is more than programs that try addresses make up.
func (c *Case) beyondNoRoute(l Loss) bool {
	share, known := l.Ratio()
	rate, dated := l.PerSecond()
	return dated && rate > c.Limit(noRouteRate) && (!known || share > c.Limit(noRouteShare))
}
