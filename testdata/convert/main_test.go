package main

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fleetdrop/fleetdrop/probe"
)

// raw is a recording of two readings, of which the first is of another boot.
func raw(t *testing.T) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	for dir, at := range map[string][2]string{
		"host/before":       {"100.00 1.00", "btime 1795336304"},
		"host/after-fault":  {"104.50 1.00", "btime 1795336304"},
		"host/after-reboot": {"200.00 1.00", "btime 1795337644"},
	} {
		var list strings.Builder
		for i, c := range conversions {
			text := map[string]string{
				"cat /proc/uptime":         at[0] + "\n",
				"uname -a":                 "Linux host 6.18.44 #1 SMP x86_64 GNU/Linux\n",
				"cat /proc/interrupts":     "           CPU0       CPU2       \n 24:  1  0  IO-APIC  5-edge  eth0\nERR:  0\n",
				"cat /proc/net/tcp":        "  sl  local_address rem_address   st\n   0: 0B00630A:0016 00000000:0000 0A\n   1: 0B00630A:0016 0100630A:C416 01\n",
				"nft -a list ruleset":      "table inet lab { # handle 1\n\t\tudp dport 9000 counter packets 5 bytes 9 drop # handle 2\n}\n",
				"ip addr":                  "2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500\n    inet 10.99.0.11/24 scope global eth0\n       valid_lft forever\n3: eth1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500\n4: eth2@if5: <BROADCAST,MULTICAST,UP>\n",
				ethtool("-S"):              "# ethtool -S eth0\nNIC statistics:\n     rx_dropped: 1\n     rx_bytes: 1\n# ethtool -S eth1\nno stats available\n",
				ethtool("-i"):              "# ethtool -i eth0\ndriver: e1000\n# ethtool -i eth1\ndriver: e1000e\n# ethtool -i eth2\ndriver: veth\n",
				linkStats:                  "eth0 rx_dropped 7\nlo rx_dropped 0\n",
				linkSettings:               "/sys/class/net/eth0/tx_queue_len:1500\n/sys/class/net/eth0/queues/rx-0/rps_cpus:0\n",
				"iptables-save -c":         "\n",
				"dmesg 2>&1 | tail -n 300": "[ 1.0] hello\n[ 2.0] nf_conntrack: table full, dropping packet\n",
				"ss -tani":                 "State\nSYN-RECV 0 0 a b\n\t cubic\nESTAB 0 0 a b\n",
				"cat /proc/net/stat/no":    "",
				"cat /etc/os-release":      "NAME=Debian\n",
				"cat /proc/net/sockstat /proc/net/sockstat6": "sockets: used 7\nTCP6: inuse 0\n",
				"sysctl -a 2>/dev/null | grep -E '^net\\.'":  "net.core.somaxconn = 4096\nnet.ipv4.conf.all.rp_filter = 1\nnet.ipv4.conf.all.tag = 0\n",
			}[c.command]
			name := string(rune('a'+i%26)) + string(rune('a'+i/26)) + ".txt"
			files[dir+"/"+name] = &fstest.MapFile{Data: []byte(text)}
			list.WriteString(name + "\trc=0\t" + c.command + "\n")
		}
		list.WriteString("stat.txt\trc=0\thead -c 4000 /proc/stat\nhostname.txt\trc=0\thostname\n")
		files[dir+"/stat.txt"] = &fstest.MapFile{Data: []byte("cpu 1 2\n" + at[1] + "\n")}
		files[dir+"/hostname.txt"] = &fstest.MapFile{Data: []byte("host\n")}
		files[dir+"/COMMANDS.tsv"] = &fstest.MapFile{Data: []byte(list.String())}
	}
	return files
}

func TestConvert(t *testing.T) {
	dir := t.TempDir()
	if err := convert(raw(t), dir); err != nil {
		t.Fatal(err)
	}
	read := func(name string) *probe.Capture {
		t.Helper()
		text, err := os.ReadFile(dir + "/host/" + name + ".txtar")
		if err != nil {
			t.Fatal(err)
		}
		c, err := probe.ParseCapture(string(text))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := read("after-fault")
	for key, want := range map[string]string{
		"host": "host", "taken": "2026-11-22T08:33:28Z", "over": "4.50", "before": "host/before", "recording": "host/after-fault",
	} {
		if got := c.Get(key); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	want := map[string]string{
		"first /proc/uptime":                  "100.00 1.00\n",
		"/proc/uptime":                        "104.50 1.00\n",
		"/proc/interrupts":                    "24: 0=1 IO-APIC 5-edge eth0\nERR:\n",
		"/proc/net/tcp":                       "  sl  local_address rem_address   st\n   0: 0B00630A:0016 00000000:0000 0A\n",
		"/proc/net/sockstat":                  "sockets: used 7\n",
		"/proc/net/sockstat6":                 "TCP6: inuse 0\n",
		"nft -t list ruleset":                 "table inet lab {\n\t\tudp dport 9000 counter packets 5 bytes 9 drop\n",
		"ip -o -4 addr":                       "2: eth0    inet 10.99.0.11/24 scope global eth0\\       valid_lft forever\n",
		"ethtool -S eth0":                     "NIC statistics:\n     rx_dropped: 1\n",
		"absent ethtool -S eth1":              "",
		"/sys/class/net/*/device/uevent":      "eth0 DRIVER=e1000\neth1 DRIVER=e1000e\n",
		"/sys/class/net/eth0/statistics/":     "rx_dropped 7\n",
		"/sys/class/net/*/tx_queue_len":       "eth0 1500\n",
		"iptables-save -c":                    "",
		"dmesg":                               "[ 2.0] nf_conntrack: table full, dropping packet\n",
		"ss -Htn state syn-recv":              "1\n",
		"/proc/sys/net/core/somaxconn":        "4096\n",
		"/proc/sys/net/ipv4/conf/*/rp_filter": "all 1\n",
		"/proc/sys/kernel/osrelease":          "6.18.44\n",
	}
	for _, out := range c.Outputs {
		name := out.Section
		if out.State != probe.Known {
			name = out.State.String() + " " + name
		}
		if out.First {
			name = "first " + name
		}
		if text, ok := want[name]; ok && text != out.Text {
			t.Errorf("%s: %q, want %q", name, out.Text, text)
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("no %s", name)
	}

	// Again, the same bytes.
	again := t.TempDir()
	if err := convert(raw(t), again); err != nil {
		t.Fatal(err)
	}
	one, err := os.ReadFile(dir + "/host/after-fault.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if two, err := os.ReadFile(again + "/host/after-fault.txtar"); err != nil || string(two) != string(one) {
		t.Errorf("not the same a second time: %v", err)
	}

	// A host that booted has no sample of before.
	for _, out := range read("after-reboot").Outputs {
		if out.First {
			t.Errorf("first %s, of another life", out.Section)
		}
	}
	if _, err := os.Stat(dir + "/host/before.txtar"); err == nil {
		t.Error("what was before is no capture")
	}
}

func TestNoRecordings(t *testing.T) {
	if err := convert(fstest.MapFS{}, t.TempDir()); err == nil {
		t.Error("nothing was there, and nothing was said")
	}
	files := raw(t)
	delete(files, "host/before/aa.txt")
	if err := convert(files, t.TempDir()); err == nil {
		t.Error("a file of the list was missing, and nothing was said")
	}
}
