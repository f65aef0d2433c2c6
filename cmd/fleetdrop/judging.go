package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/probe/policy"
	"github.com/fleetdrop/fleetdrop/report"
	"github.com/fleetdrop/fleetdrop/report/run"
)

// gates are the flags that fail a scan.
type gates struct{ report.Gates }

func (g *gates) flags(f *pflag.FlagSet) {
	f.Var(&g.FailOn, "fail-on", "exit 1 if there is an at-risk finding of this severity or above")
	f.Var(&g.FailOnLoss, "fail-on-loss", "exit 1 if a host loses packets now, or lost some since its last scan, at this severity or above; totals since boot never count")
	f.Var(&g.MaxFailed, "max-failed", "exit 3 only if more hosts than this were not scanned to the end")
}

// judging is what the flags say of how hosts are judged, and what fails a scan.
type judging struct {
	gates
	policyFile string
	baseline   string

	policy *policy.Policy // nil where none is given
	now    time.Time      // by which waivers expire
}

func (j *judging) flags(f *pflag.FlagSet) {
	j.gates.flags(f)
	policyFlag(f, &j.policyFile)
	f.StringVar(&j.baseline, "baseline", "", "only findings that are not in this count for the gates: a saved run, or a `report.json`")
	f.BoolVar(&j.StrictWaivers, "strict-waivers", false, "exit 1 if a waiver has expired, or matches nothing")
}

func policyFlag(f *pflag.FlagSet, file *string) {
	f.StringVarP(file, "policy", "p", "", "a policy `file`: rules, limits, expected sysctls, waivers (default builtin:default)")
}

// load reads the policy and the baseline, before any host is contacted.
func (j *judging) load(c *console, runs string) (err error) {
	j.now = time.Now()
	if j.policyFile != "" {
		if j.policy, err = policy.Load(j.policyFile, j.now); err != nil {
			return err
		}
		for _, u := range j.policy.Unknown() {
			fmt.Fprintf(c.stderr, "fleetdrop: warning: %s: %s\n", u.Origin, u.Value)
		}
	}
	if j.baseline != "" {
		if j.Baseline, err = loadBaseline(j.baseline, runs); err != nil {
			return fmt.Errorf("--baseline: %w", err)
		}
	}
	return nil
}

// loadBaseline reads a report in JSON, or a saved run.
func loadBaseline(name, runs string) (report.Baseline, error) {
	if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		b, err := report.ReadBaseline(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return b, nil
	}
	dir, err := runsDir(runs)
	if err != nil {
		return nil, err
	}
	saved, err := run.Load(dir, name)
	if err != nil {
		return nil, err
	}
	known := report.Baseline{}
	return known, saved.Each(known.Add)
}

// gateFrom takes the policy's fail_on where no flag says otherwise.
func (j *judging) gateFrom(cmd *cobra.Command) error {
	if j.policy == nil || j.policy.FailOn == nil || cmd.Flags().Changed("fail-on") {
		return nil
	}
	return j.FailOn.Set(j.policy.FailOn.Value)
}

// windowFrom takes the policy's window where no flag says otherwise.
func (j *judging) windowFrom(cmd *cobra.Command, window *time.Duration) {
	if j.policy != nil && j.policy.Window != nil && !cmd.Flags().Changed("window") {
		*window = j.policy.Window.Value
	}
}

// judge is the host that a snapshot is of.
func (j *judging) judge(h inventory.Host, s *probe.Snapshot, rules []*drop.Rule) report.Host {
	if j.policy == nil {
		return report.Scanned(h, s, rules, drop.Judge(rules, nil, s))
	}
	settings := j.policy.Settings(policy.Host{Name: h.Name, Groups: h.Groups})
	host := report.Scanned(h, s, rules, drop.Judge(rules, settings, s))
	host.Waive(j.policy, j.now)
	return host
}

// report makes the report of hosts that were judged.
func (j *judging) report(head report.Head, rules []report.Rule, roll *report.Roll) *report.Report {
	if j.policy != nil {
		head.Policy = roll.Policy(j.policy, rules, j.now)
	}
	return roll.Report(head, rules, j.Gates)
}

// script is what reads that on a host.
func (j *judging) script(rules []*drop.Rule) string { return scriptOf(rules, j.policy) }
