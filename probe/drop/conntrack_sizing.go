package drop

import (
	"fmt"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	conntrackBuckets     = kernel.Sysctl("net.netfilter.nf_conntrack_buckets")
	conntrackEstablished = kernel.Sysctl("net.netfilter.nf_conntrack_tcp_timeout_established")
	memTotal             = kernel.Meminfo.Gauge("", "MemTotal")
)

var (
	conntrackChain = Limit{
		Name: "chain", Default: 4, Unit: "entries a bucket",
		Source: "net/netfilter/nf_conntrack_core.c: nf_conntrack_max is 4 times nf_conntrack_buckets in 5.10, and as much in 6.1",
	}
	conntrackUsed = Limit{
		Name: "used", Default: 0.5, Unit: "of nf_conntrack_max",
		Source: "judgement: below it the size of the table does not matter",
	}
	conntrackPatience = Limit{
		Name: "established", Default: 86400, Unit: "s",
		Source: "judgement: the kernel's default of 432000 is five days",
	}
)

var _ = add(Rule{
	ID:       "FD405",
	Name:     "conntrack-sizing",
	Title:    "The conntrack table is sized badly for what it holds",
	Stage:    Netfilter,
	Scope:    Netns,
	Severity: map[Kind]Severity{AtRisk: Low},
	Reasons:  []string{"NETFILTER_DROP"},
	Limits:   []Limit{conntrackChain, conntrackUsed, conntrackPatience},
	Needs:    []Need{{kernel.ConntrackMax}, {conntrackCount, conntrackEntries}},
	Wants:    []probe.Handle{conntrackBuckets, conntrackEstablished, memTotal},
	Check:    checkConntrackSizing,

	Doc: `
Three settings make the size of connection tracking, and each is looked at where it matters.
Where nf_conntrack_max allows more than four entries for each of nf_conntrack_buckets, every packet
walks along a chain once the table fills. Where the table is more than half full: an established TCP connection that died without a word is kept for
nf_conntrack_tcp_timeout_established, five days by default, so dead entries fill the table; and
nf_conntrack_max may be less than the memory is good for.

What the memory is good for is an old rule of thumb: bytes / 16384 / (bits of the machine / 32), so
1048576 entries on 64 bits with 32 GiB. The kernel's own default with more than 4 GiB is 262144, in
65536 buckets in 5.10 and in as many as entries in 6.1. None of this is a loss.

By hand: "sysctl -a | grep -E 'nf_conntrack_(max|count|buckets|tcp_timeout_established)'".`,

	Examples: []Example{{
		Name: "a small table on a large host",
		From: "lab-conntrack-near/after",
		Capture: `
-- /proc/meminfo --
MemTotal:       24684092 kB
-- /proc/net/stat/nf_conntrack --
entries drop early_drop
00000118 00000000 00000000
00000118 00000000 00000000
-- /proc/sys/net/netfilter/nf_conntrack_buckets --
262144
-- /proc/sys/net/netfilter/nf_conntrack_count --
280
-- /proc/sys/net/netfilter/nf_conntrack_max --
300
-- /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established --
432000
`,
		Outcome: Found,
		Want: []string{
			"low at-risk: net.netfilter.nf_conntrack_tcp_timeout_established: the conntrack table holds 280 of 300 entries, and keeps those of dead TCP connections for 432000 s",
			"low at-risk: net.netfilter.nf_conntrack_max: the conntrack table holds 280 of 300 entries, and the memory is good for 771377",
		},
	}, {
		Name: "long chains, and an empty table",
		Capture: `
-- /proc/meminfo --
MemTotal:       33554432 kB
-- /proc/sys/net/netfilter/nf_conntrack_buckets --
65536
-- /proc/sys/net/netfilter/nf_conntrack_count --
280
-- /proc/sys/net/netfilter/nf_conntrack_max --
1048576
-- /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established --
432000
`,
		Outcome: Found,
		Want:    []string{"low at-risk: net.netfilter.nf_conntrack_buckets: 1048576 entries may hang on 65536 buckets, 16 on each"},
	}, {
		Name: "the defaults of 5.10, half full, with 32 GiB: dead connections are forgotten after an hour",
		Capture: `
-- /proc/meminfo --
MemTotal:       33554432 kB
-- /proc/sys/net/netfilter/nf_conntrack_buckets --
65536
-- /proc/sys/net/netfilter/nf_conntrack_count --
140000
-- /proc/sys/net/netfilter/nf_conntrack_max --
262144
-- /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established --
3600
`,
		Outcome: Found,
		Want:    []string{"low at-risk: net.netfilter.nf_conntrack_max: the conntrack table holds 140000 of 262144 entries, and the memory is good for 1048576"},
	}, {
		Name: "the defaults of 6.1, and little to do",
		Capture: `
-- /proc/meminfo --
MemTotal:       33554432 kB
-- /proc/sys/net/netfilter/nf_conntrack_buckets --
262144
-- /proc/sys/net/netfilter/nf_conntrack_count --
1400
-- /proc/sys/net/netfilter/nf_conntrack_max --
262144
-- /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established --
432000
`,
		Outcome: Clean,
	}},
})

