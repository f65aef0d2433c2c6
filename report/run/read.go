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

// A Saved is a run that is read back.
type Saved struct {
	Path  string
	Head  report.Head
	Rules []report.Rule
	Of    Of
	Last  string // the ID of the run that it was held against; empty without one

	lines func(yield func(line []byte) error) error // its hosts
}

// Load finds a run: by its path, by its name in dir or the beginning of that if no other
// begins so, or "latest". A run that was never closed counts as interrupted; what it saved
// is there.
func Load(dir, name string) (*Saved, error) {
	path, err := Find(dir, name)
	if err != nil {
		return nil, err
	}
	m, err := readMeta(path)
	if err != nil {
		return nil, err
	}
	s := &Saved{Path: path, Rules: m.Rules, Of: m.Of, Last: m.Last, lines: m.hosts(path)}
	s.Head = report.Head{Schema: report.Schema, Tool: m.Tool, Run: m.Run, Policy: m.Policy}
	s.Head.Run.Interrupted = s.Head.Run.Interrupted || !m.Finished
	return s, nil
}

// Each calls yield for each host of the run, in the order in which they finished, without
// their risk. It keeps none of them.
func (s *Saved) Each(yield func(*report.Host)) error {
	return s.lines(func(line []byte) error {
		h := &report.Host{}
		if err := decode(line, h); err != nil {
			return err
		}
		yield(h)
		return nil
	})
}

// Roll puts the hosts on a shelf and calls the roll of them. Each is seen as see makes it; nil
// leaves it as it is. With that, and the same rules, it is the report of the scan, to the
// byte, if it is held Against the same run.
func (s *Saved) Roll(shelf *Shelf, see func(*report.Host)) (*report.Roll, error) {
	roll := report.NewRoll(func(place int) (*report.Host, error) {
		h, err := shelf.Host(place)
		if err == nil && see != nil {
			see(h)
		}
		return h, err
	})
	err := s.lines(func(line []byte) error {
		h := &report.Host{}
		if err := decode(line, h); err != nil {
			return err
		}
		if see != nil {
			see(h)
		}
		roll.Add(shelf.pack.add(line), h)
		return nil
	})
	return roll, err
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

// hosts reads the lines of the hosts of a run, in the order in which they finished. The end of
// a run that was never closed may be missing.
func (m meta) hosts(path string) func(yield func(line []byte) error) error {
	return func(yield func(line []byte) error) error {
		name, n := filepath.Join(path, hostsFile), 0
		err := eachLine(name, func(line []byte) error {
			n++
			return yield(line)
		})
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF) && !m.Finished:
			return nil
		case err == nil && n < m.Hosts:
			return fmt.Errorf("%s: it has %d hosts of %d", name, n, m.Hosts)
		}
		return err
	}
}

// eachLine reads the lines of a file until the end. An error comes after the lines before it.
func eachLine(name string, yield func(line []byte) error) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	zip, err := gzip.NewReader(bufio.NewReader(file))
	if errors.Is(err, io.EOF) {
		return nil // it has no line
	}
	for in := bufio.NewReader(zip); err == nil; {
		var line []byte
		if line, err = in.ReadBytes('\n'); err == nil {
			err = yield(line)
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
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
