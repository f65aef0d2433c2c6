package drop

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// corpus is the folder of other people's outputs, which are not ours to ship.
func corpus(t *testing.T) string {
	t.Helper()
	folder := os.Getenv("FLEETDROP_CORPUS")
	if folder == "" {
		t.Skip("FLEETDROP_CORPUS names no folder of other people's outputs: what they show is not tested")
	}
	return folder
}

// seen are the outputs that rules name as proof, and what has to stand around them: whose they
// were, and what the poster did not say.
var seen = []struct {
	rule, file, section string
	around              string // of this capture; the output is one section of it
	want                []string
}{{
	rule: "nic-cloud-allowance", file: "ethtool-S/tr_ena_allowance_grep.txt", section: "ethtool -S eth0",
	around: "-- /proc/uptime --\n300.00 1.00\n-- /sys/class/net/*/device/uevent --\neth0 DRIVER=ena\n" +
		"-- /sys/class/net/eth0/statistics/ --\nrx_packets 1000\ntx_packets 1000\n",
	want: []string{"medium dropped: eth0: more than the cloud lets pass: bw_in_allowance_exceeded is 9 since boot"},
}, {
	rule: "nic-pause-storm", file: "ethtool-S/tr_mlx5_xdp_6.5.txt", section: "ethtool -S eth0",
	around: "-- /proc/uptime --\n86400.00 1.00\n-- /sys/class/net/*/device/uevent --\neth0 DRIVER=mlx5_core\n" +
		"-- /sys/class/net/*/speed --\neth0 100000\n-- /sys/class/net/eth0/statistics/ --\nrx_packets 1000\n",
	want: []string{"medium at-risk: eth0: it asks the other end to wait, 514 times a second: tx_pause_ctrl_phy is 44414017 since boot (a link of 100000 Mbit/s)"},
}, {
	rule: "nic-tx-errors", file: "dmesg/tr_netdev_watchdog_4.4_5.8.txt", section: "dmesg",
	around: "-- /proc/uptime --\n3600.00 1.00\n-- /sys/class/net/*/device/uevent --\neth0 DRIVER=e1000e\n" +
		"-- /sys/class/net/eth0/statistics/ --\nrx_packets 1000\ntx_errors 0\n",
	want: []string{"medium dropped: eth0 transmit queue: it stood still and was begun anew; the last time 3584.0 s before the last sample"},
}, {
	rule: "ring-allocation-failure", file: "ethtool-S/tr_e1000e_eth1_hiboma_grep.txt", section: "ethtool -S eth1",
	around: "-- /proc/uptime --\n3600.00 1.00\n-- /sys/class/net/*/device/uevent --\neth1 DRIVER=e1000e\n" +
		"-- /proc/sys/vm/min_free_kbytes --\n67584\n-- /sys/class/net/eth1/statistics/ --\nrx_packets 1000\n",
	want: []string{"medium at-risk: eth1: its driver got no memory to fill the ring buffer with: alloc_rx_buff_failed is 2000 since boot (vm.min_free_kbytes is 67584)"},
}}

// TestSeen reads the outputs that prove rules.
func TestSeen(t *testing.T) {
	folder := corpus(t)
	for _, s := range seen {
		text, err := os.ReadFile(filepath.Join(folder, s.file))
		if err != nil {
			t.Error(err)
			continue
		}
		host := snapshot(t, s.around+"-- "+s.section+" --\n"+strings.TrimRight(string(text), "\n")+"\n")
		if got := says(Judge([]*Rule{byName(t, s.rule)}, nil, host)[0]); !slices.Equal(got, s.want) {
			t.Errorf("%s: %s:\ngot  %q\nwant %q", s.rule, s.file, got, s.want)
		}
	}
}

// TestSeenNamed holds the rules to the outputs that are read, with a corpus or without.
func TestSeenNamed(t *testing.T) {
	var named, read []string
	for _, r := range Catalogue() {
		for _, file := range r.Seen {
			named = append(named, r.Name+" "+file)
		}
	}
	for _, s := range seen {
		read = append(read, s.rule+" "+s.file)
	}
	slices.SortFunc(named, cmp.Compare[string])
	slices.SortFunc(read, cmp.Compare[string])
	if !slices.Equal(named, read) {
		t.Errorf("rules name %q\ntests read %q", named, read)
	}
}
