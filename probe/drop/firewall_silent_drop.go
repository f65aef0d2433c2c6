package drop

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	uncountedRules = kernel.Nft.Column("uncounted")
	rulesWithMaps  = kernel.Nft.Column("verdicts")
)

var _ = add(Rule{
	ID:       "FD406",
	Name:     "firewall-silent-drop",
	Title:    "Something drops packets, and no rule of the firewall counts them",
	Stage:    Netfilter,
	Scope:    Netns,
	Severity: map[Kind]Severity{Dropping: Medium, Note: Info},
	Reasons:  []string{"NETFILTER_DROP", "XDP", "TC_INGRESS", "TC_EGRESS", "BPF_CGROUP_EGRESS"},
	Limits:   []Limit{firewallShare, firewallRate},
	Needs:    []Need{{arrivals[0].known, arrivals[1].known, uncountedRules, kernel.XDP, qdiscDropped}},
	All:      Need{uncountedRules},
	Wants:    silentWants(),
	Residual: true,
	Check:    checkSilentDrops,

	Doc: `
A rule of nftables drops without a trace unless it has the word counter; so does a verdict in a map,
and the policy of a chain. A counter with a name may be of other rules too, so it is none of a rule's. Rules of iptables count always. What is known without such a counter is
this: IP counts what it receives, what it delivers, what it forwards, and what it throws away
itself. What is missing then, and is in no other counter, was taken by a firewall. So a login that
may not read the rules sees their loss too. Which rule it was is not known.

It is a finding where that is more than a share of what arrived and more than a rate, as with
firewall-drop; what a counted rule and a full conntrack table took is taken away. Where no rule could have done it, it
is low: a route that discards, a source that cannot be (a martian), or a queue of netfilter that no program reads. Multicasts and
broadcasts that nobody asked for are left out. IPVS takes packets too, so where it is loaded nothing
is missing. Rules that could drop uncounted are told in a note.

Programs of XDP and filters of tc see a packet before IP does, so what they drop is not even received. What filters,
policers and programs of tc drop is counted by the qdisc that they hang on (ingress, clsact), and judged by the
same share and rate. eBPF keeps no count that every login may read: that programs of XDP are attached is a note,
and those that are attached to tc without a qdisc (tcx, since 6.6) are not seen.

Kernels since 6.6 count a packet as forwarded before the firewall sees it, and count what leaves (OutTransmits), too:
there what a host was to send or to forward and did not is missing in the same way. In older ones what a rule
of OUTPUT takes is not seen; the program that sends is told.

By hand: "nft list ruleset", and the word counter before drop; "nstat -az 'Ip*In*'"; "ip link",
prog/xdp; "tc -s qdisc show dev eth0", "tc -s filter show dev eth0 ingress"; "bpftool net", as root.`,

	Examples: []Example{{
		Name: "a rule of nftables without a counter",
		From: "lab-nft-silent/after",
		Capture: `
-- first /proc/net/snmp --
Ip: InReceives InDelivers ForwDatagrams InHdrErrors InAddrErrors InUnknownProtos InDiscards ReasmReqds ReasmOKs
Ip: 0 0 0 0 0 0 0 0 0
-- first /proc/uptime --
3711.85 1354.60
-- first nft -t list ruleset --
table inet t {
	chain in {
		udp dport 9000 drop
-- /proc/net/snmp --
Ip: InReceives InDelivers ForwDatagrams InHdrErrors InAddrErrors InUnknownProtos InDiscards ReasmReqds ReasmOKs
Ip: 800 400 0 0 0 0 0 0 0
-- /proc/uptime --
3717.09 1354.60
-- nft -t list ruleset --
table inet t {
	chain in {
		udp dport 9000 drop
`,
		Outcome: Found,
		Want:    []string{"medium dropping: IP received 400 packets in 5.2 s that it neither delivered nor forwarded, and no counter says why; one rule or policy of nftables drops without counting: nft inet t in udp dport 9000 drop"},
	}, {
		Name: "the same for a login that may not read the rules",
		From: "lab-nft-silent/after",
		Capture: `
-- first /proc/net/snmp --
Ip: InReceives InDelivers ForwDatagrams InHdrErrors InAddrErrors InUnknownProtos InDiscards ReasmReqds ReasmOKs
Ip: 0 0 0 0 0 0 0 0 0
-- first /proc/uptime --
3711.85 1354.60
-- /proc/net/snmp --
Ip: InReceives InDelivers ForwDatagrams InHdrErrors InAddrErrors InUnknownProtos InDiscards ReasmReqds ReasmOKs
Ip: 800 400 0 0 0 0 0 0 0
-- /proc/uptime --
3717.09 1354.60
-- denied nft -t list ruleset --
Operation not permitted (you must be root)
`,
		Outcome: Found,
		Want:    []string{"low dropping: IP received 400 packets in 5.2 s that it neither delivered nor forwarded, and no counter says why; a firewall takes packets like this, and its rules are unknown (denied)"},
	}, {
		Name: "the rule has a counter, and firewall-drop tells of it",
		From: "netns-nft-drop/after",
		Capture: `
-- first /proc/net/snmp --
Ip: InReceives InDelivers ForwDatagrams InHdrErrors InAddrErrors InUnknownProtos InDiscards ReasmReqds ReasmOKs
Ip: 34 34 0 0 0 0 0 0 0
-- first /proc/uptime --
1097.11 1378.86
-- first nft -t list ruleset --
table inet lab {
	chain in {
-- /proc/net/snmp --
Ip: InReceives InDelivers ForwDatagrams InHdrErrors InAddrErrors InUnknownProtos InDiscards ReasmReqds ReasmOKs
Ip: 656 156 0 0 0 0 0 0 0
-- /proc/uptime --
1098.40 1378.90
-- nft -t list ruleset --
table inet lab {
	chain in {
		udp dport 9000 counter packets 500 bytes 64000 drop
`,
		Outcome: Clean,
	}, {
		Name: "a router whose rule does not count",
		From: "lab-nft-forward/after",
		Capture: `
-- first /proc/net/snmp --
Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards InDelivers OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates OutTransmits
Ip: 1 64 28 0 0 0 0 0 28 22 0 0 0 0 0 0 0 0 0 22
-- first /proc/net/snmp6 --
Ip6InReceives                   	33
Ip6InDelivers                   	0
Ip6OutForwDatagrams             	0
Ip6OutRequests                  	7
Ip6OutNoRoutes                  	0
Ip6FragOKs                      	0
Ip6FragFails                    	0
Ip6FragCreates                  	0
Ip6InMcastPkts                  	31
Ip6OutTransmits                 	7
-- first /proc/uptime --
32273.46 44014.10
-- first nft -t list ruleset --
-- /proc/net/snmp --
Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards InDelivers OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates OutTransmits
Ip: 1 64 4031 0 0 4000 0 0 31 24 0 0 0 0 0 0 0 0 0 2024
-- /proc/net/snmp6 --
Ip6InReceives                   	65
Ip6InDelivers                   	0
Ip6OutForwDatagrams             	0
Ip6OutRequests                  	14
Ip6OutNoRoutes                  	0
Ip6FragOKs                      	0
Ip6FragFails                    	0
Ip6FragCreates                  	0
Ip6InMcastPkts                  	63
Ip6OutTransmits                 	14
-- /proc/uptime --
32279.49 44025.60
-- nft -t list ruleset --
table inet lab {
	chain way {
		meta length > 1000 drop
`,
		Outcome: Found,
		Want:    []string{"medium dropping: IP had 2000 packets to send or to forward in 6.0 s that did not leave, and no counter says why; one rule or policy of nftables drops without counting: nft inet lab way meta length > 1000 drop"},
	}, {
		Name: "a queue of netfilter that no program reads",
		From: "lab-queue-unread/after",
		Capture: `
-- first /proc/net/snmp --
Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards InDelivers OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates OutTransmits
Ip: 2 64 28 0 0 0 0 0 28 22 0 0 0 0 0 0 0 0 0 22
-- first /proc/uptime --
36502.58 51286.90
-- /proc/net/snmp --
Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards InDelivers OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates OutTransmits
Ip: 2 64 2030 0 0 0 0 0 30 24 0 0 0 0 0 0 0 0 0 24
-- /proc/uptime --
36508.62 51298.39
-- iptables-save -c --
# Generated by iptables-save v1.8.9 (nf_tables) on Thu Nov 26 19:07:57 2026
*filter
-- nft -t list ruleset --
table ip filter {
	chain INPUT {
`,
		Outcome: Found,
		Want:    []string{"low dropping: IP received 2000 packets in 6.0 s that it neither delivered nor forwarded, and no counter says why"},
	}, {
		Name: "a counter with a name, and a map of verdicts",
		Capture: `
-- first /proc/net/snmp --
Ip: InReceives InDelivers
Ip: 1000 1000
-- /proc/net/snmp --
Ip: InReceives InDelivers
Ip: 2000 1300
-- nft -t list ruleset --
table inet t {
	chain bad {
		counter name "cnt" drop
	chain i {
		udp dport vmap @m
`,
		Outcome: Found,
		Want: []string{"medium dropping: IP received 700 packets in 10.0 s that it neither delivered nor forwarded, and no counter says why; " +
			"one rule or policy of nftables drops without counting: nft inet t bad counter name \"cnt\" drop"},
	}, {
		Name: "only a map of verdicts",
		Capture: `
-- first /proc/net/snmp --
Ip: InReceives InDelivers
Ip: 1000 1000
-- /proc/net/snmp --
Ip: InReceives InDelivers
Ip: 2000 1300
-- nft -t list ruleset --
table inet t {
	chain i {
		udp dport vmap @m
`,
		Outcome: Found,
		Want: []string{"low dropping: IP received 700 packets in 10.0 s that it neither delivered nor forwarded, and no counter says why; " +
			"a verdict in a map of nftables counts nothing: nft inet t i udp dport vmap @m"},
	}, {
		Name: "a map of verdicts on a host that loses nothing",
		Capture: `
-- first /proc/net/snmp --
Ip: InReceives InDelivers
Ip: 1000 1000
-- /proc/net/snmp --
Ip: InReceives InDelivers
Ip: 2000 2000
-- nft -t list ruleset --
table ip kube-proxy {
	chain services {
		ip daddr . meta l4proto . th dport vmap @service-ips
`,
		Outcome: Clean,
	}, {
		Name: "a filter of tc drops before IP sees it",
		From: "lab-tc-filter/after",
		Capture: `
-- first /proc/uptime --
31824.10 43318.50
-- first tc -s qdisc --
qdisc clsact ffff: dev eth1 parent ffff:fff1 
 Sent 234 bytes 4 pkt (dropped 0, overlimits 0 requeues 0) 
 backlog 0b 0p requeues 0
-- /proc/uptime --
31830.14 43330.41
-- tc -s qdisc --
qdisc clsact ffff: dev eth1 parent ffff:fff1 
 Sent 1156634 bytes 2009 pkt (dropped 1000, overlimits 0 requeues 0) 
 backlog 0b 0p requeues 0
`,
		Outcome: Found,
		Want:    []string{"medium dropping: eth1 clsact: filters or policers of tc dropped 1000 packets in 6.0 s, 49.9 % of those that passed"},
	}, {
		Name: "a policy that drops all that comes",
		Capture: `
-- first /proc/net/snmp --
Ip: InReceives InDelivers ForwDatagrams InHdrErrors InAddrErrors InUnknownProtos InDiscards ReasmReqds ReasmOKs
Ip: 4 0 0 0 0 0 0 0 0
-- first nft -t list ruleset --
-- /proc/net/snmp --
Ip: InReceives InDelivers ForwDatagrams InHdrErrors InAddrErrors InUnknownProtos InDiscards ReasmReqds ReasmOKs
Ip: 804 0 0 0 0 0 0 0 0
-- nft -t list ruleset --
table ip t {
	chain i {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
`,
		Outcome: Found,
		Want:    []string{"medium dropping: IP received 800 packets in 10.0 s that it neither delivered nor forwarded, and no counter says why; one rule or policy of nftables drops without counting: nft ip t i policy drop"},
	}, {
		Name: "a policy that drops scans, and programs of XDP and tc",
		Capture: `
-- first /proc/net/snmp --
Ip: InReceives InDelivers
Ip: 100000 99900
-- first /proc/net/snmp6 --
Ip6InReceives                   	900
Ip6InDelivers                   	900
-- first nft -t list ruleset --
-- /proc/net/snmp --
Ip: InReceives InDelivers
Ip: 150000 149880
-- /proc/net/snmp6 --
Ip6InReceives                   	950
Ip6InDelivers                   	950
-- absent iptables-save -c --
-- nft -t list ruleset --
table inet filter {
	chain output {
		udp dport 53 counter packets 5 bytes 400 drop
	}
	chain input {
		type filter hook input priority filter; policy drop;
		tcp dport 23 drop
		tcp dport 23 drop
# and 7 more
	}
}
-- tc -s qdisc --
qdisc clsact ffff: dev eth0 parent ffff:fff1 
 Sent 1000 bytes 10 pkt (dropped 0, overlimits 0 requeues 0) 
 backlog 0b 0p requeues 0
-- ip -o link --
2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 xdp qdisc mq state UP mode DEFAULT group default qlen 1000\    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff promiscuity 0 \    prog/xdp id 12 name xdp_filter tag 3b185187f1855c4c jited 
`,
		Outcome: Found,
		Want: []string{
			"info note: 10 rules and policies of nftables drop without counting, nft inet filter input policy drop for one; IP lost 20 packets in 10.0 s that no counter explains",
			"info note: eth0: a program of XDP is attached: what it drops is counted nowhere here",
		},
	}, {
		Name: "a router of kernel 6.1, and packets that are too long for its next link",
		Capture: `
-- first /proc/net/snmp --
Ip: InReceives InDelivers ForwDatagrams OutRequests FragFails
Ip: 0 0 0 0 0
-- /proc/net/snmp --
Ip: InReceives InDelivers ForwDatagrams OutRequests FragFails
Ip: 4002 2 2000 2002 2000
-- absent nft -t list ruleset --
`,
		Outcome: Clean,
	}, {
		Name: "a load balancer with IPVS, which takes packets to send them on",
		Capture: `
-- first /proc/net/snmp --
Ip: InReceives InDelivers
Ip: 100000 50000
-- /proc/net/snmp --
Ip: InReceives InDelivers
Ip: 150000 75000
-- nft -t list ruleset --
-- /proc/net/ip_vs_stats --
   Total Incoming Outgoing         Incoming         Outgoing
   Conns  Packets  Packets            Bytes            Bytes
    FA0      FA00        0           FA0000                0
`,
		Outcome: Clean,
	}},
})

