package drop

import (
	"fmt"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

// neighbourTables is what the two versions of IP tell of their neighbours.
var neighbourTables = []struct {
	version, log string
	fulls        probe.Column
	unresolved   probe.Column
	forced       probe.Column // the kernel looked for old entries to throw out, for there were too many
	entries      probe.Gauge
	most         *probe.Section[int64]
	discards     probe.Cell // counts the same packets
	sent         probe.Cell
	key          string
}{{
	"IPv4", "arp_cache",
	kernel.ARPCache.Column("table_fulls"),
	kernel.ARPCache.Column("unresolved_discards"),
	kernel.ARPCache.Column("forced_gc_runs"),
	kernel.ARPCache.Gauge("cpu0", "entries"),
	kernel.Sysctl("net.ipv4.neigh.default.gc_thresh3"),
	ipOutDiscards, ipSent,
	"net.ipv4.neigh.default.gc_thresh",
}, {
	"IPv6", "ndisc_cache",
	kernel.NDiscCache.Column("table_fulls"),
	kernel.NDiscCache.Column("unresolved_discards"),
	kernel.NDiscCache.Column("forced_gc_runs"),
	kernel.NDiscCache.Gauge("cpu0", "entries"),
	kernel.Sysctl("net.ipv6.neigh.default.gc_thresh3"),
	ip6OutDiscards, ip6Sent,
	"net.ipv6.neigh.default.gc_thresh",
}}

var neighboursNear = Limit{
	Name: "fill", Default: 0.9, Unit: "of gc_thresh3",
	Source: "judgement: new neighbours come in bursts, and from gc_thresh2 on the kernel already makes room",
}

var _ = add(Rule{
	ID:       "FD506",
	Name:     "neighbour-overflow",
	Title:    "Packets are dropped because the table of neighbours is full",
	Stage:    IP,
	Scope:    Machine,
	Severity: map[Kind]Severity{Dropping: High, Dropped: Medium, AtRisk: Medium, Note: Info},
	Reasons:  []string{"NEIGH_CREATEFAIL", "NEIGH_FAILED", "NEIGH_QUEUEFULL", "NEIGH_DEAD"},
	Limits:   []Limit{neighboursNear},
	Needs:    []Need{{neighbourTables[0].fulls, neighbourTables[1].fulls, neighbourTables[0].entries, neighbourTables[1].entries}},
	Wants:    neighbourWants(),
	Check:    checkNeighbours,

	Doc: `
To send a packet to a host on the same link, the kernel keeps that host's hardware address in its
table of neighbours: ARP for IPv4, neighbour discovery for IPv6. A table holds gc_thresh3 of them
(1024), for all network namespaces together. From gc_thresh2 (512) on, old ones are thrown out when
new ones come. When it is full of those in use, no packet goes to a new neighbour. A large flat
network, many containers, or a scan of the own network fills it.

table_fulls of /proc/net/stat/arp_cache and ndisc_cache counts it, each packet once, and OutDiscards
of IP the same packet again. Entries that are permanent, or that a routing daemon has learned, are in entries, and on new
kernels not in the limit: a table is near it where the kernel had to make room (forced_gc_runs). 2.6.32 has no table_fulls. The kernel log says "neighbor table
overflow". unresolved_discards is another thing, and a note: packets for a neighbour that does not
answer, of which only a few are kept. The files are those of the first network namespace. The share
is of OutRequests.

By hand: "lnstat -f arp_cache -k entries,table_fulls"; "ip -4 neigh | wc -l"; "sysctl
net.ipv4.neigh.default.gc_thresh3".`,

	Examples: []Example{{
		Name: "81 neighbours, and room for 16",
		From: "vm-e1000/after-neigh",
		Capture: `
-- first /proc/net/snmp --
Ip: OutRequests OutDiscards
Ip: 3457 0
-- first /proc/net/stat/arp_cache --
entries  allocs   destroys hash_grows lookups  hits     res_failed rcv_probes_mcast rcv_probes_ucast periodic_gc_runs forced_gc_runs unresolved_discards table_fulls
00000002 00000000 00000000 00000000   00000002 00000000 00000000   00000000         00000000         00000018         00000000       00000000            00000000
00000002 00000002 00000000 00000000   00000017 00000005 00000000   00000000         00000000         00000000         00000000       00000000            00000000
-- first /proc/uptime --
399.56 401.23
-- /proc/net/snmp --
Ip: OutRequests OutDiscards
Ip: 4226 134
-- /proc/net/stat/arp_cache --
entries  allocs   destroys hash_grows lookups  hits     res_failed rcv_probes_mcast rcv_probes_ucast periodic_gc_runs forced_gc_runs unresolved_discards table_fulls
00000010 00000005 00000000 00000001   00000002 00000000 00000005   00000000         00000000         00000019         00000037       00000000            00000037
00000010 0000000d 00000002 00000000   00000017 00000005 0000000a   00000000         00000000         00000000         00000051       00000000            0000004f
-- /proc/uptime --
422.47 421.28
-- /proc/sys/net/ipv4/neigh/default/gc_thresh3 --
16
`,
		Outcome: Found,
		Want:    []string{"high dropping: IPv4: the table of neighbours was full: 134 since boot, 134 of them in 22.9 s; it holds 16 of 16 entries"},
	}, {
		Name: "IPv6 of a large flat network is almost full",
		Capture: `
-- first /proc/net/stat/ndisc_cache --
entries  allocs   destroys hash_grows unresolved_discards table_fulls
000003e0 00000900 00000520 00000003   00000000            00000000
-- /proc/net/stat/ndisc_cache --
entries  allocs   destroys hash_grows unresolved_discards table_fulls
000003e8 00000909 00000521 00000003   00000000            00000000
-- /proc/sys/net/ipv6/neigh/default/gc_thresh3 --
1024
`,
		Outcome: Found,
		Want:    []string{"medium at-risk: IPv6: the table of neighbours holds 1000 of 1024 entries"},
	}, {
		Name: "a permanent entry for each node of a cluster",
		Capture: `
-- first /proc/net/stat/arp_cache --
entries  forced_gc_runs unresolved_discards table_fulls
000003e0 00000004       00000000            00000000
-- /proc/net/stat/arp_cache --
entries  forced_gc_runs unresolved_discards table_fulls
000003e8 00000004       00000000            00000000
-- /proc/sys/net/ipv4/neigh/default/gc_thresh3 --
1024
`,
		Outcome: Found,
		Want:    []string{"info note: IPv4: the table of neighbours holds 1000 of 1024 entries, and the kernel saw no need to make room"},
	}, {
		Name: "IPv6 of one that had to",
		Capture: `
-- first /proc/net/stat/ndisc_cache --
entries  forced_gc_runs unresolved_discards table_fulls
000003e0 00000004       00000000            00000000
-- /proc/net/stat/ndisc_cache --
entries  forced_gc_runs unresolved_discards table_fulls
000003e8 00000009       00000000            00000000
-- /proc/sys/net/ipv6/neigh/default/gc_thresh3 --
1024
`,
		Outcome: Found,
		Want:    []string{"medium at-risk: IPv6: the table of neighbours holds 1000 of 1024 entries"},
	}, {
		Name: "kernel 2.6.32 says it in its log only",
		Capture: `
-- first /proc/net/stat/arp_cache --
entries  allocs destroys hash_grows unresolved_discards
00000400 00000909 00000521 00000003 00000000
-- first /proc/uptime --
1000.00 1000.00
-- /proc/net/stat/arp_cache --
entries  allocs destroys hash_grows unresolved_discards
00000400 00000909 00000521 00000003 00000000
-- /proc/uptime --
1010.00 1010.00
-- dmesg --
[ 1004.000000] Neighbour table overflow.
`,
		Outcome: Found,
		Want:    []string{"medium dropping: IPv4: the table of neighbours was full 6.0 s before the last sample; it holds 1024 of unknown (unread) entries"},
	}, {
		Name: "a neighbour that is switched off",
		Capture: `
-- first /proc/net/stat/arp_cache --
entries  unresolved_discards table_fulls
00000020 00000000            00000000
-- /proc/net/stat/arp_cache --
entries  unresolved_discards table_fulls
00000020 00000040            00000000
-- /proc/sys/net/ipv4/neigh/default/gc_thresh3 --
1024
`,
		Outcome: Found,
		Want:    []string{"info note: IPv4: packets waited for a neighbour that does not answer, and were dropped: 64 since boot, 64 of them in 10.0 s"},
	}, {
		Name: "half full, and it overflowed once, 300 days ago",
		Capture: `
-- /proc/net/stat/arp_cache --
entries  unresolved_discards table_fulls
00000200 00000040            00000007
-- /proc/net/snmp --
Ip: OutRequests OutDiscards
Ip: 90000000 7
-- /proc/sys/net/ipv4/neigh/default/gc_thresh3 --
1024
-- /proc/uptime --
25920000.00 51840000.00
`,
		Outcome: Clean,
	}, {
		Name: "a container",
		Capture: `
-- absent /proc/net/stat/arp_cache --
-- absent /proc/net/stat/ndisc_cache --
`,
		Outcome: NotApplicable,
	}},
})

func neighbourWants() (wants []probe.Handle) {
	for _, v := range neighbourTables {
		wants = append(wants, v.unresolved, v.forced, v.most, v.sent)
	}
	return append(wants, kernel.Messages)
}

func checkNeighbours(c *Case) (found []Finding) {
	log := kernel.Messages.In(c)
	for _, v := range neighbourTables {
		fulls, unresolved := v.fulls.Sum(c), v.unresolved.Sum(c)
		entries, most, sent := v.entries.In(c), v.most.In(c), v.sent.In(c)
		arrived, _ := sent.Get()
		n, counted := fulls.Get()
		full := Finding{
			Subject:  v.version,
			Evidence: probe.Because(fulls, entries, most, sent),
			Claims:   []Claim{{v.discards.Source(), n}},
			Steps:    neighbourSteps(v.key, most),
		}
		full.Kind, full.Loss = c.Lost(n, arrived, Packets)
		full.Loss.Exact = full.Kind != ""
		full.Message = fmt.Sprintf("the table of neighbours was full: %v", n)
		if m, told := lastOverflow(log, v.log); told && !counted {
			full.Kind, full.Loss = c.Logged(m.At), Loss{}
			full.Message = fmt.Sprintf("the table of neighbours was full %.1f s before the last sample", c.before(m))
			full.Evidence = append(full.Evidence, log.Part("", "", m.Text))
		}
		now, _ := entries.Get()
		limit, limited := most.Get()
		switch {
		case full.Kind != "" && (full.Kind != Note || n.Delta > 0):
			full.Message += fmt.Sprintf("; it holds %v of %v entries", entries, most)
			found = append(found, full)
		case limited && limit > 0 && float64(now) >= c.Limit(neighboursNear)*float64(limit):
			full.Kind, full.Loss, full.Claims = AtRisk, Loss{}, nil
			full.Message = fmt.Sprintf("the table of neighbours holds %d of %d entries", now, limit)
			if forced := v.forced.Sum(c); forced.State == probe.Known {
				if runs, _ := forced.Get(); runs.Delta == 0 {
					full.Kind, full.Steps = Note, nil // entries that the limit does not count, most likely
					full.Message += ", and the kernel saw no need to make room"
				}
			}
			found = append(found, full)
		}
		if waits, _ := unresolved.Get(); waits.Delta > 0 {
			found = append(found, Finding{
				Kind:     Note,
				Subject:  v.version,
				Message:  fmt.Sprintf("packets waited for a neighbour that does not answer, and were dropped: %v", waits),
				Loss:     Loss{Count: waits.Delta, Over: waits.Over, Unit: Packets, Exact: true},
				Evidence: probe.Because(unresolved),
			})
		}
	}
	return found
}

// lastOverflow returns the youngest message of a table that was full: "neighbour: arp_cache: neighbor
// table overflow!", and before 3.16 "Neighbour table overflow." of IPv4, or "ipv6: Neighbour table overflow.".
func lastOverflow(log probe.Fact[[]kernel.Message], table string) (last kernel.Message, ok bool) {
	messages, _ := log.Get()
	for _, m := range messages {
		if !m.Timed || !strings.Contains(m.Text, "table overflow") || !strings.Contains(m.Text, "eighbo") {
			continue
		}
		of := "arp_cache"
		if strings.Contains(m.Text, "ndisc_cache") || strings.Contains(m.Text, "ipv6") {
			of = "ndisc_cache"
		}
		if of == table {
			last, ok = m, true
		}
	}
	return last, ok
}

// neighbourSteps make room in the table, whose three lines stand in a fixed relation.
func neighbourSteps(key string, most probe.Fact[int64]) []Step {
	now, known := most.Get()
	value := max(4096, 2*now)
	s := set(key+"3", most, value, "make room; raise gc_thresh2 to a half and gc_thresh1 to a quarter of it too, or old entries are thrown out early",
		"some 400 bytes of kernel memory an entry, when it is full; only the first network namespace has the settings")
	if !known {
		s.Text = "make room in the first network namespace; raise gc_thresh2 to a half and gc_thresh1 to a quarter of it too"
	}
	return []Step{{
		Text: `see who the neighbours are: "ip neigh" on the host, sorted by its dev; thousands of FAILED or INCOMPLETE ones are a scan of ` +
			"the own network, by this host or through it, and a netmask that is too wide makes everybody a neighbour",
	}, s}
}
