package main

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/probe/sysctl"
	"github.com/fleetdrop/fleetdrop/report"
)

// chosen is which rules of the catalogue judge.
type chosen struct{ rule, skipRule []string }

func (ch *chosen) flags(f *pflag.FlagSet) {
	f.StringSliceVar(&ch.rule, "rule", nil, "only these rules, by ID or name; * is a wildcard")
	f.StringSliceVar(&ch.skipRule, "skip-rule", nil, "all rules but these")
}

// rules returns the rules that the flags choose, in the order of the catalogue.
func (ch *chosen) rules() ([]*drop.Rule, error) {
	return choose(ch, drop.Catalogue(), func(r *drop.Rule) (id, name string) { return r.ID, r.Name }, func(pattern string) error {
		return fmt.Errorf("no rule is called %q; %s", pattern, ruleMeant(pattern))
	})
}

// among returns the rules that the flags choose of those that a saved run has asked. One that it
// has not asked found nothing, and that is not what it would say.
func (ch *chosen) among(asked []report.Rule) ([]report.Rule, error) {
	if _, err := ch.rules(); err != nil {
		return nil, err
	}
	return choose(ch, slices.Clone(asked), func(r report.Rule) (id, name string) { return r.ID, r.Name }, func(pattern string) error {
		return fmt.Errorf("the run did not ask the rule %q", pattern)
	})
}

// choose keeps the rules that the flags choose. Each pattern must name one.
func choose[R any](ch *chosen, all []R, names func(R) (id, name string), unknown func(pattern string) error) ([]R, error) {
	matches := func(r R, pattern string) bool {
		id, name := names(r)
		isID, err := path.Match(strings.ToUpper(pattern), id)
		isName, _ := path.Match(strings.ToLower(pattern), name)
		return err == nil && (isID || isName)
	}
	for _, pattern := range slices.Concat(ch.rule, ch.skipRule) {
		if !slices.ContainsFunc(all, func(r R) bool { return matches(r, pattern) }) {
			return nil, unknown(pattern)
		}
	}
	rules := slices.DeleteFunc(all, func(r R) bool {
		named := func(pattern string) bool { return matches(r, pattern) }
		return len(ch.rule) > 0 && !slices.ContainsFunc(ch.rule, named) || slices.ContainsFunc(ch.skipRule, named)
	})
	if len(rules) == 0 && len(ch.skipRule) > 0 {
		return nil, fmt.Errorf("--skip-rule leaves no rule")
	}
	return rules, nil
}

// ruleMeant names the rules that a name may have been meant for.
func ruleMeant(name string) string {
	var close []string
	for _, r := range drop.Catalogue() {
		if d := sysctl.Distance(strings.ToLower(name), r.Name); d <= 2 || len(name) >= 4 && strings.HasPrefix(r.Name, strings.ToLower(name)) {
			close = append(close, r.Name)
		}
	}
	if len(close) == 0 {
		return "\"fleetdrop rules\" lists them"
	}
	return "did you mean " + strings.Join(close, " or ") + "?"
}

// completeRules offers the names of rules to a shell's completion.
func completeRules(*cobra.Command, []string, string) (names []string, _ cobra.ShellCompDirective) {
	for _, r := range drop.Catalogue() {
		names = append(names, cobra.CompletionWithDesc(r.Name, r.Title), cobra.CompletionWithDesc(r.ID, r.Title))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
