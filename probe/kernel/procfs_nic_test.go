package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// TestNetDevProcfs reads the recordings as prometheus/procfs does.
func TestNetDevProcfs(t *testing.T) {
	for name, text := range recorded(t, NetDev.ID()) {
		table, err := NetDev.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want, err := procFS(t, "net/dev", text).NetDev()
		if err != nil || len(want) != len(table) {
			t.Fatalf("%s: %v, %d rows, procfs has %d", name, err, len(table), len(want))
		}
		for _, w := range want {
			for field, n := range map[string]uint64{
				"rx_bytes": w.RxBytes, "rx_packets": w.RxPackets, "rx_errs": w.RxErrors, "rx_drop": w.RxDropped, "rx_fifo": w.RxFIFO,
				"rx_frame": w.RxFrame, "rx_multicast": w.RxMulticast, "tx_bytes": w.TxBytes, "tx_packets": w.TxPackets,
				"tx_errs": w.TxErrors, "tx_drop": w.TxDropped, "tx_colls": w.TxCollisions, "tx_carrier": w.TxCarrier,
			} {
				if got, ok := table.Row(w.Name).Get(field); !ok || got != n {
					t.Errorf("%s: %s %s is %d, %v, procfs says %d", name, w.Name, field, got, ok, n)
				}
			}
		}
	}
}

// TestSoftnetProcfs reads the recordings as prometheus/procfs does.
func TestSoftnetProcfs(t *testing.T) {
	for name, text := range recorded(t, Softnet.ID()) {
		table, err := Softnet.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want, err := procFS(t, "net/softnet_stat", text).NetSoftnetStat()
		if err != nil || len(want) != len(table) {
			t.Fatalf("%s: %v, %d rows, procfs has %d", name, err, len(table), len(want))
		}
		for i, w := range want {
			for field, n := range map[string]uint32{
				"processed": w.Processed, "dropped": w.Dropped, "time_squeeze": w.TimeSqueezed, "received_rps": w.ReceivedRps,
				"flow_limit_count": w.FlowLimitCount, "backlog_len": w.SoftnetBacklogLen, "cpu": w.Index,
			} {
				if got, ok := table[i].Get(field); !ok || got != uint64(n) {
					t.Errorf("%s: %s %s is %d, %v, procfs says %d", name, table[i].Name, field, got, ok, n)
				}
			}
		}
	}
}

// TestSoftirqsProcfs reads the whole file as prometheus/procfs does: the sparse one is our own.
func TestSoftirqsProcfs(t *testing.T) {
	want, err := procFS(t, "softirqs", softirqs).Softirqs()
	if err != nil {
		t.Fatal(err)
	}
	table, err := Softirqs.Parse(softirqs)
	if err != nil {
		t.Fatal(err)
	}
	for name, counts := range map[string][]uint64{"HI": want.Hi, "NET_RX": want.NetRx} {
		var got []uint64
		for cpu := range counts {
			got = append(got, table.Row(name).CPUs.Get(cpu))
		}
		if !slices.Equal(got, counts) {
			t.Errorf("%s is %v, procfs says %v", name, got, counts)
		}
	}
}

// TestInterruptsOfRecordings parses what left the hosts.
func TestInterruptsOfRecordings(t *testing.T) {
	for _, section := range []string{Interrupts.ID(), Softirqs.ID()} {
		for name, text := range recorded(t, section) {
			table, err := Interrupts.Parse(text)
			if err != nil || len(table) < 5 {
				t.Errorf("%s %s: %d rows, %v", name, section, len(table), err)
			}
		}
	}
}

// TestCPUTimeProcfs reads /proc/stat as prometheus/procfs does, which takes seconds for ticks.
func TestCPUTimeProcfs(t *testing.T) {
	for name, text := range recorded(t, CPUTime.ID()) {
		table, err := CPUTime.Parse(text)
		if err != nil || len(table) == 0 {
			t.Errorf("%s: %d rows, %v", name, len(table), err)
			continue
		}
		want, err := procFS(t, "stat", text).Stat()
		if err != nil || len(want.CPU) != len(table) {
			t.Fatalf("%s: %v, %d rows, procfs has %d", name, err, len(table), len(want.CPU))
		}
		for cpu, w := range want.CPU {
			row := table.Row(fmt.Sprintf("cpu%d", cpu))
			for field, seconds := range map[string]float64{
				"user": w.User, "system": w.System, "idle": w.Idle, "iowait": w.Iowait, "softirq": w.SoftIRQ, "steal": w.Steal,
			} {
				if got, ok := row.Get(field); !ok || float64(got) != math.Round(seconds*100) {
					t.Errorf("%s: cpu%d %s is %d, %v, procfs says %v s", name, cpu, field, got, ok, seconds)
				}
			}
		}
	}
}
