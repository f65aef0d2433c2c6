package drop

import (
	"fmt"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var conntrackChains = kernel.Conntrack.Column("chainlength")

// A lost race now and then is ordinary where two packets begin one connection.
var (
	raceRate = Limit{
		Name: "rate", Default: 0.1, Unit: "a second", Source: "judgement: six a minute; a resolver that loses one waits for 5 s",
	}
	raceShare = Limit{
		Name: "share", Default: 1e-3, Unit: "of what arrived", Source: "judgement",
	}
)

var _ = add(Rule{
	ID:       "FD404",
	Name:     "conntrack-insert-failed",
	Title:    "Packets are dropped because their connection could not be entered in the conntrack table",
	Stage:    Netfilter,
	Scope:    Netns,
	Severity: map[Kind]Severity{Dropping: Medium, Dropped: Low, Note: Info},
	Reasons:  []string{"NETFILTER_DROP"},
	Limits:   []Limit{raceRate, raceShare},
	Needs:    []Need{{conntrackRaces}},
	Wants:    []probe.Handle{conntrackChains, ipReceived, kernel.ConntrackMax, conntrackCount, conntrackEntries, kernel.Messages},
	Check:    checkInsertFailed,

	Doc: `
A new connection is entered in the conntrack table when its first packet leaves the firewall. By
then another packet may have entered the same one, on another CPU: a resolver that asks for A and
AAAA from one port at once does that, and so do two connections that NAT gives the same port. The
kernel lets both go on if they agree (clashres counts that, since 5.10, and nothing is lost). Where
NAT has given them different ends, as kube-proxy does with a service of several pods, it drops the
second. A question of DNS that is lost so is asked again after 5 s.

insert_failed of /proc/net/stat/nf_conntrack counts it, and drop counts the same packet again on
most kernels. It is not that the table is full; that is conntrack-full, and while it is, this rule
is silent. chainlength, since 5.15, counts those of them that a crowded hash chain did not take: too
few buckets for so many entries, or somebody who picks ports to that end. A few are a note. The
share is of all packets that IP received.

By hand: "conntrack -S", insert_failed, clash_resolve and chaintoolong; "tcpdump -ni any port 53".`,

	Examples: []Example{{
		Name: "two packets begin one connection at once, and NAT gives them different ends",
		From: "lab-conntrack-race/after",
		Capture: `
-- first /proc/net/snmp --
Ip: InReceives
Ip: 0
-- first /proc/net/stat/nf_conntrack --
entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart
00000000  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000  00000000 00000000 00000000 00000000
00000000  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000  00000000 00000000 00000000 00000000
-- first /proc/uptime --
2628.27 1348.09
-- /proc/net/snmp --
Ip: InReceives
Ip: 198
-- /proc/net/stat/nf_conntrack --
entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart
000000af  00000000 0000001d 00000000 00000000 00000000 00000000 00000000 00000000 0000000c 0000000c 00000000 00000000  00000000 00000000 00000000 00000000
000000af  00000000 0000002f 00000000 00000000 00000000 00000000 00000000 00000000 0000000b 0000000b 00000000 00000000  00000000 00000000 00000000 00000000
-- /proc/uptime --
2636.48 1348.09
`,
		Outcome: Found,
		Want:    []string{"medium dropping: two packets began one connection at once, and one was dropped: 23 since boot, 23 of them in 8.2 s"},
	}, {
		Name: "chains that are too long",
		Capture: `
-- first /proc/net/snmp --
Ip: InReceives
Ip: 1000
-- first /proc/net/stat/nf_conntrack --
entries chainlength insert_failed drop
00000400 00000000 00000000 00000000
-- /proc/net/snmp --
Ip: InReceives
Ip: 91000
-- /proc/net/stat/nf_conntrack --
entries chainlength insert_failed drop
00000400 00000200 00000200 00000000
-- /proc/sys/net/netfilter/nf_conntrack_max --
262144
`,
		Outcome: Found,
		Want:    []string{"medium dropping: hash chains of the conntrack table were too long for new connections: 512 since boot, 512 of them in 10.0 s"},
	}, {
		Name: "a resolver that asks twice at once",
		Capture: `
-- first /proc/net/snmp --
Ip: InReceives
Ip: 1000
-- first /proc/net/stat/nf_conntrack --
entries insert_failed drop
00000400 00000002 00000002
-- /proc/net/snmp --
Ip: InReceives
Ip: 91000
-- /proc/net/stat/nf_conntrack --
entries insert_failed drop
00000400 00000007 00000007
`,
		Outcome: Found,
		Want:    []string{"low dropping: two packets began one connection at once, and one was dropped: 7 since boot, 5 of them in 10.0 s"},
	}, {
		Name: "a lost race now and then",
		Capture: `
-- first /proc/net/snmp --
Ip: InReceives
Ip: 1000
-- first /proc/net/stat/nf_conntrack --
entries insert_failed drop
00000400 00000002 00000002
-- /proc/net/snmp --
Ip: InReceives
Ip: 91000
-- /proc/net/stat/nf_conntrack --
entries insert_failed drop
00000400 00000003 00000003
`,
		Outcome: Found,
		Want:    []string{"info note: two packets began one connection at once, and one was dropped: 3 since boot, 1 of them in 10.0 s"},
	}, {
		Name: "99 races that nobody lost",
		From: "lab-conntrack-clash/after",
		Capture: `
-- first /proc/net/stat/nf_conntrack --
entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart
00000000  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000  00000000 00000000 00000000 00000000
00000000  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000  00000000 00000000 00000000 00000000
-- first /proc/uptime --
2478.99 1347.91
-- /proc/net/stat/nf_conntrack --
entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart
000001a6  00000026 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000  00000000 00000000 00000000 00000000
000001a6  0000003d 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000  00000000 00000000 00000000 00000000
-- /proc/uptime --
2484.17 1348.04
`,
		Outcome: Clean,
	}},
})

func checkInsertFailed(c *Case) []Finding {
	failed, chains, received := conntrackRaces.Sum(c), conntrackChains.Sum(c), ipReceived.In(c)
	n, _ := failed.Get()
	arrived, _ := received.Get()
	kind, loss := c.Lost(n, arrived, Packets)
	if kind == "" || !conntrackRoom(c) {
		return nil
	}
	f := Finding{
		Kind:     kind,
		Severity: Low,
		Message:  fmt.Sprintf("two packets began one connection at once, and one was dropped: %v", n),
		Loss:     loss,
		Evidence: probe.Because(failed, chains, received),
		Claims:   []Claim{{conntrackDrops.Source(), n}},
		Steps: []Step{{
			Text: "mostly a resolver that asks for A and AAAA at once: let it ask one after the other (options single-request-reopen in " +
				"resolv.conf), or give the host a cache of its own; newer kernels lose fewer. A larger table does not help",
		}, {
			Text: `where masquerading gives two connections one port, let it choose at random: "masquerade fully-random", or "-j MASQUERADE --random-fully"`,
		}},
	}
	if long, _ := chains.Get(); long.Delta*2 > n.Delta || n.Delta == 0 && long.Total*2 > n.Total {
		f.Message = fmt.Sprintf("hash chains of the conntrack table were too long for new connections: %v", n)
		f.Steps = []Step{{
			Text:  "give the table more buckets: net.netfilter.nf_conntrack_buckets as large as nf_conntrack_max, see conntrack-sizing",
			Price: "8 bytes of kernel memory each, at once",
		}, {
			Text: `see whose connections they are: "conntrack -L" on the host; many from one address with chosen ports are an attack`,
		}}
	}
	share, known := loss.Ratio()
	rate, dated := loss.PerSecond()
	switch {
	case kind == Dropping && dated && rate <= c.Limit(raceRate):
		f.Kind, f.Steps = Note, nil
	case known && share > c.Limit(raceShare):
		f.Severity = Medium
	}
	return []Finding{f}
}
