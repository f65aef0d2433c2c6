package main

import (
	"path/filepath"
	"slices"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/report"
	"github.com/fleetdrop/fleetdrop/report/run"
)

// A roster is who is scanned: the hosts of the shard, among all hosts of the inventory.
type roster struct {
	shard inventory.Shard
	hosts []inventory.Host
	all   []inventory.Host
}

// members are all hosts of the inventory with their shards, for the run of a shard.
func (r *roster) members() (all []run.Member) {
	if r.shard.Of == 0 {
		return nil
	}
	for _, h := range r.all {
		all = append(all, run.Member{Host: report.Failed(h, report.Error{}), Shard: inventory.Home(h.Name, r.shard.Of).String()})
	}
	return all
}

// names are those of all hosts, of the other shards too.
func (r *roster) names() []string {
	names := make([]string, len(r.all))
	for i, h := range r.all {
		names[i] = h.Name
	}
	slices.Sort(names)
	return names
}

// source is a hash of what the flags and arguments ask for, wherever fleetdrop was started.
func (w *who) source(args []string) string {
	asked := []string{w.limit}
	for _, file := range w.inventory {
		if path, err := filepath.Abs(file); err == nil && file != "-" {
			file = path
		}
		asked = append(asked, "-i", file)
	}
	return run.Hash(append(asked, args...)...)
}
