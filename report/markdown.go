package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// maxMarkdown is how many bytes the Markdown may have. GitHub takes 1 MiB of step summary,
// and nothing at all of one that is longer.
const maxMarkdown = 900 << 10

// A markdown is a report on its way to a page that others render: the summary of a CI
// step, or a comment. Every text from a host goes through md or code.
type markdown struct {
	bytes.Buffer
	Options
	*summary
	r    *Report
	most int // bytes
	left int // parts that found no room
}

// writeMarkdown writes GitHub's and GitLab's Markdown: the fleet in a line, the worst rules
// and hosts, who was not reached, and the worst hosts with evidence and remedy as far as
// there is room. It says so where there was none.
func writeMarkdown(w io.Writer, r *Report, o Options) error {
	return (&markdown{Options: o, summary: summarize(r, o.Severity), r: r, most: maxMarkdown}).write(w)
}

func (m *markdown) write(w io.Writer) error {
	if m.Top <= 0 {
		m.Top = defaultTop
	}
	head := m.head()
	const cut = "\n> Cut at %d KiB: %s left out. The json, csv and html reports hold everything.\n"
	m.most -= len(head) + len(cut) + 40
	m.findings()
	m.ranking()
	m.changes()
	m.waivers()
	m.notReached()
	m.notChecked()
	if err := m.describe(); err != nil {
		return err
	}
	if m.left > 0 {
		head += fmt.Sprintf(cut, maxMarkdown>>10, count(m.left, "part"))
	}
	if _, err := io.WriteString(w, head); err != nil {
		return err
	}
	_, err := w.Write(m.Bytes())
	return err
}

// part writes a text that is shown whole or not at all.
func (m *markdown) part(text string) bool {
	if m.Len()+len(text) > m.most {
		m.left++
		return false
	}
	m.WriteString(text)
	return true
}

// table writes a header and as many rows as there is room for.
func (m *markdown) table(title, header string, rows []string) {
	if len(rows) == 0 {
		return
	}
	columns := strings.Count(header, "|") - 1
	if !m.part("\n### " + title + "\n\n" + header + "\n|" + strings.Repeat("---|", columns) + "\n") {
		return
	}
	for _, row := range rows {
		m.part(row + "\n")
	}
}

// head is the line that alone is a usable answer, and what the exit code says.
func (m *markdown) head() string {
	s := m.r.Status
	var parts []string
	for _, g := range []Grade{Dropping, Dropped, AtRisk, Clean, Unknown} {
		if n := m.grades[g]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, gradeSays[g].many))
		}
	}
	if s.Failed > 0 {
		parts = append(parts, fmt.Sprintf("**%d not reached**", s.Failed))
	}
	line := "## fleetdrop: " + count(s.Hosts, "host") + "\n\n"
	if len(parts) > 0 {
		line += strings.Join(parts, ", ") + ".\n\n"
	}
	if said := exitSays(s); said != "" {
		line += "**" + said + "**\n\n"
	}
	inventory := make([]string, len(m.r.Run.Inventory))
	for i, file := range m.r.Run.Inventory {
		inventory[i] = code(file, maxHostName)
	}
	about := []string{"run " + code(m.r.Run.ID, maxHostName)}
	if len(inventory) > 8 {
		inventory = append(inventory[:8], fmt.Sprintf("%d more", len(inventory)-8))
	}
	if len(inventory) > 0 {
		about = append(about, strings.Join(inventory, ", "))
	}
	if !m.r.Run.Started.IsZero() {
		about = append(about, m.r.Run.Started.UTC().Format("2006-01-02 15:04 UTC"))
	}
	if m.r.Run.Window > 0 {
		about = append(about, "window "+span(m.r.Run.Window))
	}
	return line + strings.Join(about, " · ") + "\n"
}

