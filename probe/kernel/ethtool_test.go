package kernel

import (
	"regexp"
	"strings"
	"testing"
)

const (
	// From a Debian 12 guest, kernel 6.1; cut.
	vmxnet3 = `NIC statistics:
     Tx Queue#: 0
       pkts tx discard: 0
       drv dropped tx total: 3
          giant hdr: 1
          tso: 2
       ring full: 0
       giant hdr: 9
     Rx Queue#: 0
       pkts rx OOB: 2863
       drv dropped rx total: 0
          err: 0
          fcs: 4
     Rx Queue#: 1
       pkts rx OOB: 7
     tx timeout count: 5
`
	bnxt = "NIC statistics:\n     [0]: rx_discards: 12\n     [0]: rx_l4_csum_errors: 3\n     [1]: rx_discards: 30\n" +
		"     rxq0: rx_drops_no_frags: 1\n     rx_dropped_pkt[3]: 18446744073709551615\n"
	ring = "Ring parameters for eth1:\nPre-set maximums:\nRX:\t\t4096\nRX Mini:\tn/a\nRX Jumbo:\t4096\nTX:\t\t4096\n" +
		"Current hardware settings:\nRX:\t\t1024\nRX Mini:\tn/a\nRX Jumbo:\t512\nTX:\t\t512\nRX Buf Len:\t\tn/a\nTX Push:\toff\n"
	channels = "Channel parameters for eth1:\nPre-set maximums:\nRX:\t\tn/a\nTX:\t\tn/a\nOther:\t\t1\nCombined:\t8\n" +
		"Current hardware settings:\nRX:\t\tn/a\nTX:\t\tn/a\nOther:\t\t1\nCombined:\t2\n"
)

func TestEthtoolStats(t *testing.T) {
	for _, test := range []struct {
		text, field string
		want        uint64
	}{
		{vmxnet3, "Rx Queue#: 0/pkts rx OOB", 2863},
		{vmxnet3, "Rx Queue#: 1/pkts rx OOB", 7},
		{vmxnet3, "Rx Queue#: 0/drv dropped rx total/fcs", 4},
		{vmxnet3, "Tx Queue#: 0/drv dropped tx total", 3},
		{vmxnet3, "Tx Queue#: 0/drv dropped tx total/giant hdr", 1},
		{vmxnet3, "Tx Queue#: 0/giant hdr", 9},
		{vmxnet3, "tx timeout count", 5},
		{bnxt, "[1]: rx_discards", 30},
		{bnxt, "rxq0: rx_drops_no_frags", 1},
		{bnxt, "rx_dropped_pkt[3]", 1<<64 - 1},
	} {
		table, err := EthtoolStats.Parse(test.text)
		if got, ok := table.Row("").Get(test.field); err != nil || !ok || got != test.want {
			t.Errorf("%s: got %d, %v, %v", test.field, got, ok, err)
		}
	}
	if table, err := EthtoolStats.Parse("no stats available\n"); err != nil || len(table.Row("").Cells) != 0 {
		t.Errorf("an adapter without statistics: %v, %v", table, err)
	}
	for _, text := range []string{"hello\n", "NIC statistics:\n     rx_dropped: many\n", "NIC statistics:\n a: -1\n"} {
		if table, err := EthtoolStats.Parse(text); err == nil {
			t.Errorf("%q is %v", text, table)
		}
	}
}

