package main

import (
	"strings"
	"testing"

	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

// TestExplainDrivers asks for every name of every driver, as ethtool prints it.
func TestExplainDrivers(t *testing.T) {
	for _, d := range kernel.Drivers() {
		for _, c := range d.Counters {
			for _, name := range c.Names {
				lines, rules := counting(strings.ReplaceAll(name, "*", "12"))
				if len(lines) == 0 || c.Class != kernel.LookAlike && len(rules) == 0 {
					t.Errorf("%s %s: %q, %d rules", d.Names[0], name, lines, len(rules))
				}
			}
		}
	}
	for class, name := range tellsOf {
		if ruleNamed(name) == nil {
			t.Errorf("%s: there is no rule %s", class, name)
		}
	}
}