func silentWants() (wants []probe.Handle) {
	for _, f := range firewalls {
		wants = append(wants, f.hits)
	}
	wants = append(wants, rulesWithMaps, iptablesOfNft, ip6tablesOfNft, conntrackDrops, kernel.IPVS, qdiscPackets, kernel.XDP)
	for _, b := range slices.Concat(arrivals, departures) {
		wants = append(append(append(wants, b.whole, b.known), handles(b.more)...), handles(b.taken)...)
	}
	return wants
}

func checkSilentDrops(c *Case) (found []Finding) {
	rules, one, why := silentRules(c, uncountedRules)
	maps, oneMap, whyMap := silentRules(c, rulesWithMaps)
	missing, all, gone, evidence := missingInIP(c)
	loss := Loss{Count: missing.Delta, Of: all.Delta, Over: missing.Over, Unit: Packets}
	share, known := loss.Ratio()
	rate, dated := loss.PerSecond()
	much := dated && rate > c.Limit(firewallRate) && (!known || share > c.Limit(firewallShare))
	nft := uncountedRules.State(c)
	f := Finding{Kind: Dropping, Loss: loss, Evidence: append(evidence, why...)}
	look := Step{
		Text: `see what the kernel says when it drops one: "perf trace -e skb:kfree_skb" as root; NETFILTER_DROP is a rule of the firewall`,
	}
	switch {
	case much && rules > 0:
		f.Message = fmt.Sprintf("%s; %d rules and policies of nftables drop without counting, %s for one", gone, rules, one)
		if rules == 1 {
			f.Message = fmt.Sprintf("%s; one rule or policy of nftables drops without counting: %s", gone, one)
		}
		f.Steps = []Step{{
			Text: `let the rules count: the word counter before drop or reject, in the file that loads them, and a last rule "counter" for the policy of a chain`,
			Undo: "take the word away again", Price: "some nanoseconds a packet",
		}, look}
	case much && maps > 0:
		f.Severity = Low // a map may hold nothing that drops
		f.Message = fmt.Sprintf("%s; a verdict in a map of nftables counts nothing: %s", gone, oneMap)
		f.Evidence = append(f.Evidence, whyMap...)
		f.Steps = []Step{{
			Text: `see the verdicts: "nft list maps"; where one is drop, let it jump to a chain that counts and drops`,
		}, look}
	case much && nft != probe.Known && nft != probe.Absent:
		f.Severity = Low
		f.Message = gone + fmt.Sprintf("; a firewall takes packets like this, and its rules are unknown (%s)", nft)
		f.Steps = []Step{{Text: "scan as root, or with --sudo auto, to see which rule it is, or look at the rules of the firewall by hand"}, look}
	case rules > 0:
		f.Kind, f.Loss = Note, Loss{}
		f.Message = fmt.Sprintf("%d rules and policies of nftables drop without counting, %s for one", rules, one)
		if missing.Delta > 0 {
			f.Message += fmt.Sprintf("; IP lost %d packets in %.1f s that no counter explains", missing.Delta, missing.Over.Seconds())
		}
	case much:
		f.Severity, f.Message = Low, gone // something may take packets that are not lost
		f.Steps = []Step{{
			Text: `look for a route that discards ("ip route show type blackhole"), for senders whose address cannot be where they are (net.ipv4.conf.all.log_martians=1 ` +
				`names them in the kernel log), and for a queue that no program reads (NFQUEUE in the firewall's rules)`,
		}, look}
	default:
		f.Message = ""
	}
	if f.Message != "" {
		found = append(found, f)
	}
	return slices.Concat(found, filteredByTC(c), attachedPrograms(c))
}

