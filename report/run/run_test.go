package run

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/report"
)

func head(started time.Time) report.Head {
	return report.Head{
		Tool: report.Tool{Name: "fleetdrop", Version: "0.1.0"},
		Run:  report.Run{ID: NewID(started), Started: started, Window: 10, Inventory: []string{"hosts.txt"}},
	}
}

var started = time.Date(2026, 11, 22, 9, 14, 3, 0, time.UTC)

// hosts judges the examples of all rules, and adds hosts that failed.
func hosts(t testing.TB) (all []report.Host) {
	t.Helper()
	for _, r := range drop.Catalogue() {
		for i, example := range r.Examples {
			s, err := example.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			name := fmt.Sprintf("%s-%d", r.Name, i)
			h := inventory.Host{Name: name, Groups: []string{"a", "b"}, Origin: inventory.Origin{File: "hosts.txt", Line: len(all)}}
			host := report.Scanned(h, s, drop.Catalogue(), drop.Judge(drop.Catalogue(), nil, s))
			host.Cost = &report.Cost{Connect: 1.25, Script: 40.125, Bytes: 41230}
			if i == 1 {
				host = host.Partial(report.Error{Code: "partial", Message: "\u202e\x1b[31m"})
			}
			all = append(all, host, report.Failed(inventory.Host{Name: "gone\xff" + name}, report.Error{Code: "dns", Message: "no such name"}))
		}
	}
	return all
}

