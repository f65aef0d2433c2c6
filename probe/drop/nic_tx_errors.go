package drop

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	linkTxErrors  = kernel.LinkStats.Column("tx_errors")
	linkTxFifo    = kernel.LinkStats.Column("tx_fifo_errors")
	linkTxCarrier = kernel.LinkStats.Column("tx_carrier_errors")
	linkTxAborted = kernel.LinkStats.Column("tx_aborted_errors")
	linkTxWindow  = kernel.LinkStats.Column("tx_window_errors")
	devTxErrors   = kernel.NetDev.Column("tx_errs")
	devTxFifo     = kernel.NetDev.Column("tx_fifo")
	devTxCarrier  = kernel.NetDev.Column("tx_carrier")

	hangRate = Limit{
		Name: "hangs", Default: 1, Unit: "a day since boot, where there was none in the window",
		Source: "judgement: the kernel waits 5 s and more before it says so, and all that the ring held is lost",
	}
)

var _ = add(Rule{
	ID:       "FD106",
	Name:     "nic-tx-errors",
	Title:    "The adapter fails to send packets",
	Stage:    NIC,
	Scope:    Host,
	Severity: map[Kind]Severity{Dropping: High, Dropped: Medium, Note: Info},
	Limits:   []Limit{hangRate},
	Needs:    []Need{{linkTxErrors, devTxErrors}},
	Wants: append([]probe.Handle{
		linkTxFifo, linkTxCarrier, linkTxAborted, linkTxWindow, devTxFifo, devTxCarrier, linkTxPackets, devTxPackets, driverStats, kernel.Messages,
		kernel.MaxBacklog,
	}, adapterFacts...),
	Check: checkSendErrors,
	Seen:  []string{"dmesg/tr_netdev_watchdog_4.4_5.8.txt"},

	Doc: `
The adapter has the packet, and does not get it onto the wire: there is no carrier, the memory did not
deliver it in time (fifo, an underrun), or it gave up after 16 collisions, or one that came too late (aborted,
window), which means half duplex at one end. A tunnel that has no way to its other end counts in
carrier too. The kinds overlap, so the largest is taken. A heartbeat error is none: it is a test of old
transceivers. The share is of these packets and those sent. What the driver itself throws away is tx-dropped.

A queue that stood still for 5 s (watchdog) is told to the driver, which begins anew; what its ring held is lost, and
nobody counts it. The kernel says so in a message, and some drivers count it, as tx_timeout_count.

By hand: "ip -s -s link show dev eth0"; "dmesg | grep -i 'netdev watchdog'"; "ethtool eth0" for carrier and duplex.`,

	Examples: []Example{{
		Name: "a cable that falls out while it is used",
		Capture: `
-- first /sys/class/net/eth0/statistics/ --
rx_packets 100000
tx_packets 100000
tx_errors 0
tx_fifo_errors 0
tx_carrier_errors 0
tx_aborted_errors 0
tx_window_errors 0
-- first ethtool -S eth0 --
     tx_carrier_errors: 0
-- /sys/class/net/*/device/uevent --
eth0 DRIVER=e1000e
-- /proc/sys/net/core/netdev_max_backlog --
1000
-- /sys/class/net/eth0/statistics/ --
rx_packets 100000
tx_packets 110000
tx_errors 300
tx_fifo_errors 0
tx_carrier_errors 300
tx_aborted_errors 0
tx_window_errors 0
-- ethtool -S eth0 --
     tx_carrier_errors: 300
`,
		Outcome: Found,
		Want:    []string{"high dropping: eth0: it found no carrier when it was to send: tx_carrier_errors is 300 since boot, 300 of them in 10.0 s"},
	}, {
		Name: "a queue that hangs, in the words of 6.1 and in those of before",
		Capture: `
-- first /proc/uptime --
91.00 1.00
-- first /sys/class/net/eth0/statistics/ --
tx_packets 100000
tx_errors 0
-- first ethtool -S eth0 --
     tx_timeout_count: 1
-- /proc/uptime --
101.00 1.00
-- /proc/sys/net/core/netdev_max_backlog --
1000
-- /sys/class/net/*/device/uevent --
eth0 DRIVER=ixgbe
eth1 DRIVER=r8169
-- /sys/class/net/eth0/statistics/ --
rx_packets 110000
tx_packets 110000
tx_errors 0
-- /sys/class/net/eth1/statistics/ --
rx_packets 110000
tx_packets 110000
tx_errors 0
-- dmesg --
[   20.000000] NETDEV WATCHDOG: eth1 (r8169): transmit queue 0 timed out
[   98.000000] ixgbe 0000:01:00.0 eth0: NETDEV WATCHDOG: CPU: 4: transmit queue 3 timed out 5012 ms
-- ethtool -S eth0 --
     tx_timeout_count: 2
`,
		Outcome: Found,
		Want: []string{
			"medium dropping: eth0 transmit queue: it stood still and was begun anew: tx_timeout_count is 2 since boot, 1 of them in 10.0 s; the last time 3.0 s before the last sample",
			"medium dropped: eth1 transmit queue: it stood still and was begun anew; the last time 81.0 s before the last sample",
		},
	}, {
		Name: "sysfs is not mounted",
		Capture: `
-- absent /sys/class/net/*/statistics/ --
-- first /proc/net/dev --
  eth0: 1000 1000 0 0 0 0 0 0 1000 1000 0 0 0 0 0 0
-- /proc/net/dev --
  eth0: 2000 2000 0 0 0 0 0 0 2000 2000 60 0 60 0 0 0
`,
		Outcome: Found,
		Want:    []string{"high dropping: eth0: its memory did not deliver in time what it was to send: tx_fifo is 60 since boot, 60 of them in 10.0 s"},
	}, {
		Name: "a queue that hung once, long ago; one error an hour",
		Capture: `
-- first /proc/uptime --
25919990.00 1.00
-- first /sys/class/net/eth0/statistics/ --
tx_packets 900000000
tx_errors 7000
-- first ethtool -S eth0 --
     tx_timeout_count: 1
-- /proc/uptime --
25920000.00 1.00
-- /sys/class/net/*/device/uevent --
eth0 DRIVER=ixgbe
-- /sys/class/net/eth0/statistics/ --
rx_packets 900010000
tx_packets 900010000
tx_errors 7000
-- dmesg --
[   20.000000] NETDEV WATCHDOG: eth0 (ixgbe): transmit queue 0 timed out
-- ethtool -S eth0 --
     tx_timeout_count: 1
`,
		Outcome: Clean,
	}},
})