func checkConntrackSizing(c *Case) (found []Finding) {
	limit, buckets := kernel.ConntrackMax.In(c), conntrackBuckets.In(c)
	patience, memory := conntrackEstablished.In(c), memTotal.In(c)
	holds, share, why := conntrackFill(c)

	most, _ := limit.Get()
	if n, known := buckets.Get(); known && n > 0 && float64(most)/float64(n) > c.Limit(conntrackChain) {
		found = append(found, Finding{
			Kind:     AtRisk,
			Subject:  "net.netfilter.nf_conntrack_buckets",
			Message:  fmt.Sprintf("%d entries may hang on %d buckets, %d on each", most, n, most/n),
			Evidence: probe.Because(limit, buckets),
			Steps: []Step{set("net.netfilter.nf_conntrack_buckets", buckets, (most+3)/4,
				"shorten the chains, from the first network namespace; where an old kernel does not let it be written, "+
					"write /sys/module/nf_conntrack/parameters/hashsize",
				"8 bytes of kernel memory a bucket, at once, and a moment in which the table is made anew")},
		})
	}
	if share < c.Limit(conntrackUsed) {
		return found
	}
	fill := fmt.Sprintf("the conntrack table holds %s of %v entries, and ", holds, limit)
	if n, known := patience.Get(); known && float64(n) > c.Limit(conntrackPatience) {
		found = append(found, Finding{
			Kind:     AtRisk,
			Subject:  "net.netfilter.nf_conntrack_tcp_timeout_established",
			Message:  fmt.Sprintf("%skeeps those of dead TCP connections for %d s", fill, n),
			Evidence: append(probe.Because(patience, limit), why...),
			Steps: []Step{set("net.netfilter.nf_conntrack_tcp_timeout_established", patience, 3600,
				"forget connections that say nothing for an hour",
				"a connection that is silent for longer, without keepalive, is cut where the firewall takes only known ones")},
		})
	}
	kib, known := memory.Get()
	if good := conntrackFor(kib); known && good > most {
		found = append(found, Finding{
			Kind:     AtRisk,
			Subject:  "net.netfilter.nf_conntrack_max",
			Message:  fmt.Sprintf("%sthe memory is good for %d", fill, good),
			Evidence: append(probe.Because(limit, memory), why...),
			Steps: []Step{set("net.netfilter.nf_conntrack_max", limit, good,
				"make room, and give nf_conntrack_buckets a quarter of it at least",
				"about 320 bytes of kernel memory an entry, when it is full")},
		})
	}
	return found
}

// conntrackFor returns how many entries so many KiB of memory are good for, on 64 bits.
func conntrackFor(kib uint64) int64 {
	const forEach = 16384 * 64 / 32 / 1024 // KiB of memory
	return int64(min(kib/forEach, 1<<31-1))
}
