package run

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/report"
	"github.com/fleetdrop/fleetdrop/testdata"
)

// TestShelf reads hosts again in any order: from a run, from a file without a name, from memory
// where there can be no file, and from both where the disk is full in the middle.
func TestShelf(t *testing.T) {
	w, err := Create(t.TempDir(), head(started), nil, Plan{})
	if err != nil {
		t.Fatal(err)
	}
	unnamed := NewShelf()
	if unnamed.pack.file == nil {
		t.Error("no file without a name")
	}
	if _, err := os.Stat(unnamed.pack.file.Name()); !os.IsNotExist(err) {
		t.Errorf("it has a name: %v", err)
	}
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "nowhere"))
	memory := NewShelf()
	if memory.pack.file != nil {
		t.Error("a file in a folder that is not there")
	}
	file := filepath.Join(t.TempDir(), "full")
	for name, shelf := range map[string]*Shelf{"run": w.Shelf(), "unnamed": unnamed, "memory": memory, "full": {fullAfter(t, file, 10)}} {
		all := hosts(t)
		places := make([]int, len(all))
		for i, h := range all {
			places[i] = shelf.Add(h)
		}
		for i, place := range slices.Backward(places) {
			got, err := shelf.Host(place)
			if err != nil {
				t.Fatalf("%s: %s: %v", name, all[i].Name, err)
			}
			want, _ := report.Line(all[i])
			if line, err := report.Line(got); err != nil || !bytes.Equal(line, want) {
				t.Fatalf("%s: %s\nwant %s, %v", name, line, want, err)
			}
		}
		err := shelf.Close()
		if full := name == "full"; full != (err != nil) {
			t.Errorf("%s: %v", name, err)
		}
		if err := shelf.Close(); err != nil {
			t.Errorf("%s, again: %v", name, err)
		}
	}
	// What the disk took is whole.
	n := 0
	if err := eachLine(file, func([]byte) error { n++; return nil }); err != nil || n != 10 {
		t.Errorf("%d lines, %v", n, err)
	}
}

// fullAfter is a pack whose file takes that many lines.
func fullAfter(t *testing.T, name string, n int) *pack {
	t.Helper()
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	p := &pack{file: file}
	for range n {
		p.add([]byte("{}\n"))
	}
	p.fail(io.ErrShortWrite)
	return p
}

// TestPackedByHand reads a run whose hosts somebody packed as one, and one whose end is missing.
func TestPackedByHand(t *testing.T) {
	dir := t.TempDir()
	h := head(started)
	w, err := Create(dir, h, nil, Plan{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		w.Add(report.Host{Name: fmt.Sprint("h", i), Outcome: report.OutcomeScanned})
	}
	if err := w.Close(h.Run); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(w.Path(), hostsFile)
	var text bytes.Buffer
	if err := eachLine(name, func(line []byte) error { text.Write(line); return nil }); err != nil {
		t.Fatal(err)
	}
	for want, lines := range map[string]string{"": text.String(), "it has 4 hosts of 5": text.String()[:strings.LastIndex(text.String(), `{"name"`)]} {
		var one bytes.Buffer
		zip := gzip.NewWriter(&one)
		io.WriteString(zip, lines)
		zip.Close()
		if err := os.WriteFile(name, one.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		saved, err := Load(dir, Latest)
		if err != nil {
			t.Fatal(err)
		}
		switch all, err := hostsOf(saved); {
		case want == "" && (err != nil || len(all) != 5):
			t.Errorf("%d hosts, %v", len(all), err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// perHost is what a report may keep of a host in memory, in bytes, and all formats with it. It
// is some 3,500 for a host with five findings, and three times as much for a whole one.
const perHost = 6 << 10

// TestMemory has 1,000 hosts, each with numbers of its own, scanned and reported: none stays in
// memory.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	const n = 1000 // a fleet of 10,000 is ten times that
	capture, err := testdata.Recording("vm-e1000/after-syndrop")
	if err != nil {
		t.Fatal(err)
	}
	s := probe.NewSnapshot(capture)
	h := head(started)
	rules := report.Rules(drop.Catalogue())
	w, err := Create(t.TempDir(), h, rules, Plan{})
	if err != nil {
		t.Fatal(err)
	}
	before := live()
	roll := report.NewRoll(w.Shelf().Host)
	for i := range n {
		host := inventory.Host{Name: fmt.Sprintf("web-%03d", i), Groups: []string{"web", "rack-" + fmt.Sprint(i%40)}, Origin: inventory.Origin{File: "hosts.txt", Line: i + 1}}
		one := report.Scanned(host, s, drop.Catalogue(), drop.Judge(drop.Catalogue(), nil, s))
		one.BootID = fmt.Sprint("boot ", i)
		for j := range one.Findings {
			one.Findings[j].Message += fmt.Sprint(" ", i)
		}
		roll.Add(w.Add(one), &one)
	}
	r := roll.Report(h, rules, report.Gates{})
	if kept := (live() - before) / n; kept > perHost || kept < 1 {
		t.Errorf("%d bytes of each host stay in memory, of at most %d", kept, perHost)
	}
	for _, format := range report.Formats() {
		if err := report.Write(io.Discard, format, r, report.Options{Verbose: true}); err != nil {
			t.Fatal(err)
		}
		if kept := (live() - before) / n; kept > perHost {
			t.Errorf("after %s %d bytes of each host stay in memory", format, kept)
		}
	}
	if r.Hosts[0].Findings[0].Evidence != nil {
		t.Error("evidence stays in memory")
	}
	if err := w.Close(h.Run); err != nil {
		t.Fatal(err)
	}
}

// live is what is in use, in bytes.
func live() int64 {
	runtime.GC()
	runtime.GC() // what is in a pool is gone only then
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
