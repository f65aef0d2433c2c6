package drop

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

// adapterRules are the rules of the first stages and of the last.
func adapterRules() []*Rule {
	return slices.DeleteFunc(Catalogue(), func(r *Rule) bool {
		return !slices.Contains([]Stage{NIC, Ring, Softirq, Egress}, r.Stage)
	})
}

const (
	statistics = `rx_packets %[1]d
rx_dropped %[2]d
rx_errors %[2]d
rx_crc_errors %[2]d
rx_frame_errors %[2]d
rx_length_errors %[2]d
rx_missed_errors %[2]d
rx_fifo_errors %[2]d
tx_dropped %[2]d
tx_packets %[1]d
`
	ethtoolLosses = `NIC statistics:
     rx_missed_errors: %[1]d
     rx_fcs_errors: %[1]d
     rx_queue_0_drops: %[1]d
     tx_dropped: %[1]d
`
	qdiscLosses = `qdisc pfifo_fast 0: dev eth0 root refcnt 2 bands 3
 Sent 14187 bytes %[1]d pkt (dropped %[2]d, overlimits 0 requeues 0) 
 backlog 0b 0p requeues 0
`
)

// TestOneOfEach shows a host that is up for 300 days and lost one packet in every way there is.
func TestOneOfEach(t *testing.T) {
	const packets = 900000000
	s := snapshot(t, "-- first /proc/uptime --\n25919990.00 1.00\n"+
		"-- first /proc/net/softnet_stat --\n0fffff00 00000002 00000001 0 0 0 0 0 0 0 00000001\n"+
		"-- first /sys/class/net/eth0/statistics/ --\n"+fmt.Sprintf(statistics, packets, 1)+
		"-- first ethtool -S eth0 --\n"+fmt.Sprintf(ethtoolLosses, 1)+
		"-- first tc -s qdisc --\n"+fmt.Sprintf(qdiscLosses, packets, 1)+
		"-- /proc/uptime --\n25920000.00 1.00\n"+
		"-- /proc/net/softnet_stat --\n0fffffff 00000002 00000001 0 0 0 0 0 0 0 00000001\n"+
		"-- /sys/class/net/eth0/statistics/ --\n"+fmt.Sprintf(statistics, packets+9000, 1)+
		"-- ethtool -S eth0 --\n"+fmt.Sprintf(ethtoolLosses, 1)+
		"-- tc -s qdisc --\n"+fmt.Sprintf(qdiscLosses, packets, 1))
	for _, v := range Judge(adapterRules(), nil, s) {
		if len(v.Findings) > 0 {
			t.Errorf("%s: %v", v.Rule, says(v))
		}
	}
}

// TestManyQueues adds up what the queues lost, and quotes ten of them.
func TestManyQueues(t *testing.T) {
	var first, last strings.Builder
	for i := range 64 {
		fmt.Fprintf(&first, "     [%d]: rx_discards: 0\n", i)
		fmt.Fprintf(&last, "     [%d]: rx_discards: 5\n", i)
	}
	s := snapshot(t, "-- first /sys/class/net/eth0/statistics/ --\n"+fmt.Sprintf(statistics, 1000, 0)+
		"-- first ethtool -S eth0 --\n"+first.String()+"     rx_total_ring_discards: 0\n"+
		"-- /sys/class/net/*/device/uevent --\neth0 DRIVER=bnxt_en\n"+
		"-- /sys/class/net/eth0/statistics/ --\n"+fmt.Sprintf(statistics, 9000, 0)+
		"-- ethtool -S eth0 --\n"+last.String()+"     rx_total_ring_discards: 320\n")
	rules := slices.DeleteFunc(Catalogue(), func(r *Rule) bool { return r.ID != "FD201" })
	found := Judge(rules, nil, s)[0].Findings
	if len(found) != 1 || found[0].Loss.Count != 320 {
		t.Fatalf("got %v", found)
	}
	if n := len(found[0].Evidence); n > 13 {
		t.Errorf("%d facts are quoted", n)
	}
}

// TestRingClaims has the ring explain what its driver counts in rx_dropped too.
func TestRingClaims(t *testing.T) {
	s := snapshot(t, "-- first /sys/class/net/eth0/statistics/ --\nrx_packets 1000\nrx_dropped 0\nrx_missed_errors 0\n"+
		"-- first ethtool -S eth0 --\n     port_rx_nodesc_drops: 0\n"+
		"-- /sys/class/net/*/device/uevent --\neth0 DRIVER=sfc\n"+
		"-- /sys/class/net/eth0/statistics/ --\nrx_packets 9000\nrx_dropped 700\nrx_missed_errors 0\n"+
		"-- ethtool -S eth0 --\n     port_rx_nodesc_drops: 700\n")
	var found []string
	for _, v := range Judge(adapterRules(), nil, s) {
		for range v.Findings {
			found = append(found, v.Rule)
		}
	}
	if !slices.Equal(found, []string{"FD201"}) {
		t.Errorf("found %v", found)
	}
}

