package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/fleetdrop/fleetdrop/probe/drop"
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
		Short: "List the rules: one for each point where a packet can be lost",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			switch {
			case docs != "":
				return writeDocs(docs)
			case format == "table":
				return listRules(c)
			case format == "json":
				out := struct {
					Schema string      `json:"schema"`
					Rules  []ruleEntry `json:"rules"`
				}{Schema: "fleetdrop.rules/v1"}
				for _, r := range drop.Catalogue() {
					out.Rules = append(out.Rules, entryOf(r))
				}
				return printJSON(c.stdout, out)
			}
			return fmt.Errorf("rules has no format %q: use table or json", format)
		},
	}
	cmd.Flags().StringVarP(&format, "format", "f", "table", "table or json")
	cmd.Flags().StringVar(&docs, "docs", "", "write a page for each rule into this folder instead")
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

// writeDocs writes docs/rules: a page for each rule, and their list. A page of a rule that
// is no more is taken away.
func writeDocs(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	pages := map[string]string{}
	var list strings.Builder
	list.WriteString("# The rules\n\nMade by `make docs` from the catalogue. One page for each.\n\n| rule | name | stage | at worst | what it finds |\n|---|---|---|---|---|\n")
	for _, r := range drop.Catalogue() {
		pages[r.Name+".md"] = rulePage(r)
		fmt.Fprintf(&list, "| %s | [%s](%s.md) | %s | %s | %s |\n", r.ID, r.Name, r.Name, r.Stage, worst(r), r.Title)
	}
	pages["README.md"] = list.String()
	old, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if _, ok := pages[filepath.Base(path)]; !ok {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	for name, page := range pages {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(page), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// rulePage is the page of one rule, in Markdown.
func rulePage(r *drop.Rule) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s %s\n\n%s. Stage %s, scope %s, at worst %s.\n\n%s\n", r.ID, r.Name, r.Title, r.Stage, r.Scope, worst(r), strings.TrimSpace(r.Doc))
	if r.Unproven() {
		b.WriteString("\nUnproven: no recording shows this loss yet, so it is medium at most.\n")
	}
	if len(r.Reasons) > 0 {
		b.WriteString("\nThe kernel's drop reasons: `" + strings.Join(r.Reasons, "`, `") + "`.\n")
	}
	b.WriteString("\n## What it reads\n\n")
	for _, need := range r.Needs {
		var any []string
		for _, h := range need {
			any = append(any, "`"+place(h.Source())+"`")
		}
		fmt.Fprintf(&b, "- needs %s\n", strings.Join(any, " or "))
	}
	for _, h := range r.Wants {
		fmt.Fprintf(&b, "- wants `%s`\n", place(h.Source()))
	}
	if len(r.Limits) > 0 {
		b.WriteString("\n## Limits\n\n| limit | default | source |\n|---|---|---|\n")
		for _, l := range r.Limits {
			fmt.Fprintf(&b, "| %s | %v %s | %s |\n", l.Name, l.Default, l.Unit, l.Source)
		}
	}
	b.WriteString("\n## Examples\n")
	for _, e := range r.Examples {
		fmt.Fprintf(&b, "\n%s: %s", strings.ToUpper(e.Name[:1])+e.Name[1:], e.Outcome)
		if e.From != "" {
			fmt.Fprintf(&b, " (from the recording %s)", e.From)
		}
		b.WriteString("\n\n```\n" + strings.Trim(e.Capture, "\n") + "\n")
		for _, want := range e.Want {
			b.WriteString("=> " + want + "\n")
		}
		b.WriteString("```\n")
	}
	return b.String()
}

func printJSON(w interface{ Write([]byte) (int, error) }, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	return e.Encode(v)
}
