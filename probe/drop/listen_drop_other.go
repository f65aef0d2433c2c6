package drop

import (
	"fmt"

	"github.com/fleetdrop/fleetdrop/probe"
)

var _ = add(Rule{
	ID:       "FD605",
	Name:     "listen-drop-other",
	Title:    "Listeners drop SYNs for another reason than a full queue",
	Stage:    Listen,
	Scope:    Netns,
	Severity: map[Kind]Severity{Dropping: Medium, Dropped: Low, Note: Info},
	Needs:    []Need{{listenDrops}},
	Wants:    append([]probe.Handle{listenOverflows, reqQFullDrop, passiveOpens, syncookies}, listenerFacts...),
	Residual: true,
	Check:    checkListenDrops,

	Doc: `
ListenDrops counts everything that a listening socket drops. What accept-queue-overflow,
syn-queue-overflow and tw-recycle-nat have explained is taken away; the rest is said here. It is
one of: no route back to the client, no memory for the connection, a refusal by a security module,
and, where SYN cookies are off, net.ipv4.tcp_max_syn_backlog, which has no counter of its own.

By hand: "nstat -az TcpExtListenDrops TcpExtListenOverflows TcpExtTCPReqQFullDrop"; "ip route get
CLIENT".`,

	Examples: []Example{{
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
		Want:    []string{"medium dropping: 0.0.0.0:8101: a listener dropped SYNs, though no queue was full: 288 since boot, 288 of them in 2.5 s (net.ipv4.tcp_syncookies is 0)"},
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
	cookies := syncookies.In(c)
	// A rule that finds nothing, because its loss is not material, claims nothing.
	rest := c.Unclaimed(drops).Minus(c.Unclaimed(overflows)).Minus(c.Unclaimed(full))
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
		Evidence: probe.Because(drops, overflows, full, opens, cookies),
		Steps: []Step{{
			Text: `see whether there is a way back to the clients: "ip route get CLIENT" on the host; without one no SYN is answered`,
		}},
	}
	if on, known := cookies.Get(); known && on == 0 {
		f.Message += " (net.ipv4.tcp_syncookies is 0)"
		f.Steps = append(f.Steps, cookiesOn(cookies))
	}
	f.Steps = append(f.Steps, Step{
		Text: `see what the kernel says when it drops one: "perf trace -e skb:kfree_skb", or dropwatch, as root`,
	})
	blame(c, &f)
	return []Finding{f}
}
