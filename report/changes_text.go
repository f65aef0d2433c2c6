package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// A changeSum is all findings of one rule that one thing became of.
type changeSum struct {
	change Change
	worst  *FindingChange
	hosts  []string // each once
}

// sums groups the findings that changed, in their order.
func (c *Changes) sums() (all []*changeSum) {
	type key struct {
		change Change
		rule   string
	}
	known := map[key]*changeSum{}
	for i := range c.Findings {
		f := &c.Findings[i]
		s := known[key{f.Change, f.Rule}]
		if s == nil {
			s = &changeSum{change: f.Change, worst: f}
			known[key{f.Change, f.Rule}] = s
			all = append(all, s)
		}
		if !slices.Contains(s.hosts, f.Host) {
			s.hosts = append(s.hosts, f.Host)
		}
	}
	return all
}

// says is what changed in a line: "2 new, 1 fixed, 1 rebooted"; "nothing changed".
func (c *Changes) says() string {
	n := map[Change]int{}
	for i := range c.Findings {
		n[c.Findings[i].Change]++
	}
	var parts []string
	for _, change := range changeOrder {
		if n[change] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[change], change))
		}
	}
	if len(parts) > 0 {
		parts = []string{"findings: " + strings.Join(parts, ", ")}
	}
	for _, more := range []struct {
		n    int
		says string
	}{
		{len(c.Settings), count(len(c.Settings), "setting") + " changed"}, {len(c.Rebooted), count(len(c.Rebooted), "host") + " rebooted"},
		{len(c.Added) + len(c.Gone), fmt.Sprintf("hosts: +%d -%d", len(c.Added), len(c.Gone))},
		{len(c.Lost), count(len(c.Lost), "host") + " not reached any more"}, {len(c.Back), count(len(c.Back), "host") + " reached again"},
	} {
		if more.n > 0 {
			parts = append(parts, more.says)
		}
	}
	if len(parts) == 0 {
		return "nothing changed"
	}
	return strings.Join(parts, "; ")
}

// says is what a change says of a finding: what it is, or for one that is no more, was.
func (f *FindingChange) says() string {
	said := ""
	switch {
	case f.Before != nil && f.After != nil:
		said = endSays(f.Before, f.After) + " -> " + endSays(f.After, f.Before) + ": " + f.After.Message
	case f.After != nil:
		said = f.After.Message
	case f.Before != nil:
		said = "was: " + f.Before.Message
	}
	if f.Subject != "" {
		return f.Subject + ": " + said
	}
	return said
}

// endSays is what one end of a change has that the other has not: "high dropping 390/s".
func endSays(e, other *ChangeEnd) string {
	var parts []string
	if e.Severity != other.Severity || e.Kind != other.Kind {
		parts = append(parts, e.Severity.String(), string(e.Kind))
	}
	if e.Kind == drop.Dropping && e.Loss != nil && e.Loss.PerSecond != nil {
		parts = append(parts, rate(*e.Loss.PerSecond)+"/s")
	}
	return strings.Join(parts, " ")
}

// moved says that something changed on a host at least.
func moved(r *Report) bool {
	return slices.ContainsFunc(r.Hosts, func(h Host) bool { return h.moved() != "" })
}

// moved is what changed on the host, in a word; empty where nothing did.
func (h *Host) moved() string {
	if h.Change == ChangeSame {
		return ""
	}
	return string(h.Change)
}

// WriteChanges writes what changed, and not what is: the table of diff.
func WriteChanges(w io.Writer, r *Report, o Options) error {
	if o.Width <= 0 {
		o.Width = defaultWidth
	}
	o.Width = min(max(o.Width, 40), 200)
	if o.Top <= 0 {
		o.Top = defaultTop
	}
	p := &page{Options: o, summary: &summary{}, r: r}
	c := r.Changes
	p.fill("      ", fmt.Sprintf("%s  %s (%s) -> %s (%s)", p.bold("DIFF"), p.show(c.Since.ID, maxHostName), count(c.Since.Hosts, "host"),
		p.show(r.Run.ID, maxHostName), count(len(r.Hosts), "host")))
	p.fill("      ", "      "+c.says())
	p.changedFindings(c)
	p.changedSettings(c)
	for _, part := range []struct {
		title, says string
		hosts       []string
	}{
		{"REBOOTED", "their counters began again", c.Rebooted}, {"NEW HOSTS", "", c.Added}, {"HOSTS GONE", "", c.Gone},
		{"NOT REACHED ANY MORE", "what was found of them before is not fixed", c.Lost}, {"REACHED AGAIN", "", c.Back},
	} {
		if len(part.hosts) > 0 {
			p.title(part.title, part.says)
			p.fill("  ", "  "+p.names(part.hosts))
		}
	}
	p.exit()
	_, err := w.Write(p.Bytes())
	return err
}