// TestDeepHeadings keeps the names of hostile headings short.
func TestDeepHeadings(t *testing.T) {
	var b strings.Builder
	for i := range 300 {
		b.WriteString(strings.Repeat(" ", i) + "heading: 1\n")
	}
	table, err := EthtoolStats.Parse(b.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range table.Row("").Fields {
		if strings.Count(field, "/") > deepest {
			t.Fatalf("%q", field)
		}
	}
}

func TestSetup(t *testing.T) {
	s, err := Ring.Parse(ring)
	if err != nil {
		t.Fatal(err)
	}
	if current, most, ok := s.Get("rx"); !ok || current != 1024 || most != 4096 {
		t.Errorf("rx %d of %d, %v", current, most, ok)
	}
	if _, _, ok := s.Get("rx_mini"); ok {
		t.Error("n/a is a number")
	}
	if got := s.String(); got != "rx 1024 of 4096, rx_jumbo 512 of 4096, tx 512 of 4096" {
		t.Error(got)
	}
	s, err = Channels.Parse(channels)
	if current, most, ok := s.Get("combined"); err != nil || !ok || current != 2 || most != 8 {
		t.Errorf("combined %d of %d, %v, %v", current, most, ok, err)
	}
	for _, text := range []string{"", "Cannot get device ring settings: No such device\n", "Pre-set maximums:\nRX: 1\n",
		"Pre-set maximums:\nRX: x\nCurrent hardware settings:\n"} {
		if s, err := Ring.Parse(text); err == nil {
			t.Errorf("%q is %v", text, s)
		}
	}
}

func TestMeans(t *testing.T) {
	for _, test := range []struct {
		driver, name string
		want         Class
	}{
		{"vmxnet3", "Rx Queue#: 12/pkts rx OOB", RingLoss},
		{"vmxnet3", "Tx Queue#: 0/giant hdr", LookAlike},
		{"vmxnet3", "Tx Queue#: 0/pkts tx discard", SendLoss},
		{"ixgbe", "rx_no_dma_resources", RingLoss},
		{"ixgbe", "rx_no_buffer_count", LookAlike},
		{"ixgbe", "rx_queue_3_packets", 0},
		{"igb", "rx_queue_7_drops", RingLoss},
		{"igb", "rx_queue_drops", 0},
		{"mlx5_core", "rx_discards_phy", RingLoss},
		{"mlx5_core", "rx_steer_missed_packets", LookAlike},
		{"mlx5_core", "tx_prio3_pause", PauseSent},
		{"mlx5_core", "rx_global_pause", PauseReceived},
		{"mlx5_core", "link_down_events_phy", LinkFault},
		{"ena", "bw_in_allowance_exceeded", AllowanceLoss},
		{"ena", "conntrack_allowance_available", LookAlike},
		{"e1000", "alloc_rx_buff_failed", AllocFailure},
		{"igb", "tx_timeout_count", SendHang},
		{"be2net", "rx_address_filtered", LookAlike},
		{"be2net", "rx_crc_errors", WireLoss},
		{"bnxt_en", "[3]: rx_discards", RingLoss},
		{"virtio_net", "rx_queue_0_drops", LookAlike},
		{"new_nic", "rx_fifo_errors", RingLoss},
		{"new_nic", "rx_xdp_drop", LookAlike},
		{"new_nic", "rx_pause_frames", PauseReceived},
		{"new_nic", "tx_pause_duration", LookAlike},
		{"new_nic", "port_tx_xoff", PauseSent},
		{"new_nic", "rx_alloc_fail", AllocFailure},
		{"new_nic", "tx_timeout", SendHang},
		{"new_nic", "tx_crc_err", SendFault},
		{"new_nic", "rx_drop_bytes", LookAlike},
		{"new_nic", "vm_bw_allowance_exceeded", AllowanceLoss},
		{"new_nic", "rx_fcs_errors", WireLoss},
		{"new_nic", "tx_dropped", SendLoss},
		{"", "rx_packets", 0},
	} {
		_, known := driverNamed(test.driver)
		if got := Means(test.driver, test.name); got.Class != test.want || got.Unverified == known || (got.Source == "") == (known && got.Class != 0) {
			t.Errorf("%s %s: got %+v, want %s", test.driver, test.name, got, test.want)
		}
	}
	if Means("virtio_net", "rx3_drops").In != "rx_dropped" || Means("ixgbe", "rx_missed_errors").In == "rx_dropped" {
		t.Error("which counters are in rx_dropped")
	}
}

// TestKeep lets every name that a rule knows leave the host.
func TestKeep(t *testing.T) {
	keep := regexp.MustCompile(EthtoolStats.Keep)
	for _, d := range Drivers() {
		for _, counters := range d.Counters {
			for _, pattern := range counters.Names {
				if counters.Class == LookAlike && counters.In == "" {
					continue // nobody asks for it
				}
				for part := range strings.SplitSeq(pattern, "/") {
					if !keep.MatchString(strings.ToLower(part)) {
						t.Errorf("%s: %s stays on the host", d.Names[0], part)
					}
				}
			}
		}
	}
	for _, words := range [][]string{ringWords, wireWords, allowanceWords, pauseWords, allocWords} {
		for _, w := range words {
			if !keep.MatchString(w) {
				t.Errorf("%s stays on the host", w)
			}
		}
	}
}

func FuzzParseEthtoolStats(f *testing.F) { fuzzTable(f, EthtoolStats, vmxnet3, bnxt) }

func FuzzParseSetup(f *testing.F) {
	fuzzParser(f, Ring.Parse, func(_ *testing.T, s Setup) { _, _ = s.Table(), s.String() }, ring, channels)
}

// FuzzMeans asks that a counter of a known driver has its source, and one of another none.
func FuzzMeans(f *testing.F) {
	f.Add("ixgbe", "rx_no_dma_resources")
	f.Add("bnxt_en", "[12]: rx_discards")
	f.Add("new", "tx_queue_3_pause_drop")
	f.Fuzz(func(t *testing.T, driver, name string) {
		m := Means(driver, name)
		_, known := driverNamed(driver)
		if m.Unverified == known || (m.Source != "") != (known && m.Class != 0) || m.Class != 0 && m.Level == 0 {
			t.Errorf("%q %q: %+v", driver, name, m)
		}
	})
}
