package drop

import (
	"fmt"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	tcpAborts        = kernel.Netstat.Counter("TcpExt", "TCPAbortOnMemory")
	timeWaitOverflow = kernel.Netstat.Counter("TcpExt", "TCPTimeWaitOverflow")
	tcpOrphans       = kernel.Sockstat.Gauge("TCP", "orphan")
	tcpTimeWaits     = kernel.Sockstat.Gauge("TCP", "tw")
	maxOrphans       = kernel.Shared(kernel.Sysctl("net.ipv4.tcp_max_orphans"))
	maxTimeWaits     = kernel.Sysctl("net.ipv4.tcp_max_tw_buckets")
)

// How many of the orphans that may be there may be. A connection that does not get on counts twice
// or four times (net/ipv4/tcp_timer.c, tcp_out_of_resources), so a quarter of them is near.
var (
	orphansNear = Limit{
		Name: "orphans", Default: 0.25, Unit: "of net.ipv4.tcp_max_orphans",
		Source: "https://github.com/netdata/netdata, health.d/tcp_orphans.conf: warns at 25 %",
	}
	orphansMany = Limit{
		Name: "many-orphans", Default: 0.5, Unit: "of net.ipv4.tcp_max_orphans",
		Source: "https://github.com/netdata/netdata, health.d/tcp_orphans.conf: critical at 50 %",
	}
)

var _ = add(Rule{
	ID:       "FD705",
	Name:     "tcp-orphan-timewait",
	Title:    "Connections that were closed are cut short",
	Stage:    Transport,
	Scope:    Netns,
	Severity: map[Kind]Severity{Dropping: Medium, Dropped: Low, AtRisk: Medium, Note: Info},
	Limits:   []Limit{orphansNear, orphansMany},
	Needs:    []Need{{tcpAborts, timeWaitOverflow, tcpOrphans}},
	Wants:    []probe.Handle{tcpTimeWaits, maxOrphans, maxTimeWaits},
	Check:    checkOrphans,

	Doc: `
A connection that the application has closed is an orphan as long as there is something to send, or
an answer to wait for. There may be net.ipv4.tcp_max_orphans of them; beyond that, or where TCP is
out of memory, the connection is reset, and what was not sent yet is lost. A connection that does
not get on may be reset at a half or a quarter of it. TCPAbortOnMemory counts these.

The side that closes first keeps the connection in TIME_WAIT for a minute, so that a segment that
comes late does no harm to the next connection of the same ports. Where there are
net.ipv4.tcp_max_tw_buckets already, that is left out, and TCPTimeWaitOverflow counts it. No packet
is lost by that; rarely, a late segment resets a new connection. Thousands of connections in
TIME_WAIT are ordinary on a server, cost little, and are no reason to shorten anything. Orphans are
of all network namespaces together, and so is their limit, which the first of them shows.

By hand: "nstat -az TcpExtTCPAbortOnMemory TcpExtTCPTimeWaitOverflow"; "grep TCP:
/proc/net/sockstat", where tw is how many wait; "sysctl net.ipv4.tcp_max_orphans
net.ipv4.tcp_max_tw_buckets".`,

	Examples: []Example{{
		Name: "200 connections, and room for 50 of them in TIME_WAIT",
		From: "lab-timewait/after",
		Capture: `
-- first /proc/net/netstat --
TcpExt: TCPAbortOnMemory TCPTimeWaitOverflow
TcpExt: 0 0
-- first /proc/uptime --
1903.76 1305.86
-- /proc/net/netstat --
TcpExt: TCPAbortOnMemory TCPTimeWaitOverflow
TcpExt: 0 150
-- /proc/uptime --
1908.90 1307.11
-- /proc/net/sockstat --
TCP: inuse 1 orphan 0 tw 50 alloc 14 mem 87
-- /proc/sys/net/ipv4/tcp_max_tw_buckets --
50
`,
		Outcome: Found,
		Want:    []string{"low at-risk: 150 connections skipped TIME_WAIT in 5.1 s: 50 wait there, and no more than 50 may (net.ipv4.tcp_max_tw_buckets)"},
	}, {
		Name: "closed connections are reset, for there are too many of them",
		Capture: `
-- first /proc/net/netstat --
TcpExt: TCPAbortOnMemory TCPTimeWaitOverflow
TcpExt: 0 0
-- /proc/net/netstat --
TcpExt: TCPAbortOnMemory TCPTimeWaitOverflow
TcpExt: 300 0
-- /proc/net/sockstat --
TCP: inuse 4000 orphan 60000 tw 900 alloc 4100 mem 9000
-- /proc/sys/net/ipv4/tcp_max_orphans --
65536
`,
		Outcome: Found,
		Want:    []string{"medium dropping: closed connections were reset before all was sent: 300 since boot, 300 of them in 10.0 s; there are 60000 orphans, and 65536 may be there"},
	}, {
		Name: "a third of the orphans that may be there",
		Capture: `
-- /proc/net/netstat --
TcpExt: TCPAbortOnMemory TCPTimeWaitOverflow
TcpExt: 0 0
-- /proc/net/sockstat --
TCP: inuse 4000 orphan 22000 tw 900 alloc 4100 mem 9000
-- /proc/sys/net/ipv4/tcp_max_orphans --
65536
`,
		Outcome: Found,
		Want:    []string{"low at-risk: there are 22000 orphans, and 65536 may be there (net.ipv4.tcp_max_orphans); connections that do not get on are reset from a quarter of it on"},
	}, {
		Name: "a busy proxy: 28,000 connections in TIME_WAIT",
		Capture: `
-- first /proc/net/netstat --
TcpExt: TCPAbortOnMemory TCPTimeWaitOverflow
TcpExt: 0 12
-- /proc/net/netstat --
TcpExt: TCPAbortOnMemory TCPTimeWaitOverflow
TcpExt: 0 12
-- /proc/net/sockstat --
TCP: inuse 4000 orphan 40 tw 28000 alloc 4100 mem 9000
-- /proc/sys/net/ipv4/tcp_max_orphans --
65536
-- /proc/sys/net/ipv4/tcp_max_tw_buckets --
65536
-- /proc/uptime --
25920000.00 51840000.00
`,
		Outcome: Clean,
	}},
})

