package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/probe/lint"
)

// A ruleEntry is a rule as "rules -f json" prints it.
type ruleEntry struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Title      string            `json:"title"`
	Stage      drop.Stage        `json:"stage"`
	Scope      drop.Scope        `json:"scope"`
	Severity   map[string]string `json:"severity"`
	Reasons    []string          `json:"reasons"`
	Unproven   bool              `json:"unproven"`
	Residual   bool              `json:"residual"`
	Limits     []limitEntry      `json:"limits"`
	Needs      [][]sourceEntry   `json:"needs"`
	Wants      []sourceEntry     `json:"wants"`
	Doc        string            `json:"doc"`
	Recordings []string          `json:"recordings"`
}

// A checkEntry is a check of lint, likewise.
type checkEntry struct {
	ID       string        `json:"id"`
	Name     string        `json:"name"`
	Title    string        `json:"title"`
	Severity drop.Severity `json:"severity"` // at most
	Rule     string        `json:"rule"`     // that judges the same on a host; "" where there is none
	Doc      string        `json:"doc"`
}

type limitEntry struct {
	Name    string  `json:"name"`
	Default float64 `json:"default"`
	Unit    string  `json:"unit"`
	Source  string  `json:"source"`
}

type sourceEntry struct {
	Section string `json:"section"`
	Row     string `json:"row,omitempty"`
	Field   string `json:"field,omitempty"`
}

func entryOf(r *drop.Rule) ruleEntry {
	e := ruleEntry{
		ID: r.ID, Name: r.Name, Title: r.Title, Stage: r.Stage, Scope: r.Scope,
		Severity: map[string]string{}, Reasons: append([]string{}, r.Reasons...),
		Unproven: r.Unproven(), Residual: r.Residual, Limits: []limitEntry{}, Needs: [][]sourceEntry{},
		Wants: []sourceEntry{}, Doc: strings.TrimSpace(r.Doc), Recordings: []string{},
	}
	for kind, severity := range r.Severity {
		e.Severity[string(kind)] = severity.String()
	}
	for _, l := range r.Limits {
		e.Limits = append(e.Limits, limitEntry(l))
	}
	for _, need := range r.Needs {
		group := []sourceEntry{}
		for _, h := range need {
			group = append(group, sourceEntry(h.Source()))
		}
		e.Needs = append(e.Needs, group)
	}
	for _, h := range r.Wants {
		e.Wants = append(e.Wants, sourceEntry(h.Source()))
	}
	for _, x := range r.Examples {
		if x.From != "" && !slices.Contains(e.Recordings, x.From) {
			e.Recordings = append(e.Recordings, x.From)
		}
	}
	return e
}

func newRules(c *console) *cobra.Command {
	var format, docs string
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "List the rules: one for each point where a packet can be lost; and the checks of lint",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			switch {
			case docs != "":
				return writeDocs(docs)
			case format == "table":
				return listRules(c)
			case format == "json":
				out := struct {
					Schema string       `json:"schema"`
					Rules  []ruleEntry  `json:"rules"`
					Checks []checkEntry `json:"checks"`
				}{Schema: "fleetdrop.rules/v1"}
				for _, r := range drop.Catalogue() {
					out.Rules = append(out.Rules, entryOf(r))
				}
				for _, k := range lint.Checks() {
					out.Checks = append(out.Checks, checkEntry{k.ID, k.Name, k.Title, k.Severity, k.Rule, strings.TrimSpace(k.Doc)})
				}
				return printJSON(c.stdout, out)
			}
			return fmt.Errorf("rules has no format %q: use table or json", format)
		},
	}
	cmd.Flags().StringVarP(&format, "format", "f", "table", "table or json")
	cmd.Flags().StringVar(&docs, "docs", "", "write the pages that are made from the catalogue into this folder instead")
	return cmd
}

func listRules(c *console) error {
	t := table.NewWriter()
	t.SetStyle(plainStyle())
	t.AppendHeader(table.Row{"RULE", "NAME", "STAGE", "AT WORST", "WHAT IT FINDS"})
	for _, r := range drop.Catalogue() {
		title := r.Title
		if r.Unproven() {
			title += " (unproven)"
		}
		t.AppendRow(table.Row{r.ID, r.Name, r.Stage, worst(r), title})
	}
	if err := printTable(c, t); err != nil {
		return err
	}
	t = table.NewWriter()
	t.SetStyle(plainStyle())
	t.AppendHeader(table.Row{"CHECK", "NAME", "AT WORST", "WHAT LINT FINDS IN FILES OF SYSCTL.D"})
	for _, k := range lint.Checks() {
		t.AppendRow(table.Row{k.ID, k.Name, k.Severity, k.Title})
	}
	fmt.Fprintln(c.stdout)
	return printTable(c, t)
}

// worst is the highest severity that the rule can give.
func worst(r *drop.Rule) drop.Severity {
	worst := drop.Info
	for _, s := range r.Severity {
		worst = max(worst, s)
	}
	if r.Unproven() {
		worst = min(worst, drop.Medium)
	}
	return worst
}

// printTable prints a table without the spaces at the ends of its lines.
func printTable(c *console, t table.Writer) error {
	for line := range strings.SplitSeq(t.Render(), "\n") {
		if _, err := fmt.Fprintln(c.stdout, strings.TrimRight(line, " ")); err != nil {
			return err
		}
	}
	return nil
}

// plainStyle is a table without lines, for lists.
func plainStyle() table.Style {
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	return style
}

func printJSON(w interface{ Write([]byte) (int, error) }, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	return e.Encode(v)
}
