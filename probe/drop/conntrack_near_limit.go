package drop

import (
	"fmt"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	conntrackEntries   = kernel.Conntrack.Gauge("cpu0", "entries")
	conntrackEvictions = kernel.Conntrack.Column("early_drop")
)

// How full the conntrack table may be. New connections come in bursts, and it does not grow.
var (
	conntrackNear = Limit{
		Name: "fill", Default: 0.8, Unit: "of nf_conntrack_max",
		Source: "https://samber.github.io/awesome-prometheus-alerts: above 80 %; the mixin of node_exporter warns at 75 %",
	}
	conntrackAlmost = Limit{
		Name: "almost-full", Default: 0.9, Unit: "of nf_conntrack_max",
		Source: "https://github.com/netdata/netdata, health.d/net.conf: warns at 90 %, is critical at 95 %",
	}
)

var _ = add(Rule{
	ID:       "FD403",
	Name:     "conntrack-near-limit",
	Title:    "The conntrack table is almost full",
	Stage:    Netfilter,
	Scope:    Netns,
	Severity: map[Kind]Severity{AtRisk: High},
	Reasons:  []string{"NETFILTER_DROP"},
	Limits:   []Limit{conntrackNear, conntrackAlmost},
	Needs:    []Need{{kernel.ConntrackMax}, {conntrackCount, conntrackEntries}},
	Wants:    []probe.Handle{conntrackDrops, conntrackEvictions},
	Check:    checkConntrackNear,

	Doc: `
Connection tracking holds net.netfilter.nf_conntrack_max entries and no more. When the last one is
taken it looks for an old one that is not marked ASSURED, and evicts that: a TCP connection that
was never finished, or one question and answer of UDP. early_drop of /proc/net/stat/nf_conntrack
counts it, nothing is lost yet, and the next step is that packets are.
While they are, conntrack-full tells of the table, and this rule is silent.

The limit is one for all network namespaces, and each of them may hold as many. What those of
containers hold is the entries column of /proc/PID/net/stat/nf_conntrack.

By hand: "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max"; "conntrack -S".`,

	Examples: []Example{{
		Name: "280 connections in a table for 300",
		From: "lab-conntrack-near/after",
		Capture: `
-- first /proc/net/stat/nf_conntrack --
entries drop early_drop
00000000 00000000 00000000
00000000 00000000 00000000
-- first /proc/uptime --
4566.79 7029.54
-- /proc/net/stat/nf_conntrack --
entries drop early_drop
00000118 00000000 00000000
00000118 00000000 00000000
-- /proc/uptime --
4570.90 7029.55
-- /proc/sys/net/netfilter/nf_conntrack_count --
280
-- /proc/sys/net/netfilter/nf_conntrack_max --
300
`,
		Outcome: Found,
		Want:    []string{"high at-risk: the conntrack table holds 280 of 300 entries"},
	}, {
		Name: "it evicts old entries, and the count is hidden",
		Capture: `
-- first /proc/net/stat/nf_conntrack --
entries drop early_drop
0000ffff 00000000 00000007
0000ffff 00000000 00000000
-- /proc/net/stat/nf_conntrack --
entries drop early_drop
0000f000 00000000 0000003b
0000f000 00000000 00000000
-- denied /proc/sys/net/netfilter/nf_conntrack_count --
-- /proc/sys/net/netfilter/nf_conntrack_max --
65536
`,
		Outcome: Found,
		Want:    []string{"high at-risk: the conntrack table holds 61440 of 65536 entries; 52 that are not ASSURED were evicted to make room, in 10.0 s"},
	}, {
		Name: "four in five",
		Capture: `
-- /proc/sys/net/netfilter/nf_conntrack_count --
55000
-- /proc/sys/net/netfilter/nf_conntrack_max --
65536
`,
		Outcome: Found,
		Want:    []string{"medium at-risk: the conntrack table holds 55000 of 65536 entries"},
	}, {
		Name: "half full, and it was full once",
		Capture: `
-- first /proc/net/stat/nf_conntrack --
entries drop early_drop
00008000 00000000 00000007
-- /proc/net/stat/nf_conntrack --
entries drop early_drop
00008000 00000000 00000007
-- /proc/sys/net/netfilter/nf_conntrack_count --
32768
-- /proc/sys/net/netfilter/nf_conntrack_max --
65536
`,
		Outcome: Clean,
	}, {
		Name: "nothing is tracked",
		Capture: `
-- absent /proc/net/stat/nf_conntrack --
-- absent /proc/sys/net/netfilter/nf_conntrack_count --
-- absent /proc/sys/net/netfilter/nf_conntrack_max --
`,
		Outcome: NotApplicable,
	}},
})

func checkConntrackNear(c *Case) []Finding {
	limit, drops, evictions := kernel.ConntrackMax.In(c), conntrackDrops.Sum(c), conntrackEvictions.Sum(c)
	holds, share, why := conntrackFill(c)
	if n, _ := drops.Get(); n.Delta > 0 {
		return nil // it is full, and that has a rule of its own
	}
	f := Finding{
		Kind:     AtRisk,
		Severity: Medium,
		Message:  fmt.Sprintf("the conntrack table holds %s of %v entries", holds, limit),
		Evidence: append(why, probe.Because(limit, evictions)...),
		Steps:    conntrackSteps(limit),
	}
	evicted, _ := evictions.Get()
	if share >= c.Limit(conntrackAlmost) || evicted.Delta > 0 {
		f.Severity = High
	}
	if evicted.Delta > 0 {
		f.Message += fmt.Sprintf("; %d that are not ASSURED were evicted to make room, in %.1f s",
			evicted.Delta, evicted.Over.Seconds())
	} else if share < c.Limit(conntrackNear) {
		return nil
	}
	return []Finding{f}
}

// conntrackFill returns how many entries the table holds, in words, and what share of its
// limit that is; 0 where it is not known.
func conntrackFill(c *Case) (holds string, share float64, why []probe.Evidence) {
	count, entries, limit := conntrackCount.In(c), conntrackEntries.In(c), kernel.ConntrackMax.In(c)
	holds, why = count.String(), probe.Because(count)
	n, known := count.Get()
	if !known {
		var e uint64
		e, known = entries.Get()
		n, holds, why = int64(e), entries.String(), probe.Because(entries)
	}
	if most, ok := limit.Get(); ok && known && most > 0 {
		share = float64(n) / float64(most)
	}
	return holds, share, why
}

// conntrackSteps are what to do about a table that fills.
func conntrackSteps(limit probe.Fact[int64]) []Step {
	return []Step{{
		Text: `find out who fills it: "conntrack -L" on the host, sorted by source; a scan or a flood is to be stopped, not stored`,
	}, {
		Text:  `do not track what needs no tracking, such as DNS or a load balancer's traffic: "-j CT --notrack" in the raw table`,
		Price: "for these packets there is no NAT, and rules that ask for the state of a connection no longer know them",
	}, raise("net.netfilter.nf_conntrack_max", limit, 65536,
		"make room, and give nf_conntrack_buckets a quarter of it at least",
		"about 320 bytes of kernel memory an entry, when it is full")}
}
