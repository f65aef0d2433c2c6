package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/probe/policy"
	"github.com/fleetdrop/fleetdrop/report"
)

func newScript(c *console) *cobra.Command {
	var (
		ch   chosen
		file string
	)
	cmd := &cobra.Command{
		Use:   "script",
		Short: "Print the exact read-only script that runs on the hosts",
		Long: `Print the exact read-only script that runs on the hosts. What it prints there is a
capture, which "fleetdrop analyze" judges.

The script takes its window in seconds as the second argument: "sh -s '' 30".`,
		Example: `  fleetdrop script | sh | fleetdrop analyze -
  fleetdrop script | ssh web-17 sh | fleetdrop analyze -
  fleetdrop script | less`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			rules, err := ch.rules()
			if err != nil {
				return err
			}
			var p *policy.Policy
			if file != "" {
				if p, err = policy.Load(file, time.Now()); err != nil {
					return err
				}
			}
			_, err = fmt.Fprint(c.stdout, scriptOf(rules, p))
			return err
		},
	}
	ch.flags(cmd.Flags())
	policyFlag(cmd.Flags(), &file)
	return cmd
}

// scriptOf returns the script that reads what the rules and the report want to know, and the sysctls
// that a policy, if there is one, expects of some host.
func scriptOf(rules []*drop.Rule, p *policy.Policy) string {
	var expect []drop.Expectation
	if p != nil {
		expect = p.Expectations()
	}
	return probe.Script(append(drop.Sections(rules, expect...), report.Sections()...)...)
}
