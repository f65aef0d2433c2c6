package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/testdata"
)

// kinds says which section the folders of a corpus of other people's outputs hold, and
// what the script would have made of them.
var kinds = []struct {
	folder, section string
	convert         func(*reading, output) []part
}{
	{"dmesg", "dmesg", nil},
	{"ethtool-S", "ethtool -S eth0", nil},
	{"ethtool-g", "ethtool -g eth0", nil},
	{"ethtool-l", "ethtool -l eth0", nil},
	{"iptables-save", "iptables-save -c", nil},
	{"nft-list-ruleset", "nft -t list ruleset", ruleset},
	{"proc-interrupts", "/proc/interrupts", nil},
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
	{"proc-softirqs", "/proc/softirqs", nil},
	{"proc-pressure", "/proc/pressure/cpu", nil},
	{"proc-stat", "/proc/stat", nil},
	{"proc-uptime", "/proc/uptime", nil},
	{"softnet_stat", "/proc/net/softnet_stat", nil},
	{"tc-s-qdisc", "tc -s qdisc", nil},
}

// TestParsers shows the parsers what real hosts said. All that is ours must be understood.
func TestParsers(t *testing.T) {
	for _, name := range testdata.Recordings() {
		c, err := testdata.Recording(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, out := range c.Outputs {
			i := slices.IndexFunc(readers, func(r probe.Reader) bool { return r.Matches(out.Section) })
			if i < 0 || out.State != probe.Known {
				continue
			}
			if err := parses(readers[i], nil, out.Text); err != nil {
				t.Errorf("%s: %s: %v", name, out.Section, err)
			}
		}
	}
}

// TestCorpus shows the parsers what other people posted: FLEETDROP_CORPUS names a folder of it, which is not ours to
// ship. Some are cut or edited, so not each of them is understood, but each that is not has an error that names the line; -v
// prints how many are. None may stop the program.
func TestCorpus(t *testing.T) {
	corpus := os.Getenv("FLEETDROP_CORPUS")
	if corpus == "" {
		t.Skip("FLEETDROP_CORPUS names no folder of other people's outputs: the parsers have not seen them")
	}
	parseCorpus(t, corpus)
}

func parseCorpus(t *testing.T, corpus string) {
	all, of := 0, 0
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
				t.Logf("%s: garbled: %v", filepath.Base(file), err)
				if !strings.HasPrefix(err.Error(), "line ") {
					t.Errorf("%s/%s: the error names no line: %v", k.folder, filepath.Base(file), err)
				}
				continue
			}
			understood++
		}
		t.Logf("%-28s %d of %d understood", k.section, understood, len(files))
		all, of = all+understood, of+len(files)
		if understood == 0 {
			t.Errorf("%s: not one of %d files is understood", k.section, len(files))
		}
	}
	t.Logf("all %d of %d understood, the others garbled", all, of)
}

// parses says what is wrong with a text; if the parser panics, the test shows with what.
func parses(r probe.Reader, convert func(*reading, output) []part, text string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			panic(fmt.Sprintf("%s: %v: %q", r.ID(), p, text))
		}
	}()
	if convert != nil {
		text = convert(nil, output{text: text})[0].lines
	}
	_, err = r.Table(text)
	return err
}
