package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

// tellsOf names the rule that tells of each class of a driver's counters. A LookAlike has none.
var tellsOf = map[kernel.Class]string{
	kernel.RingLoss:      "ring-overflow",
	kernel.WireLoss:      "nic-rx-errors",
	kernel.SendLoss:      "tx-dropped",
	kernel.SendFault:     "nic-tx-errors",
	kernel.SendHang:      "nic-tx-errors",
	kernel.AllowanceLoss: "nic-cloud-allowance",
	kernel.PauseSent:     "nic-pause-storm",
	kernel.PauseReceived: "nic-pause-storm",
	kernel.AllocLoss:     "ring-allocation-failure",
	kernel.AllocFailure:  "ring-allocation-failure",
	kernel.LinkFault:     "nic-link-fault",
}

// counting returns what drivers count under that name, a line for each way they have of it,
// and the rules that tell of it. Where it is one driver's alone, the line has the source.
func counting(term string) (lines []string, rules []*drop.Rule) {
	var meanings []string
	of := map[string][]string{} // the drivers of each
	sources := map[string]string{}
	for _, d := range kernel.Drivers() {
		for _, counters := range d.Counters {
			if !counters.Has(term) {
				continue
			}
			meaning := fmt.Sprintf("%s, of the %s", counters.Class, counters.Level)
			if counters.In != "" && counters.In != term {
				meaning += "; in " + counters.In + " too"
			}
			if of[meaning] == nil {
				meanings = append(meanings, meaning)
			}
			of[meaning] = append(of[meaning], d.Names[0])
			sources[meaning] = counters.Source
			if r := ruleNamed(tellsOf[counters.Class]); r != nil && !slices.Contains(rules, r) {
				rules = append(rules, r)
			}
		}
	}
	for _, meaning := range meanings {
		line := "in ethtool -S of " + strings.Join(of[meaning], ", ") + ": " + meaning
		if len(of[meaning]) == 1 {
			line += " (" + sources[meaning] + ")"
		}
		lines = append(lines, line)
	}
	return lines, rules
}

func ruleNamed(name string) *drop.Rule {
	for _, r := range drop.Catalogue() {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// driversPage is docs/drivers.md.
func driversPage() string {
	var b strings.Builder
	b.WriteString(`# What the counters of ethtool -S mean

Made by ` + "`make docs`" + ` from probe/kernel/driver_table.go. "ethtool -S eth0" prints what a driver counts, under names that only the driver knows: one
driver's loss is another's filter. This is what fleetdrop knows of them, and where it was read: files are those of Linux 6.12, below drivers/net,
unless it says otherwise. A star stands for digits.

A driver that is not here is judged by the words in its names. What is found that way is marked "unverified", and is medium at most.

Counters of two levels may count the same packet, and so may two of one level: they are never added up, the largest is taken. Those of all queues of
an interface, or of all priorities, are added up. "In" is the counter of the interface, in ` + "`ip -s -s link`" + ` and /sys/class/net/*/statistics,
to which the driver adds them; where nothing stands there is none, or it is not known.

| counts | rule |
|---|---|
`)
	for class := kernel.RingLoss; class <= kernel.LookAlike; class++ {
		rule := "no rule: it is counted, and costs no packet"
		if name := tellsOf[class]; name != "" {
			rule = fmt.Sprintf("[%s](rules/%s.md)", name, name)
		}
		fmt.Fprintf(&b, "| %s | %s |\n", class, rule)
	}
	for _, d := range kernel.Drivers() {
		fmt.Fprintf(&b, "\n## %s\n", d.Names[0])
		if len(d.Names) > 1 {
			fmt.Fprintf(&b, "\nAlso %s.\n", strings.Join(d.Names[1:], ", "))
		}
		if d.Note != "" {
			fmt.Fprintf(&b, "\n%s\n", d.Note)
		}
		b.WriteString("\n| counts | level | names | in | source |\n|---|---|---|---|---|\n")
		for _, c := range d.Counters {
			fmt.Fprintf(&b, "| %s | %s | `%s` | %s | %s |\n", c.Class, c.Level, strings.Join(c.Names, "`, `"), c.In, c.Source)
		}
	}
	return b.String()
}
