package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/probe/lint"
	"github.com/fleetdrop/fleetdrop/probe/sysctl"
)

// writeDocs writes the pages that are made from the catalogue: rules/, with a page for each
// rule and their list, drivers.md, lint.md and sysctls.md. A page of a rule that is no more is taken away.
func writeDocs(dir string) error {
	rules := filepath.Join(dir, "rules")
	if err := os.MkdirAll(rules, 0o755); err != nil {
		return err
	}
	pages := map[string]string{}
	var list strings.Builder
	list.WriteString("# The rules\n\nMade by `make docs` from the catalogue. One page for each.\n\n| rule | name | stage | at worst | what it finds |\n|---|---|---|---|---|\n")
	for _, r := range drop.Catalogue() {
		pages[filepath.Join(rules, r.Name+".md")] = rulePage(r)
		fmt.Fprintf(&list, "| %s | [%s](%s.md) | %s | %s | %s |\n", r.ID, r.Name, r.Name, r.Stage, worst(r), r.Title)
	}
	pages[filepath.Join(rules, "README.md")] = list.String()
	old, err := filepath.Glob(filepath.Join(rules, "*.md"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if _, ok := pages[path]; !ok {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	pages[filepath.Join(dir, "drivers.md")] = driversPage()
	pages[filepath.Join(dir, "lint.md")] = lintPage()
	pages[filepath.Join(dir, "sysctls.md")] = sysctlPage()
	for path, page := range pages {
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
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
	for _, h := range r.All {
		fmt.Fprintf(&b, "- needs `%s` where the host has it\n", place(h.Source()))
	}
	if r.Expects {
		b.WriteString("- needs what the policy expects, where the host has it\n")
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

// lintPage is the page of all checks of lint, in Markdown.
func lintPage() string {
	var b strings.Builder
	b.WriteString(`# What lint finds

Made by ` + "`make docs`" + `. ` + "`fleetdrop lint`" + ` judges files of sysctl.d without a host, in the order in which
"sysctl --system" applies them. Its checks have names of their own, FL101 and so on, because they are about
files; where a rule judges the same on a host, the check names it.

Severities: critical and high are lines that are wrong whatever the host is; medium are lines without
effect and values that can lose packets; low and info are what a reader should know. ` + "`--fail-on`" + ` is high
unless it says otherwise.

| check | name | at worst | what it finds |
|---|---|---|---|
`)
	for _, c := range lint.Checks() {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s |\n", c.ID, c.ID, c.Name, c.Severity, c.Title)
	}
	for _, c := range lint.Checks() {
		fmt.Fprintf(&b, "\n## <a id=\"%s\"></a>%s %s\n\n%s. At worst %s.", c.ID, c.ID, c.Name, c.Title, c.Severity)
		if r := ruleOf(c); r != nil {
			fmt.Fprintf(&b, " On a host: [%s %s](rules/%s.md).", r.ID, r.Name, r.Name)
		}
		fmt.Fprintf(&b, "\n\n%s\n\nWrong", strings.TrimSpace(c.Doc))
		if c.Kernel != "" {
			fmt.Fprintf(&b, ", with `--kernel %s`", c.Kernel)
		}
		if c.Expect.Key != "" {
			fmt.Fprintf(&b, ", where the policy expects of %s %s", c.Expect.Key, c.Expect)
		}
		fmt.Fprintf(&b, ":\n\n```\n%s```\n\nRight:\n\n```\n%s```\n", strings.TrimPrefix(c.Bad, "\n"), strings.TrimPrefix(c.Good, "\n"))
	}
	return b.String()
}

// ruleOf is the rule that judges on a host what a check does in files.
func ruleOf(c *lint.Check) *drop.Rule {
	for _, r := range drop.Catalogue() {
		if r.ID == c.Rule {
			return r
		}
	}
	return nil
}

// sysctlPage is the page of the known sysctls, in Markdown: what is said of those that have
// to do with loss, and the table of all of the network.
func sysctlPage() string {
	var b, table strings.Builder
	b.WriteString("# Sysctls\n\nMade by `make docs`. `fleetdrop explain net.core.somaxconn` says the same; where the table comes from is told in\n`probe/sysctl/keys.txt`. \"At the latest\" means that kernels in between were not looked at.\n\n## Those that have to do with loss, or are said to\n")
	table.WriteString("\n## All of the network\n\n| sysctl | what it holds | default | kernels | netns | module |\n|---|---|---|---|---|---|\n")
	for _, k := range sysctl.Keys() {
		facts := map[string]string{}
		for _, f := range sysctlFacts(k) {
			facts[f[0]] = f[1]
		}
		if about := sysctl.Describe(k.Path); about.Text != "" {
			fmt.Fprintf(&b, "\n### %s\n\n%s\n\n", k.Name(), about.Text)
			for _, f := range sysctlFacts(k) {
				fmt.Fprintf(&b, "- %s: %s\n", f[0], f[1])
			}
			if about.Folklore != "" {
				fmt.Fprintf(&b, "- folklore: %s\n", about.Folklore)
			}
			if rules, _ := reading(k.Name()); len(rules) > 0 {
				var links []string
				for _, r := range rules {
					links = append(links, fmt.Sprintf("[%s %s](rules/%s.md)", r.ID, r.Name, r.Name))
				}
				fmt.Fprintf(&b, "- rules: %s\n", strings.Join(links, ", "))
			}
		}
		if strings.HasPrefix(k.Path, "net/") {
			netns := ""
			if k.Netns {
				netns = "own"
			}
			if k.NetnsBy != (sysctl.Change{}) {
				netns += ", since " + since(k.NetnsBy)
			}
			fmt.Fprintf(&table, "| %s | %s | %s | %s | %s | %s |\n", strings.ReplaceAll(k.Name(), "*", `\*`), facts["holds"], k.Default, facts["kernels"], netns, k.Module)
		}
	}
	return b.String() + table.String()
}
