package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/fleetdrop/fleetdrop/probe"
)

// A sampleLine is a line of samples.ndjson.gz.
type sampleLine struct {
	Host   string        `json:"host"`
	Sample *probe.Sample `json:"sample"`
}

// Samples are the counters that a run found on its hosts. They are read when they are asked
// for.
type Samples struct {
	pack   *pack
	places map[string]int // by host
}

// LoadSamples reads the samples of a run in dir. A run that kept none has none.
func LoadSamples(dir, id string) (*Samples, error) {
	s := &Samples{newUnnamed(), map[string]int{}}
	err := eachLine(filepath.Join(dir, id, samplesFile), func(line []byte) error {
		var of struct {
			Host string `json:"host"`
		}
		if err := json.Unmarshal(line, &of); err != nil {
			return err
		}
		s.places[of.Host] = s.pack.add(line)
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return s, err
}

// Of returns the sample of a host; nil if there is none.
func (s *Samples) Of(host string) *probe.Sample {
	if s == nil {
		return nil
	}
	var line sampleLine
	if place, known := s.places[host]; !known || s.pack.read(place, &line) != nil {
		return nil
	}
	return line.Sample
}

// Close ends them.
func (s *Samples) Close() error {
	if s == nil {
		return nil
	}
	return s.pack.close()
}

// Sample keeps the counters of a host, for the next scan. A host without a sample has none.
func (w *Writer) Sample(host string, sample *probe.Sample) {
	if sample == nil {
		return
	}
	line, err := json.Marshal(sampleLine{host, sample})
	if err != nil {
		w.samples.fail(fmt.Errorf("the counters of a host: %w", err))
	}
	w.samples.add(append(line, '\n'))
}
