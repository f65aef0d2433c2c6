package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/report"
	"github.com/fleetdrop/fleetdrop/report/run"
)

// TestShards scans recorded hosts over SSH, at once and in three parts. The parts, merged,
// make the report of the whole, to the byte but for the times and what the scan cost.
func TestShards(t *testing.T) {
	fleet, err := startDemo(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer fleet.Close()
	hosts := slices.DeleteFunc(fleet.Hosts(), func(h inventory.Host) bool { return h.Name == "cache-03" }) // it waits for a limit
	dir := t.TempDir()
	c := &console{strings.NewReader(""), io.Discard, io.Discard}
	scanPart := func(runs string, shard inventory.Shard) *report.Report {
		t.Helper()
		r := &roster{shard: shard, all: hosts}
		for _, h := range hosts {
			if shard.Has(h.Name) {
				r.hosts = append(r.hosts, h)
			}
		}
		s := &scan{load: load{rate: 1000, concurrency: 100, perJump: 8, host: time.Minute, sudo: "none"}, runs: runs, progressMode: "none", part: shard.String()}
		s.output = output{format: "json", path: "-", color: "never", top: 20, quiet: true}
		s.plan = run.Plan{Of: run.Of{Source: "x", Inventory: run.Hash(r.names()...)}, All: r.members()}
		_ = s.MaxFailed.Set("100%") // it is a percentage
		if err := s.run(context.Background(), c, nil, []string{"demo"}, r.hosts, drop.Catalogue()); err != nil {
			t.Fatal(err)
		}
		saved, err := run.Load(runs, run.Latest)
		if err != nil {
			t.Fatal(err)
		}
		return readBack(t, saved)
	}
	whole := scanPart(filepath.Join(dir, "whole"), inventory.Shard{})
	var parts []string
	for n := 1; n <= 3; n++ {
		folder := filepath.Join(dir, "shards", string('0'+rune(n)))
		if part := scanPart(folder, inventory.Shard{N: n, Of: 3}); len(part.Hosts) == len(hosts) {
			t.Errorf("shard %d is the whole", n)
		}
		parts = append(parts, folder)
	}
	merged, err := run.Merge(parts)
	if err != nil {
		t.Fatal(err)
	}
	joined := readBack(t, merged)
	if got, want := timeless(t, joined), timeless(t, whole); got != want {
		t.Errorf("the merged report differs:\n%s\nwant\n%s", got, want)
	}
	if len(joined.Hosts) != len(hosts) {
		t.Errorf("%d hosts of %d", len(joined.Hosts), len(hosts))
	}
}

// readBack is the report of a saved run.
func readBack(t *testing.T, saved *run.Saved) *report.Report {
	t.Helper()
	shelf := run.NewShelf()
	t.Cleanup(func() { shelf.Close() })
	roll, err := saved.Roll(shelf, nil)
	if err != nil {
		t.Fatal(err)
	}
	return roll.Report(saved.Head, saved.Rules, report.Gates{})
}

// timeless is a report as JSON without what is another in each scan.
func timeless(t *testing.T, r *report.Report) string {
	t.Helper()
	var text bytes.Buffer
	if err := report.Write(&text, "json", r, report.Options{}); err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(text.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	doc["run"], doc["status"] = nil, nil
	for _, h := range doc["hosts"].([]any) {
		h.(map[string]any)["cost"] = nil
	}
	out, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
