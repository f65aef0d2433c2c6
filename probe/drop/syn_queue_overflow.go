package drop

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	reqQFullDrop  = kernel.Netstat.Counter("TcpExt", "TCPReqQFullDrop")
	syncookies    = kernel.Sysctl("net.ipv4.tcp_syncookies")
	maxSYNBacklog = kernel.Sysctl("net.ipv4.tcp_max_syn_backlog")
)

var _ = add(Rule{
	ID:       "FD602",
	Name:     "syn-queue-overflow",
	Title:    "SYNs are dropped because the SYN queue is full",
	Stage:    Listen,
	Scope:    Netns,
	Severity: map[Kind]Severity{Dropping: High, Dropped: Medium, Note: Info},
	Needs:    []Need{{reqQFullDrop, kernel.Messages}},
	Wants: append([]probe.Handle{listenDrops, listenOverflows, passiveOpens, kernel.HalfOpen, outNoRoutes, syncookies, maxSYNBacklog, somaxconn},
		listenerFacts...),
	Check: checkSYNQueue,

	Doc: `
A listening socket keeps half-open connections, whose handshake is not done, in its SYN queue.
The queue holds the smaller of the backlog given to listen(2) and net.core.somaxconn. When it is
full the kernel answers further SYNs with cookies, which take no room. Only where
net.ipv4.tcp_syncookies is 0 it drops them, and TCPReqQFullDrop counts each SYN.

Without cookies there is a second line: SYNs of clients that are not known from before are
dropped when three quarters of net.ipv4.tcp_max_syn_backlog are half-open at one listener. That has
no counter of its own. ListenDrops counts it, as it counts everything that a listener drops; so it is said here
only where cookies are off and ListenDrops grew by more than the other causes explain. Where that
many connections are half-open in one of the samples it is sure; where they are not, a burst in
between is the likely cause, and the finding is medium.

Linux 2.6.32 has no such counter: there kernel messages tell of it, without a number.

By hand: "nstat -az TcpExtTCPReqQFullDrop TcpExtListenDrops"; "ss -Htn state syn-recv | wc -l".`,

	Examples: []Example{{
		Name: "cookies are off, and the backlog of listen(2) is 8",
		From: "netns-synq-listen/after",
		Capture: `
-- first /proc/net/netstat --
TcpExt: ListenOverflows ListenDrops TCPReqQFullDrop
TcpExt: 0 0 0
-- first /proc/net/snmp --
Tcp: PassiveOpens
Tcp: 3
-- first /proc/uptime --
1071.18 1378.51
-- first ss -Hltnm --
LISTEN 0      128       10.99.0.13:22        0.0.0.0:*   
	 skmem:(r0,rb131072,t0,tb16384,f0,w0,o0,bl0,d0)
-- /proc/net/netstat --
TcpExt: ListenOverflows ListenDrops TCPReqQFullDrop
TcpExt: 0 292 292
-- /proc/net/snmp --
Tcp: PassiveOpens
Tcp: 4
-- /proc/uptime --
1073.71 1378.53
-- ss -Hltnm --
LISTEN 0      128       10.99.0.13:22        0.0.0.0:*   
	 skmem:(r0,rb131072,t0,tb16384,f0,w0,o0,bl0,d0)
LISTEN 0      8            0.0.0.0:8101      0.0.0.0:*   
	 skmem:(r0,rb131072,t0,tb16384,f0,w0,o0,bl0,d292)
-- /proc/sys/net/core/somaxconn --
4096
-- /proc/sys/net/ipv4/tcp_max_syn_backlog --
256
-- /proc/sys/net/ipv4/tcp_syncookies --
0
`,
		Outcome: Found,
		Want:    []string{"high dropping: 0.0.0.0:8101: the SYN queue overflowed: 292 since boot, 292 of them in 2.5 s (net.ipv4.tcp_syncookies is 0)"},
	}, {
		Name: "cookies are off, and tcp_max_syn_backlog is 16",
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
-- /proc/net/netstat --
TcpExt: ListenOverflows ListenDrops TCPReqQFullDrop
TcpExt: 0 288 0
-- /proc/net/snmp --
Tcp: PassiveOpens
Tcp: 4
-- /proc/uptime --
1070.21 1378.50
-- ss -Htn state syn-recv --
13
-- /proc/sys/net/ipv4/tcp_max_syn_backlog --
16
-- /proc/sys/net/ipv4/tcp_syncookies --
0
-- unread ss -Hltnm --
`,
		Outcome: Found,
		Want: []string{"high dropping: SYNs of new clients were dropped: 288 since boot, 288 of them in 2.5 s, while 13 connections were half-open " +
			"(net.ipv4.tcp_max_syn_backlog is 16, net.ipv4.tcp_syncookies is 0); port unknown: to ask ss would load the module tcp_diag"},
	}, {
		Name: "cookies are off, tcp_max_syn_backlog is 16, and the burst is over",
		From: "lab-synq-nocookie/after",
		Capture: `
-- first /proc/net/netstat --
TcpExt: ListenOverflows ListenDrops TCPReqQFullDrop
TcpExt: 0 0 0
-- first /proc/net/snmp --
Ip: OutNoRoutes
Ip: 0
Tcp: PassiveOpens
Tcp: 3
-- first /proc/uptime --
7090.33 10194.36
-- first ss -Htn state syn-recv --
0
-- /proc/net/netstat --
TcpExt: ListenOverflows ListenDrops TCPReqQFullDrop
TcpExt: 0 288 0
-- /proc/net/snmp --
Ip: OutNoRoutes
Ip: 0
Tcp: PassiveOpens
Tcp: 3
-- /proc/uptime --
7095.35 10204.30
-- ss -Htn state syn-recv --
0
-- /proc/sys/net/ipv4/tcp_max_syn_backlog --
16
-- /proc/sys/net/ipv4/tcp_syncookies --
0
-- unread ss -Hltnm --
`,
		Outcome: Found,
		Want: []string{"medium dropping: SYNs were dropped: 288 since boot, 288 of them in 5.0 s; no other cause shows, and with net.ipv4.tcp_syncookies 0 " +
			"new clients are dropped when net.ipv4.tcp_max_syn_backlog (16) is three quarters full; port unknown: to ask ss would load the module tcp_diag"},
	}, {
		Name: "cookies are off, and there is no way back to the clients",
		Capture: `
-- first /proc/net/netstat --
TcpExt: ListenOverflows ListenDrops TCPReqQFullDrop
TcpExt: 0 0 0
-- first /proc/net/snmp --
Ip: OutNoRoutes
Ip: 0
-- /proc/net/netstat --
TcpExt: ListenOverflows ListenDrops TCPReqQFullDrop
TcpExt: 0 180 0
-- /proc/net/snmp --
Ip: OutNoRoutes
Ip: 180
-- /proc/sys/net/ipv4/tcp_max_syn_backlog --
4096
-- /proc/sys/net/ipv4/tcp_syncookies --
0
`,
		Outcome: Clean,
	}, {
		Name: "an old kernel without the counter, 20 minutes ago",
		Capture: `
-- /proc/net/netstat --
TcpExt: ListenOverflows ListenDrops
TcpExt: 0 40
-- /proc/uptime --
5000.00 5000.00
-- dmesg --
[ 3800.000000] possible SYN flooding on port 80. Dropping request.
`,
		Outcome: Found,
		Want:    []string{"medium dropped: port 80: the SYN queue overflowed 1200 s before the last sample, as a kernel message says"},
	}, {
		Name: "the queue is full, and every SYN is answered with a cookie",
		From: "netns-synq-cookie/after",
		Capture: `
-- first /proc/net/netstat --
TcpExt: ListenOverflows ListenDrops TCPReqQFullDoCookies TCPReqQFullDrop
TcpExt: 0 0 0 0
-- /proc/net/netstat --
TcpExt: ListenOverflows ListenDrops TCPReqQFullDoCookies TCPReqQFullDrop
TcpExt: 0 0 284 0
-- ss -Htn state syn-recv --
17
-- /proc/sys/net/ipv4/tcp_max_syn_backlog --
16
-- /proc/sys/net/ipv4/tcp_syncookies --
1
`,
		Outcome: Clean,
	}, {
		Name: "cookies are off, and ListenDrops is of the accept queue",
		Capture: `
-- first /proc/net/netstat --
TcpExt: ListenOverflows ListenDrops TCPReqQFullDrop
TcpExt: 0 0 0
-- /proc/net/netstat --
TcpExt: ListenOverflows ListenDrops TCPReqQFullDrop
TcpExt: 60 60 0
-- ss -Htn state syn-recv --
300
-- /proc/sys/net/ipv4/tcp_max_syn_backlog --
256
-- /proc/sys/net/ipv4/tcp_syncookies --
0
`,
		Outcome: Clean,
	}},
})

func checkSYNQueue(c *Case) []Finding {
	full, drops, overflows, opens := reqQFullDrop.In(c), listenDrops.In(c), listenOverflows.In(c), passiveOpens.In(c)
	cookies, most, halfOpen := syncookies.In(c), maxSYNBacklog.In(c), kernel.HalfOpen.In(c)
	log, limit := kernel.Messages.In(c), somaxconn.In(c)

	f := Finding{Evidence: probe.Because(full, drops, opens, cookies, limit)}
	n, counted := full.Get()
	arrived, opened := opens.Get()
	if opened {
		arrived = arrived.Plus(n)
	}
	if !counted {
		m, port, ok := lastSYNDrop(log)
		if !ok {
			return nil
		}
		f.Kind = c.Logged(m.At, drops)
		f.Subject = port
		f.Message = fmt.Sprintf("the SYN queue overflowed %.0f s before the last sample, as a kernel message says", (c.Up() - m.At).Seconds())
		f.Evidence = append(f.Evidence, log.Part("", "", m.Text))
		f.Steps = synQueueSteps(cookies, limit, 0)
		return []Finding{f}
	}
	var older []Finding // what was lost before, if nothing else shows
	if kind, loss := c.Lost(n, arrived, SYNs); kind != "" {
		f := f
		f.Kind, f.Loss, f.Evidence = kind, loss, slices.Clone(f.Evidence)
		f.Message = fmt.Sprintf("the SYN queue overflowed: %v (net.ipv4.tcp_syncookies is %v)", n, cookies)
		f.Claims = []Claim{{listenDrops.Source(), n}, {reqQFullDrop.Source(), n}}
		var backlog uint64
		for _, l := range blame(c, &f) {
			backlog = max(backlog, l.backlog)
		}
		f.Steps = synQueueSteps(cookies, limit, backlog)
		older = []Finding{f}
		if kind == Dropping {
			return older
		}
	}

	off, offKnown := cookies.Get()
	line, lineKnown := most.Get()
	waiting, waitingKnown := halfOpen.Get()
	if before, known := kernel.HalfOpen.First(c).Get(); known {
		waiting = max(waiting, before)
	}
	if !offKnown || off != 0 || !lineKnown {
		return older
	}
	rest := c.Unclaimed(drops).Minus(c.Unclaimed(overflows)).Minus(n)
	if opened {
		arrived = arrived.Plus(rest)
	}
	// How many are half-open is known of the samples only, and not of before.
	if f.Kind, f.Loss = c.Lost(rest, arrived, SYNs); f.Kind != Dropping {
		return older
	}
	f.Evidence = append(f.Evidence, probe.Because(most, halfOpen)...)
	if waitingKnown && waiting > line-line>>2 {
		f.Message = fmt.Sprintf("SYNs of new clients were dropped: %v, while %d connections were half-open "+
			"(net.ipv4.tcp_max_syn_backlog is %v, net.ipv4.tcp_syncookies is 0)", rest, waiting, most)
	} else {
		// A burst between the samples is over in the second one, and nothing else is left that drops SYNs.
		ways := outNoRoutes.In(c)
		if gone, known := ways.Get(); !known || gone.Delta >= rest.Delta {
			return older
		}
		f.Severity = Medium
		f.Evidence = append(f.Evidence, probe.Because(ways)...)
		f.Message = fmt.Sprintf("SYNs were dropped: %v; no other cause shows, and with net.ipv4.tcp_syncookies 0 new clients are "+
			"dropped when net.ipv4.tcp_max_syn_backlog (%v) is three quarters full", rest, most)
	}
	f.Claims = []Claim{{listenDrops.Source(), rest}}
	blame(c, &f)
	f.Steps = []Step{cookiesOn(cookies), raise("net.ipv4.tcp_max_syn_backlog", most, 1024,
		"where cookies cannot be had, keep more half-open connections",
		"kernel memory, some 300 bytes for each that is half-open")}
	return []Finding{f}
}

// lastSYNDrop returns the youngest message that tells of SYNs dropped for want of room, and
// the port that it names, if it does.
func lastSYNDrop(log probe.Fact[[]kernel.Message]) (last kernel.Message, port string, ok bool) {
	messages, _ := log.Get()
	for _, m := range messages {
		switch where, dropped, flood := m.SYNFlood(); {
		case !m.Timed:
		case flood && dropped:
			last, port, ok = m, "port "+where, true
		case strings.Contains(m.Text, "drop open request from"):
			last, port, ok = m, "", true
		}
	}
	return last, port, ok
}

// cookiesOn is the step that makes a full SYN queue harmless.
func cookiesOn(present probe.Fact[int64]) Step {
	return set("net.ipv4.tcp_syncookies", present, 1,
		"answer SYNs with cookies when the SYN queue is full: nobody is turned away",
		"connections made by a cookie have no window scaling and SACK if the client sends no timestamps; "+
			"none is made by cookie while the queue has room")
}

// synQueueSteps make room for half-open connections of a listener with that backlog; 0 where
// it is not known.
func synQueueSteps(cookies, limit probe.Fact[int64], backlog uint64) (steps []Step) {
	if on, known := cookies.Get(); !known || on == 0 {
		steps = []Step{cookiesOn(cookies)}
	}
	const price = "helps in bursts; a flood fills a longer queue too"
	if most, known := limit.Get(); known && most > 0 && 0 < backlog && backlog < uint64(most) {
		return append(steps, Step{
			Text: fmt.Sprintf("let the application ask for more than %d in listen(2), in its own settings: net.core.somaxconn allows %d",
				backlog, most),
			Price: price,
		})
	}
	return append(steps, raise("net.core.somaxconn", limit, 4096,
		"allow a longer SYN queue; the application has to ask for it in listen(2), and to be restarted", price))
}
