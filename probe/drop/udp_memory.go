package drop

import (
	"fmt"
	"slices"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	udpMemErrors = udp("MemErrors")
	udpPages     = kernel.Sockstat.Gauge("UDP", "mem")
	udpMem       = kernel.Shared(kernel.SysctlTriple("net.ipv4.udp_mem"))
)

// socketMemoryNear is how full the memory of all sockets of a protocol may be.
var socketMemoryNear = Limit{
	Name: "memory-fill", Default: 0.9, Unit: "of the last of the three numbers, and of the first of udp_mem",
	Source: "https://github.com/netdata/netdata, health.d/tcp_mem.conf: critical at 90 %",
}

var _ = add(Rule{
	ID:       "FD714",
	Name:     "udp-memory",
	Title:    "Datagrams are dropped because all UDP sockets together hold too much memory",
	Stage:    Transport,
	Scope:    Netns,
	Severity: map[Kind]Severity{Dropping: High, Dropped: Medium, AtRisk: Medium, Note: Info},
	Reasons:  []string{"PROTO_MEM"},
	Limits:   []Limit{socketMemoryNear},
	Needs:    []Need{append(udpMemErrors.handles(), udpPages)},
	Wants:    slices.Concat(udpInDatagrams.handles(), udpInErrors.handles(), []probe.Handle{udpMem, kernel.UDP, kernel.UDP6, kernel.Arch}),
	Check:    checkUDPMemory,

	Doc: `
All UDP sockets of the machine, those of its containers too, share net.ipv4.udp_mem: three numbers
in pages of memory, of which the first is the line, whatever tuning guides say of the last: UDP has no pressure as TCP
has (measured with 6.18: with 200 100000 200000 datagrams are dropped from 200 pages on). Beyond it a datagram is
dropped, even if its own socket has room; only a socket that holds less than net.ipv4.udp_rmem_min still gets
one, and beyond the last number none does. So sockets that nobody reads take the memory from all others.

MemErrors counts it since 5.11, each datagram once, and InErrors counts the same datagram again.
Before that it is in InErrors only, see udp-receive-other. Since 6.18 no counter of UDP has it
("TODO: update SNMP values", net/ipv4/udp.c), only the drops of each socket: where sockets dropped
more than twice what InErrors counted, it was this. How many pages are held stands behind mem in the
row UDP of /proc/net/sockstat, for all network namespaces together; the limit is shown in the first
of them only. The share is of InDatagrams and InErrors.

By hand: "nstat -az UdpMemErrors Udp6MemErrors"; "grep UDP: /proc/net/sockstat"; "sysctl
net.ipv4.udp_mem"; "ss -uanm", where r in skmem is what a socket holds, in bytes.`,

	Examples: []Example{{
		Name: "four sockets that nobody reads, and kernel 6.18, which does not count it",
		From: "lab-udp-memory/after",
		Capture: `
-- first /proc/net/snmp --
Udp: InDatagrams InErrors RcvbufErrors InCsumErrors MemErrors
Udp: 0 0 0 0 0
-- first /proc/net/udp --
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            
-- first /proc/uptime --
1371.68 1242.33
-- /proc/net/snmp --
Udp: InDatagrams InErrors RcvbufErrors InCsumErrors MemErrors
Udp: 0 0 0 0 0
-- /proc/net/udp --
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            
14902: 00000000:2328 00000000:0000 07 00000000:00027F00 00:00000000 00000000     0        0 479740 2 00000000b5c612a2 129      
14903: 00000000:2329 00000000:0000 07 00000000:00027F00 00:00000000 00000000     0        0 479741 2 0000000020944671 129      
14904: 00000000:232A 00000000:0000 07 00000000:00027F00 00:00000000 00000000     0        0 479742 2 0000000060a2e356 129      
14905: 00000000:232B 00000000:0000 07 00000000:00027F00 00:00000000 00000000     0        0 479743 2 000000004f255db5 129      
-- /proc/uptime --
1376.72 1249.91
-- /proc/net/sockstat --
UDP: inuse 4 mem 202
-- uname -m --
x86_64
`,
		Outcome: Found,
		Want: []string{"high dropping: all UDP sockets together held too much memory: sockets dropped 516 datagrams in 5.0 s that no counter of UDP has; " +
			"they hold 202 pages now"},
	}, {
		Name: "kernel 6.1, which counts it",
		Capture: `
-- first /proc/net/snmp --
Udp: InDatagrams NoPorts InErrors RcvbufErrors MemErrors
Udp: 1000 0 7 7 0
-- /proc/net/snmp --
Udp: InDatagrams NoPorts InErrors RcvbufErrors MemErrors
Udp: 2000 0 507 7 500
-- /proc/net/sockstat --
UDP: inuse 70 mem 575900
-- /proc/sys/net/ipv4/udp_mem --
575802	767736	1151604
`,
		Outcome: Found,
		Want:    []string{"high dropping: all UDP sockets together held too much memory: 500 since boot, 500 of them in 10.0 s; they hold 575900 of 575802 pages now"},
	}, {
		Name: "it is almost full, and nothing is lost yet",
		Capture: `
-- first /proc/net/snmp --
Udp: InDatagrams NoPorts InErrors RcvbufErrors MemErrors
Udp: 1000 0 0 0 0
-- /proc/net/snmp --
Udp: InDatagrams NoPorts InErrors RcvbufErrors MemErrors
Udp: 2000 0 0 0 0
-- /proc/net/sockstat --
UDP: inuse 70 mem 530000
-- /proc/sys/net/ipv4/udp_mem --
575802	767736	1151604
`,
		Outcome: Found,
		Want:    []string{"medium at-risk: UDP sockets hold 530000 of 575802 pages of memory (the first number of net.ipv4.udp_mem)"},
	}, {
		Name: "one socket is full, and all together have room",
		Capture: `
-- first /proc/net/snmp --
Udp: InDatagrams NoPorts InErrors RcvbufErrors MemErrors
Udp: 1000 0 7 7 0
-- /proc/net/snmp --
Udp: InDatagrams NoPorts InErrors RcvbufErrors MemErrors
Udp: 2000 0 900 900 0
-- /proc/net/sockstat --
UDP: inuse 7 mem 52
-- /proc/sys/net/ipv4/udp_mem --
575802	767736	1151604
`,
		Outcome: Clean,
	}, {
		Name: "a kernel before 5.11",
		Capture: `
-- first /proc/net/snmp --
Udp: InDatagrams NoPorts InErrors RcvbufErrors
Udp: 1000 0 7 7
-- /proc/net/snmp --
Udp: InDatagrams NoPorts InErrors RcvbufErrors
Udp: 2000 0 9 9
-- /proc/net/sockstat --
UDP: inuse 7 mem 52
`,
		Outcome: Clean,
	}},
})