func checkOrphans(c *Case) (found []Finding) {
	aborts, overflows := tcpAborts.In(c), timeWaitOverflow.In(c)
	orphans, most := tcpOrphans.In(c), maxOrphans.In(c)
	waits, room := tcpTimeWaits.In(c), maxTimeWaits.In(c)

	now, _ := orphans.Get()
	limit, limited := most.Get()
	var share float64
	if limited && limit > 0 {
		share = float64(now) / float64(limit)
	}
	there := fmt.Sprintf("there are %v orphans, and %v may be there", orphans, most)
	steps := []Step{{
		Text: `see who does not take what is sent: "ss -tnp state fin-wait-1", "ss -tn state last-ack" on the host; many from one place are a scan or an attack`,
	}, raise("net.ipv4.tcp_max_orphans", most, 65536, "let more of them be", "up to 64 KiB of kernel memory for each")}
	n := c.Unclaimed(aborts)
	if kind, loss := c.Lost(n, probe.Counter{}, Connections); kind != "" {
		loss.Exact = true
		found = append(found, Finding{
			Kind:     kind,
			Message:  fmt.Sprintf("closed connections were reset before all was sent: %v; %s", n, there),
			Loss:     loss,
			Evidence: probe.Because(aborts, orphans, most),
			Steps:    steps,
		})
	} else if share >= c.Limit(orphansNear) {
		f := Finding{
			Kind:     AtRisk,
			Severity: Low,
			Message:  there + " (net.ipv4.tcp_max_orphans); connections that do not get on are reset from a quarter of it on",
			Evidence: probe.Because(orphans, most),
			Steps:    steps,
		}
		if share >= c.Limit(orphansMany) {
			f.Severity = Medium
		}
		found = append(found, f)
	}
	if n, _ := overflows.Get(); n.Delta > 0 {
		found = append(found, Finding{
			Kind:     AtRisk,
			Severity: Low,
			Message: fmt.Sprintf("%d connections skipped TIME_WAIT in %.1f s: %v wait there, and no more than %v may (net.ipv4.tcp_max_tw_buckets)",
				n.Delta, n.Over.Seconds(), waits, room),
			Evidence: probe.Because(overflows, waits, room),
			Steps: []Step{
				raise("net.ipv4.tcp_max_tw_buckets", room, 65536, "let more of them wait; the kernel's own value is good for most", "some 250 bytes of kernel memory for each"),
			},
		})
	}
	return found
}