func checkSendErrors(c *Case) (found []Finding) {
	log, container := kernel.Messages.In(c), kernel.MaxBacklog.In(c).State == probe.Absent
	messages, _ := log.Get()
	if container {
		messages = nil // they are of the machine, where another interface may have this name
	}
	for _, a := range adapters(c) {
		if f, ok := sendErrors(c, a); ok {
			found = append(found, f)
		}
		if f, ok := sendHang(c, a, log, messages); ok {
			found = append(found, f)
		}
	}
	return found
}

// sendErrors tells of the packets that one adapter failed to send.
func sendErrors(c *Case, a adapter) (Finding, bool) {
	kinds, _ := a.driverCounts(c, ofClass(kernel.SendFault))
	if a.sysfs {
		for _, column := range []probe.Column{linkTxCarrier, linkTxFifo, linkTxAborted, linkTxWindow} {
			kinds = append(kinds, one(column.Row(a.name).In(c)))
		}
	} else {
		kinds = append(kinds, one(devTxFifo.Row(a.name).In(c)), one(devTxCarrier.Row(a.name).In(c)))
	}
	all := a.of(c, linkTxErrors, devTxErrors)
	failed, sum := most(kinds), one(all)
	// It is the sum of them all, so it is worth a word only where no kind is known.
	if sum.n.Delta > failed.n.Delta || sum.n.Delta == failed.n.Delta && sum.n.Total > failed.n.Total {
		if failed.n.Delta == 0 && sum.n.Delta > 0 || failed.n.Total == 0 {
			failed = sum
		}
	}
	packets := a.of(c, linkTxPackets, devTxPackets)
	sent, known := packets.Get()
	if known {
		sent = sent.Plus(failed.n)
	}
	kind, loss := c.Lost(failed.n, sent, Packets)
	if kind == "" {
		return Finding{}, false
	}
	what, step := sendFault(failed.name)
	return Finding{
		Kind:     kind,
		Severity: failed.severity(),
		Subject:  a.name,
		Message:  fmt.Sprintf("%s: %s is %v", what, failed.title(), failed.n),
		Loss:     loss,
		Evidence: append(failed.quote(), probe.Because(all, packets)...),
		Steps:    []Step{step},
		Claims:   []Claim{{all.Source, failed.n}},
	}, true
}

