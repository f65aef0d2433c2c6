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
			if err := j.load(c, runs); err != nil {
				return err
			}
			sinks, err := out.open(c)
			if err != nil {
				return err
			}
			r := j.again(saved)
			if last := filepath.Join(filepath.Dir(saved.Path), saved.Last); saved.Last != "" && run.Exists(last) {
				if err := against(r, filepath.Dir(saved.Path), saved.Last); err != nil {
					fmt.Fprintln(c.stderr, "fleetdrop: warning:", err)
				}
			}
			return out.finish(c, sinks, r)
		},
	}
	runsFlag(cmd.Flags(), &runs)
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

// again is the report of a saved run. With a policy, findings are seen as that has it.
func (j *judging) again(saved *run.Saved) *report.Report {
	if j.policy == nil {
		return saved.Report(j.Gates)
	}
	hosts := make([]report.Host, len(saved.Hosts))
	for i, h := range saved.Hosts {
		hosts[i] = h.Under(j.policy, j.now)
	}
	return j.report(saved.Head, saved.Rules, hosts)
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
