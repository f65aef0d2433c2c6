// Package run keeps scans: a directory for each, with what it takes to write the report
// again, in any format.
//
//	run.json             what the scan was: fleetdrop.run/v1
//	hosts.ndjson.gz      a line for each host, as it finished
//	inventory.ndjson.gz  of a shard: all hosts of the inventory, those of the other shards too
//	samples.ndjson.gz    the counters of each host, which the next scan is held against
//	captures/            what the hosts said, where that was asked for
//
// Folders are 0700 and files 0600: they name every host and what is wrong with it.
package run

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

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
	allFile     = "inventory.ndjson.gz"
	samplesFile = "samples.ndjson.gz"
	capturesDir = "captures"
)

// meta is run.json.
type meta struct {
	Schema   string         `json:"schema"`
	Tool     report.Tool    `json:"tool"`
	Run      report.Run     `json:"run"`
	Rules    []report.Rule  `json:"rules"`
	Policy   *report.Policy `json:"policy,omitempty"` // what became of it
	Of       Of             `json:"of"`
	Hosts    int            `json:"hosts"`    // how many; known when it is finished
	Last     string         `json:"last"`     // the ID of the run that this one was held against; empty without one
	Finished bool           `json:"finished"` // Close was called; without it the scan ended like a candle
}

// Of says what a run is of, so that runs of the same are found again.
type Of struct {
	Source    string `json:"source"`    // hash of what was asked for: files with their paths, hosts, --limit, --shard
	Inventory string `json:"inventory"` // hash of the names of all hosts, those of other shards included
	Policy    string `json:"policy"`    // hash of the policy; empty without one
}

// Hash is the hash of texts, for Of.
func Hash(texts ...string) string {
	sum := sha256.New()
	for _, text := range texts {
		fmt.Fprintf(sum, "%d:%s\n", len(text), text)
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
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

// List returns the names of the runs in a folder, the oldest first; none if it cannot be read.
func List(dir string) []string {
	ids, _ := list(dir)
	return ids
}

// list returns the names of the runs in a folder, the oldest first. The names of one second say
// nothing of their order: there the one that was made first is older.
func list(dir string) (ids []string, err error) {
	entries, err := os.ReadDir(dir)
	made := map[string]time.Time{}
	for _, e := range entries {
		if e.IsDir() && idPattern.MatchString(e.Name()) {
			ids = append(ids, e.Name())
			if info, err := e.Info(); err == nil {
				made[e.Name()] = info.ModTime()
			}
		}
	}
	const second = len("2006-01-02T15-04-05Z")
	slices.SortStableFunc(ids, func(a, b string) int {
		return cmp.Or(strings.Compare(a[:second], b[:second]), made[a].Compare(made[b]))
	})
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
