package run

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/fleetdrop/fleetdrop/report"
)

// A Saved is a run that was read back.
type Saved struct {
	Path  string
	Head  report.Head
	Rules []report.Rule
	Hosts []report.Host // in the order in which they finished, without their risk
	Of    Of
	Last  string // the ID of the run that it was held against; empty without one
}

// Report ranks the hosts again: it is the report of the scan, to the byte, if it is held
// Against the same run.
func (s *Saved) Report(gates report.Gates) *report.Report {
	return report.New(s.Head, s.Rules, slices.Clone(s.Hosts), gates)
}

// Load reads a run: by its path, by its name in dir or the beginning of that if no other
// begins so, or "latest". A run that was never closed counts as interrupted; what it saved
// is there.
func Load(dir, name string) (*Saved, error) {
	path, err := Find(dir, name)
	if err != nil {
		return nil, err
	}
	s := &Saved{Path: path}
	m, err := each(path, func(h *report.Host) { s.Hosts = append(s.Hosts, *h) })
	if err != nil {
		return nil, err
	}
	s.Head = report.Head{Schema: report.Schema, Tool: m.Tool, Run: m.Run, Policy: m.Policy}
	s.Head.Run.Interrupted = s.Head.Run.Interrupted || !m.Finished
	s.Rules, s.Of, s.Last = m.Rules, m.Of, m.Last
	return s, nil
}

// Earlier reads of a run what it takes to hold a later one against it, host by host. It
// takes names as Load does.
func Earlier(dir, name string) (*report.Earlier, error) {
	path, err := Find(dir, name)
	if err != nil {
		return nil, err
	}
	m, err := readMeta(path)
	if err != nil {
		return nil, err
	}
	e := report.NewEarlier(m.Run)
	_, err = each(path, e.Add)
	return e, err
}

// Exists says that there is a run at the path.
func Exists(path string) bool {
	_, err := readMeta(path)
	return err == nil
}

// Before returns the ID of the newest run in dir that is of the same and of the same shard,
// was closed, and has a lesser ID, if one is given; "" if there is none.
func Before(dir string, of Of, shard, than string) string {
	for _, id := range slices.Backward(List(dir)) {
		if than != "" && id >= than {
			continue
		}
		if m, err := readMeta(filepath.Join(dir, id)); err == nil && m.Finished && m.Of.Source == of.Source && of.Source != "" && m.Run.Shard == shard {
			return id
		}
	}
	return ""
}

// each calls yield for each host of a run, in the order in which they finished. The end of
// a run that was never closed may be missing.
func each(path string, yield func(*report.Host)) (m meta, err error) {
	if m, err = readMeta(path); err != nil {
		return m, err
	}
	err = eachLine(filepath.Join(path, hostsFile), func(h *report.Host) {
		h.Share()
		yield(h)
	})
	if errors.Is(err, io.ErrUnexpectedEOF) && !m.Finished {
		err = nil
	}
	return m, err
}

// eachLine reads lines of JSON until the end. An error comes after the lines before it.
func eachLine[T any](name string, yield func(*T)) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	zip, err := gzip.NewReader(file)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // nothing was flushed yet
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	dec := json.NewDecoder(bufio.NewReader(zip))
	dec.UseNumber() // counters have 64 bits
	for {
		var line T
		switch err := dec.Decode(&line); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("%s: %w", name, err)
		}
		yield(&line)
	}
}

func readMeta(path string) (m meta, err error) {
	text, err := os.ReadFile(filepath.Join(path, metaFile))
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("%s: %w", filepath.Join(path, metaFile), err)
	}
	if m.Schema != Schema {
		return m, fmt.Errorf("%s: schema %q: this fleetdrop reads %s", filepath.Join(path, metaFile), m.Schema, Schema)
	}
	return m, nil
}
