package main

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/fleetdrop/fleetdrop/report"
	"github.com/fleetdrop/fleetdrop/report/run"
)

func newDiff(c *console) *cobra.Command {
	var (
		ch   chosen
		j    judging
		out  output
		runs string
	)
	cmd := &cobra.Command{
		Use:   "diff [[OLD] NEW]",
		Short: "Compare two saved runs: what is new, worse, better, fixed",
		Long: `Compare two saved runs: findings that are new, worse, better or fixed, settings that
changed, hosts that rebooted, came or went. NEW is the latest run, and OLD the one before it
of the same inventory, unless you name them: a path, the name of a run or the beginning of
it, or "latest".

A finding is known again by its rule, host and subject; notes have no part in it. What was
found on a host that was not reached again, or by a rule that could not be checked again, is
not fixed. A rare loss is there in one scan and not in the next: that alone is neither worse
nor better.

The table shows what changed. Every other format is that of the report of NEW; in json it
has the changes. With --fail-on and --fail-on-loss only findings count that are new or worse.

Exit codes: 0 done · 1 new or worse findings at or above --fail-on or --fail-on-loss ·
2 usage, or no such run · 3, 4 and 130 as the scan of NEW had them.`,
		Example: `  fleetdrop diff
  fleetdrop diff 2026-11-21 latest --fail-on high
  fleetdrop diff -f json | jq .changes`,
		Args:              cobra.MaximumNArgs(2),
		ValidArgsFunction: completeRuns,
		RunE: func(_ *cobra.Command, args []string) error {
			dir, err := savedRuns(runs)
			if err != nil {
				return err
			}
			name := run.Latest
			if len(args) > 0 {
				name = args[len(args)-1]
			}
			saved, err := run.Load(dir, name)
			if err != nil {
				return err
			}
			old := ""
			if len(args) == 2 {
				old = args[0]
			} else if old = previous(saved); old == "" {
				return fmt.Errorf("no run before %s is of the same inventory: name the two that are to be compared", saved.Head.Run.ID)
			}
			if err := j.load(c, runs); err != nil {
				return err
			}
			path, err := run.Find(dir, old)
			if err != nil {
				return err
			}
			if same(path, saved.Path) {
				return fmt.Errorf("%s and %s are one run: name two", cmp.Or(old, name), name)
			}
			if _, err := run.Load(dir, path); err != nil {
				return err
			}
			rules, err := ch.among(saved.Rules)
			if err != nil {
				return err
			}
			sinks, err := out.open(c)
			if err != nil {
				return err
			}
			j.Changed = true
			shelf := run.NewShelf()
			defer shelf.Close()
			r, err := j.again(saved, rules, shelf)
			if err == nil {
				err = against(r, dir, path, j.see(saved, rules))
			}
			if err != nil {
				return errors.Join(err, discard(sinks))
			}
			return out.finish(c, sinks, r)
		},
	}
	runsFlag(cmd.Flags(), &runs)
	ch.flags(cmd.Flags())
	j.flags(cmd.Flags())
	out.table = report.WriteChanges
	out.flags(cmd.Flags())
	return cmd
}

// previous is the run that another was held against, or the one before it of the same.
func previous(s *run.Saved) string {
	dir := filepath.Dir(s.Path)
	if path := filepath.Join(dir, s.Last); s.Last != "" && run.Exists(path) {
		return path
	}
	if id := run.Before(dir, s.Of, s.Head.Run.Shard, s.Head.Run.ID); id != "" {
		return filepath.Join(dir, id)
	}
	return ""
}

func same(a, b string) bool {
	x, errX := filepath.Abs(a)
	y, errY := filepath.Abs(b)
	return errors.Join(errX, errY) == nil && x == y
}