// TestRingStep computes the command, and never one that changes nothing.
func TestRingStep(t *testing.T) {
	for _, test := range []struct {
		name, current, most, want, undo string
	}{
		{"eth1", "64", "4096", "ethtool -G eth1 rx 4096", "ethtool -G eth1 rx 64"},
		{"eth1", "4096", "4096", "", ""},
		{"eth1", "n/a", "4096", "", ""},
		{"a;reboot", "256", "8192", "ethtool -G 'a;reboot' rx 8192", "ethtool -G 'a;reboot' rx 256"},
	} {
		section := "-- ethtool -g " + test.name + " --\nPre-set maximums:\nRX: " + test.most +
			"\nCurrent hardware settings:\nRX: " + test.current + "\n"
		c := &Case{Snapshot: snapshot(t, section)}
		step, ok := ringStep(test.name, kernel.Ring.Of(c, test.name))
		if ok != (test.want != "") || step.Command != test.want || step.Undo != test.undo {
			t.Errorf("%v: got %q, undo %q, %v", test, step.Command, step.Undo, ok)
		}
	}
}

func TestShellWord(t *testing.T) {
	for name, want := range map[string]string{
		"eth0": "eth0", "eth0.100": "eth0.100", "": "''", "a b": "'a b'", "$(id)": "'$(id)'", "a'b": `'a'\''b'`, "ü": "'ü'",
	} {
		if got := shellWord(name); got != want {
			t.Errorf("%q: got %s", name, got)
		}
	}
}

func TestAnyQueue(t *testing.T) {
	for name, want := range map[string]string{
		"rx_queue_12_drops": "rx_queue_*_drops", "[0]: rx_discards": "[*]: rx_discards", "rx_missed_errors": "rx_missed_errors",
	} {
		if got := anyQueue(name); got != want {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

// TestUnhandledOfMany gives each interface its part of what the backlog may have dropped, once.
func TestUnhandledOfMany(t *testing.T) {
	s := snapshot(t, `
-- first /proc/net/softnet_stat --
00001000 00000000 00000000
-- first /sys/class/net/eth0/statistics/ --
rx_dropped 0
rx_packets 1000
-- first /sys/class/net/eth1/statistics/ --
rx_dropped 0
rx_packets 1000
-- /proc/net/softnet_stat --
00002000 00000007 00000000
-- /sys/class/net/eth0/statistics/ --
rx_dropped 10
rx_packets 9000
-- /sys/class/net/eth1/statistics/ --
rx_dropped 4
rx_packets 9000
`)
	var said []string
	for _, v := range Judge(adapterRules(), nil, s) {
		for _, f := range v.Findings {
			said = append(said, fmt.Sprint(v.Rule, " ", f.Subject, " ", f.Loss.Count))
		}
	}
	if want := []string{"FD105 eth0 3", "FD105 eth1 4", "FD301 cpu0 7"}; !slices.Equal(said, want) {
		t.Errorf("got %q, want %q", said, want)
	}
}

// TestMissingPackets takes what IP received off what came in.
func TestMissingPackets(t *testing.T) {
	s := snapshot(t, `
-- first /proc/net/dev --
eth0: 0 1000 0 0 0 0 0 0 0 0 0 0 0 0 0 0
  lo: 0 100 0 0 0 0 0 0 0 0 0 0 0 0 0 0
-- first /proc/net/snmp --
Ip: InReceives
Ip: 900
-- /proc/net/dev --
eth0: 0 2000 0 0 0 0 0 0 0 0 0 0 0 0 0 0
  lo: 0 200 0 0 0 0 0 0 0 0 0 0 0 0 0 0
-- /proc/net/snmp --
Ip: InReceives
Ip: 1800
`)
	if got, evidence := missingPackets(&Case{Snapshot: s}); got != 200 || len(evidence) != 4 {
		t.Errorf("got %d, %v", got, evidence)
	}
	for name, said := range map[string]string{
		"by their names": "-- unread /sys/class/net/*/uevent --\n",
		"by their types": "-- /sys/class/net/*/uevent --\nbond0 DEVTYPE=bond\nvlan7 DEVTYPE=vlan\nbr0 DEVTYPE=bridge\n",
	} {
		s := snapshot(t, `
-- first /proc/net/dev --
bond0: 0 900 0 0 0 0 0 0 0 0 0 0 0 0 0 0
  br0: 0 900 0 0 0 0 0 0 0 0 0 0 0 0 0 0
 eth0: 0 1000 0 0 0 0 0 0 0 0 0 0 0 0 0 0
vlan7: 0 900 0 0 0 0 0 0 0 0 0 0 0 0 0 0
-- first /proc/net/snmp --
Ip: InReceives
Ip: 900
-- /proc/net/dev --
bond0: 0 1900 0 0 0 0 0 0 0 0 0 0 0 0 0 0
  br0: 0 1900 0 0 0 0 0 0 0 0 0 0 0 0 0 0
 eth0: 0 2000 0 0 0 0 0 0 0 0 0 0 0 0 0 0
vlan7: 0 1900 0 0 0 0 0 0 0 0 0 0 0 0 0 0
-- /proc/net/snmp --
Ip: InReceives
Ip: 1800
`+said)
		if got, evidence := missingPackets(&Case{Snapshot: s}); got != 100 {
			t.Errorf("repeating interfaces, known %s: got %d, %v", name, got, evidence)
		}
	}
	if s.Over() != 10*time.Second {
		t.Error(s.Over())
	}
	if got, _ := missingPackets(&Case{Snapshot: new(probe.Snapshot)}); got != 0 {
		t.Errorf("got %d of nothing", got)
	}
}
