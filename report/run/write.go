package run

import (
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/report"
)

// A Writer saves a scan while it goes on. Its methods may be called from any goroutine.
type Writer struct {
	dir  string // the folder of all runs
	root *os.Root
	meta meta

	hosts    *Shelf
	samples  *pack
	captures bool

	mu  sync.Mutex
	err error // the first of a line or a capture
}

// A Plan is what is known of a run before it begins, beside its head.
type Plan struct {
	Of
	Last     string   // the run that it will be held against
	Captures bool     // Capture keeps them
	All      []Member // of a shard: all hosts of the inventory, those of the other shards too
}

// A Member is a host of the inventory, and the shard that it is in. It has no more than what
// the inventory says.
type Member struct {
	report.Host
	Shard string `json:"shard"`
}

// Create makes the directory of a run, before any host is contacted: a folder that cannot
// be written to is an error here, not after the scan.
func Create(dir string, head report.Head, rules []report.Rule, plan Plan) (*Writer, error) {
	if !idPattern.MatchString(head.Run.ID) {
		return nil, fmt.Errorf("%q is no name of a run", head.Run.ID)
	}
	path := filepath.Join(dir, head.Run.ID)
	w, err := create(dir, path, plan.Captures)
	if err != nil {
		return nil, fmt.Errorf("cannot keep the run: %w (--runs DIR keeps it elsewhere, --runs none does not)", err)
	}
	w.meta = meta{Schema: Schema, Tool: head.Tool, Run: head.Run, Rules: rules, Of: plan.Of, Last: plan.Last}
	err = w.writeMeta()
	if err == nil && len(plan.All) > 0 {
		err = w.writeAll(plan.All)
	}
	if err != nil {
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
	w := &Writer{dir: dir, root: root, captures: captures}
	hosts, err := newPack(root, hostsFile)
	if err == nil {
		w.samples, err = newPack(root, samplesFile)
	}
	w.hosts = &Shelf{hosts}
	if err == nil && captures {
		err = root.Mkdir(capturesDir, 0o700)
	}
	if err != nil {
		return nil, errors.Join(err, w.hosts.Close(), w.samples.close(), root.Close())
	}
	return w, nil
}

// Abandon removes the run, instead of Close: nothing came of it.
func (w *Writer) Abandon() error {
	return errors.Join(w.hosts.Close(), w.samples.close(), w.root.Close(), os.RemoveAll(w.Path()))
}

// Path is the directory of the run.
func (w *Writer) Path() string { return filepath.Join(w.dir, w.meta.Run.ID) }

// Last is the ID of the run that this one is to be held against; empty without one.
func (w *Writer) Last() string { return w.meta.Last }

// Add saves a host. Its place is that on the Shelf.
func (w *Writer) Add(h report.Host) (place int) { return w.hosts.Add(h) }

// Shelf has the hosts that were added, until Close.
func (w *Writer) Shelf() *Shelf { return w.hosts }

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

// Judged keeps what became of the policy's waivers, before Close.
func (w *Writer) Judged(p *report.Policy) { w.meta.Policy = p }

// Close ends the run with what is known of it only now: its time, and whether it was
// interrupted. It removes the oldest runs of the folder beyond Keep. An error is the first
// that came up since Create.
func (w *Writer) Close(run report.Run) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	run.ID = w.meta.Run.ID
	w.meta.Run, w.meta.Hosts, w.meta.Finished = run, len(w.hosts.pack.lines), true
	err := cmp.Or(w.err, w.hosts.Close(), w.samples.close())
	if err == nil {
		err = w.writeMeta()
	}
	err = cmp.Or(err, w.root.Close())
	if err != nil {
		return fmt.Errorf("cannot keep the run in %s: %w", w.Path(), err)
	}
	return prune(w.dir, run.ID)
}

// writeAll keeps who is in the inventory.
func (w *Writer) writeAll(all []Member) error {
	file, err := w.root.OpenFile(allFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	zip, _ := gzip.NewWriterLevel(file, gzip.BestSpeed) // the level is valid
	for i := range all {
		var line []byte
		if line, err = report.Line(&all[i]); err == nil {
			_, err = zip.Write(line)
		}
		if err != nil {
			break
		}
	}
	return cmp.Or(err, zip.Close(), file.Sync(), file.Close())
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
