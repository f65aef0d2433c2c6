package run

import (
	"bytes"
	"errors"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/report"
)

// saveShard saves a run of the hosts of a shard, as "scan --shard" does. A run that is not
// closed ended like a candle.
func saveShard(t *testing.T, dir string, shard inventory.Shard, at time.Time, all []report.Host, edit func(*report.Head, *Plan), closed bool) string {
	t.Helper()
	h := head(at)
	h.Run.Shard = shard.String()
	plan := Plan{Of: Of{Source: "s", Inventory: "i"}}
	for _, host := range all {
		m := Member{Host: host, Shard: inventory.Home(host.Name, shard.Of).String()}
		m.Outcome, m.Findings, m.NotChecked, m.Coverage, m.Cost = report.OutcomeFailed, []report.Finding{}, []report.NotChecked{}, nil, nil
		plan.All = append(plan.All, m)
	}
	if edit != nil {
		edit(&h, &plan)
	}
	w, err := Create(dir, h, report.Rules(drop.Catalogue()), plan)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range all {
		if shard.Has(host.Name) {
			w.Add(host)
		}
	}
	if !closed {
		return w.Path()
	}
	h.Run.Duration = 11
	if err := w.Close(h.Run); err != nil {
		t.Fatal(err)
	}
	return w.Path()
}

// timeless is a report without what is another in each run.
func timeless(text []byte) string {
	return regexp.MustCompile(`("id"|"started"|"duration_s"): ("[^"]*"|[0-9.]+)(,?)\n`).ReplaceAllString(string(text), "$1: …\n")
}

// TestMerge joins shards in any order, one of them scanned twice: it is the report of all
// hosts, to the byte but for the times.
func TestMerge(t *testing.T) {
	all := hosts(t)
	dir := t.TempDir()
	gates := report.Gates{FailOn: report.At(drop.High)}
	h := head(started)
	want := timeless(written(t, "json", report.New(h, report.Rules(drop.Catalogue()), slices.Clone(all), gates)))
	var paths []string
	for n := 1; n <= 3; n++ {
		shards := filepath.Join(dir, "shards", string('0'+rune(n)))
		at := started.Add(time.Duration(n) * time.Minute)
		if n == 2 { // it found nothing the first time
			old := slices.Clone(all)
			for i := range old {
				old[i] = report.Failed(inventory.Host{Name: old[i].Name}, report.Error{Code: "refused"})
			}
			saveShard(t, shards, inventory.Shard{N: n, Of: 3}, at.Add(-time.Minute), old, nil, true)
		}
		saveShard(t, shards, inventory.Shard{N: n, Of: 3}, at, all, nil, true)
		paths = append(paths, shards)
	}
	slices.Reverse(paths)
	whole, err := Merge(paths)
	if err != nil {
		t.Fatal(err)
	}
	if got := timeless(written(t, "json", reportOf(t, whole, gates))); got != want {
		t.Errorf("the merged report differs:\n%.3000s\nwant\n%.3000s", got, want)
	}
	r := whole.Head.Run
	if !r.Started.Equal(started.Add(time.Minute)) || r.Duration != 131 || r.Shard != "" || r.Interrupted {
		t.Errorf("the merged run is %+v", r)
	}
	// A crashed shard: what it had is there, the rest was not reached.
	if _, err := Merge(append(paths, paths...)); err != nil {
		t.Errorf("the same runs twice: %v", err)
	}
}

// TestMergeMissing: nobody looked at the hosts of a shard that is missing, nor at those that
// a shard did not come to.
func TestMergeMissing(t *testing.T) {
	all := hosts(t)
	dir := t.TempDir()
	one := saveShard(t, dir, inventory.Shard{N: 1, Of: 3}, started, all, nil, true)
	two := saveShard(t, dir, inventory.Shard{N: 2, Of: 3}, started.Add(time.Second), all[:len(all)/2], func(_ *report.Head, p *Plan) {
		for _, host := range all[len(all)/2:] {
			p.All = append(p.All, Member{Host: report.Failed(inventory.Host{Name: host.Name}, report.Error{}), Shard: inventory.Home(host.Name, 3).String()})
		}
	}, false)
	whole, err := Merge([]string{two, one})
	if err != nil {
		t.Fatal(err)
	}
	r := reportOf(t, whole, report.Gates{})
	if len(r.Hosts) != len(all) {
		t.Errorf("%d hosts of %d", len(r.Hosts), len(all))
	}
	missing := map[string]int{}
	for _, host := range r.Hosts {
		if host.Error != nil && host.Error.Code == "shard-missing" {
			missing[host.Error.Message]++
			if host.Reached() || host.Risk != nil {
				t.Errorf("%s is ranked", host.Name)
			}
		}
	}
	if missing["there is no run of shard 3/3"] == 0 || missing["the run of shard 2/3 ended before it came to this host"] == 0 || len(missing) != 2 {
		t.Errorf("%v", missing)
	}
	if r.Status.ExitCode != report.ExitIncomplete {
		t.Errorf("exit code %d", r.Status.ExitCode)
	}
}

