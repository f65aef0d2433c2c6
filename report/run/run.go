// Package run keeps scans: a directory for each, with what it takes to write the report
// again, in any format.
//
//	run.json         what the scan was: fleetdrop.run/v1
//	hosts.ndjson.gz  a line for each host, as it finished
//	captures/        what the hosts said, where that was asked for
//
// Folders are 0700 and files 0600: they name every host and what is wrong with it.
package run

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/report"
)

// Schema names the format of run.json.
const Schema = "fleetdrop.run/v1"

// Keep is how many runs Close leaves in a folder.
const Keep = 30

// Latest is the name of the newest run that was closed.
const Latest = "latest"

const (
	metaFile    = "run.json"
	hostsFile   = "hosts.ndjson.gz"
	capturesDir = "captures"
)

// meta is run.json.
type meta struct {
	Schema   string        `json:"schema"`
	Tool     report.Tool   `json:"tool"`
	Run      report.Run    `json:"run"`
	Rules    []report.Rule `json:"rules"`
	Finished bool          `json:"finished"` // Close was called; without it the scan ended like a candle
}

// DefaultDir is where runs are kept: $XDG_STATE_HOME/fleetdrop/runs, or
// ~/.local/state/fleetdrop/runs. It is an error to have neither.
func DefaultDir() (string, error) {
	// A relative path is invalid, says the XDG Base Directory Specification.
	if state := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "fleetdrop", "runs"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no place for runs: %w: set --runs", err)
	}
	return filepath.Join(home, ".local", "state", "fleetdrop", "runs"), nil
}

// NewID is the name of a run: its time in UTC, so that names sort by time, and four
// digits by chance, so that two scans of one second have two names.
func NewID(started time.Time) string {
	var chance [2]byte
	rand.Read(chance[:]) // never fails
	return started.UTC().Format("2006-01-02T15-04-05Z") + "-" + hex.EncodeToString(chance[:])
}

