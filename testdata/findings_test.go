package testdata_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/testdata"
)

// TestFindings judges the fleet and compares what is found with fleet/findings.txt, so
// that a change of a rule shows what it does to the demo.
func TestFindings(t *testing.T) {
	hosts, err := testdata.Fleet()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	stages := map[drop.Stage]bool{}
	clean := 0
	rules := drop.Catalogue()
	for _, h := range hosts {
		fmt.Fprintf(&b, "%s", h.Name)
		if h.Fault != testdata.None {
			fmt.Fprintf(&b, ": %s\n", h.Fault)
			continue
		}
		b.WriteString("\n")
		worse := false
		for i, v := range drop.Judge(rules, nil, probe.NewSnapshot(h.Capture)) {
			for _, f := range v.Findings {
				fmt.Fprintf(&b, "\t%s %s %s\n", f.Rule, rules[i].Name, f)
				if f.Kind != drop.Note {
					worse = true
					stages[rules[i].Stage] = true
				}
			}
		}
		if !worse {
			clean++
		}
	}
	if clean < 2 {
		t.Errorf("%d hosts are clean, want two", clean)
	}
	t.Logf("stages %v", stages)
	if testdata.Update() {
		if err := os.WriteFile("fleet/findings.txt", []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile("fleet/findings.txt")
	if err != nil || b.String() != string(want) {
		t.Errorf("%v, run with -update to see what changed in fleet/findings.txt; now it is\n%s", err, b.String())
	}
}
