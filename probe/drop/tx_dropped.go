package drop

import (
	"fmt"
	"strconv"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	linkTxDropped = kernel.LinkStats.Column("tx_dropped")
	linkTxPackets = kernel.LinkStats.Column("tx_packets")
	devTxDrop     = kernel.NetDev.Column("tx_drop")
	devTxPackets  = kernel.NetDev.Column("tx_packets")

	unreadRate = Limit{
		Name: "unread-rate", Default: 1, Unit: "a second, at a tap or tun",
		Source: "judgement: the broadcasts that a paused virtual machine does not read are below it",
	}
)

var _ = add(Rule{
	ID:       "FD903",
	Name:     "tx-dropped",
	Title:    "The driver drops packets on their way out",
	Stage:    Egress,
	Scope:    Host,
	Severity: map[Kind]Severity{Dropping: Medium, Dropped: Low, Note: Info},
	Reasons:  []string{"FULL_RING"},
	Limits:   []Limit{unreadRate},
	Needs:    []Need{{linkTxDropped, devTxDrop}},
	Wants:    append([]probe.Handle{linkTxPackets, devTxPackets, driverStats, kernel.TunFlags, kernel.TxQueueLen}, adapterFacts...),
	Check:    checkSendDropped,

	Doc: `
Past the qdisc a packet belongs to the driver. It drops one that it cannot map for the adapter, that
has too many fragments, or that came while its ring was full and the queue was not yet stopped; a
veth drops what the other end does not take: its MTU is smaller, or its backlog is full. An
interface without a qdisc has no other place to drop. All this is tx_dropped; what the qdisc drops is not in
it. What is sent to a tap or a tun waits there, as many packets as its txqueuelen says, until a program
reads it: a virtual machine, or a VPN. More is dropped: the guest or the program is too slow. Bonds,
VLANs and bridges count the drops of the one below once more; WireGuard and other tunnels are not looked at. A packet that was dropped was never sent, so it is not in tx_packets: the share is of
both.

By hand: "ip -s -s link show dev eth0"; "ethtool -S eth0", where the driver says more.`,

	Examples: []Example{{
		Name: "200 packets larger than the MTU of the other end of a veth",
		From: "netns-veth-mtu/sender",
		Capture: `
-- first /proc/uptime --
4535.17 7003.81
-- first /sys/class/net/eth0/statistics/ --
rx_packets 0
tx_dropped 0
tx_packets 0
-- /proc/uptime --
4538.19 7009.34
-- /sys/class/net/eth0/statistics/ --
rx_packets 1
tx_dropped 200
tx_packets 1
`,
		Outcome: Found,
		Want:    []string{"medium dropping: eth0: the driver dropped packets that it was to send: 200 since boot, 200 of them in 3.0 s"},
	}, {
		Name: "a tun whose program reads nothing",
		From: "lab-tun/after",
		Capture: `
-- first /proc/net/dev --
  tun0:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
-- first /proc/uptime --
31093.57 42423.38
-- /proc/net/dev --
  tun0:       0       0    0    0    0     0          0         0    64000     500    0 1500    0     0       0          0
-- /proc/uptime --
31099.62 42429.30
-- /sys/class/net/*/tun_flags --
tun0 0x1001
-- /sys/class/net/*/tx_queue_len --
tun0 500
`,
		Outcome: Found,
		Want: []string{"medium dropping: tun0: its program, such as a virtual machine or a VPN, did not read what was sent there: " +
			"1500 since boot, 1500 of them in 6.0 s"},
	}, {
		Name: "a paused virtual machine, whose tap gets the broadcasts of its network, and one that was slow once",
		Capture: `
-- first /proc/net/dev --
 vnet0:       0       0    0    0    0     0          0         0        0    1000    0 4000    0     0       0          0
 vnet1:       0       0    0    0    0     0          0         0        0 9000000    0 5000    0     0       0          0
-- /proc/net/dev --
 vnet0:       0       0    0    0    0     0          0         0        0    1000    0 4004    0     0       0          0
 vnet1:       0       0    0    0    0     0          0         0        0 9100000    0 5000    0     0       0          0
-- /proc/uptime --
25920000.00 51840000.00
-- /sys/class/net/*/tun_flags --
vnet0 0x5002
vnet1 0x5002
`,
		Outcome: Found,
		Want:    []string{"info note: vnet0: its program, such as a virtual machine or a VPN, did not read what was sent there: 4004 since boot, 4 of them in 10.0 s"},
	}, {
		Name: "an adapter of a virtual machine",
		Capture: `
-- first /sys/class/net/eth0/statistics/ --
rx_packets 100000
tx_dropped 5
tx_packets 100000
-- first ethtool -S eth0 --
     Tx Queue#: 0
       pkts tx discard: 1
-- /sys/class/net/*/device/uevent --
eth0 DRIVER=vmxnet3
-- /sys/class/net/eth0/statistics/ --
rx_packets 110000
tx_dropped 65
tx_packets 109940
-- ethtool -S eth0 --
     Tx Queue#: 0
       pkts tx discard: 61
`,
		Outcome: Found,
		Want:    []string{"medium dropping: eth0: the driver dropped packets that it was to send: 65 since boot, 60 of them in 10.0 s"},
	}, {
		Name: "sysfs is not mounted",
		Capture: `
-- absent /sys/class/net/*/statistics/ --
-- first /proc/net/dev --
  eth0: 1000 1000 0 0 0 0 0 0 1000 1000 0 0 0 0 0 0
docker0: 1000 1000 0 0 0 0 0 0 1000 1000 0 0 0 0 0 0
-- /proc/net/dev --
  eth0: 2000 2000 0 0 0 0 0 0 2000 2000 0 60 0 0 0 0
docker0: 1000 1000 0 0 0 0 0 0 1000 1000 0 60 0 0 0 0
`,
		Outcome: Found,
		Want:    []string{"medium dropping: eth0: the driver dropped packets that it was to send: 60 since boot, 60 of them in 10.0 s"},
	}, {
		Name: "one packet a day",
		Capture: `
-- /proc/uptime --
25920000.00 51840000.00
-- /sys/class/net/eth0/statistics/ --
rx_packets 900000000
tx_dropped 300
tx_packets 900000000
`,
		Outcome: Clean,
	}, {
		Name: "what the qdisc dropped is not in it",
		From: "netns-tx-tbf/after",
		Capture: `
-- first /sys/class/net/eth0/statistics/ --
tx_dropped 0
-- /sys/class/net/eth0/statistics/ --
tx_dropped 0
`,
		Outcome: Clean,
	}, {
		Name: "a VLAN counts what the qdisc of the interface below dropped",
		From: "vm-vlan/after",
		Capture: `
-- first /proc/net/dev --
  eth1:   82240      80    0 3920    0     0          0         0        0       0    0    0    0     0       0          0
 vlan7:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
-- first /sys/class/net/eth1/statistics/ --
tx_dropped 0
tx_packets 0
-- /proc/net/dev --
  eth1:  230848     224    0 7776    0     0          0         0    15176      28    0    0    0   168       0          0
 vlan7:  148032     144    0    0    0     0          0         0    15176      28    0  272    0     0       0          0
-- /sys/class/net/*/device/uevent --
eth1 DRIVER=8139cp
-- /sys/class/net/eth1/statistics/ --
tx_dropped 0
tx_packets 28
`,
		Outcome: Clean,
	}},
})

