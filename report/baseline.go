package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// A Baseline is the findings that were known before, by their fingerprints: only what is not in it
// fails a scan.
type Baseline map[string]bool

// BaselineOf is what some hosts were known to have. A finding that was waived is not known: when its
// waiver expires it counts.
func BaselineOf(hosts []Host) Baseline {
	b := Baseline{}
	for i := range hosts {
		for _, f := range hosts[i].Findings {
			if f.Kind != drop.Note && f.Waived == nil && f.Fingerprint != "" {
				b[f.Fingerprint] = true
			}
		}
	}
	return b
}

// ReadBaseline reads a report in the json format.
func ReadBaseline(r io.Reader) (Baseline, error) {
	var saved Report
	if err := json.NewDecoder(r).Decode(&saved); err != nil {
		return nil, fmt.Errorf("it is no report in JSON: %w", err)
	}
	if saved.Schema != Schema {
		return nil, fmt.Errorf("schema %q: a baseline is a %s, as -f json writes it", saved.Schema, Schema)
	}
	if saved.Run.Interrupted {
		return nil, errors.New("this scan was interrupted: it is no baseline for the hosts that it did not come to")
	}
	return BaselineOf(saved.Hosts), nil
}

// mark says of each finding whether it was known.
func (b Baseline) mark(hosts []Host) {
	for i := range hosts {
		for j := range hosts[i].Findings {
			f := &hosts[i].Findings[j]
			f.Known = b[f.Fingerprint]
		}
	}
}