// TestRoundTrip saves hosts as they finish and reads the same report back, to the byte.
func TestRoundTrip(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "runs")
	h := head(started)
	rules := report.Rules(drop.Catalogue())
	w, err := Create(dir, h, rules, Plan{})
	if err != nil {
		t.Fatal(err)
	}
	all := hosts(t)
	var wg sync.WaitGroup
	for _, host := range all {
		wg.Go(func() { w.Add(host) })
	}
	wg.Wait()
	h.Run.Duration = 12.25
	if err := w.Close(h.Run); err != nil {
		t.Fatal(err)
	}
	gates := report.Gates{FailOn: report.At(drop.High)}
	want := report.New(h, rules, all, gates)
	for _, name := range []string{Latest, h.Run.ID, h.Run.ID[:13], w.Path()} {
		saved, err := Load(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		formats := report.Formats()
		if name != Latest {
			formats = []string{"json"} // it is the same run
		}
		for _, format := range formats {
			if a, b := written(t, format, want), written(t, format, reportOf(t, saved, gates)); !bytes.Equal(a, b) {
				t.Errorf("%s of %s differs:\n%s\n%s", format, name, a, b)
			}
		}
	}
	err = filepath.WalkDir(filepath.Dir(dir), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 || strings.HasSuffix(path, ".tmp") {
			t.Errorf("%s is %v", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// reportOf is the report of a run that was read back.
func reportOf(t testing.TB, saved *Saved, gates report.Gates) *report.Report {
	t.Helper()
	shelf := NewShelf()
	t.Cleanup(func() { shelf.Close() })
	roll, err := saved.Roll(shelf, nil)
	if err != nil {
		t.Fatal(err)
	}
	return roll.Report(saved.Head, saved.Rules, gates)
}

// hostsOf reads the hosts of a run.
func hostsOf(s *Saved) (all []report.Host, err error) {
	err = s.Each(func(h *report.Host) { all = append(all, *h) })
	return all, err
}

func written(t testing.TB, format string, r *report.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, format, r, report.Options{Verbose: true}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestBigCounters keeps all 64 bits of evidence.
func TestBigCounters(t *testing.T) {
	dir := t.TempDir()
	h := head(started)
	w, err := Create(dir, h, nil, Plan{})
	if err != nil {
		t.Fatal(err)
	}
	const big = uint64(18446744073709551615)
	w.Add(report.Host{Name: "a", Outcome: report.OutcomeScanned, Findings: []report.Finding{{
		Rule: "FD601", Kind: drop.Dropping, Severity: drop.High, Evidence: []report.Evidence{{Section: "s", State: "known", Value: big}},
	}}})
	if err := w.Close(h.Run); err != nil {
		t.Fatal(err)
	}
	s, err := Load(dir, Latest)
	if err != nil {
		t.Fatal(err)
	}
	all, err := hostsOf(s)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(all[0].Findings[0].Evidence[0].Value); got != fmt.Sprint(big) {
		t.Errorf("%s of %d", got, big)
	}
}

// TestKilled reads a run that was never closed: every host is there that was added, and it counts
// as interrupted. It is not the latest.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	h := head(started)
	w, err := Create(dir, h, nil, Plan{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		s, err := Load(dir, h.Run.ID)
		if err != nil {
			t.Fatal(err)
		}
		if all, err := hostsOf(s); err != nil || len(all) != i || !s.Head.Run.Interrupted {
			t.Errorf("%d hosts of %d, %+v, %v", len(all), i, s, err)
		}
		w.Add(report.Host{Name: fmt.Sprint("h", i), Outcome: report.OutcomeScanned})
	}
	// The last line may be there in part.
	file := filepath.Join(w.Path(), hostsFile)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range text {
		if err := os.WriteFile(file, text[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Load(dir, h.Run.ID)
		if err != nil {
			t.Fatal(err)
		}
		if all, err := hostsOf(s); err != nil || len(all) > 6 {
			t.Fatalf("%d bytes: %d hosts, %v", cut, len(all), err)
		}
	}
	if _, err := Load(dir, Latest); err == nil {
		t.Error("a run that was killed is the latest")
	}
	if err := w.Close(h.Run); err != nil {
		t.Fatal(err)
	}
}

// TestDamaged refuses a closed run that is not whole.
func TestDamaged(t *testing.T) {
	dir := t.TempDir()
	h := head(started)
	w, err := Create(dir, h, nil, Plan{})
	if err != nil {
		t.Fatal(err)
	}
	w.Add(report.Host{Name: "a", Outcome: report.OutcomeScanned})
	if err := w.Close(h.Run); err != nil {
		t.Fatal(err)
	}
	file, meta := filepath.Join(w.Path(), hostsFile), filepath.Join(w.Path(), metaFile)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{"cut": text[:len(text)-9], "empty": nil, "not gzip": []byte("hello")} {
		if err := os.WriteFile(file, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Load(dir, Latest)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := hostsOf(s); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for _, bad := range []string{"", "{", `{"schema": "fleetdrop.run/v9", "finished": true}`} {
		if err := os.WriteFile(meta, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir, h.Run.ID); err == nil || !strings.Contains(err.Error(), metaFile) {
			t.Errorf("run.json %q: %v", bad, err)
		}
	}
}

// TestUnwritable is an error before the scan.
func TestUnwritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(file, head(started), nil, Plan{}); err == nil || !strings.Contains(err.Error(), "--runs") {
		t.Errorf("a file as folder: %v", err)
	}
	bad := head(started)
	bad.Run.ID = "../../etc"
	if _, err := Create(t.TempDir(), bad, nil, Plan{}); err == nil {
		t.Error("an ID that leaves the folder")
	}
	dir, twice := t.TempDir(), head(started)
	w, err := Create(dir, twice, nil, Plan{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Create(dir, twice, nil, Plan{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("the same run twice: %v", err)
	}
	if err := w.Close(twice.Run); err != nil {
		t.Fatal(err)
	}
}

// TestPrune keeps the last runs, those that may be going on, and whatever is no run.
func TestPrune(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "mine"), 0o700); err != nil {
		t.Fatal(err)
	}
	going, err := Create(dir, head(started.Add(-time.Hour)), nil, Plan{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range Keep + 5 {
		h := head(started.Add(time.Duration(i) * time.Minute))
		w, err := Create(dir, h, nil, Plan{})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Close(h.Run); err != nil {
			t.Fatal(err)
		}
	}
	ids, err := list(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(ids) != Keep+1 || ids[0] != going.meta.Run.ID || !strings.HasPrefix(ids[1], "2026-11-22T09-19-03Z") {
		t.Errorf("%d runs are left: %v", len(ids), ids)
	}
	if _, err := os.Stat(filepath.Join(dir, "mine")); err != nil {
		t.Error(err)
	}
	if err := going.Close(going.meta.Run); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir, going.meta.Run.ID); err != nil {
		t.Errorf("the run that was just made: %v", err)
	}
}

func TestAbandon(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(dir, head(started), nil, Plan{Captures: true})
	if err != nil {
		t.Fatal(err)
	}
	w.Add(report.Host{Name: "a"})
	if err := w.Abandon(); err != nil {
		t.Fatal(err)
	}
	if ids, err := list(dir); err != nil || len(ids) > 0 {
		t.Errorf("%v, %v", ids, err)
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{Latest, "2026", ""} {
		if _, err := Find(dir, name); err == nil {
			t.Errorf("%q in an empty folder", name)
		}
	}
	if _, err := Find(filepath.Join(dir, "nowhere"), Latest); err == nil || !strings.Contains(err.Error(), "fleetdrop scan") {
		t.Errorf("no folder: %v", err)
	}
	for _, at := range []time.Time{started, started.Add(time.Hour)} {
		h := head(at)
		w, err := Create(dir, h, nil, Plan{})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Close(h.Run); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{Latest: "2026-11-22T10", "2026-11-22T09": "2026-11-22T09", "2026": "", "2027": ""} {
		got, err := Find(dir, name)
		if (err != nil) != (want == "") || err == nil && !strings.HasPrefix(filepath.Base(got), want) {
			t.Errorf("%q: %s, %v", name, got, err)
		}
	}
}

// TestCaptures keeps what hosts said under names that stay in the folder.
func TestCaptures(t *testing.T) {
	dir := t.TempDir()
	h := head(started)
	w, err := Create(dir, h, nil, Plan{Captures: true})
	if err != nil {
		t.Fatal(err)
	}
	c, err := probe.ParseCapture("fleetdrop capture v1\nhost: x\n-- /proc/uptime --\n1.00 2.00\n")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{
		"web-17", "WEB-17", "2001:db8::1", "../../../etc/passwd", "..", ".", "", "a/b", "a\x00b", "con", "x..y", "-rf", ".hidden",
		strings.Repeat("x", 5000), strings.Repeat("x", 5001), "ü", "web-17.txtar", "a b", "\xff",
	}
	for _, name := range names {
		w.Capture(inventory.Host{Name: name}, c)
	}
	if err := w.Close(h.Run); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(w.Path(), capturesDir))
	if err != nil {
		t.Fatal(err)
	}
	lower := map[string]bool{}
	for _, e := range entries {
		lower[strings.ToLower(e.Name())] = true
		if len(e.Name()) > 200 || strings.ContainsAny(e.Name()[:1], ".-") || strings.HasSuffix(e.Name(), ".tmp") {
			t.Errorf("a file %q", e.Name())
		}
	}
	if len(lower) != len(names) {
		t.Errorf("%d files for %d hosts", len(lower), len(names))
	}
	text, err := os.ReadFile(filepath.Join(w.Path(), capturesDir, "web-17.txtar"))
	if err != nil || string(text) != c.String() {
		t.Errorf("%q, %v", text, err)
	}
}

func TestDefaultDir(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	for state, want := range map[string]string{
		"/var/state": "/var/state/fleetdrop/runs",
		"":           "/home/me/.local/state/fleetdrop/runs",
		"relative":   "/home/me/.local/state/fleetdrop/runs",
	} {
		t.Setenv("XDG_STATE_HOME", state)
		if got, err := DefaultDir(); got != want || err != nil {
			t.Errorf("%q: %s, %v", state, got, err)
		}
	}
}

// TestSamples keeps the counters of hosts for the next scan. A host that has none, and a run
// that kept none, have none.
func TestSamples(t *testing.T) {
	dir := t.TempDir()
	h := head(started)
	w, err := Create(dir, h, nil, Plan{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		sample := &probe.Sample{}
		if err := json.Unmarshal(fmt.Appendf(nil, `{"boot_id":"b%d","uptime_s":%d.25,"rows":[{"section":"/proc/net/dev","row":"eth0","fields":["rx_drop"],"totals":[%d]}]}`, i, i, uint64(1)<<63), sample); err != nil {
			t.Fatal(err)
		}
		w.Sample(fmt.Sprint("web-", i), sample)
	}
	w.Sample("none", nil)
	if err := w.Close(h.Run); err != nil {
		t.Fatal(err)
	}
	s, err := LoadSamples(dir, h.Run.ID)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(s.Of("web-7"))
	if want := `{"boot_id":"b7","uptime_s":7.25,"rows":[{"section":"/proc/net/dev","row":"eth0","fields":["rx_drop"],"totals":[9223372036854775808]}]}`; err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
	var nobody *Samples
	if s.Of("none") != nil || s.Of("web-100") != nil || nobody.Of("web-7") != nil {
		t.Error("a sample of nothing")
	}
	if err := os.Remove(filepath.Join(w.Path(), samplesFile)); err != nil {
		t.Fatal(err)
	}
	if s, err := LoadSamples(dir, h.Run.ID); err != nil || s.Of("web-7") != nil {
		t.Errorf("without the file: %v", err)
	}
}

// FuzzLoad reads what may lie in a folder of runs.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(`{"schema":"fleetdrop.run/v1","finished":true}`), []byte("x"))
	f.Fuzz(func(t *testing.T, meta, hosts []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, metaFile), meta, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, hostsFile), hosts, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Load("", dir)
		if err != nil {
			return
		}
		shelf := NewShelf()
		defer shelf.Close()
		roll, err := s.Roll(shelf, nil)
		if err != nil {
			return
		}
		if err := report.Write(io.Discard, "json", roll.Report(s.Head, s.Rules, report.Gates{}), report.Options{}); err != nil {
			t.Error(err)
		}
	})
}

// TestLatestOfOneSecond finds the newest of runs that began in one second, whatever their names.
func TestLatestOfOneSecond(t *testing.T) {
	for range 20 {
		dir := t.TempDir()
		last := ""
		for range 3 {
			h := head(started)
			w, err := Create(dir, h, nil, Plan{})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Close(h.Run); err != nil {
				t.Fatal(err)
			}
			last = w.Path()
			time.Sleep(10 * time.Millisecond) // a file system counts time in steps
		}
		if got, err := Find(dir, Latest); err != nil || got != last {
			t.Fatalf("%s, %v; want %s", got, err, last)
		}
	}
}