func checkUDPMemory(c *Case) []Finding {
	lost, errors := udpMemErrors.in(c), udpInErrors.in(c)
	pages, limits := udpPages.In(c), udpMem.In(c)
	guilty := guiltyUDP(c, false)
	f := Finding{
		Evidence: slices.Concat(lost.evidence(), errors.evidence(), udpInDatagrams.in(c).evidence(), probe.Because(pages, limits)),
		Claims:   lost.claims(udpInErrors),
	}
	arrived := udpArrived(c)
	f.Kind, f.Loss = c.Lost(lost.sum(), arrived, Datagrams)
	f.Message = fmt.Sprintf("all UDP sockets together held too much memory: %v", lost.sum()) + held(pages, limits)
	most, limited := limits.Get()
	now, _ := pages.Get()
	if n := uncounted(c, guilty); n.Delta > 0 && lost.sum().Delta == 0 {
		f.Kind, f.Loss = c.Lost(n, arrived.Plus(n), Datagrams)
		f.Message = fmt.Sprintf("all UDP sockets together held too much memory: sockets dropped %d datagrams in %.1f s that no counter of UDP has",
			n.Delta, n.Over.Seconds()) + held(pages, limits)
	} else if f.Kind != Dropping && limited && most.Min > 0 && float64(now) >= c.Limit(socketMemoryNear)*float64(most.Min) {
		f.Kind, f.Loss = AtRisk, Loss{}
		f.Message = fmt.Sprintf("UDP sockets hold %d of %d pages of memory (the first number of net.ipv4.udp_mem)", now, most.Min)
	}
	if f.Kind == "" {
		return nil
	}
	f.Loss.Exact = f.Kind != AtRisk
	f.Steps = []Step{{
		Text: `find out which sockets hold it: "ss -uanm", sorted by r in skmem, on the host and in its containers; ` +
			"an application that does not read is to be mended, or to be given a smaller buffer with SO_RCVBUF",
	}, raiseMem("net.ipv4.udp_mem", limits, "give UDP more memory")}
	for i, g := range guilty {
		if i < maxGuilty {
			f.Evidence = append(f.Evidence, g.from.Part(g.address, "drops", g.drops), g.from.Part(g.address, "rx_queue", g.queued))
		}
	}
	return []Finding{f}
}

// uncounted returns what sockets dropped in the window and InErrors did not count, which only a
// kernel since 6.18 can bring about, and only for this reason. The two are not read at the same
// instant, so it must be more than InErrors itself grew.
func uncounted(c *Case, guilty []udpLoss) probe.Counter {
	counted := udpInErrors.in(c).sum()
	var drops uint64
	for _, g := range guilty {
		drops += g.drops
	}
	const few = 10
	n := drops - min(drops, counted.Delta)
	if counted.Over == 0 || n < few || n <= counted.Delta {
		return probe.Counter{}
	}
	return probe.Counter{Total: n, Delta: n, Over: counted.Over}
}

// held says how much of its memory UDP holds; nothing where that is not known.
//
// Source: net/core/sock.c, __sk_mem_raise_allocated; struct proto of UDP has no memory_pressure.
func held(pages probe.Fact[uint64], limits probe.Fact[kernel.Triple]) string {
	now, known := pages.Get()
	most, limited := limits.Get()
	switch {
	case !known:
		return ""
	case !limited:
		return fmt.Sprintf("; they hold %d pages now", now)
	}
	return fmt.Sprintf("; they hold %d of %d pages now", now, most.Min)
}

// raiseMem is the step that doubles the memory of a protocol, all three numbers of it.
func raiseMem(key string, limits probe.Fact[kernel.Triple], text string) Step {
	const price = "kernel memory that nothing else can have, as many pages as the last number says; only the first network namespace has the setting"
	now, known := limits.Get()
	if !known {
		return Step{Text: text + ": set " + key + " in the first network namespace, three numbers in pages", Price: price}
	}
	value := kernel.Triple{Min: 2 * now.Min, Default: 2 * now.Default, Max: 2 * now.Max}
	s := change(key, now.String(), value.String(), text, price)
	s.Command = fmt.Sprintf("sysctl -w %s='%v'", key, value)
	s.Undo = fmt.Sprintf("sysctl -w %s='%v'", key, now)
	return s
}
