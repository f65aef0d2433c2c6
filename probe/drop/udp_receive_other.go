package drop

import (
	"fmt"
	"slices"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var _ = add(Rule{
	ID:       "FD715",
	Name:     "udp-receive-other",
	Title:    "Datagrams are dropped on their way to a UDP socket and no other rule knows why",
	Stage:    Transport,
	Scope:    Netns,
	Severity: map[Kind]Severity{Dropping: Low, Dropped: Low, Note: Info},
	Reasons:  []string{"SOCKET_FILTER", "PKT_TOO_SMALL", "XFRM_POLICY"},
	Limits:   []Limit{socketMemoryNear},
	Needs:    []Need{{udpInErrors[0]}},
	Wants: slices.Concat(udpInErrors.handles()[1:], udpInDatagrams.handles(), udpInCsumErrors.handles(), udpMemErrors.handles(),
		[]probe.Handle{udpPages, udpMem, kernel.UDP, kernel.UDP6, kernel.Arch}),
	Residual: true,
	Check:    checkUDPOther,

	Doc: `
InErrors of UDP counts every datagram that was dropped on its way to a socket. What
udp-receive-buffer, udp-checksum and udp-memory have explained is taken away; the rest is said here.
It is one of: a filter that the application itself put on its socket (SO_ATTACH_FILTER,
SO_ATTACH_BPF), which is meant to drop; a length in the header that does not fit the datagram; a
policy of IPsec; on UDP-Lite, a checksum that covers too little. netstat calls it "packet receive
errors".

A kernel before 3.10 has no InCsumErrors, and one before 5.11 no MemErrors, so bad checksums and
udp_mem are in it there. No counter tells which of these it is; the kernel's drop reason does,
SOCKET_FILTER for a filter. The share is of InDatagrams and InErrors.

By hand: "nstat -az 'Udp*In*' 'Udp*Errors'"; "ss -uanm", where d in skmem is what a socket dropped;
"perf trace -e skb:kfree_skb" as root.`,

	Examples: []Example{{
		Name: "a socket whose filter drops every second datagram",
		From: "lab-udp-filter/after",
		Capture: `
-- first /proc/net/snmp --
Udp: InDatagrams InErrors RcvbufErrors InCsumErrors MemErrors
Udp: 0 0 0 0 0
-- first /proc/net/udp --
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            
-- first /proc/uptime --
1212.28 1162.00
-- /proc/net/snmp --
Udp: InDatagrams InErrors RcvbufErrors InCsumErrors MemErrors
Udp: 200 200 0 0 0
-- /proc/net/udp --
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            
 5832: 00000000:2328 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 385064 2 00000000dbd1ab8f 200      
-- /proc/uptime --
1217.37 1163.99
-- uname -m --
x86_64
`,
		Outcome: Found,
		Want:    []string{"low dropping: udp 0.0.0.0:9000: datagrams were dropped, though buffers had room: 200 since boot, 200 of them in 5.1 s"},
	}, {
		Name: "they are explained: a full buffer and bad checksums",
		Capture: `
-- first /proc/net/snmp --
Udp: InDatagrams NoPorts InErrors RcvbufErrors SndbufErrors InCsumErrors
Udp: 1000 0 0 0 0 0
-- /proc/net/snmp --
Udp: InDatagrams NoPorts InErrors RcvbufErrors SndbufErrors InCsumErrors
Udp: 1000 0 0 0 0 0
`,
		Outcome: Clean,
	}, {
		Name: "kernel 3.2, where all UDP sockets together hold too much memory",
		Capture: `
-- first /proc/net/snmp --
Udp: InDatagrams NoPorts InErrors RcvbufErrors SndbufErrors
Udp: 1000 0 0 0 0
-- /proc/net/snmp --
Udp: InDatagrams NoPorts InErrors RcvbufErrors SndbufErrors
Udp: 2000 0 500 0 0
-- /proc/net/sockstat --
UDP: inuse 7 mem 575803
-- /proc/sys/net/ipv4/udp_mem --
575802	767736	1151604
`,
		Outcome: Found,
		Want: []string{"low dropping: datagrams were dropped, though buffers had room: 500 since boot, 500 of them in 10.0 s; " +
			"this kernel does not count bad checksums apart, nor net.ipv4.udp_mem, which is full; they hold 575803 of 575802 pages now"},
	}},
})

func checkUDPOther(c *Case) []Finding {
	errors := udpInErrors.in(c)
	var rest probe.Counter
	all := errors.sum()
	var why []probe.Evidence
	for _, f := range errors {
		n := c.Unclaimed(f)
		rest = rest.Plus(n)
		if n.Total > 0 {
			why = append(why, f.Evidence())
		}
	}
	kind, loss := c.Lost(rest, udpArrived(c), Datagrams)
	if kind == "" {
		return nil
	}
	loss.Exact = true
	f := Finding{
		Kind:     kind,
		Message:  fmt.Sprintf("datagrams were dropped, though buffers had room: %v", rest),
		Loss:     loss,
		Evidence: append(why, udpInDatagrams.in(c).evidence()...),
		Steps: []Step{{
			Text: `see what the kernel says when it drops one: "perf trace -e skb:kfree_skb", or dropwatch, as root; ` +
				"SOCKET_FILTER is the application's own filter, and then waive the finding",
		}, {
			Text: `see whether they are whole: "tcpdump -vv -c 1000 udp" on the host prints a bad length; "ip xfrm policy" lists the policies of IPsec`,
		}},
	}
	pages, limits := udpPages.In(c), udpMem.In(c)
	most, limited := limits.Get()
	now, _ := pages.Get()
	full := limited && most.Min > 0 && float64(now) >= c.Limit(socketMemoryNear)*float64(most.Min)
	sums, memory := udpInCsumErrors.in(c)[0].State, udpMemErrors.in(c)[0].State
	switch {
	case sums == probe.Absent && full:
		f.Message += "; this kernel does not count bad checksums apart, nor net.ipv4.udp_mem, which is full" + held(pages, limits)
	case sums == probe.Absent:
		f.Message += "; this kernel does not count bad checksums apart"
	case memory == probe.Absent && full:
		f.Message += "; this kernel does not count net.ipv4.udp_mem apart, which is full" + held(pages, limits)
	}
	if full {
		f.Evidence = append(f.Evidence, probe.Because(pages, limits)...)
		f.Steps = append(f.Steps, raiseMem("net.ipv4.udp_mem", limits, "give UDP more memory"))
	}
	if rest.Delta < all.Delta || rest.Total < all.Total {
		return []Finding{f} // which of the sockets' drops are these is not known
	}
	guilty := guiltyUDP(c, kind == Dropped)
	for i, g := range guilty {
		if i < maxGuilty {
			f.Evidence = append(f.Evidence, g.from.Part(g.address, "drops", g.drops))
		}
	}
	if len(guilty) == 1 {
		f.Subject = "udp " + guilty[0].address
	} else if len(guilty) > 1 {
		f.Message += fmt.Sprintf("; most of it at udp %s", guilty[0].address)
	}
	return []Finding{f}
}