func (p *page) changedFindings(c *Changes) {
	sums := slices.DeleteFunc(c.sums(), func(s *changeSum) bool { return s.worst.finding.Severity < p.Severity })
	if len(sums) == 0 {
		return
	}
	p.title("FINDINGS")
	columns := []column{
		{title: "change"}, {title: "severity"}, {title: "rule"}, {title: "name", yields: 2}, {title: "hosts", right: true},
		{title: "on", most: 60, least: 12}, {title: "what it says", least: 30, yields: 1},
	}
	var rows [][]string
	var colors []color
	for _, s := range sums[:min(len(sums), p.Top)] {
		f := s.worst
		rows = append(rows, []string{
			strings.ToUpper(string(s.change)), severityWord(f.finding.Severity), f.Rule, f.Name, strconv.Itoa(len(s.hosts)), p.names(s.hosts), f.says(),
		})
		at := plain
		if s.change == ChangeNew || s.change == ChangeWorse {
			at = severityColor(f.finding.Severity)
		}
		colors = append(colors, at)
	}
	p.table(columns, rows, 2, colors)
	if more := len(sums) - len(rows); more > 0 {
		p.fill("    ", p.paint(faint, "  and "+count(more, "more rule")+": --top"))
	}
}

// rollout is on how many hosts one change of a setting is no chance.
const rollout = 5

func (p *page) changedSettings(c *Changes) {
	if len(c.Settings) == 0 {
		return
	}
	p.title("SETTINGS")
	columns := []column{
		{title: "setting", most: 60, least: 20}, {title: "before", most: 24, least: 6}, {title: "after", most: 24, least: 6}, {title: "hosts", right: true},
		{title: "which", most: 80, least: 12, yields: 1},
	}
	var rows [][]string
	for _, s := range c.Settings[:min(len(c.Settings), p.Top)] {
		which := p.names(s.Hosts)
		if len(s.Hosts) >= rollout {
			which = "a roll-out? " + which
		}
		rows = append(rows, []string{s.Setting, s.Before, s.After, strconv.Itoa(len(s.Hosts)), which})
	}
	p.table(columns, rows, 2, nil)
	if more := len(c.Settings) - len(rows); more > 0 {
		p.fill("    ", p.paint(faint, "  and "+count(more, "more setting")+": --top"))
	}
}

// since says in the report of a scan what changed since the last one.
func (p *page) since() {
	if c := p.r.Changes; c != nil {
		p.WriteByte('\n')
		p.fill("       ", p.bold("SINCE")+"  "+p.show(c.Since.ID, maxHostName)+": "+c.says())
	}
}

// changes is the part of the Markdown about the last scan.
func (m *markdown) changes() {
	c := m.r.Changes
	if c == nil {
		return
	}
	var rows []string
	for _, s := range c.sums() {
		if s.change == ChangeNew || s.change == ChangeWorse || s.change == ChangeFixed {
			rows = append(rows, fmt.Sprintf("| %s | %s | [%s](%s) | %d | %s | %s |", s.change, s.worst.finding.Severity, s.worst.Rule, rulePage(s.worst.Name),
				len(s.hosts), code(s.worst.Host, maxHostName), md(snip(s.worst.says()))))
		}
	}
	m.part("\nSince " + code(c.Since.ID, maxHostName) + ": " + md(c.says()) + ".\n")
	m.table("Since the last scan", "| change | severity | rule | hosts | worst on | what it says |", rows[:min(len(rows), m.Top)])
	rows = nil
	for _, s := range c.Settings[:min(len(c.Settings), m.Top)] {
		rows = append(rows, fmt.Sprintf("| %s | %s | %s | %d |", code(s.Setting, maxText), code(s.Before, maxShown), code(s.After, maxShown), len(s.Hosts)))
	}
	m.table("Settings that changed", "| setting | before | after | hosts |", rows)
}
