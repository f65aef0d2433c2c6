package drop

import (
	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

// A balance is what IP counts of packets at two places on their way. What was at the first and not at the second
// was taken in between: by what counts it, or by the firewall.
type balance struct {
	whole probe.Cell   // at the first place
	known probe.Cell   // without this one nothing can be said
	more  []probe.Cell // what came in between
	taken []probe.Cell // what is at the second place, and what was taken by anything but a firewall

	// On kernels without the counter leaves, these were taken in between too; on others they are of the departures.
	leaves probe.Cell
	stuck  []probe.Cell
}

// arrivals are of what IP received, of each version. Datagrams that were put together join them: of their fragments
// one goes on. Groups may be counted twice, so no more is found missing than is.
var arrivals = []balance{{
	whole: ipReceived, known: kernel.SNMP.Counter("Ip", "InDelivers"), more: cells(kernel.SNMP, "Ip", "ReasmOKs"),
	taken: append(cells(kernel.SNMP, "Ip", "InDelivers", "ForwDatagrams", "InHdrErrors", "InAddrErrors", "InUnknownProtos", "InDiscards", "ReasmReqds"),
		append(cells(kernel.Netstat, "IpExt", "InNoRoutes", "InTruncatedPkts", "InMcastPkts", "InBcastPkts"), reversePathDrops)...),
	leaves: kernel.SNMP.Counter("Ip", "OutTransmits"), stuck: cells(kernel.SNMP, "Ip", "FragFails"),
}, {
	whole: ip6Received, known: kernel.SNMP6.Counter("Ip6", "InDelivers"), more: cells(kernel.SNMP6, "Ip6", "ReasmOKs"),
	taken: cells(kernel.SNMP6, "Ip6", "InDelivers", "OutForwDatagrams", "InHdrErrors", "InAddrErrors", "InUnknownProtos", "InDiscards", "InNoRoutes",
		"InTruncatedPkts", "InTooBigErrors", "InMcastPkts", "ReasmReqds"),
}}

// departures are of what IP was to send and to forward. OutTransmits came with 6.6, and with it ForwDatagrams went to
// where a packet has not been to the firewall yet.
//
// Source: net/ipv4/ip_output.c, __ip_local_out and ip_finish_output2; net/ipv4/ip_forward.c.
var departures = []balance{{
	whole: ipSent, known: kernel.SNMP.Counter("Ip", "OutTransmits"), more: cells(kernel.SNMP, "Ip", "ForwDatagrams", "FragCreates"),
	taken: cells(kernel.SNMP, "Ip", "OutTransmits", "FragOKs", "FragFails"),
}, {
	whole: ip6Sent, known: kernel.SNMP6.Counter("Ip6", "OutTransmits"), more: cells(kernel.SNMP6, "Ip6", "OutForwDatagrams", "FragCreates"),
	taken: cells(kernel.SNMP6, "Ip6", "OutTransmits", "FragOKs", "FragFails", "OutNoRoutes"),
}}

func cells(stats *probe.Stats, row string, fields ...string) (all []probe.Cell) {
	for _, field := range fields {
		all = append(all, stats.Counter(row, field))
	}
	return all
}

// missingOf returns what does not balance, and what it is of.
func missingOf(c *Case, balances []balance) (missing, all probe.Counter, why []probe.Evidence) {
	for _, b := range balances {
		whole, known := b.whole.In(c), b.known.In(c)
		n, ok := whole.Get()
		if second, counted := known.Get(); !ok || !counted || second.Total == 0 && c.Netns() != nil {
			continue // an earlier script did not read it of the namespaces beside the login's
		}
		all = all.Plus(n)
		rest, joined := n, []probe.Fact[probe.Counter](nil)
		for _, cell := range b.more {
			m, _ := cell.In(c).Get()
			rest = rest.Plus(probe.Counter{Total: m.Total, Before: m.Before, Delta: m.Delta})
			if m.Delta > 0 {
				joined = append(joined, cell.In(c))
			}
		}
		for _, cell := range b.taken {
			m, _ := cell.In(c).Get()
			rest = rest.Minus(m)
		}
		for _, cell := range b.stuck {
			if _, counted := b.leaves.In(c).Get(); !counted {
				m, _ := cell.In(c).Get()
				rest = rest.Minus(m)
			}
		}
		if rest.Delta > 0 {
			why = append(why, probe.Because(whole)...)
			for _, f := range joined {
				why = append(why, f.Evidence())
			}
			why = append(why, probe.Because(known)...)
		}
		missing = missing.Plus(rest)
	}
	return missing, all, why
}