// findings has a row for each rule that found something, the worst first.
func (m *markdown) findings() {
	var rows []string
	for _, s := range m.rules[:min(len(m.rules), m.Top)] {
		lost := ""
		if s.perSecond > 0 {
			lost = rate(s.perSecond)
		}
		rows = append(rows, fmt.Sprintf("| %s | %s | [%s](%s) %s | %d | %s | %s | %s |",
			s.worst.Severity, s.worst.Kind, s.rule.ID, rulePage(s.rule.Name), md(s.rule.Title), len(s.hosts), lost,
			code(s.host.Name, maxHostName), md(snip(says(s.worst)))))
	}
	m.table("Findings", "| severity | kind | rule | hosts | lost/s | worst on | where it says |", rows)
	if more := len(m.rules) - len(rows); more > 0 {
		m.part("\nand " + count(more, "more rule") + "\n")
	}
	var also []string
	if len(m.notes) > 0 {
		ids := make([]string, len(m.notes))
		for i, n := range m.notes {
			ids[i] = n.rule.ID + " " + md(n.rule.Name)
		}
		also = append(also, "harmless: "+strings.Join(ids, ", "))
	}
	if m.waived > 0 {
		also = append(also, fmt.Sprintf("%d waived", m.waived))
	}
	if m.hidden > 0 {
		also = append(also, fmt.Sprintf("%d below %s", m.hidden, m.Severity))
	}
	if len(also) > 0 {
		m.part("\nNot in the list: " + strings.Join(also, "; ") + ".\n")
	}
	if m.known > 0 {
		m.part(fmt.Sprintf("\n%d of these are in the baseline.\n", m.known))
	}
}

// ranking has a row for each of the worst hosts.
func (m *markdown) ranking() {
	risky := m.r.risky()
	var rows []string
	for _, h := range risky[:min(len(risky), m.Top)] {
		worst := &h.Findings[0]
		rows = append(rows, fmt.Sprintf("| %d | %s | %s | %.1f | %s | %s %s | %s |",
			h.Risk.Rank, code(h.Name, maxHostName), md(snip(strings.Join(h.Groups, " "))), h.Risk.Score, h.lost(),
			worst.Rule, md(snip(strings.TrimSpace(worst.Name+" "+worst.Subject))), tally(h)))
	}
	m.table("Hosts by risk", "| # | host | groups | risk | lost/s | because of | findings |", rows)
	if more := len(risky) - len(rows); more > 0 {
		m.part("\nand " + count(more, "more host") + " with findings\n")
	}
}

// waivers tells of those that somebody has to look after.
func (m *markdown) waivers() {
	var rows []string
	for _, w := range m.r.Policy.Notices() {
		rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s | %d | %s | %s | %s |", w.State, md(snip(w.Expires)), w.Rule,
			md(snip(strings.TrimSpace(w.Match+" "+w.Subject))), w.Findings, md(snip(w.Owner)), md(snip(w.Reason)), md(snip(w.Origin))))
	}
	m.table("Waivers to look after", "| state | until | rule | hosts | findings | owner | reason | from |", rows)
}

// notReached says each reason once, and what to do about it.
func (m *markdown) notReached() {
	for _, part := range []struct {
		title string
		sums  []*errorSum
	}{{"Not reached", m.failed}, {"Read in part", m.partial}} {
		var rows []string
		for _, s := range part.sums {
			rows = append(rows, fmt.Sprintf("| %s | %d | %s | %s | %s |", code(s.code, maxHostName), len(s.hosts), names(s.hosts),
				md(snip(s.hosts[0].Error.Message)), md(snip(s.hosts[0].Error.Hint))))
		}
		m.table(part.title, "| error | hosts | which | what happened | next |", rows)
	}
}

// names lists hosts, as many as say something.
func names(hosts []*Host) string {
	const most = 8
	var shown []string
	for _, h := range hosts[:min(most, len(hosts))] {
		shown = append(shown, code(h.Name, maxHostName))
	}
	if more := len(hosts) - len(shown); more > 0 {
		shown = append(shown, fmt.Sprintf("%d more", more))
	}
	return strings.Join(shown, ", ")
}

func (m *markdown) notChecked() {
	var rows []string
	for _, s := range m.missing[:min(len(m.missing), m.Top)] {
		rows = append(rows, fmt.Sprintf("| %s | %s | %d | %d |", code(s.Section, maxHostName*2), md(stateSays(s.Section, s.State)), len(s.hosts), len(s.rules)))
	}
	m.table("Not checked", "| could not be read | because | hosts | rules |", rows)
	for _, words := range m.netns.says() {
		m.part("\nNot checked: " + md(words) + "\n")
	}
}

