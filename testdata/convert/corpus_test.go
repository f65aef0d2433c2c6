package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// kinds says which section the folders of a corpus of other people's outputs hold, and
// what the script would have made of them.
var kinds = []struct {
	folder, section string
	convert         func(output) []probe.Output
}{
	{"dmesg", "dmesg", nil},
	{"ethtool-S", "ethtool -S eth0", nil},
	{"ethtool-g", "ethtool -g eth0", nil},
	{"ethtool-l", "ethtool -l eth0", nil},
	{"iptables-save", "iptables-save -c", nil},
	{"nft-list-ruleset", "nft -t list ruleset", withoutHandles("")},
	{"proc-interrupts", "/proc/interrupts", sparse("")},
	{"proc-meminfo", "/proc/meminfo", nil},
	{"proc-net-dev", "/proc/net/dev", nil},
	{"proc-net-netstat", "/proc/net/netstat", nil},
	{"proc-net-snmp", "/proc/net/snmp", nil},
	{"proc-net-snmp6", "/proc/net/snmp6", nil},
	{"proc-net-sockstat", "/proc/net/sockstat", nil},
	{"proc-net-sockstat6", "/proc/net/sockstat6", nil},
	{"proc-net-stat-nf_conntrack", "/proc/net/stat/nf_conntrack", nil},
	{"proc-net-tcp", "/proc/net/tcp", listening},
	{"proc-net-tcp6", "/proc/net/tcp6", listening},
	{"proc-net-udp", "/proc/net/udp", nil},
	{"proc-net-udp6", "/proc/net/udp6", nil},
	{"proc-softirqs", "/proc/softirqs", sparse("")},
	{"proc-uptime", "/proc/uptime", nil},
	{"softnet_stat", "/proc/net/softnet_stat", nil},
	{"tc-s-qdisc", "tc -s qdisc", nil},
}

// TestCorpus shows the parsers what other people's machines said. It needs a folder of
// such outputs, which are not ours to ship: FLEETDROP_CORPUS names it. Some are cut or
// edited, so not every file is understood; -v says which. None may stop the program.
func TestCorpus(t *testing.T) {
	corpus := os.Getenv("FLEETDROP_CORPUS")
	if corpus == "" {
		t.Skip("FLEETDROP_CORPUS names no folder")
	}
	readers := append(drop.Sections(drop.Catalogue()), probe.Uptime)
	for _, k := range kinds {
		files, err := filepath.Glob(filepath.Join(corpus, k.folder, "*"))
		if err != nil || len(files) == 0 {
			t.Errorf("%s: no files, %v", k.folder, err)
			continue
		}
		i := slices.IndexFunc(readers, func(r probe.Reader) bool { return r.Matches(k.section) })
		if i < 0 {
			t.Logf("%-28s no rule reads it", k.section)
			continue
		}
		understood := 0
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Error(err)
				continue
			}
			if err := parses(readers[i], k.convert, string(text)); err != nil {
				t.Logf("%s: %v", filepath.Base(file), err)
				continue
			}
			understood++
		}
		t.Logf("%-28s %d of %d understood", k.section, understood, len(files))
		if understood == 0 {
			t.Errorf("%s: not one of %d files is understood", k.section, len(files))
		}
	}
}

func parses(r probe.Reader, convert func(output) []probe.Output, text string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			panic(fmt.Sprintf("%s: %v: %q", r.ID(), p, text))
		}
	}()
	if convert != nil {
		text = convert(output{text: text})[0].Text
	}
	_, err = r.Table(text)
	return err
}
