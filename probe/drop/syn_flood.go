package drop

import (
	"fmt"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	cookiesSent     = kernel.Netstat.Counter("TcpExt", "SyncookiesSent")
	cookiesReceived = kernel.Netstat.Counter("TcpExt", "SyncookiesRecv")
	cookiesFailed   = kernel.Netstat.Counter("TcpExt", "SyncookiesFailed")
)

var (
	cookieRate = Limit{
		Name: "cookie-rate", Default: 1, Unit: "SYN cookies a second",
		Source: "netdata, health.d/tcp_listen.conf: 1m_tcp_syn_queue_cookies",
	}
	manyHalfOpen = Limit{
		Name: "half-open", Default: 256, Unit: "half-open connections", Source: "judgement",
	}
	longHandshake = Limit{
		Name: "handshake", Default: 1, Unit: "s that a handshake takes",
		Source: "RFC 6298: a client that hears nothing tries again after 1 s",
	}
)

var _ = add(Rule{
	ID:       "FD603",
	Name:     "syn-flood",
	Title:    "More connections are begun than are finished",
	Stage:    Listen,
	Scope:    Netns,
	Severity: map[Kind]Severity{AtRisk: Medium, Note: Info},
	Limits:   []Limit{cookieRate, manyHalfOpen, longHandshake},
	Needs:    []Need{{cookiesSent, kernel.HalfOpen}},
	Wants: append([]probe.Handle{cookiesReceived, cookiesFailed, passiveOpens, kernel.Messages, syncookies},
		listenerFacts...),
	Check: checkSYNFlood,

	Doc: `
When the SYN queue of a listener is full, the kernel answers SYNs with cookies: nobody is turned
away, and SyncookiesSent counts each answer. So this is pressure and no loss. It is a flood, a
scan, or clients that an asymmetric route keeps from answering; or a backlog that is too short
for an honest burst, and then SyncookiesRecv grows with SyncookiesSent.

Where net.ipv4.tcp_syncookies is 2 every SYN is answered so, and it is a note.

Connections that are half-open say the same before the queue is full. A busy server has many of
them too, as many as are begun while one handshake takes: so they are held against the
connections that were made.

By hand: "nstat -az TcpExtSyncookiesSent TcpExtSyncookiesRecv"; "ss -Htn state syn-recv", which
names the clients.`,

	Examples: []Example{{
		Name: "300 SYNs in a second for a backlog of 16",
		From: "netns-synq-cookie/after",
		Capture: `
-- first /proc/net/netstat --
TcpExt: SyncookiesSent SyncookiesRecv SyncookiesFailed
TcpExt: 0 0 0
-- first /proc/net/snmp --
Tcp: PassiveOpens
Tcp: 3
-- first /proc/uptime --
1074.92 1378.53
-- /proc/net/netstat --
TcpExt: SyncookiesSent SyncookiesRecv SyncookiesFailed
TcpExt: 284 1 0
-- /proc/net/snmp --
Tcp: PassiveOpens
Tcp: 5
-- /proc/uptime --
1076.29 1378.62
-- ss -Htn state syn-recv --
17
-- dmesg --
[ 1071.634304] TCP: request_sock_TCP: Possible SYN flooding on port 0.0.0.0:8101. Dropping request.
[ 1075.290238] TCP: request_sock_TCP: Possible SYN flooding on port 0.0.0.0:8101. Sending cookies.
-- absent /proc/sys/net/core/netdev_max_backlog --
-- /proc/sys/net/ipv4/tcp_syncookies --
1
`,
		Outcome: Found,
		Want:    []string{"medium at-risk: a SYN queue was full, SYNs were answered with cookies: 284 since boot, 284 of them in 1.4 s, and 1 of them came back"},
	}, {
		Name: "the kernel names the port",
		From: "vm-e1000/after-syncookie",
		Capture: `
-- first /proc/net/netstat --
TcpExt: SyncookiesSent SyncookiesRecv SyncookiesFailed
TcpExt: 0 0 0
-- first /proc/uptime --
228.38 276.54
-- /proc/net/netstat --
TcpExt: SyncookiesSent SyncookiesRecv SyncookiesFailed
TcpExt: 291 0 0
-- /proc/uptime --
270.45 303.43
-- ss -Hltnm --
LISTEN 0      8            0.0.0.0:8101      0.0.0.0:*   
	 skmem:(r0,rb131072,t0,tb16384,f0,w0,o0,bl0,d0)
-- ss -Htn state syn-recv --
9
-- dmesg --
[  267.483818] TCP: request_sock_TCP: Possible SYN flooding on port 8101. Sending cookies.  Check SNMP counters.
-- /proc/sys/net/core/netdev_max_backlog --
1000
-- /proc/sys/net/ipv4/tcp_syncookies --
1
`,
		Outcome: Found,
		Want:    []string{"medium at-risk: 0.0.0.0:8101: a SYN queue was full, SYNs were answered with cookies: 291 since boot, 291 of them in 42.1 s, and 0 of them came back"},
	}, {
		Name: "many half-open connections, few that are made",
		Capture: `
-- first /proc/net/netstat --
TcpExt: SyncookiesSent
TcpExt: 0
-- first /proc/net/snmp --
Tcp: PassiveOpens
Tcp: 3000
-- /proc/net/netstat --
TcpExt: SyncookiesSent
TcpExt: 0
-- /proc/net/snmp --
Tcp: PassiveOpens
Tcp: 3100
-- ss -Htn state syn-recv --
2100
`,
		Outcome: Found,
		Want:    []string{"medium at-risk: 2100 connections are half-open, and 10 a second were made"},
	}, {
		Name: "a busy server: 4,000 connections a second, 300 ms for a handshake",
		Capture: `
-- first /proc/net/netstat --
TcpExt: SyncookiesSent
TcpExt: 5000
-- first /proc/net/snmp --
Tcp: PassiveOpens
Tcp: 100000000
-- /proc/net/netstat --
TcpExt: SyncookiesSent
TcpExt: 5000
-- /proc/net/snmp --
Tcp: PassiveOpens
Tcp: 100040000
-- ss -Htn state syn-recv --
1200
`,
		Outcome: Clean,
	}, {
		Name: "a cookie for everybody",
		Capture: `
-- first /proc/net/netstat --
TcpExt: SyncookiesSent SyncookiesRecv
TcpExt: 5000 4990
-- /proc/net/netstat --
TcpExt: SyncookiesSent SyncookiesRecv
TcpExt: 6000 5990
-- unread ss -Htn state syn-recv --
-- /proc/sys/net/ipv4/tcp_syncookies --
2
`,
		Outcome: Found,
		Want:    []string{"info note: every SYN is answered with a cookie, as net.ipv4.tcp_syncookies is 2: 6000 since boot, 1000 of them in 10.0 s"},
	}},
})

