package drop

import (
	"fmt"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	outNoRoutes       = kernel.SNMP.Counter("Ip", "OutNoRoutes")
	icmpInUnreachable = kernel.SNMP.Counter("Icmp", "InDestUnreachs")

	icmp6InUnreachable = kernel.SNMP6.Counter("Icmp6", "InDestUnreachs")
)

var _ = add(Rule{
	ID:       "FD605",
	Name:     "listen-drop-other",
	Title:    "Listeners drop SYNs for another reason than a full queue",
	Stage:    Listen,
	Scope:    Netns,
	Severity: map[Kind]Severity{Dropping: Medium, Dropped: Low, Note: Info},
	Needs:    []Need{{listenDrops}},
	Wants:    append([]probe.Handle{listenOverflows, reqQFullDrop, passiveOpens, syncookies, outNoRoutes, ip6OutNoRoutes, icmpInUnreachable, icmp6InUnreachable}, listenerFacts...),
	Residual: true,
	Check:    checkListenDrops,

	Doc: `
ListenDrops counts everything that a listening socket drops. What accept-queue-overflow,
syn-queue-overflow and tw-recycle-nat have explained is taken away; the rest is said here. It is one
of: no route back to the client, no memory for the connection, a refusal by a security module, an
ICMP "host unreachable" in answer to the SYN+ACK, as a scan with forged addresses brings it about,
and, where SYN cookies are off, net.ipv4.tcp_max_syn_backlog, which has no counter of its own. Where
OutNoRoutes of IPv4 and IPv6 grew as much, it is taken for the first. Where InDestUnreachs of ICMP
did, it may be such answers, by which no client is lost, and the finding is low.

By hand: "nstat -az TcpExtListenDrops TcpExtListenOverflows TcpExtTCPReqQFullDrop"; "ip route get
CLIENT".`,

	Examples: []Example{{
		Name: "no route back to the clients",
		From: "netns-listen-no-route/after",
		Capture: `
-- first /proc/net/netstat --
TcpExt: ListenOverflows ListenDrops TCPReqQFullDrop
TcpExt: 0 0 0
-- first /proc/net/snmp --
Ip: OutNoRoutes
Ip: 0
Tcp: PassiveOpens
Tcp: 0
-- first /proc/uptime --
5141.38 7368.07
-- first ss -Hltnm --
LISTEN 0      512    10.98.0.1:8080 0.0.0.0:*
	 skmem:(r0,rb131072,t0,tb16384,f0,w0,o0,bl0,d0)
-- /proc/net/netstat --
TcpExt: ListenOverflows ListenDrops TCPReqQFullDrop
TcpExt: 0 180 0
-- /proc/net/snmp --
Ip: OutNoRoutes
Ip: 180
Tcp: PassiveOpens
Tcp: 20
-- /proc/uptime --
5146.45 7371.88
-- ss -Hltnm --
LISTEN 0      512    10.98.0.1:8080 0.0.0.0:*
	 skmem:(r0,rb131072,t0,tb16384,f0,w0,o0,bl0,d180)
-- /proc/sys/net/ipv4/tcp_syncookies --
1
`,
		Outcome: Found,
		Want:    []string{"medium dropping: 10.98.0.1:8080: a listener dropped SYNs of clients to which there is no route: 180 since boot, 180 of them in 5.1 s"},
	}, {
		Name: "cookies are off, and how many are half-open is not known",
		From: "netns-synq-nocookie/after",
		Capture: `
-- first /proc/net/netstat --
TcpExt: ListenOverflows ListenDrops TCPReqQFullDrop
TcpExt: 0 0 0
-- first /proc/net/snmp --
Tcp: PassiveOpens
Tcp: 3
-- first /proc/uptime --
1067.76 1378.45
-- first ss -Hltnm --
LISTEN 0      128       10.99.0.12:22        0.0.0.0:*   
	 skmem:(r0,rb131072,t0,tb16384,f0,w0,o0,bl0,d0)
-- /proc/net/netstat --
TcpExt: ListenOverflows ListenDrops TCPReqQFullDrop
TcpExt: 0 288 0
-- /proc/net/snmp --
Tcp: PassiveOpens
Tcp: 4
-- /proc/uptime --
1070.21 1378.50
-- ss -Hltnm --
LISTEN 0      128       10.99.0.12:22        0.0.0.0:*   
	 skmem:(r0,rb131072,t0,tb16384,f0,w0,o0,bl0,d0)
LISTEN 0      16           0.0.0.0:8101      0.0.0.0:*   
	 skmem:(r0,rb131072,t0,tb16384,f0,w0,o0,bl0,d288)
-- /proc/sys/net/ipv4/tcp_syncookies --
0
`,
		Outcome: Found,
		Want:    []string{"medium dropping: 0.0.0.0:8101: a listener dropped SYNs, though no queue was full: 288 since boot, 288 of them in 2.5 s; net.ipv4.tcp_syncookies is 0, so it may be net.ipv4.tcp_max_syn_backlog"},
	}, {
		Name: "a scan with forged addresses: routers say that there is no such host",
		Capture: `
-- first /proc/net/netstat --
TcpExt: ListenOverflows ListenDrops TCPReqQFullDrop
TcpExt: 0 40 0
-- first /proc/net/snmp --
Ip: OutNoRoutes
Ip: 0
Icmp: InDestUnreachs
Icmp: 90
Tcp: PassiveOpens
Tcp: 1000
-- /proc/net/netstat --
TcpExt: ListenOverflows ListenDrops TCPReqQFullDrop
TcpExt: 0 57 0
-- /proc/net/snmp --
Ip: OutNoRoutes
Ip: 0
Icmp: InDestUnreachs
Icmp: 109
Tcp: PassiveOpens
Tcp: 2000
-- unread ss -Hltnm --
-- /proc/sys/net/ipv4/tcp_syncookies --
1
`,
		Outcome: Found,
		Want: []string{"low dropping: a listener dropped SYNs, though no queue was full: 57 since boot, 17 of them in 10.0 s; " +
			"as many ICMP errors came, which may be answers to its SYN+ACKs; port unknown: to ask ss would load the module tcp_diag"},
	}, {
		Name: "all of it is the accept queue's",
		Capture: `
-- first /proc/net/netstat --
TcpExt: ListenOverflows ListenDrops TCPReqQFullDrop
TcpExt: 0 0 0
-- /proc/net/netstat --
TcpExt: ListenOverflows ListenDrops TCPReqQFullDrop
TcpExt: 60 60 0
`,
		Outcome: Clean,
	}, {
		Name: "a few in 300 days",
		Capture: `
-- /proc/net/netstat --
TcpExt: ListenOverflows ListenDrops TCPReqQFullDrop
TcpExt: 3 20 0
-- /proc/net/snmp --
Tcp: PassiveOpens
Tcp: 9000000
-- /proc/uptime --
25920000.00 51840000.00
`,
		Outcome: Clean,
	}},
})