// describe folds the worst hosts out: evidence and remedy.
func (m *markdown) describe() error {
	risky := m.r.risky()
	for i, h := range risky[:min(len(risky), m.Top)] {
		h, err := m.r.whole(h)
		if err != nil {
			return err
		}
		var b strings.Builder
		if i == 0 {
			b.WriteString("\n### The worst hosts\n")
		}
		fmt.Fprintf(&b, "\n<details><summary>%d. %s: risk %.1f, %s</summary>\n", h.Risk.Rank, htmlText(snip(h.Name)), h.Risk.Score, tally(h))
		for j := range h.Findings {
			if f := &h.Findings[j]; f.Kind != drop.Note && f.Waived == nil && f.Severity >= m.Severity {
				m.finding(&b, f)
			}
		}
		b.WriteString("\n</details>\n")
		m.part(b.String())
	}
	return nil
}

func (m *markdown) finding(b *strings.Builder, f *Finding) {
	fmt.Fprintf(b, "\n**%s %s** [%s](%s) %s\n", f.Severity, f.Kind, f.Rule, rulePage(f.Name), md(snip(says(f))))
	if said := lossSays(f.Loss); said != "" {
		b.WriteString("\n" + md(said) + "\n")
	}
	b.WriteByte('\n')
	for _, e := range f.Evidence {
		fmt.Fprintf(b, "- %s %s\n", code(source(e), maxShown), md(snip(quote(e))))
	}
	for i, s := range f.Remedy {
		fmt.Fprintf(b, "\n%d. %s", i+1, md(snip(s.Text)))
		if s.Command != "" {
			b.WriteString(": " + code(s.Command, maxShown))
		}
		if s.Sysctl != "" && s.Present != "" {
			b.WriteString(" (now " + code(s.Present, maxShown) + ")")
		}
		if s.Price != "" {
			b.WriteString("; price: " + md(snip(s.Price)))
		}
		if s.Undo != "" {
			b.WriteString("; undo: " + code(s.Undo, maxShown))
		}
	}
	if len(f.Remedy) > 0 {
		b.WriteByte('\n')
	}
}

// rulePage is where a rule is explained.
func rulePage(name string) string {
	return "https://github.com/fleetdrop/fleetdrop/blob/main/docs/rules/" + urlPath(name) + ".md"
}

// urlPath keeps of a name what is harmless in a link.
func urlPath(name string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 && (r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z') {
			return r
		}
		return -1
	}, name)
}

// snip bounds a text to one that a person reads in a line or two.
func snip(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return clean(s, maxShown)
}

// md is a text as Markdown shows it: no markup, no link, no picture, no HTML. A comment
// without a word parts what a forge would make a link or a mention of.
func md(s string) string {
	var b strings.Builder
	s = Visible(s)
	for i, r := range s {
		next := s[i+utf8.RuneLen(r):]
		switch {
		case strings.ContainsRune("&<>|\\`", r):
			fmt.Fprintf(&b, "&#%d;", r)
		case strings.ContainsRune("@#!$%~", r) && next != "" && !strings.ContainsRune(" ,;.)]/", rune(next[0])), r == ':' && strings.HasPrefix(next, "/"),
			r == '.' && strings.HasSuffix(strings.ToLower(s[:i]), "www"):
			b.WriteString(`\` + string(r) + "<!-- -->")
		case strings.ContainsRune("*_[]{}()#!$~@", r), i == 0 && strings.ContainsRune("+-=", r):
			b.WriteString(`\` + string(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// code is a text in a code span, of at most that many bytes. A bar would end the cell of a
// table even there.
func code(s string, most int) string {
	if s = Visible(s); len(s) > most {
		s = clean(s, most)
	}
	s = strings.TrimSpace(s)
	if s == "" || strings.Contains(s, "|") {
		return md(s)
	}
	longest, run := 0, 0
	for _, r := range s {
		if run++; r != '`' {
			run = 0
		}
		longest = max(longest, run)
	}
	fence := strings.Repeat("`", longest+1)
	if s[0] == '`' || s[len(s)-1] == '`' {
		s = " " + s + " "
	}
	return fence + s + fence
}

// htmlText is a text between HTML tags.
func htmlText(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;", "@", "@<!-- -->", "#", "#<!-- -->").Replace(Visible(s))
}
