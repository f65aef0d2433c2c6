package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fleetdrop/fleetdrop/report"
	"github.com/fleetdrop/fleetdrop/report/run"
)

var errNoRun = errors.New("--runs none keeps no run: name a folder")

func newReport(c *console) *cobra.Command {
	var (
		ch   chosen
		j    judging
		out  output
		runs string
	)
	cmd := &cobra.Command{
		Use:   "report [RUN]",
		Short: "Write the report of a saved run again, in any format",
		Long: `Write the report of a saved run again, in any format. RUN is a path, the name of a run or
the beginning of it, or "latest", which is the default.`,
		Example: `  fleetdrop report
  fleetdrop report 2026-11-22T09 -f json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeRuns,
		RunE: func(_ *cobra.Command, args []string) error {
			dir, err := savedRuns(runs)
			if err != nil {
				return err
			}
			name := run.Latest
			if len(args) == 1 {
				name = args[0]
			}
			saved, err := run.Load(dir, name)
			if err != nil {
				return err
			}
			rules, err := ch.among(saved.Rules)
			if err != nil {
				return err
			}
			if err := j.load(c, runs); err != nil {
				return err
			}
			sinks, err := out.open(c)
			if err != nil {
				return err
			}
			shelf := run.NewShelf()
			defer shelf.Close()
			r, err := j.again(saved, rules, shelf)
			if err != nil {
				return errors.Join(err, discard(sinks))
			}
			if last := filepath.Join(filepath.Dir(saved.Path), saved.Last); saved.Last != "" && run.Exists(last) {
				if err := against(r, filepath.Dir(saved.Path), saved.Last, j.see(saved, rules)); err != nil {
					fmt.Fprintln(c.stderr, "fleetdrop: warning:", err)
				}
			}
			return out.finish(c, sinks, r)
		},
	}
	runsFlag(cmd.Flags(), &runs)
	ch.flags(cmd.Flags())
	j.flags(cmd.Flags())
	out.flags(cmd.Flags())
	return cmd
}

// savedRuns is the folder that keeps runs, for a command that reads one.
func savedRuns(flag string) (string, error) {
	dir, err := runsDir(flag)
	if err == nil && dir == "" {
		err = errNoRun
	}
	return dir, err
}

// again is the report of a saved run: of those of its rules, with its hosts on the shelf.
func (j *judging) again(saved *run.Saved, rules []report.Rule, shelf *run.Shelf) (*report.Report, error) {
	roll, err := saved.Roll(shelf, j.see(saved, rules))
	if err != nil {
		return nil, err
	}
	return j.report(saved.Head, rules, roll), nil
}

// see makes of a host of a saved run what those of its rules found; with a policy, as that has
// it.
func (j *judging) see(saved *run.Saved, rules []report.Rule) func(*report.Host) {
	asked := make(map[string]bool, len(rules))
	for _, r := range rules {
		asked[r.ID] = true
	}
	return func(h *report.Host) {
		if len(rules) < len(saved.Rules) {
			*h = h.Only(asked)
		}
		if j.policy != nil {
			*h = h.Under(j.policy, j.now)
		}
	}
}

// against holds a report against the last run of the same hosts, whose hosts are seen like its
// own, if there is one.
func against(r *report.Report, dir, last string, see func(*report.Host)) error {
	if last == "" {
		return nil
	}
	earlier, err := run.Load(dir, last)
	if err == nil {
		err = r.Against(earlier.Head.Run, func(yield func(*report.Host)) error {
			return earlier.Each(func(h *report.Host) {
				see(h)
				yield(h)
			})
		})
	}
	if err != nil {
		return fmt.Errorf("the last run is not compared: %w", err)
	}
	return nil
}

// completeRuns offers the saved runs, the newest first.
func completeRuns(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	err := fromEnvironment(cmd.Flags())
	flag, _ := cmd.Flags().GetString("runs")
	dir, errDir := savedRuns(flag)
	if errors.Join(err, errDir) != nil {
		return nil, cobra.ShellCompDirectiveDefault
	}
	names := []string{run.Latest}
	for _, id := range slices.Backward(run.List(dir)) {
		names = append(names, id)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, begun) })
	return names, cobra.ShellCompDirectiveDefault | cobra.ShellCompDirectiveKeepOrder
}

func runsFlag(f *pflag.FlagSet, runs *string) {
	f.StringVar(runs, "runs", "", "the folder that keeps runs, or none (default $XDG_STATE_HOME/fleetdrop/runs)")
}

// runsDir is the folder that keeps runs; "" if none is to be kept.
func runsDir(flag string) (string, error) {
	switch flag {
	case "":
		return run.DefaultDir()
	case "none":
		return "", nil
	}
	return flag, nil
}
