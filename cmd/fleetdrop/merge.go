package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/fleetdrop/fleetdrop/report"
	"github.com/fleetdrop/fleetdrop/report/run"
)

func newMerge(c *console) *cobra.Command {
	var (
		ch   chosen
		j    judging
		out  output
		runs string
	)
	cmd := &cobra.Command{
		Use:   "merge RUN...",
		Short: "Join the runs of \"scan --shard\", and report on the whole",
		Long: `Join the runs of "scan --shard" to one, save it, and report on it, as if one controller had
scanned all hosts. RUN is the path of a run, or a folder of runs, such as what each job had
as --runs.

The runs must be of the same hosts, policy, rules and window, and of one number of shards. A
host that is in several runs, as when a job ran again, is taken from the latest. A host that
is in none was not reached: it has the code shard-missing.

Waivers that match nothing are only known with the --policy here too.

Give the shards no gate, so that no scheduler takes findings for a reason to try again; the
gate is here.

Exit codes: as those of scan; 2 also if the runs are not of one scan, 3 if a shard is missing.`,
		Example: `  fleetdrop scan -i hosts.txt --shard auto --runs shards/$CI_NODE_INDEX    # in each job
  fleetdrop merge shards/* --fail-on high --report junit=fleet.xml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("merge needs the runs of the shards, or folders of them")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			dir, err := runsDir(runs)
			if err != nil {
				return err
			}
			if err := j.load(c, runs); err != nil {
				return err
			}
			whole, err := run.Merge(args)
			if err != nil {
				return err
			}
			rules, err := ch.among(whole.Rules)
			if err != nil {
				return err
			}
			sinks, err := out.open(c)
			if err != nil {
				return err
			}
			var keep *run.Writer
			plan := run.Plan{Of: whole.Of}
			if dir != "" {
				plan.Last = run.Before(dir, whole.Of, "", "")
				if keep, err = run.Create(dir, whole.Head, whole.Rules, plan); err != nil {
					return errors.Join(err, discard(sinks))
				}
			}
			shelf := shelfOf(keep)
			defer shelf.Close()
			r, err := j.again(whole, rules, shelf)
			if err != nil {
				return errors.Join(err, abandon(keep), discard(sinks))
			}
			if err := against(r, dir, plan.Last, j.see(whole, rules)); err != nil {
				fmt.Fprintln(c.stderr, "fleetdrop: warning:", err)
			}
			failed := out.finish(c, sinks, r)
			if keep == nil {
				return failed
			}
			keep.Judged(r.Policy)
			if err := keep.Close(whole.Head.Run); err != nil {
				fmt.Fprintln(c.stderr, "fleetdrop:", err)
				return exitCode(report.Exit(r.Status.ExitCode, report.ExitUsage))
			}
			if !out.quiet {
				fmt.Fprintf(c.stderr, "saved %s\n", keep.Path())
			}
			return failed
		},
	}
	runsFlag(cmd.Flags(), &runs)
	ch.flags(cmd.Flags())
	j.flags(cmd.Flags())
	out.flags(cmd.Flags())
	return cmd
}