// silentRules returns how many rules and policies of nftables drop without counting, and one of them. The
// policies of iptables count by themselves.
func silentRules(c *Case, column probe.Column) (n uint64, one string, why []probe.Evidence) {
	inNft, _ := tablesOfIptables(c)
	for _, f := range column.In(c) {
		row := f.Source.Row
		if slices.ContainsFunc(inNft, func(table string) bool { return strings.HasPrefix(row, table) }) {
			continue
		}
		count, _ := f.Get()
		n += count.Total
		if one == "" {
			one = clip("nft " + row)
		}
		if len(why) < mostRules {
			e := f.Evidence()
			e.Before = nil // it is no counter of packets
			why = append(why, e)
		}
	}
	return n, one, why
}

// missingInIP returns how many packets IP did not account for, of both versions and on both ways, of how many, and
// what a person reads of it.
func missingInIP(c *Case) (missing, all probe.Counter, gone string, why []probe.Evidence) {
	in, received, why := missingOf(c, arrivals)
	out, sent, whyOut := missingOf(c, departures)
	missing = in.Plus(out)
	for _, h := range firewallRules(c) {
		if !h.out || out.Delta > 0 {
			missing = missing.Minus(h.dropped)
		}
	}
	conntrack, _ := conntrackDrops.Sum(c).Get()
	missing = missing.Minus(conntrack)
	if kernel.IPVS.In(c).State == probe.Known {
		missing = probe.Counter{}
	}
	n, seconds := missing.Delta, missing.Over.Seconds()
	switch {
	case out.Delta == 0:
		gone = fmt.Sprintf("IP received %d packets in %.1f s that it neither delivered nor forwarded", n, seconds)
	case in.Delta == 0:
		gone = fmt.Sprintf("IP had %d packets to send or to forward in %.1f s that did not leave", n, seconds)
	default:
		gone = fmt.Sprintf("IP lost %d packets in %.1f s on the way in and out", n, seconds)
	}
	return missing, received.Plus(sent), gone + ", and no counter says why", append(why, whyOut...)
}