func checkListenDrops(c *Case) []Finding {
	drops, overflows, full, opens := listenDrops.In(c), listenOverflows.In(c), reqQFullDrop.In(c), passiveOpens.In(c)
	cookies, noRoutes, unreachable := syncookies.In(c), outNoRoutes.In(c), icmpInUnreachable.In(c)
	noRoutes6, unreachable6 := ip6OutNoRoutes.In(c), icmp6InUnreachable.In(c)
	rest := unexplainedListenDrops(c)
	arrived, known := opens.Get()
	if known {
		arrived = arrived.Plus(rest)
	}
	kind, loss := c.Lost(rest, arrived, SYNs)
	if kind == "" {
		return nil
	}
	f := Finding{
		Kind:     kind,
		Message:  fmt.Sprintf("a listener dropped SYNs, though no queue was full: %v", rest),
		Loss:     loss,
		Evidence: probe.Because(drops, overflows, full, opens, cookies, noRoutes, unreachable),
	}
	for _, v6 := range []probe.Fact[probe.Counter]{noRoutes6, unreachable6} {
		if n, _ := v6.Get(); n.Delta > 0 {
			f.Evidence = append(f.Evidence, v6.Evidence())
		}
	}
	way := Step{Text: `see whether there is a way back to the clients: "ip route get CLIENT" on the host; without one no SYN is answered`}
	noWay := unroutedSYNs(c).Delta > 0
	if noWay {
		f.Message = fmt.Sprintf("a listener dropped SYNs of clients to which there is no route: %v", rest)
		way.Text = `give the host a way back to the clients: see "ip route get CLIENT"; their packets come in, and no answer can go out`
	}
	f.Steps = []Step{way}
	errors, _ := unreachable.Get()
	errors6, _ := unreachable6.Get()
	if on, known := cookies.Get(); known && on == 0 && !noWay {
		f.Message += "; net.ipv4.tcp_syncookies is 0, so it may be net.ipv4.tcp_max_syn_backlog"
		f.Steps = append(f.Steps, cookiesOn(cookies))
	} else if kind == Dropping && !noWay && errors.Plus(errors6).Delta >= rest.Delta {
		f.Severity = Low
		f.Message += "; as many ICMP errors came, which may be answers to its SYN+ACKs"
	}
	f.Steps = append(f.Steps, Step{
		Text: `see what the kernel says when it drops one: "perf trace -e skb:kfree_skb", or dropwatch, as root`,
	})
	blame(c, &f)
	return []Finding{f}
}

// unexplainedListenDrops returns what listeners dropped without a full queue. A rule that finds
// nothing, because its loss is not material, claims nothing, so its counters are taken away too.
func unexplainedListenDrops(c *Case) probe.Counter {
	drops, overflows, full := listenDrops.In(c), listenOverflows.In(c), reqQFullDrop.In(c)
	return c.Unclaimed(drops).Minus(c.Unclaimed(overflows)).Minus(c.Unclaimed(full))
}

// unroutedSYNs returns what listeners dropped for want of a way back, where the counters tell:
// nothing else explains it, and as often there was no route.
func unroutedSYNs(c *Case) probe.Counter {
	rest := unexplainedListenDrops(c)
	v4, _ := outNoRoutes.In(c).Get()
	v6, _ := ip6OutNoRoutes.In(c).Get()
	if v4.Plus(v6).Delta < rest.Delta || rest.Delta == 0 {
		return probe.Counter{}
	}
	return rest
}
