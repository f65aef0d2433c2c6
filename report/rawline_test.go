package report

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/testdata"
)

func TestRawLine(t *testing.T) {
	long := strings.Repeat("filler ", 60)
	for name, test := range map[string]struct {
		text, row, field string
		value            any
		want             string
	}{
		"one line":      {"4096\n", "", "", 4096, "4096"},
		"titles":        {"TcpExt: A Overflows B\nTcpExt: 1 57 3\nIpExt: X\nIpExt: 9\n", "TcpExt", "Overflows", 57, "TcpExt: … Overflows …\nTcpExt: … 57 …"},
		"interface":     {"face |bytes packets\n  lo: 1 2\neth0: 7 8\n", "eth0", "rx_packets", 8, "eth0: 7 8"},
		"not eth0.7":    {"eth0_7 5\neth0 5\n", "eth0", "", 5, "eth0 5"},
		"driver":        {"NIC statistics:\n     rx_missed_errors: 12\n     rx_missed_errors_total: 12\n", "eth0", "rx_missed_errors", 12, "     rx_missed_errors: 12"},
		"queue":         {"Rx Queue#: 0\n  pkts rx OOB: 2863\n  LRO: 0\n", "eth1", "Rx Queue#: 0/pkts rx OOB", 2863, "  pkts rx OOB: 2863"},
		"cpu":           {"0a 00\n0b 05\n", "cpu1", "dropped", 5, "0b 05"},
		"no such cpu":   {"0a 00\n0b 05\n", "cpu7", "dropped", 9, ""},
		"cpu, titles":   {"entries drop x\n1 2 3\n4 5 6\n", "cpu1", "drop", 5, "… drop …\n… 5 …"},
		"all cpus":      {"entries drop x\n1 2 3\n4 5 6\n", "", "drop", 7, "… drop …\n… 2 …\n… 5 …"},
		"below":         {"qdisc tbf 8001: dev eth0 root\n Sent 1 bytes (dropped 704, over 1)\n", "tbf 8001: dev eth0 root", "dropped", 704, "qdisc tbf 8001: dev eth0 root\n Sent 1 bytes (dropped 704, over 1)"},
		"its own":       {"q a 1: x\n (dropped 7)\nq b 2: y\n (dropped 7)\n", "b 2:", "dropped", 7, "q b 2: y\n (dropped 7)"},
		"listener":      {"0 5 0.0.0.0:80 *\n6 5 0.0.0.0:8080 * d60\n", "0.0.0.0:8080", "skmem d", 60, "6 5 0.0.0.0:8080 * d60"},
		"nowhere":       {"a 1\nb 2\n", "eth0", "rx", 9, ""},
		"a long line":   {"x\n" + long + "eth0 77 " + long + "\n", "", "", 77, ""},
		"empty, no row": {"", "", "", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := probe.Evidence{Source: probe.Source{Section: "x", Row: test.row, Field: test.field}, State: probe.Known, Value: test.value}
			got := lineOf(test.text, e)
			if name == "a long line" {
				if len(got) > 190 || !strings.Contains(got, "eth0 77") {
					t.Errorf("%d bytes: %q", len(got), got)
				}
				return
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestRawLines looks at every finding of every recording: a line that is quoted is in the
// recording, it says the fact where it says a number at all, and no finding has one twice.
func TestRawLines(t *testing.T) {
	facts, quoted := 0, 0
	dots := regexp.MustCompile(`…( \d+ more)?`)
	for _, name := range testdata.Recordings() {
		c, err := testdata.Recording(name)
		if err != nil {
			t.Fatal(err)
		}
		s := probe.NewSnapshot(c)
		text := c.String()
		for _, v := range drop.Judge(drop.Catalogue(), nil, s) {
			for _, f := range v.Findings {
				seen := map[string]bool{}
				for _, e := range finding(inventory.Host{Name: "h"}.Name, s, nil, f).Evidence {
					if e.State != "known" {
						continue
					}
					facts++
					if e.Line == "" {
						continue
					}
					quoted++
					if seen[e.Line] {
						t.Errorf("%s: twice: %q", name, e.Line)
					}
					seen[e.Line] = true
					for line := range strings.Lines(e.Line) {
						for _, part := range dots.Split(strings.TrimRight(line, "\n"), -1) {
							if part := strings.TrimSpace(part); !strings.Contains(text, part) {
								t.Errorf("%s: %s: %q is not in the recording", name, e.Section, part)
							}
						}
					}
					if n := fmt.Sprint(e.Value); e.Section == "/proc/net/netstat" && !mentions(e.Line, n) {
						t.Errorf("%s: %s %s is %s: %q", name, e.Section, e.Field, n, e.Line)
					}
				}
			}
		}
	}
	if quoted*10 < facts*6 {
		t.Errorf("of %d facts, %d have their text", facts, quoted)
	}
	t.Logf("of %d facts, %d have their text", facts, quoted)
}

func FuzzRawLine(f *testing.F) {
	f.Add("TcpExt: A B\nTcpExt: 1 2\n", "TcpExt", "B", "2")
	f.Add("entries drop\n1 2\n", "cpu0", "drop", "2")
	f.Fuzz(func(t *testing.T, text, row, field, value string) {
		e := probe.Evidence{Source: probe.Source{Section: "x", Row: row, Field: field}, State: probe.Known, Value: value}
		c := &probe.Capture{Outputs: []probe.Output{{Section: "x", State: probe.Known, Text: text}}}
		if got := rawLine(probe.NewSnapshot(c), e); len(got) > 4*maxLine+len("…") {
			t.Errorf("%d bytes", len(got))
		}
	})
}
