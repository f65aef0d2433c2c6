package run

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/fleetdrop/fleetdrop/probe"
)

// A sampleLine is a line of samples.ndjson.gz.
type sampleLine struct {
	Host   string        `json:"host"`
	Sample *probe.Sample `json:"sample"`
}

// Samples are the counters that a run found on its hosts. They stay packed until they are
// asked for: 10,000 hosts are in some 20 MiB.
type Samples struct {
	packed map[string][]byte
}

// maxSample is more than any sample has.
const maxSample = 8 << 20

// LoadSamples reads the samples of a run in dir. A run that kept none has none.
func LoadSamples(dir, id string) (*Samples, error) {
	s := &Samples{map[string][]byte{}}
	var pack bytes.Buffer
	zip, _ := flate.NewWriter(nil, flate.BestSpeed) // the level is valid
	err := eachLine(filepath.Join(dir, id, samplesFile), func(line *struct {
		Host   string          `json:"host"`
		Sample json.RawMessage `json:"sample"`
	}) {
		pack.Reset()
		zip.Reset(&pack)
		zip.Write(line.Sample) // a buffer takes it all
		zip.Close()
		s.packed[line.Host] = bytes.Clone(pack.Bytes())
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return s, err
}

// Of returns the sample of a host; nil if there is none.
func (s *Samples) Of(host string) *probe.Sample {
	if s == nil || s.packed[host] == nil {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(s.packed[host])), maxSample))
	sample := &probe.Sample{}
	if err != nil || json.Unmarshal(text, sample) != nil {
		return nil
	}
	return sample
}

// Sample keeps the counters of a host, for the next scan. A host without a sample has none.
func (w *Writer) Sample(host string, sample *probe.Sample) {
	if sample == nil {
		return
	}
	line, err := json.Marshal(sampleLine{host, sample})
	if err != nil {
		err = fmt.Errorf("the counters of a host: %w", err)
	}
	w.write(&w.samples, append(line, '\n'), err)
}
