package drop

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

// trackedLeft is where the connections that the cloud tracks may soon be too many.
var trackedLeft = Limit{
	Name: "tracked-connections-left", Default: 1000, Unit: "connections that the cloud could track yet",
	Source: "judgement: AWS does not say how many there can be, and one busy client opens as many in a minute",
}

var _ = add(Rule{
	ID:       "FD103",
	Name:     "nic-cloud-allowance",
	Title:    "The cloud holds back or drops packets, for this machine sends or receives more than it may",
	Stage:    NIC,
	Scope:    Host,
	Severity: map[Kind]Severity{Dropping: High, Dropped: Medium, AtRisk: Low, Note: Info},
	Limits:   []Limit{trackedLeft},
	Needs:    []Need{{driverStats}},
	Wants:    append([]probe.Handle{linkTxPackets, devTxPackets}, adapterFacts...),
	Check:    checkAllowance,
	Seen:     []string{"ethtool-S/tr_ena_allowance_grep.txt"},

	Doc: `
A machine of a cloud may send and receive so much and no more: bytes, packets, connections that its
security groups track, and on AWS 1,024 packets a second to the local services (DNS, metadata,
time). What is above waits outside the machine, or is dropped there. No counter of Linux knows
of it; only the driver is told, under a name of its own.

ena of AWS tells all of it, as bw_in_, bw_out_, pps_, conntrack_ and linklocal_allowance_exceeded. virtio_net tells
of *_hw_drop_ratelimits where the host of the virtual machine counts them. gve of Google and hv_netvsc and mana of Azure have no such
counter: a host that is clean here may still be held back there, and the cloud's own metrics say so. The
counters hold what was delayed as well as what was dropped, and one packet can be in two of them:
the largest is taken. The share is of these packets and all that the interface received and sent.

By hand: "ethtool -S eth0 | grep -E 'allowance|ratelimit'".

See https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-network-performance-ena.html`,

	Examples: []Example{{
		Name: "too many packets a second, and too many bytes",
		Capture: `
-- first /sys/class/net/ens5/statistics/ --
rx_packets 1000000
tx_packets 1000000
-- first ethtool -S ens5 --
     bw_in_allowance_exceeded: 15
     bw_out_allowance_exceeded: 100
     pps_allowance_exceeded: 2000
     conntrack_allowance_exceeded: 0
     linklocal_allowance_exceeded: 0
-- /sys/class/net/*/device/uevent --
ens5 DRIVER=ena
-- /sys/class/net/ens5/statistics/ --
rx_packets 1400000
tx_packets 1500000
-- ethtool -S ens5 --
     bw_in_allowance_exceeded: 15
     bw_out_allowance_exceeded: 130
     pps_allowance_exceeded: 9000
     conntrack_allowance_exceeded: 0
     linklocal_allowance_exceeded: 0
`,
		Outcome: Found,
		Want: []string{
			"high dropping: ens5: more than the cloud lets pass: pps_allowance_exceeded is 9000 since boot, 7000 of them in 10.0 s; bw_out_allowance_exceeded too",
		},
	}, {
		Name: "a resolver that asks the cloud's DNS for everything, sysfs not mounted",
		Capture: `
-- absent /sys/class/net/*/statistics/ --
-- first /proc/net/dev --
  ens5: 1000 100000 0 0 0 0 0 0 1000 100000 0 0 0 0 0 0
-- first ethtool -S ens5 --
     linklocal_allowance_exceeded: 5
-- /sys/class/net/*/device/uevent --
ens5 DRIVER=ena
-- /proc/net/dev --
  ens5: 2000 120000 0 0 0 0 0 0 2000 120000 0 0 0 0 0 0
-- ethtool -S ens5 --
     linklocal_allowance_exceeded: 905
`,
		Outcome: Found,
		Want: []string{
			"high dropping: ens5: more than the cloud lets pass: linklocal_allowance_exceeded is 905 since boot, 900 of them in 10.0 s",
		},
	}, {
		Name: "nearly all connections that may be tracked",
		Capture: `
-- /sys/class/net/*/device/uevent --
ens5 DRIVER=ena
-- /sys/class/net/ens5/statistics/ --
rx_packets 1400000
tx_packets 1500000
-- ethtool -S ens5 --
     conntrack_allowance_exceeded: 0
     conntrack_allowance_available: 212
`,
		Outcome: Found,
		Want:    []string{"low at-risk: ens5: the cloud can track 212 connections more before it drops new ones"},
	}, {
		Name: "what is available is no loss, and nine in a year are none to speak of",
		Capture: `
-- /proc/uptime --
31536000.00 31536000.00
-- /sys/class/net/*/device/uevent --
ens5 DRIVER=ena
-- /sys/class/net/ens5/statistics/ --
rx_packets 1400000000
tx_packets 1500000000
-- ethtool -S ens5 --
     bw_in_allowance_exceeded: 9
     conntrack_allowance_available: 601984
`,
		Outcome: Clean,
	}},
})

