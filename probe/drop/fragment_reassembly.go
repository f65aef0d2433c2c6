package drop

import (
	"fmt"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

// reassembly is what the two versions of IP tell of their fragments.
var reassembly = []struct {
	version       string
	fails         probe.Cell
	timeouts      probe.Cell
	done          probe.Cell
	memory        probe.Gauge
	most, patient *probe.Section[int64]
	key           string
}{{
	"IPv4",
	kernel.SNMP.Counter("Ip", "ReasmFails"),
	kernel.SNMP.Counter("Ip", "ReasmTimeout"),
	kernel.SNMP.Counter("Ip", "ReasmOKs"),
	kernel.Sockstat.Gauge("FRAG", "memory"),
	kernel.Sysctl("net.ipv4.ipfrag_high_thresh"),
	kernel.Sysctl("net.ipv4.ipfrag_time"),
	"net.ipv4.ipfrag_high_thresh",
}, {
	"IPv6",
	kernel.SNMP6.Counter("Ip6", "ReasmFails"),
	kernel.SNMP6.Counter("Ip6", "ReasmTimeout"),
	kernel.SNMP6.Counter("Ip6", "ReasmOKs"),
	kernel.Sockstat6.Gauge("FRAG6", "memory"),
	kernel.Sysctl("net.ipv6.ip6frag_high_thresh"),
	kernel.Sysctl("net.ipv6.ip6frag_time"),
	"net.ipv6.ip6frag_high_thresh",
}}

var _ = add(Rule{
	ID:       "FD505",
	Name:     "fragment-reassembly",
	Title:    "Datagrams that came in fragments are thrown away because they cannot be put together",
	Stage:    IP,
	Scope:    Netns,
	Severity: map[Kind]Severity{Dropping: Medium, Dropped: Low, Note: Info},
	Reasons:  []string{"FRAG_REASM_TIMEOUT", "FRAG_TOO_FAR", "DUP_FRAG"},
	Needs:    []Need{{reassembly[0].fails, reassembly[1].fails}},
	Wants:    reassemblyWants(),
	Check:    checkReassembly,

	Doc: `
A datagram that is larger than the MTU comes in fragments, and the kernel keeps them until all are
there: for net.ipv4.ipfrag_time seconds (30), and for all datagrams together in
net.ipv4.ipfrag_high_thresh bytes (4 MiB). Where one fragment does not come, or there is no room,
the whole datagram is lost. IPv6 has settings of its own, ip6frag_time (60) and ip6frag_high_thresh.

ReasmFails counts all of it: one for a datagram whose time ran out, which ReasmTimeout counts too,
and one for each fragment that found no room, overlaps another, or came too late behind others of
its sender (net.ipv4.ipfrag_max_dist). So where the two are the same, fragments are lost
before they come here, and no setting of this host helps. FragFails is another matter: that the
path takes smaller packets only. The share is of the datagrams that were put together or not.

By hand: "nstat -az 'Ip*Reasm*'"; FRAG in /proc/net/sockstat is the memory that is used now.`,

	Examples: []Example{{
		Name: "half of the datagrams lack a fragment",
		From: "netns-frag-timeout/after",
		Capture: `
-- first /proc/net/snmp --
Ip: ReasmTimeout ReasmReqds ReasmOKs ReasmFails
Ip: 0 0 0 0
-- first /proc/net/snmp6 --
Ip6ReasmTimeout                 	0
Ip6ReasmReqds                   	0
Ip6ReasmOKs                     	0
Ip6ReasmFails                   	0
-- first /proc/uptime --
1116.58 1380.70
-- /proc/net/snmp --
Ip: ReasmTimeout ReasmReqds ReasmOKs ReasmFails
Ip: 50 150 50 50
-- /proc/net/snmp6 --
Ip6ReasmTimeout                 	0
Ip6ReasmReqds                   	0
Ip6ReasmOKs                     	0
Ip6ReasmFails                   	0
-- /proc/net/sockstat --
FRAG: inuse 0 memory 0
-- /proc/uptime --
1118.80 1382.40
`,
		Outcome: Found,
		Want:    []string{"medium dropping: IPv4: datagrams in fragments were not put together: 50 since boot, 50 of them in 2.2 s; in 50 a fragment did not come in time"},
	}, {
		Name: "no room for fragments of IPv6",
		Capture: `
-- first /proc/net/snmp6 --
Ip6ReasmTimeout 	2
Ip6ReasmOKs 	0
Ip6ReasmFails 	2
-- /proc/net/snmp6 --
Ip6ReasmTimeout 	3
Ip6ReasmOKs 	1000
Ip6ReasmFails 	502
-- /proc/net/sockstat6 --
FRAG6: inuse 70 memory 4194000
-- /proc/sys/net/ipv6/ip6frag_high_thresh --
4194304
-- /proc/sys/net/ipv6/ip6frag_time --
60
`,
		Outcome: Found,
		Want:    []string{"medium dropping: IPv6: datagrams in fragments were not put together: 502 since boot, 500 of them in 10.0 s; in 1 a fragment did not come in time; fragments take 4194000 of 4194304 bytes"},
	}, {
		Name: "one in 300 days",
		Capture: `
-- first /proc/net/snmp --
Ip: ReasmTimeout ReasmReqds ReasmOKs ReasmFails
Ip: 1 90000 45000 1
-- /proc/net/snmp --
Ip: ReasmTimeout ReasmReqds ReasmOKs ReasmFails
Ip: 1 90000 45000 1
-- /proc/uptime --
25920000.00 51840000.00
-- /proc/sys/net/ipv4/ipfrag_high_thresh --
4194304
-- /proc/sys/net/ipv4/ipfrag_time --
30
`,
		Outcome: Clean,
	}},
})

func reassemblyWants() (wants []probe.Handle) {
	for _, v := range reassembly {
		wants = append(wants, v.timeouts, v.done, v.memory, v.most, v.patient)
	}
	return wants
}

func checkReassembly(c *Case) (found []Finding) {
	for _, v := range reassembly {
		fails, timeouts, done := v.fails.In(c), v.timeouts.In(c), v.done.In(c)
		memory, most, patient := v.memory.In(c), v.most.In(c), v.patient.In(c)
		n, _ := fails.Get()
		arrived, known := done.Get()
		if known {
			arrived = arrived.Plus(n)
		}
		kind, loss := c.Lost(n, arrived, Datagrams)
		if kind == "" {
			continue
		}
		f := Finding{
			Kind:     kind,
			Subject:  v.version,
			Message:  fmt.Sprintf("datagrams in fragments were not put together: %v", n),
			Loss:     loss,
			Evidence: probe.Because(fails, timeouts, done, memory, most, patient),
		}
		late, known := timeouts.Get()
		lateNow := late.Delta
		if kind == Dropped {
			lateNow = late.Total
		}
		if known {
			f.Message += fmt.Sprintf("; in %d a fragment did not come in time", lateNow)
		}
		full, measured := memory.Get()
		if measured && full > 0 {
			f.Message += fmt.Sprintf("; fragments take %d of %v bytes", full, most)
		}
		// What found no room leaves incomplete datagrams behind, which stay for longer than a window.
		limit, limited := most.Get()
		roomy := kind == Dropping && measured && limited && int64(full) < limit/2
		if roomy && known && lateNow < loss.Count {
			f.Steps = append(f.Steps, Step{
				Text: `there is room: see why fragments do not fit, "perf trace -e skb:kfree_skb" as root on the host; ` +
					"overlaps are a broken or a hostile sender, FRAG_TOO_FAR is net.ipv4.ipfrag_max_dist and a path that reorders",
			})
		} else if !known || lateNow < loss.Count {
			f.Steps = append(f.Steps, raise(v.key, most, 8<<20, "give the fragments that wait more room",
				"as many bytes of kernel memory, when senders of fragments want it so"))
		}
		f.Steps = append(f.Steps, Step{
			Text: "let nothing be fragmented: datagrams below the MTU of the path at the sender " +
				"(for DNS an EDNS size of 1232), and one MTU on all of the way",
		})
		found = append(found, f)
	}
	return found
}