// attachedPrograms tells of programs that see packets before IP does.
func attachedPrograms(c *Case) (found []Finding) {
	programs := kernel.XDP.In(c)
	names, _ := programs.Get()
	if len(names) > 0 {
		few := names[:min(len(names), mostRules)]
		found = append(found, Finding{
			Kind:     Note,
			Subject:  list(few),
			Message:  "a program of XDP is attached: what it drops is counted nowhere here",
			Evidence: []probe.Evidence{programs.Part("", "xdp", len(names))},
		})
	}
	return found
}

// filteredByTC tells of what filters of tc dropped, on the way in and out: the qdisc that they hang on
// counts it, before IP sees what comes, and after IP has sent what goes.
//
// Source: net/core/dev.c, tc_run: mini_qdisc_qstats_cpu_drop.
func filteredByTC(c *Case) (found []Finding) {
	for _, dropped := range qdiscDropped.In(c) {
		n, _ := dropped.Get()
		kind, device := kernel.QdiscDevice(dropped.Source.Row)
		if kind != "clsact" && kind != "ingress" || n.Delta == 0 {
			continue
		}
		packets := qdiscPackets.Row(dropped.Source.Row).In(c)
		h := firewallHit{dropped: n, why: probe.Because(dropped, packets), claims: countedAgain(n)}
		h.arrived, _ = packets.Get() // those that it dropped, too
		loss, much := c.firewallLoss(h)
		verdict := Note
		if much {
			verdict = Dropping
		}
		f := firewallFinding(verdict, device+" "+kind, "filters or policers of tc dropped", h, loss)
		if much {
			f.Steps = []Step{{
				Text: fmt.Sprintf(`see which of them it is: "tc -s filter show dev %s ingress", and egress; a policer that limits a rate drops what is above it; `+
					`where it is meant to, waive the finding`, shellWord(device)),
			}}
		}
		found = append(found, f)
	}
	return found
}