// sendFault says what a counter of send errors means, and what to do.
func sendFault(name string) (what string, step Step) {
	holds := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(name, w) })
	}
	switch {
	case holds("carrier", "cserr"):
		return "it found no carrier when it was to send", Step{
			Text: "change the cable or the transceiver, then the port of the switch; of a tunnel, look for the route to its other end",
		}
	case holds("fifo", "under", "flow"):
		return "its memory did not deliver in time what it was to send", Step{
			Text: "the adapter waits for the bus: put it into a slot with as many lanes as it has (lspci -vv, LnkSta), and let no deep sleep states slow the CPU",
		}
	case holds("abort", "window", "lat", "coll", "lcol", "excol"):
		return "it gave up after collisions", Step{
			Text: "both ends must agree on the duplex: leave autonegotiation on at both, or set the same at both",
		}
	}
	return "packets could not be sent", Step{
		Text: `look at the driver's own counters in "ethtool -S", its firmware ("ethtool -i"), and the kernel's messages`,
	}
}

// sendHang tells of a transmit queue of one adapter that stood still.
func sendHang(c *Case, a adapter, log probe.Fact[[]kernel.Message], messages []kernel.Message) (Finding, bool) {
	hangs, _ := a.driverCounts(c, ofClass(kernel.SendHang))
	var last kernel.Message
	for _, m := range messages {
		if name, ok := m.Watchdog(); ok && name == a.name && m.Timed && m.At >= last.At {
			last = m
		}
	}
	if len(hangs) == 0 && !last.Timed {
		return Finding{}, false
	}
	f := Finding{
		Subject: a.name + " transmit queue",
		Message: "it stood still and was begun anew",
		Steps: []Step{{
			Text: "bring the driver and the adapter's firmware up to date (ethtool -i); if it comes back, try without power saving (ASPM, EEE) and without TSO (ethtool -K)",
		}, {
			Text: "look in the kernel's messages for what the driver says next to it, such as a fault of PCIe",
		}},
	}
	if len(hangs) > 0 {
		most := most(hangs)
		switch perDay := float64(most.n.Total) / max(c.Up().Hours()/24, 1e-9); {
		case most.n.Delta > 0:
			f.Kind = Dropping
		case c.Up() > 0 && perDay > c.Limit(hangRate):
			f.Kind = Dropped
		}
		f.Message += fmt.Sprintf(": %s is %v", most.title(), most.n)
		f.Evidence = most.quote()
		f.Severity = Medium
	}
	if last.Timed {
		if kind := c.Logged(last.At); kind != Note && (f.Kind == "" || kind == Dropping) {
			f.Kind = kind
		}
		if f.Kind != "" {
			f.Message += fmt.Sprintf("; the last time %.1f s before the last sample", c.before(last))
			f.Evidence = append(f.Evidence, log.Part("", "", last.Text))
		}
	}
	return f, f.Kind != ""
}