func checkAllowance(c *Case) (found []Finding) {
	for _, a := range adapters(c) {
		if f, ok := allowance(c, a); ok {
			found = append(found, f)
			continue
		}
		left, _ := driverStats.Row(c, a.name, func(field string, n uint64) bool {
			return field == "conntrack_allowance_available" && float64(n) < c.Limit(trackedLeft)
		})
		for _, f := range left {
			n, _ := f.Get()
			found = append(found, Finding{
				Kind:     AtRisk,
				Subject:  a.name,
				Message:  fmt.Sprintf("the cloud can track %d connections more before it drops new ones", n.Total),
				Evidence: []probe.Evidence{{Source: f.Source, State: f.State, Value: n.Total}},
				Steps:    allowanceSteps("conntrack_allowance_exceeded"),
			})
		}
	}
	return found
}

// allowance tells of the limit of one adapter that held back the most.
func allowance(c *Case, a adapter) (Finding, bool) {
	received, sent := a.of(c, linkPackets, devPackets), a.of(c, linkTxPackets, devTxPackets)
	all, _ := a.driverCounts(c, ofClass(kernel.AllowanceLoss))
	if len(all) == 0 {
		return Finding{}, false
	}
	largest := most(all)
	of, known := received.Get()
	if out, ok := sent.Get(); known && ok {
		of = of.Plus(out).Plus(largest.n)
	}
	kind, loss := c.Lost(largest.n, of, Packets)
	if kind == "" {
		return Finding{}, false
	}
	f := Finding{
		Kind:     kind,
		Severity: largest.severity(),
		Subject:  a.name,
		Message:  fmt.Sprintf("more than the cloud lets pass: %s is %v", largest.title(), largest.n),
		Loss:     loss,
		Evidence: append(largest.quote(), probe.Because(received, sent)...),
		Steps:    allowanceSteps(largest.name),
	}
	var others []string
	for _, other := range all {
		if other.name != largest.name && (other.n.Delta > 0 || kind == Dropped) {
			others = append(others, other.title())
			f.Evidence = append(f.Evidence, other.quote()...)
			f.Steps = append(f.Steps, allowanceSteps(other.name)...)
		}
	}
	if len(others) > 0 {
		f.Message += "; " + strings.Join(others, ", ") + " too"
	}
	f.Steps = slices.CompactFunc(f.Steps, func(a, b Step) bool { return a.Text == b.Text })
	return f, true
}

// allowanceSteps are what helps against one of the limits. None of them is a setting of the host.
func allowanceSteps(name string) []Step {
	larger := Step{Text: "take a larger machine, or share the work out over more of them", Price: "what the cloud asks for it"}
	switch {
	case strings.HasPrefix(name, "conntrack"):
		return []Step{{
			Text: "let the cloud track fewer connections: a security group that lets all traffic in and out is not tracked; " +
				"keep connections open and use them again, and let idle ones end sooner",
			Price: "a security group without limits protects nothing: the host's own firewall must",
		}, larger}
	case strings.HasPrefix(name, "linklocal"):
		return []Step{{
			Text: "ask the cloud's DNS, metadata and time less often: a cache of names on the host, such as systemd-resolved or unbound; " +
				"the limit is 1,024 packets a second for each interface, and a larger machine has the same",
		}}
	case strings.HasPrefix(name, "pps"):
		return []Step{{
			Text: "send fewer and larger packets: a larger MTU within the cloud's network, GSO and GRO on (ethtool -k), fewer small writes",
		}, larger}
	case strings.HasPrefix(name, "bw"):
		return []Step{{
			Text: "send more evenly, for a burst of a few ms is above the limit though the minute is not: the fq qdisc paces TCP",
		}, larger}
	}
	return []Step{{Text: "ask those who run the host of this virtual machine what it may send and receive"}, larger}
}
