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
)

// chosen is which rules of the catalogue judge.
type chosen struct{ rule, skipRule []string }

func (ch *chosen) flags(f *pflag.FlagSet) {
	f.StringSliceVar(&ch.rule, "rule", nil, "only these rules, by ID or name; * is a wildcard")
	f.StringSliceVar(&ch.skipRule, "skip-rule", nil, "all rules but these")
}

// rules returns the rules that the flags choose, in the order of the catalogue.
func (ch *chosen) rules() ([]*drop.Rule, error) {
	for _, pattern := range slices.Concat(ch.rule, ch.skipRule) {
		if !slices.ContainsFunc(drop.Catalogue(), func(r *drop.Rule) bool { return matches(r, pattern) }) {
			return nil, fmt.Errorf("no rule is called %q; %s", pattern, ruleMeant(pattern))
		}
	}
	rules := slices.DeleteFunc(drop.Catalogue(), func(r *drop.Rule) bool {
		named := func(pattern string) bool { return matches(r, pattern) }
		return len(ch.rule) > 0 && !slices.ContainsFunc(ch.rule, named) || slices.ContainsFunc(ch.skipRule, named)
	})
	if len(rules) == 0 {
		return nil, fmt.Errorf("--skip-rule leaves no rule")
	}
	return rules, nil
}

// matches says that a pattern names the rule.
func matches(r *drop.Rule, pattern string) bool {
	id, err := path.Match(strings.ToUpper(pattern), r.ID)
	name, _ := path.Match(strings.ToLower(pattern), r.Name)
	return err == nil && (id || name)
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
