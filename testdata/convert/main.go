// Convert makes captures of raw recordings, for tests and for the demo:
//
//	go run ./testdata/convert RECORDINGS testdata/recordings
//
// A recording is a folder with one folder for each time at which a host was read, such as
// netns-acceptq/before and netns-acceptq/after. Each of them holds what commands printed, a
// file for each, and COMMANDS.tsv, which says what command that was: "netstat.txt", "rc=0",
// "cat /proc/net/netstat". The capture netns-acceptq/after.txtar then has what the script
// of fleetdrop would have printed. Its first sample is the one that was read last before
// that, in the same life of the host.
//
// What was read by another command than the script's is converted only if it holds the
// same text; the README of testdata says how. The rest is left out, so a fact of it is
// unread and not absent.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/fleetdrop/fleetdrop/probe"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: convert RECORDINGS DESTINATION")
		os.Exit(2)
	}
	if err := convert(os.DirFS(os.Args[1]), os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "convert:", err)
		os.Exit(1)
	}
}

// convert writes a capture for each reading of each recording, but for those that only
// show how things were "before".
func convert(recordings fs.FS, destination string) error {
	lists, err := fs.Glob(recordings, "*/*/COMMANDS.tsv")
	if err != nil {
		return err
	}
	if len(lists) == 0 {
		return errors.New("no recordings: no */*/COMMANDS.tsv there")
	}
	var all []*reading
	for _, list := range lists {
		r, err := load(recordings, path.Dir(list))
		if err != nil {
			return err
		}
		all = append(all, r)
	}
	for _, r := range all {
		if path.Base(r.name) == "before" {
			continue
		}
		c, err := capture(r, earlier(all, r))
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		file := filepath.Join(destination, filepath.FromSlash(r.name)+".txtar")
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(c.String()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// A reading is all that was read on a host at one time.
type reading struct {
	name   string            // "netns-acceptq/after"
	output map[string]output // by command
	booted time.Time
	up     time.Duration
}

// An output is what one command printed.
type output struct {
	text   string
	failed bool
}

func load(recordings fs.FS, dir string) (*reading, error) {
	list, err := fs.ReadFile(recordings, dir+"/COMMANDS.tsv")
	if err != nil {
		return nil, err
	}
	r := &reading{name: dir, output: map[string]output{}}
	for line := range strings.Lines(string(list)) {
		f := strings.SplitN(strings.TrimRight(line, "\n"), "\t", 3)
		if len(f) != 3 {
			return nil, fmt.Errorf("%s/COMMANDS.tsv: not a file, an exit code and a command: %q", dir, line)
		}
		text, err := fs.ReadFile(recordings, dir+"/"+f[0])
		if err != nil {
			return nil, err
		}
		// An empty output was saved as an empty line.
		out := output{strings.TrimRight(string(text), "\n"), f[1] != "rc=0"}
		if out.text != "" {
			out.text += "\n"
		}
		r.output[f[2]] = out
	}
	if r.up, err = probe.Uptime.Parse(r.output["cat /proc/uptime"].text); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	_, after, _ := strings.Cut(r.output["head -c 4000 /proc/stat"].text, "\nbtime ")
	var btime int64
	if _, err := fmt.Sscan(after, &btime); err != nil {
		return nil, fmt.Errorf("%s: /proc/stat has no btime: %w", dir, err)
	}
	r.booted = time.Unix(btime, 0).UTC()
	return r, nil
}

// earlier returns what was read last before r, of the same recording and in the same life
// of the host; nil if there is nothing.
func earlier(all []*reading, r *reading) (first *reading) {
	for _, e := range all {
		if path.Dir(e.name) == path.Dir(r.name) && e.booted.Equal(r.booted) && e.up < r.up &&
			(first == nil || e.up > first.up) {
			first = e
		}
	}
	return first
}

// capture makes a capture of two readings, or of one if there is no first.
func capture(r, first *reading) (*probe.Capture, error) {
	header := &probe.Capture{}
	header.Set("host", strings.TrimSpace(r.output["hostname"].text))
	header.Set("taken", r.booted.Add(r.up).Format(time.RFC3339))
	if first != nil {
		over := r.up - first.up
		header.Set("window", fmt.Sprintf("%.0fs", max(1, over.Seconds())))
		header.Set("over", fmt.Sprintf("%.2f", over.Seconds()))
	}
	header.Set("login", "root 0")
	header.Set("recording", r.name)
	var wire strings.Builder
	if first != nil {
		header.Set("before", first.name)
		wire.WriteString(nonce + " first\n")
		if err := first.write(&wire, true); err != nil {
			return nil, err
		}
	}
	wire.WriteString(nonce + " last\n")
	if err := r.write(&wire, true); err != nil {
		return nil, err
	}
	if err := r.write(&wire, false); err != nil {
		return nil, err
	}
	wire.WriteString(nonce + " end\n")
	c, err := collect(wire.String())
	if err != nil {
		return nil, err
	}
	c.Header = header.Header
	return c, nil
}