func TestMergeRefuses(t *testing.T) {
	all := hosts(t)[:4]
	dir := t.TempDir()
	base := saveShard(t, filepath.Join(dir, "base"), inventory.Shard{N: 1, Of: 3}, started, all, nil, true)
	for want, edit := range map[string]func(*report.Head, *Plan){
		"different inventories":                func(_ *report.Head, p *Plan) { p.Inventory = "x" },
		"different policies":                   func(_ *report.Head, p *Plan) { p.Policy = "x" },
		"different numbers of shards: 3 and 4": func(h *report.Head, _ *Plan) { h.Run.Shard = "2/4" },
		"different windows: 10s and 60s":       func(h *report.Head, _ *Plan) { h.Run.Window = 60 },
		"is no shard":                          func(h *report.Head, _ *Plan) { h.Run.Shard = "" },
		"shards of two scans":                  func(h *report.Head, _ *Plan) { h.Run.Started = started.Add(-25 * time.Hour) },
	} {
		other := saveShard(t, filepath.Join(dir, want), inventory.Shard{N: 2, Of: 3}, started.Add(time.Hour), all, edit, true)
		if _, err := Merge([]string{base, other}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	h := head(started)
	h.Run.Shard = "2/3"
	w, err := Create(filepath.Join(dir, "rules"), h, nil, Plan{Of: Of{Source: "s", Inventory: "i"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(h.Run); err != nil {
		t.Fatal(err)
	}
	if _, err := Merge([]string{base, w.Path()}); err == nil || !strings.Contains(err.Error(), "different rules") {
		t.Errorf("rules: %v", err)
	}
	for _, path := range []string{dir, filepath.Join(dir, "nowhere"), t.TempDir()} {
		if _, err := Merge([]string{path}); err == nil || !strings.Contains(err.Error(), "no folder of runs") {
			t.Errorf("%s: %v", path, err)
		}
	}
	whole := t.TempDir()
	h = head(started)
	if w, err = Create(whole, h, nil, Plan{}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(h.Run); err != nil {
		t.Fatal(err)
	}
	if _, err := Merge([]string{whole}); err == nil || !strings.Contains(err.Error(), "has no run of a shard") {
		t.Errorf("a folder without shards: %v", err)
	}
}

// TestBefore finds the last run of the same: no other inventory, no other shard, none that
// was not closed.
func TestBefore(t *testing.T) {
	dir := t.TempDir()
	save := func(minute int, source, shard string, closed bool) string {
		h := head(started.Add(time.Duration(minute) * time.Minute))
		h.Run.Shard = shard
		w, err := Create(dir, h, nil, Plan{Of: Of{Source: source}})
		if err != nil {
			t.Fatal(err)
		}
		if closed {
			if err := w.Close(h.Run); err != nil {
				t.Fatal(err)
			}
		}
		return h.Run.ID
	}
	first, second := save(1, "a", "", true), save(2, "a", "", true)
	third := save(3, "a", "1/2", true)
	save(4, "b", "", true)
	save(5, "a", "", false)
	save(6, "", "", true)
	for _, test := range []struct{ source, shard, than, want string }{
		{"a", "", "", second}, {"a", "", second, first}, {"a", "", first, ""}, {"a", "1/2", "", third}, {"c", "", "", ""}, {"", "", "", ""},
	} {
		if got := Before(dir, Of{Source: test.source}, test.shard, test.than); got != test.want {
			t.Errorf("%+v: %q", test, got)
		}
	}
	if got := Before(filepath.Join(dir, "nowhere"), Of{Source: "a"}, "", ""); got != "" {
		t.Errorf("a run nowhere: %q", got)
	}
}

// TestEarlier holds a report against a run as against the hosts themselves.
func TestEarlier(t *testing.T) {
	all := hosts(t)
	dir := t.TempDir()
	saveShard(t, dir, inventory.Shard{N: 1, Of: 1}, started, all, nil, true)
	saved, err := Load(dir, Latest)
	if err != nil {
		t.Fatal(err)
	}
	h := head(started.Add(time.Hour))
	want := report.New(h, report.Rules(drop.Catalogue()), slices.Clone(all), report.Gates{})
	got := report.New(h, report.Rules(drop.Catalogue()), slices.Clone(all), report.Gates{})
	direct := func(yield func(*report.Host)) error {
		for i := range all {
			yield(&all[i])
		}
		return nil
	}
	if err := errors.Join(want.Against(head(started).Run, direct), got.Against(saved.Head.Run, saved.Each)); err != nil {
		t.Fatal(err)
	}
	got.Changes.Since, want.Changes.Since = report.ChangesSince{}, report.ChangesSince{}
	if a, b := written(t, "json", got), written(t, "json", want); !bytes.Equal(a, b) || len(got.Changes.Findings) != 0 {
		t.Errorf("it differs: %+v", got.Changes)
	}
}
