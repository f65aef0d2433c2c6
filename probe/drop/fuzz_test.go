package drop

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fleetdrop/fleetdrop/probe"
)

// FuzzSections shows every parser of the catalogue any text, the parser of sections that one
// rule alone reads included: it understands it, or names a line of it.
func FuzzSections(f *testing.F) {
	var readers []probe.Reader
	seen := map[string]bool{}
	for _, r := range Sections(Catalogue()) {
		if !seen[r.ID()] {
			seen[r.ID()] = true
			readers = append(readers, r)
		}
	}
	for _, r := range Catalogue() {
		for _, e := range r.Examples {
			s, err := e.Snapshot()
			if err != nil {
				f.Fatal(err)
			}
			for _, out := range s.Capture.Outputs {
				for i, reader := range readers {
					if reader.Matches(out.Section) && out.State == probe.Known {
						f.Add(uint8(i), out.Text)
					}
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, text string) {
		r := readers[int(which)%len(readers)]
		_, err := r.Table(text)
		if err == nil {
			return
		}
		var number int
		if _, scanErr := fmt.Sscanf(err.Error(), "line %d: ", &number); scanErr != nil || number < 1 || number > 1+strings.Count(text, "\n") {
			t.Errorf("%s: no line of %q: %v", r.ID(), text, err)
		}
	})
}

// FuzzJudge lets all rules judge any capture: what they find has a severity, evidence, and a share of 1 at most.
func FuzzJudge(f *testing.F) {
	for _, r := range Catalogue() {
		for _, e := range r.Examples {
			f.Add("fleetdrop capture v1\nhost: example\nover: 10.00\n" + strings.TrimPrefix(e.Capture, "\n"))
		}
	}
	rules := Catalogue()
	f.Fuzz(func(t *testing.T, text string) {
		c, err := probe.ParseCapture(text)
		if err != nil {
			return
		}
		for i, v := range Judge(rules, nil, probe.NewSnapshot(c)) {
			for _, found := range v.Findings {
				share, _ := found.Loss.Ratio()
				_, known := rules[i].Severity[found.Kind]
				if !known || len(found.Evidence) == 0 || found.Severity > rules[i].Severity[found.Kind] || share > 1 {
					t.Errorf("%s: %s, evidence %v, share %v", v.Rule, found, found.Evidence, share)
				}
			}
		}
	})
}
