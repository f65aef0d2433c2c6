package drop

import (
	"fmt"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	pawsPassive   = kernel.Netstat.Counter("TcpExt", "PAWSPassive")
	twRecycle     = kernel.Sysctl("net.ipv4.tcp_tw_recycle")
	tcpTimestamps = kernel.Sysctl("net.ipv4.tcp_timestamps")
)

var _ = add(Rule{
	ID:       "FD606",
	Name:     "tw-recycle-nat",
	Title:    "Clients behind one NAT address are turned away by tcp_tw_recycle",
	Stage:    Listen,
	Scope:    Netns,
	Severity: map[Kind]Severity{Dropping: Critical, Dropped: High, AtRisk: Critical, Note: Info},
	Needs:    []Need{{twRecycle}},
	Wants:    []probe.Handle{pawsPassive, tcpTimestamps, passiveOpens},
	Check:    checkTimeWaitRecycle,

	Doc: `
Linux before 4.12 has net.ipv4.tcp_tw_recycle. With it and net.ipv4.tcp_timestamps on, the kernel
remembers the last timestamp of each address, and drops a SYN whose timestamp is older. Clients
behind one NAT address have clocks of their own, so one of them keeps the others out: they time
out now and then, and nothing is wrong with them. PAWSPassive counts each SYN that was dropped,
and ListenDrops counts it again.

Linux 4.12 took the setting away: there nothing is to be done, and "sysctl -w" of it fails.

Source: Linux 4.0, net/ipv4/tcp_input.c, tcp_conn_request; commit 4396e46187ca.

By hand: "sysctl net.ipv4.tcp_tw_recycle net.ipv4.tcp_timestamps"; "nstat -az TcpExtPAWSPassive".`,

	Examples: []Example{{
		Name: "on, and clients are turned away",
		Capture: `
-- first /proc/net/netstat --
TcpExt: PAWSPassive ListenDrops
TcpExt: 1000 1000
-- first /proc/net/snmp --
Tcp: PassiveOpens
Tcp: 50000
-- /proc/net/netstat --
TcpExt: PAWSPassive ListenDrops
TcpExt: 1300 1300
-- /proc/net/snmp --
Tcp: PassiveOpens
Tcp: 52000
-- /proc/sys/net/ipv4/tcp_timestamps --
1
-- /proc/sys/net/ipv4/tcp_tw_recycle --
1
`,
		Outcome: Found,
		Want:    []string{"medium dropping: SYNs were dropped because another client of the same address has a younger clock: 1300 since boot, 300 of them in 10.0 s"},
	}, {
		Name: "on, and nobody was turned away yet",
		Capture: `
-- /proc/net/netstat --
TcpExt: PAWSPassive ListenDrops
TcpExt: 0 0
-- /proc/sys/net/ipv4/tcp_timestamps --
1
-- /proc/sys/net/ipv4/tcp_tw_recycle --
1
`,
		Outcome: Found,
		Want:    []string{"medium at-risk: net.ipv4.tcp_tw_recycle is 1: clients behind one NAT address will be turned away"},
	}, {
		Name: "on, but without timestamps it does nothing",
		Capture: `
-- /proc/sys/net/ipv4/tcp_timestamps --
0
-- /proc/sys/net/ipv4/tcp_tw_recycle --
1
`,
		Outcome: Clean,
	}, {
		Name: "a new kernel",
		Capture: `
-- /proc/sys/net/ipv4/tcp_timestamps --
1
-- absent /proc/sys/net/ipv4/tcp_tw_recycle --
`,
		Outcome: NotApplicable,
	}},
})

func checkTimeWaitRecycle(c *Case) []Finding {
	rejected, recycle, stamps, opens := pawsPassive.In(c), twRecycle.In(c), tcpTimestamps.In(c), passiveOpens.In(c)
	n, _ := rejected.Get()
	arrived, known := opens.Get()
	if known {
		arrived = arrived.Plus(n)
	}
	on, _ := recycle.Get()
	stamped, stampsKnown := stamps.Get()
	f := Finding{
		Message:  fmt.Sprintf("SYNs were dropped because another client of the same address has a younger clock: %v", n),
		Evidence: probe.Because(rejected, recycle, stamps, opens),
		Claims:   []Claim{{listenDrops.Source(), n}},
	}
	if f.Kind, f.Loss = c.Lost(n, arrived, SYNs); f.Kind == "" || f.Kind == Note {
		// The setting is worse than a few SYNs.
		if on != 0 && stampsKnown && stamped != 0 {
			f = Finding{
				Kind:     AtRisk,
				Message:  fmt.Sprintf("net.ipv4.tcp_tw_recycle is %d: clients behind one NAT address will be turned away", on),
				Evidence: f.Evidence,
			}
		}
	}
	if f.Kind == "" {
		return nil
	}
	if on != 0 {
		f.Steps = []Step{set("net.ipv4.tcp_tw_recycle", recycle, 0,
			"switch it off; take the line out of sysctl.d too before an upgrade, as Linux 4.12 has no such key",
			"more sockets stay in TIME_WAIT, which costs some memory and nothing else")}
	}
	return []Finding{f}
}
