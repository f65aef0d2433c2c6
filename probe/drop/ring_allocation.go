package drop

import (
	"fmt"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var minFree = kernel.Sysctl("vm.min_free_kbytes")

var _ = add(Rule{
	ID:       "FD203",
	Name:     "ring-allocation-failure",
	Title:    "The driver gets no memory for received packets",
	Stage:    Ring,
	Scope:    Host,
	Severity: map[Kind]Severity{Dropping: High, Dropped: Medium, AtRisk: Medium, Note: Info},
	Reasons:  []string{"NOMEM"},
	Needs:    []Need{{driverStats}},
	Wants:    append([]probe.Handle{minFree, memTotal, linkPackets, devPackets}, adapterFacts...),
	Check:    checkAllocation,
	Seen:     []string{"ethtool-S/tr_e1000e_eth1_hiboma_grep.txt"},

	Doc: `
The driver fills the ring buffer with empty memory, in the softirq that takes the packets out, where it cannot wait for
memory to be freed: it may use what the kernel holds back for that, vm.min_free_kbytes, and if that is used up it
gets none. Most drivers then leave the descriptor empty and try again, so a packet is lost only when the ring
runs dry, which is ring-overflow; that is a risk. Some have the packet already and get no memory for its
head (skb): that one is thrown away.

ethtool -S tells which: rx_alloc_fail, alloc_rx_buff_failed, rx_queue_*_alloc_failed, page_alloc_fail, refil_partial are
tries, skb_alloc_fail, rx_noskb_drops, rx_drops_no_skbs, rx_no_memory are packets. The
share is of these packets and those received.

By hand: "ethtool -S eth0 | grep -iE 'alloc|skb|no_mem'" twice; "dmesg | grep 'page allocation failure'".`,

	Examples: []Example{{
		Name: "packets thrown away for want of an skb, which are in rx_dropped too",
		Capture: `
-- first /sys/class/net/eth0/statistics/ --
rx_packets 100000
rx_dropped 0
-- first ethtool -S eth0 --
     rxq0: rx_drops_no_skbs: 0
     rxq1: rx_drops_no_skbs: 5
     rxq0: rx_post_fail: 0
-- /proc/sys/vm/min_free_kbytes --
67584
-- /sys/class/net/*/device/uevent --
eth0 DRIVER=be2net
-- /sys/class/net/eth0/statistics/ --
rx_packets 200000
rx_dropped 700
-- ethtool -S eth0 --
     rxq0: rx_drops_no_skbs: 600
     rxq1: rx_drops_no_skbs: 105
     rxq0: rx_post_fail: 9000
`,
		Outcome: Found,
		Want: []string{
			"high dropping: eth0: packets were thrown away for want of memory: rxq*: rx_drops_no_skbs is 705 since boot, 700 of them in 10.0 s (vm.min_free_kbytes is 67584)",
		},
	}, {
		Name: "tries that failed, sysfs not mounted",
		Capture: `
-- absent /sys/class/net/*/statistics/ --
-- first /proc/net/dev --
  eth0: 1000 1000 0 0 0 0 0 0 0 0 0 0 0 0 0 0
-- first ethtool -S eth0 --
     alloc_rx_buff_failed: 2000
-- /sys/class/net/*/device/uevent --
eth0 DRIVER=e1000e
-- /proc/net/dev --
  eth0: 2000 2000 0 0 0 0 0 0 0 0 0 0 0 0 0 0
-- ethtool -S eth0 --
     alloc_rx_buff_failed: 2060
`,
		Outcome: Found,
		Want: []string{
			"medium at-risk: eth0: its driver got no memory to fill the ring buffer with: alloc_rx_buff_failed is 2060 since boot, 60 of them in 10.0 s (vm.min_free_kbytes is unknown (unread))",
		},
	}, {
		Name: "some in a year, and memory that came at once",
		Capture: `
-- first /proc/uptime --
25919990.00 1.00
-- first ethtool -S eth0 --
     alloc_rx_buff_failed: 2000
     alloc_rx_page: 100
-- /proc/uptime --
25920000.00 1.00
-- /sys/class/net/*/device/uevent --
eth0 DRIVER=ixgbe
-- /sys/class/net/eth0/statistics/ --
rx_packets 200000
-- ethtool -S eth0 --
     alloc_rx_buff_failed: 2000
     alloc_rx_page: 9100
`,
		Outcome: Clean,
	}},
})

func checkAllocation(c *Case) (found []Finding) {
	free := minFree.In(c)
	for _, a := range adapters(c) {
		lost, _ := a.driverCounts(c, ofClass(kernel.AllocLoss))
		tries, _ := a.driverCounts(c, ofClass(kernel.AllocFailure))
		f := Finding{Subject: a.name}
		var n counted
		if len(lost) > 0 {
			n = most(lost)
			received := a.of(c, linkPackets, devPackets)
			arrived, known := received.Get()
			if known {
				arrived = arrived.Plus(n.n)
			}
			f.Kind, f.Loss = c.Lost(n.n, arrived, Packets)
			f.Message = "packets were thrown away for want of memory"
			f.Evidence = append(n.quote(), received.Evidence())
			if n.meaning.In == "rx_dropped" {
				f.Claims = []Claim{{linkDropped.Row(a.name).Source(), n.n}, {devDrop.Row(a.name).Source(), n.n}}
			}
		}
		if f.Kind == "" && len(tries) > 0 {
			n = most(tries)
			if f.Kind, _ = c.Lost(n.n, probe.Counter{}, Packets); f.Kind == Dropping || f.Kind == Dropped {
				f.Kind = AtRisk // a try is no packet
			}
			f.Message = "its driver got no memory to fill the ring buffer with"
			f.Evidence, f.Loss, f.Claims = n.quote(), Loss{}, nil
		}
		if f.Kind == "" {
			continue
		}
		f.Severity = n.severity()
		f.Message += fmt.Sprintf(": %s is %v (vm.min_free_kbytes is %v)", n.title(), n.n, free)
		f.Evidence = append(f.Evidence, free.Evidence())
		f.Steps = []Step{{Text: "find what uses up the memory: MemAvailable of /proc/meminfo, and who grows"}, largerReserve(c, free, 131072)}
		found = append(found, f)
	}
	return found
}

// largerReserve is the step that lets the kernel hold back more memory, at least so many KiB, and no more of the
// machine's than it can spare: a command only where that is known.
func largerReserve(c *Case, present probe.Fact[int64], least int64) Step {
	const (
		key   = "vm.min_free_kbytes"
		text  = "let the kernel hold back more memory for those who cannot wait"
		price = "no program can use it; far too much of it (5 % of the memory) makes the machine run out"
	)
	now, _ := present.Get()
	memory, known := memTotal.In(c).Get()
	value := min(max(least, 2*now), int64(memory/50))
	if present.State != probe.Known || !known || value <= now {
		return Step{Text: text + ": " + key + ", 2 % of the memory at most", Price: price}
	}
	return set(key, present, value, text, price)
}
