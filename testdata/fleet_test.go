package testdata

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/fleetdrop/fleetdrop/probe"
)

var update = flag.Bool("update", false, "write the captures and findings of the fleet anew")

// TestFleet makes each host of the fleet from its recording: every section is that of the
// recording, or is one that byhand/ holds.
func TestFleet(t *testing.T) {
	members, err := members()
	if err != nil {
		t.Fatal(err)
	}
	boots := map[string]string{}
	for _, m := range members {
		if m.Fault != None {
			continue
		}
		c := compose(t, m)
		file := "fleet/" + m.Name + ".txtar"
		if *update {
			if err := os.WriteFile(file, []byte(c.String()), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil || string(text) != c.String() {
			t.Errorf("%s is not what its recording and byhand/ make: run with -update; %v", file, err)
		}
		boot, _ := probe.BootID.In(probe.NewSnapshot(c)).Get()
		if other, twice := boots[boot]; twice || boot == "" {
			t.Errorf("%s has boot_id %q, as %s", m.Name, boot, other)
		}
		boots[boot] = m.Name
	}
}

// TestByHand finds each section that was written by hand in the README.
func TestByHand(t *testing.T) {
	members, err := members()
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		if m.Fault != None {
			continue
		}
		for _, out := range byHand(t, m).Outputs {
			listed := out.Section == probe.BootID.ID()
			for line := range strings.Lines(string(readme)) {
				hosts, why, _ := strings.Cut(strings.TrimPrefix(line, "| "), " |")
				listed = listed || slices.Contains(strings.Split(hosts, ", "), m.Name) && strings.Contains(why, "`"+out.Section+"`")
			}
			if !listed {
				t.Errorf("README.md does not say why %s of %s was written by hand", out.Section, m.Name)
			}
		}
	}
}

func byHand(t *testing.T, m member) *probe.Capture {
	t.Helper()
	text, err := os.ReadFile("fleet/byhand/" + m.Name + ".txtar")
	if err != nil {
		t.Fatal(err)
	}
	c, err := probe.ParseCapture(string(text))
	if err != nil {
		t.Fatalf("byhand/%s: %v", m.Name, err)
	}
	return c
}

// compose puts what was written by hand in the place of what was recorded.
func compose(t *testing.T, m member) *probe.Capture {
	t.Helper()
	c, err := Recording(m.recording)
	if err != nil {
		t.Fatalf("%s: %v", m.Name, err)
	}
	hand := byHand(t, m)
	for _, f := range hand.Header {
		c.Set(f.Key, f.Value)
	}
	twice := slices.ContainsFunc(c.Outputs, func(o probe.Output) bool { return o.First })
	for _, out := range hand.Outputs {
		if out.First && !twice {
			t.Errorf("byhand/%s: first %s, and the recording has one sample", m.Name, out.Section)
		}
		i := slices.IndexFunc(c.Outputs, func(o probe.Output) bool {
			return o.Section == out.Section && o.First == out.First
		})
		if i >= 0 {
			c.Outputs[i] = out
			continue
		}
		end := len(c.Outputs)
		if out.First {
			end = slices.IndexFunc(c.Outputs, func(o probe.Output) bool { return !o.First })
		}
		c.Outputs = slices.Insert(c.Outputs, end, out)
	}
	return c
}