var idPattern = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ-[0-9a-f]{4}$`)

// A Writer saves a scan while it goes on. Its methods may be called from any goroutine.
type Writer struct {
	dir  string // the folder of all runs
	root *os.Root
	meta meta

	mu       sync.Mutex
	file     *os.File
	zip      *gzip.Writer
	captures bool
	flushed  time.Time
	err      error // the first; nothing is written after it
}

// Create makes the directory of a run, before any host is contacted: a folder that cannot
// be written to is an error here, not after the scan. With captures, Capture keeps them.
func Create(dir string, head report.Head, rules []report.Rule, captures bool) (*Writer, error) {
	if !idPattern.MatchString(head.Run.ID) {
		return nil, fmt.Errorf("%q is no name of a run", head.Run.ID)
	}
	path := filepath.Join(dir, head.Run.ID)
	w, err := create(dir, path, captures)
	if err != nil {
		return nil, fmt.Errorf("cannot keep the run: %w (--runs DIR keeps it elsewhere, --runs none does not)", err)
	}
	w.meta = meta{Schema: Schema, Tool: head.Tool, Run: head.Run, Rules: rules}
	if err := w.writeMeta(); err != nil {
		return nil, errors.Join(err, w.Abandon())
	}
	return w, nil
}

func create(dir, path string, captures bool) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	file, err := root.OpenFile(hostsFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil && captures {
		err = root.Mkdir(capturesDir, 0o700)
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	zip, _ := gzip.NewWriterLevel(file, gzip.BestSpeed) // the level is valid
	return &Writer{dir: dir, root: root, file: file, zip: zip, captures: captures, flushed: time.Now()}, nil
}

// Abandon removes the run, instead of Close: nothing came of it.
func (w *Writer) Abandon() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(w.file.Close(), w.root.Close(), os.RemoveAll(w.Path()))
}

// Path is the directory of the run.
func (w *Writer) Path() string { return filepath.Join(w.dir, w.meta.Run.ID) }

// flushEvery bounds what a scan that is killed loses.
const flushEvery = time.Second

// Add saves a host. What is wrong with writing is said by Close: it is no reason to end a
// scan.
func (w *Writer) Add(h report.Host) {
	h.Risk = nil // it is made of all hosts, again at each reading
	line, err := report.Line(h)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil && err == nil {
		_, err = w.zip.Write(line)
	}
	if now := time.Now(); w.err == nil && err == nil && now.Sub(w.flushed) > flushEvery {
		w.flushed = now
		err = w.zip.Flush()
	}
	w.err = cmp.Or(w.err, err)
}

// Capture keeps what a host said, if that was asked for.
func (w *Writer) Capture(h inventory.Host, c *probe.Capture) {
	if !w.captures {
		return
	}
	text := c.String()
	err := replace(w.root, filepath.Join(capturesDir, FileName(h.Name)+".txtar"), []byte(text))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = cmp.Or(w.err, err)
}

// Close ends the run with what is known of it only now: its time, and whether it was
// interrupted. It removes the oldest runs of the folder beyond Keep. An error is the first
// that came up since Create.
func (w *Writer) Close(run report.Run) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	run.ID = w.meta.Run.ID
	w.meta.Run, w.meta.Finished = run, true
	err := cmp.Or(w.err, w.zip.Close(), w.file.Sync(), w.file.Close())
	if err == nil {
		err = w.writeMeta()
	}
	err = cmp.Or(err, w.root.Close())
	if err != nil {
		return fmt.Errorf("cannot keep the run in %s: %w", w.Path(), err)
	}
	return prune(w.dir, run.ID)
}

func (w *Writer) writeMeta() error {
	text, err := json.MarshalIndent(w.meta, "", " ")
	if err != nil {
		return err
	}
	return replace(w.root, metaFile, append(text, '\n'))
}

// replace writes a file so that nobody ever sees half of it.
func replace(root *os.Root, name string, text []byte) error {
	temp := name + ".tmp"
	file, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err = cmp.Or(err, file.Sync(), file.Close()); err != nil {
		return errors.Join(err, root.Remove(temp))
	}
	return root.Rename(temp, name)
}

var plainName = regexp.MustCompile(`^[a-z0-9_][a-z0-9._-]{0,99}$`)

// FileName is a name for a host's file: letters, digits, ".", "_" and "-", and never "..".
// What is plain stays; any other name gets part of its hash, so that no two hosts share a
// file, not even where upper and lower case are one.
func FileName(host string) string {
	if plainName.MatchString(host) && !strings.Contains(host, "..") {
		return host
	}
	sum := sha256.Sum256([]byte(host))
	safe := strings.Map(func(r rune) rune {
		if r < 0x80 && (r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
			return r
		}
		return '_'
	}, "_"+host[:min(len(host), 100)]) // a name that begins with "-" would be taken for an option
	return safe + "-" + hex.EncodeToString(sum[:6])
}

// A Saved is a run that was read back.
type Saved struct {
	Path  string
	Head  report.Head
	Rules []report.Rule
	Hosts []report.Host // in the order in which they finished, without their risk
}

// Report ranks the hosts again: it is the report of the scan, to the byte.
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
	m, err := readMeta(path)
	if err != nil {
		return nil, err
	}
	s := &Saved{Path: path, Head: report.Head{Schema: report.Schema, Tool: m.Tool, Run: m.Run}, Rules: m.Rules}
	s.Head.Run.Interrupted = s.Head.Run.Interrupted || !m.Finished
	file, err := os.Open(filepath.Join(path, hostsFile))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if s.Hosts, err = readHosts(file); err != nil && !(errors.Is(err, io.ErrUnexpectedEOF) && !m.Finished) {
		return nil, fmt.Errorf("%s: %w", file.Name(), err)
	}
	return s, nil
}

// readHosts reads lines until the end. An error comes with the hosts before it.
func readHosts(file io.Reader) (hosts []report.Host, err error) {
	zip, err := gzip.NewReader(file)
	if errors.Is(err, io.EOF) {
		return nil, io.ErrUnexpectedEOF // nothing was flushed yet
	}
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bufio.NewReader(zip))
	dec.UseNumber() // counters have 64 bits
	for {
		var h report.Host
		switch err := dec.Decode(&h); {
		case errors.Is(err, io.EOF):
			return hosts, nil
		case err != nil:
			return hosts, err
		}
		hosts = append(hosts, h)
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

// Find returns the directory of a run; see Load.
func Find(dir, name string) (string, error) {
	if strings.ContainsRune(name, filepath.Separator) || name == "." {
		return name, nil
	}
	ids, err := list(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if name == Latest {
		for _, id := range slices.Backward(ids) {
			if m, err := readMeta(filepath.Join(dir, id)); err == nil && m.Finished {
				return filepath.Join(dir, id), nil
			}
		}
		return "", fmt.Errorf("no run is saved in %s: fleetdrop scan saves one", dir)
	}
	var found []string
	for _, id := range ids {
		if strings.HasPrefix(id, name) && name != "" {
			found = append(found, id)
		}
	}
	switch {
	case len(found) == 1:
		return filepath.Join(dir, found[0]), nil
	case len(found) > 1:
		return "", fmt.Errorf("%d runs in %s begin with %q: %s, %s …", len(found), dir, name, found[0], found[1])
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return name, nil
	}
	return "", fmt.Errorf("no run %q in %s, and no such directory", name, dir)
}

// list returns the names of the runs in a folder, the oldest first.
func list(dir string) (ids []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() && idPattern.MatchString(e.Name()) {
			ids = append(ids, e.Name())
		}
	}
	return ids, err
}

// prune removes the oldest runs beyond Keep, but not the one that was just made, whatever
// the clock said. One that is not finished may be going on: it stays for a day.
func prune(dir, own string) error {
	ids, err := list(dir)
	if err != nil {
		return err
	}
	for _, id := range ids[:max(0, len(ids)-Keep)] {
		if id == own {
			continue
		}
		path := filepath.Join(dir, id)
		m, err := readMeta(path)
		if info, statErr := os.Stat(filepath.Join(path, hostsFile)); (err != nil || !m.Finished) &&
			statErr == nil && time.Since(info.ModTime()) < 24*time.Hour {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("cannot remove an old run: %w", err)
		}
	}
	return nil
}