func checkSendDropped(c *Case) (found []Finding) {
	tuns, _ := kernel.TunFlags.In(c).Get()
	for _, a := range adapters(c) {
		if _, tun := tuns.Get(a.name); tun {
			continue
		}
		f, n := a.sendDropped(c)
		if f.Kind == "" {
			continue
		}
		f.Message = fmt.Sprintf("the driver dropped packets that it was to send: %v", n)
		f.Steps = []Step{{
			Text: "look at what the driver says of it in ethtool -S; on a virtual machine, at the host's end of the link too",
		}, {
			Text: "where an end of a veth or tunnel has a smaller MTU than the other, make them the same",
		}}
		own, _ := a.driverCounts(c, ofClass(kernel.SendLoss))
		for _, counted := range own {
			f.Evidence = append(f.Evidence, counted.quote()...)
		}
		found = append(found, f)
	}
	for _, tun := range tuns {
		if f, ok := unread(c, adapter{name: tun.Name}); ok {
			found = append(found, f)
		}
	}
	return found
}

// sendDropped returns what an interface was to send and dropped, as a finding without words.
func (a adapter) sendDropped(c *Case) (Finding, probe.Counter) {
	dropped := a.of(c, linkTxDropped, devTxDrop)
	packets := a.of(c, linkTxPackets, devTxPackets)
	n, _ := dropped.Get()
	sent, known := packets.Get()
	if known {
		sent = sent.Plus(n)
	}
	kind, loss := c.Lost(n, sent, Packets)
	loss.Exact = true
	return Finding{Kind: kind, Subject: a.name, Loss: loss, Evidence: probe.Because(dropped, packets), Claims: countedAgain(n)}, n
}

// unread tells of a tap or tun that holds more than its program reads.
//
// Source: drivers/net/tun.c, tun_net_xmit: a ring of tx_queue_len packets.
func unread(c *Case, tun adapter) (Finding, bool) {
	f, n := tun.sendDropped(c)
	if f.Kind == "" {
		return Finding{}, false
	}
	if rate, dated := f.Loss.PerSecond(); dated && rate <= c.Limit(unreadRate) {
		if n.Delta == 0 {
			return Finding{}, false
		}
		f.Kind = Note
	}
	f.Message = fmt.Sprintf("its program, such as a virtual machine or a VPN, did not read what was sent there: %v", n)
	if f.Kind == Note {
		return f, true
	}
	f.Steps = []Step{{
		Text: "see whether its program runs, and has the CPU that it needs: of a virtual machine look at steal time inside, and at the vhost thread here; more queues (multi_queue) " +
			"let more CPUs read",
	}}
	lengths := kernel.TxQueueLen.In(c)
	values, _ := lengths.Get()
	length, _ := values.Get(tun.name)
	if now, err := strconv.ParseInt(length, 10, 32); err == nil {
		f.Evidence = append(f.Evidence, lengths.Part(tun.name, "", length))
		f.Steps = append(f.Steps, queueStep(tun.name, now))
	}
	return f, true
}
