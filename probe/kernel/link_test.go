package kernel

import (
	"testing"

	"github.com/fleetdrop/fleetdrop/probe"
)

func TestDriver(t *testing.T) {
	events, err := DeviceEvent.Parse("eth0 DEVTYPE=usb_interface\neth0 DRIVER=r8152\neth1 DRIVER=e1000e\neth1 PCI_CLASS=20000\n")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"eth0": "r8152", "eth1": "e1000e", "eth": "", "bond0": ""} {
		if got := Driver(events, name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// TestSoftnetGenerations counts columns: 2.6.32, 3.10 of RHEL 7, 3.11, 5.10, 6.12.
func TestSoftnetGenerations(t *testing.T) {
	const zero, one = " 00000000", " 00000001"
	for columns, text := range map[int]string{
		9:  "00000010" + one + zero + zero + zero + zero + zero + zero + zero,
		10: "00000010" + one + zero + zero + zero + zero + zero + zero + zero + zero,
		11: "00000010" + one + zero + zero + zero + zero + zero + zero + zero + zero + one,
		13: "00000010" + one + zero + zero + zero + zero + zero + zero + zero + zero + one + zero + " 0000001f",
		15: "00000010" + one + zero + zero + zero + zero + zero + zero + zero + zero + one + zero + " 0000001f" + zero + zero,
	} {
		table, err := Softnet.Parse(text + "\n")
		if err != nil || len(table) != 1 {
			t.Fatalf("%d columns: %v, %v", columns, table, err)
		}
		if n, ok := table[0].Get("dropped"); !ok || n != 1 {
			t.Errorf("%d columns: dropped %d, %v", columns, n, ok)
		}
		for field, from := range map[string]int{"received_rps": 10, "flow_limit_count": 11, "backlog_len": 13, "process_qlen": 15} {
			if _, ok := table[0].Get(field); ok != (columns >= from) {
				t.Errorf("%d columns: %s is there: %v", columns, field, ok)
			}
		}
		if want := map[bool]string{true: "cpu31", false: "cpu0"}[columns >= 13]; table[0].Name != want {
			t.Errorf("%d columns: %s, want %s", columns, table[0].Name, want)
		}
	}
}

func TestNetDevTitles(t *testing.T) {
	const titles = "Inter-|   Receive                                                |  Transmit\n" +
		" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"
	table, err := NetDev.Parse(titles + "eth0:1000 10 1 2 3 4 5 6 2000 20 1 2 3 4 5 6\n")
	if n, ok := table.Row("eth0").Get("tx_carrier"); err != nil || !ok || n != 5 {
		t.Errorf("tx_carrier %d, %v, %v", n, ok, err)
	}
	if table, err := NetDev.Parse("Inter-| Receive\n face |bytes packets errs missed fifo|bytes\n"); err == nil {
		t.Errorf("other titles: %v", table)
	}
}

// TestHandlesOfAll looks at all counters of one interface.
func TestHandlesOfAll(t *testing.T) {
	c, err := probe.ParseCapture("fleetdrop capture v1\nhost: a\nover: 10\n" +
		"-- first ethtool -S eth1 --\nNIC statistics:\n  rx_a: 4\n  rx_b: 5\n" +
		"-- ethtool -S eth1 --\nNIC statistics:\n  rx_a: 6\n  rx_b: 5\n-- failed ethtool -S eth2 --\nno stats available\n")
	if err != nil {
		t.Fatal(err)
	}
	s := probe.NewSnapshot(c)
	all := EthtoolStats.Whole()
	facts, known := all.Row(s, "eth1", func(field string, total uint64) bool { return total > 5 })
	if len(facts) != 1 || !known || facts[0].Source.Field != "rx_a" || all.State(s) != probe.Known {
		t.Fatalf("got %v, %v, %v", facts, known, all.State(s))
	}
	if n, _ := facts[0].Get(); n.Delta != 2 || n.Total != 6 {
		t.Errorf("got %v", n)
	}
	if _, known := all.Row(s, "eth2", func(string, uint64) bool { return true }); known {
		t.Error("an interface that could not be read is known")
	}
}