func checkSYNFlood(c *Case) []Finding {
	sent, received, failed, opens := cookiesSent.In(c), cookiesReceived.In(c), cookiesFailed.In(c), passiveOpens.In(c)
	halfOpen, cookies := kernel.HalfOpen.In(c), syncookies.In(c)
	f := Finding{
		Kind:     AtRisk,
		Evidence: probe.Because(sent, received, failed, opens, halfOpen, cookies),
	}
	n, _ := sent.Get()
	answers, _ := received.Get()
	mode, _ := cookies.Get()
	rate := float64(n.Delta) / max(n.Over.Seconds(), 1e-9)
	waiting, _ := halfOpen.Get()
	made, known := opens.Get()
	perSecond := float64(made.Delta) / max(made.Over.Seconds(), 1e-9)
	crowded := float64(waiting) > c.Limit(manyHalfOpen) && known && made.Over > 0 &&
		float64(waiting) > perSecond*c.Limit(longHandshake)
	switch {
	case n.Delta > 0 && mode == 2 && !crowded:
		f.Kind = Note
		f.Message = fmt.Sprintf("every SYN is answered with a cookie, as net.ipv4.tcp_syncookies is 2: %v", n)
		return []Finding{f}
	case n.Delta > 0 && mode != 2 && rate > c.Limit(cookieRate):
		f.Message = fmt.Sprintf("a SYN queue was full, SYNs were answered with cookies: %v, and %d of them came back", n, answers.Delta)
	case crowded:
		f.Message = fmt.Sprintf("%d connections are half-open, and %.0f a second were made", waiting, perSecond)
	case n.Delta > 0:
		f.Kind = Note
		f.Message = fmt.Sprintf("a SYN queue was full for a moment, SYNs were answered with cookies: %v", n)
	default:
		return nil
	}
	nameFlooded(c, &f)
	f.Steps = []Step{{
		Text: `see who begins connections: "ss -Htn state syn-recv" on the host; many addresses that never come back are a flood, ` +
			`which is to be stopped in front of the host; clients that are known do not get the answer: look for an asymmetric route`,
	}, {
		Text: "where the clients are honest and come in bursts, let the application ask for a longer backlog in listen(2), up to net.core.somaxconn",
	}}
	return []Finding{f}
}

// nameFlooded names the listener of which the kernel said between the samples that its SYN
// queue is full. The kernel's messages are of all network namespaces.
func nameFlooded(c *Case, f *Finding) {
	log, sockets := kernel.Messages.In(c), kernel.Listeners.In(c)
	messages, _ := log.Get()
	for _, m := range messages {
		port, _, ok := m.SYNFlood()
		if !ok || !m.Timed || c.Logged(m.At) != Dropping || kernel.OwnNetns(c) {
			continue
		}
		f.Evidence = append(f.Evidence, log.Part("", "", m.Text))
		f.Subject = "port " + port
		if strings.Contains(port, ":") {
			f.Subject = port
		}
		all, _ := sockets.Get()
		for _, l := range all {
			if strings.HasSuffix(l.Address, ":"+port) {
				f.Subject = l.Address
			}
		}
	}
}
