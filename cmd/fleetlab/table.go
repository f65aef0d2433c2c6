//go:build linux

package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
)

func newTable(w io.Writer) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	style := table.StyleLight
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = 0
	t.SetStyle(style)
	return t
}

// printRun prints what was true and what was said, a fault a line.
func printRun(w io.Writer, rows []row) {
	t := newTable(w)
	t.AppendHeader(table.Row{"fault", "true loss", "reported", "rules named", "verdict"})
	for _, r := range rows {
		t.AppendRow(table.Row{r.Fault, r.truth(), r.reported(), strings.Join(r.rules(), " "), r.verdict()})
	}
	t.Render()
	for _, r := range rows {
		for _, miss := range r.Miss {
			fmt.Fprintf(w, "%s: %s\n", r.Fault, miss)
		}
	}
}

// truth is "991 of 1000 datagrams".
func (r row) truth() string {
	var parts []string
	for _, t := range r.Tolls {
		parts = append(parts, fmt.Sprintf("%d of %d %s", t.Lost, t.Sent, t.Unit))
	}
	return strings.Join(parts, ", ")
}

// reported is what the report says of the same, and how far that is off.
func (r row) reported() string {
	var parts []string
	exact := 0
	for i, t := range r.Tolls {
		if i >= len(r.Reported) || t.Lost == 0 || t.Rule == "" {
			continue
		}
		part := fmt.Sprint(r.Reported[i])
		if t.Exact && exact < len(r.Error) {
			part += fmt.Sprintf(" (%.1f %% off)", 100*r.Error[exact])
			exact++
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// rules are the rules with a finding, each once, the worst first.
func (r row) rules() (rules []string) {
	seen := map[string]bool{}
	for _, named := range r.Named {
		rule, _, _ := strings.Cut(named, " ")
		if !seen[rule] {
			rules = append(rules, rule)
		}
		seen[rule] = true
	}
	return rules
}

func (r row) verdict() string {
	switch {
	case r.Lacking != "":
		return "not run: " + r.Lacking
	case len(r.Miss) > 0:
		return "MISS"
	}
	return "right"
}

// printMeasure prints the measure, and what was wrong beside the rows.
func printMeasure(w io.Writer, a account) {
	for _, line := range append(a.Orders, a.Stopped...) {
		fmt.Fprintln(w, line)
	}
	fmt.Fprintln(w)
	t := newTable(w)
	for _, line := range a.Measure.lines() {
		t.AppendRow(table.Row{line[0], line[1], line[2]})
	}
	t.Render()
}

// lines are name, figure and what it is to be.
func (m measure) lines() [][3]string {
	lines := [][3]string{
		{"diagnosis", fmt.Sprintf("%d of %d", m.Diagnosed, m.Faults), "all"},
		{"false alarms", fmt.Sprint(m.FalseAlarms), "0"},
		{"loss error", fmt.Sprintf("%.1f %% at most, of %d losses", 100*m.LossError, m.Compared), "below 2 %"},
		{"ranking", fmt.Sprintf("%d of %d pairs", m.Ranked, m.Rankings), "all"},
		{"after all was stopped", fmt.Sprintf("%d findings of loss on %d hosts", m.StillLosing, m.Stopped), "0"},
	}
	if m.Lacking > 0 {
		lines = append(lines, [3]string{"not run", fmt.Sprint(m.Lacking), "this machine cannot have them"})
	}
	return lines
}
