package main

import (
	"cmp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/report"
)

type factsOf struct {
	Schema string      `json:"schema"`
	Hosts  []hostFacts `json:"hosts"`
}

type hostFacts struct {
	Name     string         `json:"name"`
	Sections []sectionFacts `json:"sections"`
}

// sectionFacts is one section of one sample.
type sectionFacts struct {
	Section string                       `json:"section"`
	Sample  string                       `json:"sample"` // first or last
	State   string                       `json:"state"`
	Error   string                       `json:"error,omitempty"` // what the host or the parser said
	Rows    map[string]map[string]uint64 `json:"rows,omitempty"`
}

func newFacts(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "facts CAPTURE...",
		Short: "Print every number of a capture, as JSON",
		Long: `Print every number of captures, as JSON: section, sample, state, rows and fields with the
kernel's own names. "-" is the standard input, a folder stands for the captures in it.`,
		Example: `  fleetdrop script | sh | fleetdrop facts - | jq '.hosts[].sections[] | select(.section == "/proc/net/netstat")'`,
		Args:    someCaptures,
		RunE: func(_ *cobra.Command, args []string) error {
			captures, err := loadCaptures(c, args)
			if err != nil {
				return err
			}
			out := factsOf{Schema: "fleetdrop.facts/v1", Hosts: []hostFacts{}}
			readers := readers()
			for _, s := range captures {
				host := hostFacts{Name: s.name(), Sections: []sectionFacts{}}
				for _, o := range s.capture.Outputs {
					host.Sections = append(host.Sections, factsIn(readers, o))
				}
				out.Hosts = append(out.Hosts, host)
			}
			return printJSON(c.stdout, out)
		},
	}
}

// readers returns one reader for each section that fleetdrop knows.
func readers() (all []probe.Reader) {
	seen := map[string]bool{}
	for _, r := range append(drop.Sections(drop.Catalogue()), append(report.Sections(), probe.Uptime, probe.BootID)...) {
		if !seen[r.ID()] {
			seen[r.ID()] = true
			all = append(all, r)
		}
	}
	return all
}

// factsIn parses what reading a section gave.
func factsIn(readers []probe.Reader, o probe.Output) sectionFacts {
	f := sectionFacts{Section: o.Section, Sample: "last", State: o.State.String()}
	if o.First {
		f.Sample = "first"
	}
	if o.State != probe.Known {
		f.Error = strings.TrimSpace(o.Text)
	}
	if o.State != probe.Known && o.State != probe.Cut {
		return f
	}
	for _, r := range readers {
		if !r.Matches(o.Section) {
			continue
		}
		if o.Text == "" && o.Section != r.ID() && r.Instance(o.Section) == "" {
			return f // of another network namespace, where all of it is zero
		}
		t, err := r.Table(o.Text)
		if err != nil && o.State == probe.Known {
			f.State, f.Error = probe.Garbled.String(), err.Error()
			return f
		}
		for _, row := range t {
			if f.Rows == nil {
				f.Rows = map[string]map[string]uint64{}
			}
			cells := make(map[string]uint64, len(row.Cells))
			for i, n := range row.Cells {
				cells[row.Fields[i]] = n
			}
			f.Rows[cmp.Or(row.Name, r.Instance(o.Section))] = cells
		}
		return f
	}
	return f
}
