package testdata_test

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/testdata"
)

// TestFleetFindings judges the fleet and compares what is found with fleet/findings.txt,
// so that a change of a rule shows what it does to the demo.
func TestFleetFindings(t *testing.T) {
	hosts, err := testdata.Fleet()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	stages := map[drop.Stage]bool{}
	clean := 0
	for _, h := range hosts {
		if h.Fault != testdata.None {
			fmt.Fprintf(&b, "%s: %s\n", h.Name, h.Fault)
			continue
		}
		found := judge(&b, h.Name, h.Capture)
		if len(found) == 0 {
			clean++
		}
		for _, stage := range found {
			stages[stage] = true
		}
	}
	if clean < 2 {
		t.Errorf("%d hosts are clean, want two", clean)
	}
	for _, stage := range []drop.Stage{
		drop.NIC, drop.Ring, drop.Softirq, drop.Netfilter, drop.IP, drop.Listen, drop.Transport, drop.Socket, drop.Egress,
	} {
		if !stages[stage] {
			t.Errorf("no host has a finding of stage %s", stage)
		}
	}
	golden(t, "fleet/findings.txt", b.String())
}

// TestFindings does the same with every recording.
func TestFindings(t *testing.T) {
	var b strings.Builder
	for _, name := range testdata.Recordings() {
		c, err := testdata.Recording(name)
		if err != nil {
			t.Fatal(err)
		}
		judge(&b, name, c)
	}
	golden(t, "recordings/findings.txt", b.String())
}

// judge writes what the rules say of a host, and returns the stages of what is more than a
// note.
func judge(w io.Writer, name string, c *probe.Capture) (stages []drop.Stage) {
	fmt.Fprintln(w, name)
	rules := drop.Catalogue()
	for i, v := range drop.Judge(rules, nil, probe.NewSnapshot(c)) {
		for _, f := range v.Findings {
			fmt.Fprintf(w, "\t%s %s %s\n", f.Rule, rules[i].Name, f)
			if f.Kind != drop.Note {
				stages = append(stages, rules[i].Stage)
			}
		}
	}
	return stages
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if testdata.Update() {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not what the rules find: run with -update, and see what changed. Now:\n%s", file, got)
	}
}
