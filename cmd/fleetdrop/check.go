package main

import (
	"github.com/spf13/cobra"

	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/report"
)

func newCheck(c *console) *cobra.Command {
	var s scan
	cmd := &cobra.Command{
		Use:   "check -i FILE -p POLICY",
		Short: "Hold a fleet against a policy, as a CI job: PASS or FAIL",
		Long: `Scan hosts as "fleetdrop scan" does, hold them against a policy, and say PASS or FAIL.

What counts is what stays the same from run to run: settings and other risks at or above
--fail-on, which is the policy's fail_on, or high. Losses come and go, so they count only
with --fail-on-loss. Findings that are in the --baseline, or waived, do not count.

Exit codes: 0 PASS · 1 findings at or above a gate · 2 usage, inventory or policy: nothing
was contacted · 3 more hosts failed than --max-failed allows · 4 no host was reached ·
130 interrupted.`,
		Example: `  fleetdrop check -i hosts.txt -p fleetdrop.policy.yaml
  fleetdrop check -i hosts.txt -p fleetdrop.policy.yaml --report junit=junit.xml --max-failed 2%
  fleetdrop check -i hosts.txt --baseline baseline.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			rules, err := s.rules()
			if err != nil {
				return err
			}
			if err := s.judging.load(c, s.runs); err != nil {
				return err
			}
			if err := s.gateFrom(cmd); err != nil {
				return err
			}
			return s.start(cmd, c, args, rules)
		},
	}
	f := cmd.Flags()
	s.FailOn = report.At(drop.High)
	s.who.flags(f)
	s.load.flags(f)
	s.chosen.flags(f)
	s.judging.flags(f)
	s.output.flags(f)
	s.keepFlags(f)
	s.format = "gate"
	f.Lookup("format").DefValue = s.format
	return cmd
}
