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

// Add adds what a host is known to have. A finding that was waived is not known: when its waiver
// expires it counts.
func (b Baseline) Add(h *Host) {
	for i := range h.Findings {
		if f := &h.Findings[i]; f.Kind != drop.Note && f.Waived == nil && f.Fingerprint != "" {
			b[f.Fingerprint] = true
		}
	}
}

// ReadBaseline reads a report in the json format, host by host.
func ReadBaseline(r io.Reader) (Baseline, error) {
	var saved struct {
		Schema string
		Run    Run
	}
	known := Baseline{}
	dec := json.NewDecoder(r)
	err := eachField(dec, func(name string) error {
		switch name {
		case "schema":
			return dec.Decode(&saved.Schema)
		case "run":
			return dec.Decode(&saved.Run)
		case "hosts":
			return eachElement(dec, known.Add)
		}
		return dec.Decode(new(json.RawMessage))
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("it is no report in JSON: %w", err)
	case saved.Schema != Schema:
		return nil, fmt.Errorf("schema %q: a baseline is a %s, as -f json writes it", saved.Schema, Schema)
	case saved.Run.Interrupted:
		return nil, errors.New("this scan was interrupted: it is no baseline for the hosts that it did not come to")
	}
	return known, nil
}

// eachField calls yield for each field of the object that comes, which is to decode its value.
func eachField(dec *json.Decoder, yield func(name string) error) error {
	if err := delimiter(dec, '{'); err != nil {
		return err
	}
	for dec.More() {
		name, err := dec.Token()
		if err == nil {
			err = yield(fmt.Sprint(name))
		}
		if err != nil {
			return err
		}
	}
	return delimiter(dec, '}')
}

// eachElement calls yield for each element of the list that comes.
func eachElement[T any](dec *json.Decoder, yield func(*T)) error {
	if err := delimiter(dec, '['); err != nil {
		return err
	}
	for dec.More() {
		var element T
		if err := dec.Decode(&element); err != nil {
			return err
		}
		yield(&element)
	}
	return delimiter(dec, ']')
}

func delimiter(dec *json.Decoder, want json.Delim) error {
	got, err := dec.Token()
	if err == nil && got != want {
		err = fmt.Errorf("%v where %v was expected", got, want)
	}
	return err
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
