package report

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultWidth = 100
	defaultTop   = 20
	closeUp      = 3 // hosts that are described, not only listed
	indent       = 2
	maxHostName  = 32
)

// A page is a report on its way to a terminal. Every text from a host goes through show
// or fill.
type page struct {
	bytes.Buffer
	Options
	*summary
	r      *Report
	unread error // of a host that is described
}

// writeTable writes what a person reads first: the fleet in a line, where packets are
// lost, by which rules, on which hosts; what was not looked at; then the worst hosts with
// evidence and remedy.
func writeTable(w io.Writer, r *Report, o Options) error {
	if o.Width <= 0 {
		o.Width = defaultWidth
	}
	o.Width = min(max(o.Width, 40), 200)
	if o.Top <= 0 {
		o.Top = defaultTop
	}
	p := &page{Options: o, summary: summarize(r, o.Severity), r: r}
	p.fleet()
	p.since()
	if len(r.Hosts) > 1 {
		p.way()
		p.findings()
		p.ranking()
		p.common()
		p.drift()
	}
	p.notReached()
	if len(r.Hosts) == 1 { // what was found of it comes first
		p.describe()
		p.notChecked()
	} else {
		p.notChecked()
		p.describe()
	}
	p.exit()
	if p.unread != nil {
		return p.unread
	}
	_, err := w.Write(p.Bytes())
	return err
}

// fleet writes the line that alone is a usable answer.
func (p *page) fleet() {
	s := p.r.Status
	if len(p.r.Hosts) == 1 && s.Scanned == 1 {
		h := &p.r.Hosts[0]
		says := gradeSays[h.Risk.Grade].one
		if c := h.Coverage; h.Risk.Grade == Clean && c != nil && c.NotChecked > 0 {
			says += fmt.Sprintf(", %s not checked", count(c.NotChecked, "rule"))
		}
		p.fill("  ", p.bold(p.show(h.Name, maxHostName))+": "+p.state(h.Risk.Grade, says)+p.took())
		return
	}
	var parts []string
	for _, g := range []Grade{Dropping, Dropped, AtRisk, Clean, Unknown} {
		if n := p.grades[g]; n > 0 {
			parts = append(parts, p.state(g, fmt.Sprintf("%d %s", n, gradeSays[g].many)))
		}
	}
	if s.Failed > 0 {
		parts = append(parts, p.paint(bold, fmt.Sprintf("%d not reached", s.Failed)))
	}
	line := p.bold("FLEET") + "  " + count(s.Hosts, "host")
	if len(parts) > 0 {
		line += ": " + strings.Join(parts, ", ")
	}
	p.fill("       ", line+p.took())
}

// gradeSays is what a grade means, of hosts and of one host.
var gradeSays = map[Grade]struct{ many, one string }{
	Dropping: {"losing packets now", "it is losing packets now"},
	Dropped:  {"lost packets before", "it lost packets before"},
	AtRisk:   {"at risk", "nothing is lost now, and it is at risk"},
	Clean:    {"clean", "clean"},
	Unknown:  {"unknown", "nothing was found, and not all could be checked"},
}

func (p *page) took() string {
	said := ""
	if p.r.Run.Window > 0 {
		said = fmt.Sprintf(" (window %s", span(p.r.Run.Window))
		if p.r.Run.Duration >= 1 {
			said += ", in " + span(p.r.Run.Duration)
		}
		said += ")"
	}
	if p.r.Run.Since != "" {
		said += fmt.Sprintf(" (since %s)", p.show(p.r.Run.Since, maxHostName))
	}
	if p.r.Run.Interrupted {
		said += p.paint(red, " interrupted before the end")
	}
	return said
}

// way writes what happens along a packet's way: as wide as it gets, or as a list.
func (p *page) way() {
	rows := []struct {
		title string
		cell  func(*stageSum) string
	}{
		{"dropping", func(s *stageSum) string { return dot(len(s.dropping)) }},
		{"lost/s", func(s *stageSum) string {
			if s.perSecond == 0 {
				return "."
			}
			return rate(s.perSecond)
		}},
		{"dropped", func(s *stageSum) string { return dot(len(s.dropped)) }},
		{"at risk", func(s *stageSum) string { return dot(len(s.atRisk)) }},
	}
	var shown [][]string
	for _, row := range rows {
		cells := make([]string, 0, len(p.stages)+1)
		empty := true
		for i := range p.stages {
			c := row.cell(&p.stages[i])
			empty = empty && c == "."
			cells = append(cells, c)
		}
		if !empty {
			shown = append(shown, append([]string{row.title}, cells...))
		}
	}
	if len(shown) == 0 {
		return
	}
	p.title("WHERE PACKETS ARE LOST", "hosts, by stage")
	columns := []column{{title: ""}}
	for _, s := range way {
		columns = append(columns, column{title: string(s), right: true})
	}
	for gap := 2; gap > 0; gap-- {
		if width(columns, shown, gap)+indent <= p.Width {
			p.table(columns, shown, gap, nil)
			return
		}
	}
	// On its side, and only where something is.
	down := []column{{title: "stage"}}
	for _, row := range shown {
		down = append(down, column{title: row[0], right: true})
	}
	var lines [][]string
	for i, s := range way {
		line := []string{string(s)}
		for _, row := range shown {
			line = append(line, row[i+1])
		}
		if slices.ContainsFunc(line[1:], func(c string) bool { return c != "." }) {
			lines = append(lines, line)
		}
	}
	p.table(down, lines, 2, nil)
}

// findings writes a line for each rule that found something.
func (p *page) findings() {
	if len(p.rules) == 0 {
		p.alsoFound()
		return
	}
	p.title("TOP FINDINGS")
	columns := []column{
		{title: "severity"}, {title: "kind"}, {title: "rule"}, {title: "finding"},
		{title: "hosts", right: true}, {title: "lost/s", right: true, yields: 1}, {title: "worst on", most: maxHostName, yields: 2},
		{title: "what it says there", least: 30, most: 80, yields: 3},
	}
	var rows [][]string
	var colors []color
	for _, s := range p.rules[:min(len(p.rules), p.Top)] {
		lost := ""
		if s.perSecond > 0 {
			lost = rate(s.perSecond)
		}
		rows = append(rows, []string{
			severityWord(s.worst.Severity), string(s.worst.Kind), s.rule.ID, s.rule.Title, strconv.Itoa(len(s.hosts)), lost,
			s.host.Name, says(s.worst),
		})
		colors = append(colors, severityColor(s.worst.Severity))
	}
	if width(columns[:len(columns)-1], rows, 2)+indent > p.Width { // no room for sentences
		for i := range rows {
			rows[i][3] = p.rules[i].rule.Name
		}
	}
	p.table(columns, rows, 2, colors)
	if more := len(p.rules) - len(rows); more > 0 {
		p.fill("    ", p.paint(faint, fmt.Sprintf("  and %s: --top %d", count(more, "more rule"), len(p.rules))))
	}
	p.alsoFound()
}

// alsoFound says what is not in the list: notes, waived, below the severity.
func (p *page) alsoFound() {
	var also []string
	if len(p.notes) > 0 {
		ids := make([]string, len(p.notes))
		hosts := hostSet{}
		for i, n := range p.notes {
			ids[i] = n.rule.ID + " " + n.rule.Name
			maps.Copy(hosts, n.hosts)
		}
		also = append(also, fmt.Sprintf("harmless, on %s: %s", count(len(hosts), "host"), strings.Join(ids, ", ")))
	}
	if p.waived > 0 {
		also = append(also, fmt.Sprintf("%d waived", p.waived))
	}
	if p.known > 0 {
		also = append(also, fmt.Sprintf("%d of these are in the baseline", p.known))
	}
	for _, n := range p.r.Policy.Notices() {
		also = append(also, Visible(n.String()))
	}
	if p.hidden > 0 {
		also = append(also, fmt.Sprintf("%d below %s (--severity)", p.hidden, p.Severity))
	}
	for i, line := range also {
		if i == 0 && len(p.rules) == 0 {
			p.WriteByte('\n')
		}
		p.fill("    ", "  "+p.paint(faint, line))
	}
}

// ranking writes the worst hosts.
func (p *page) ranking() {
	risky := p.r.risky()
	if len(risky) == 0 {
		return
	}
	p.title("HOSTS BY RISK")
	columns := []column{
		{title: "#", right: true}, {title: "host", most: maxHostName}, {title: "group", most: 16, yields: 3}, {title: "risk", right: true},
		{title: "lost/s", right: true, yields: 1}, {title: "because of", least: 34, most: 80}, {title: "findings", most: 44, yields: 2},
	}
	if moved(p.r) {
		columns = append(columns, column{title: "change", yields: 4})
	}
	var rows [][]string
	var colors []color
	for _, h := range risky[:min(len(risky), p.Top)] {
		worst := &h.Findings[0]
		rows = append(rows, []string{
			strconv.Itoa(h.Risk.Rank), h.Name, strings.Join(h.Groups, " "), fmt.Sprintf("%.1f", h.Risk.Score), h.lost(),
			strings.TrimSpace(worst.Name + " " + worst.Subject), tally(h), h.moved(),
		})
		colors = append(colors, severityColor(worst.Severity))
	}
	p.table(columns, rows, 2, colors)
	if more := len(risky) - len(rows); more > 0 {
		p.fill("    ", "  "+p.paint(faint, fmt.Sprintf("and %s with findings: --top %d", count(more, "more host"), len(risky))))
	}
}

// risky returns the hosts that have a class, the worst first.
func (r *Report) risky() (hosts []*Host) {
	for i := range r.Hosts {
		if h := &r.Hosts[i]; h.Risk != nil && h.Risk.Class != "" {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

// common says what the hosts with one trouble share.
func (p *page) common() {
	if len(p.r.Fleet.Common) == 0 {
		return
	}
	p.title("IN COMMON", "what chance would hardly have made")
	all := p.r.Fleet.Common
	most := closeUp + 2
	if p.Verbose {
		most = len(all)
	}
	for _, c := range all[:min(most, len(all))] {
		p.fill("    ", "  "+p.show(c.Message, maxShown))
	}
	if more := len(all) - most; more > 0 {
		p.fill("    ", "  "+p.paint(faint, fmt.Sprintf("and %d more (-v)", more)))
	}
}

// drift says which settings differ from those of most hosts of their group.
func (p *page) drift() {
	all := p.r.Fleet.Drift
	if len(all) == 0 {
		return
	}
	p.title("DRIFT", "settings that most hosts of a group have otherwise")
	columns := []column{
		{title: "setting", most: 60}, {title: "group", most: 16, yields: 1}, {title: "most have", most: 24, least: 9},
		{title: "others have", least: 24, most: 80},
	}
	most := closeUp + 2
	if p.Verbose {
		most = len(all)
	}
	var rows [][]string
	for _, d := range all[:min(most, len(all))] {
		others := make([]string, len(d.Others))
		for i, o := range d.Others {
			others[i] = o.Value + " on " + someNames(o.Hosts, 3)
			if o.Kernel != "" {
				others[i] += " (kernel " + o.Kernel + ")"
			}
		}
		rows = append(rows, []string{d.Setting, d.Group, d.Majority.Value + " on " + strconv.Itoa(d.Majority.Count), strings.Join(others, "; ")})
	}
	p.table(columns, rows, 2, nil)
	if more := len(all) - len(rows); more > 0 {
		p.fill("    ", "  "+p.paint(faint, fmt.Sprintf("and %s (-v)", count(more, "more setting"))))
	}
}

// notChecked says once what could not be read, and what is not known for it.
func (p *page) notChecked() {
	others := p.netns.says()
	if len(p.missing) == 0 && len(others) == 0 {
		return
	}
	p.title("NOT CHECKED")
	if n := p.grades[Unknown]; n > 0 && len(p.r.Hosts) > 1 {
		var names []string
		for i := range p.r.Hosts {
			if h := &p.r.Hosts[i]; h.Risk != nil && h.Risk.Grade == Unknown {
				names = append(names, h.Name)
			}
		}
		p.fill("    ", "  unknown, not clean: "+p.names(names))
	}
	columns := []column{{title: "could not be read", most: 40}, {title: "because", most: 40}, {title: "hosts", right: true}, {title: "rules", least: 20, most: 80}}
	var rows [][]string
	most := 8
	if p.Verbose {
		most = len(p.missing)
	}
	for _, m := range p.missing[:min(most, len(p.missing))] {
		rows = append(rows, []string{
			m.Section, stateSays(m.Section, m.State), strconv.Itoa(len(m.hosts)), strings.Join(slices.Sorted(maps.Keys(m.rules)), " "),
		})
	}
	if len(p.r.Hosts) == 1 { // a number of hosts says nothing
		columns = slices.Delete(columns, 2, 3)
		for i := range rows {
			rows[i] = slices.Delete(rows[i], 2, 3)
		}
	}
	if len(rows) > 0 {
		p.table(columns, rows, 2, nil)
	}
	for _, words := range others {
		p.fill("    ", "  "+words)
	}
	if more := len(p.missing) - len(rows); more > 0 {
		p.fill("    ", "  "+p.paint(faint, fmt.Sprintf("and %d more (-v)", more)))
	}
	if slices.ContainsFunc(p.missing, func(m *missingSum) bool { return m.State == "denied" }) {
		p.fill("     ", "  "+p.paint(cyan, "-> ")+"a login that may read them checks these rules too, or scan --sudo auto where sudo asks for no password")
	}
}

// exit says what the exit code is made of, where it is not 0.
func (p *page) exit() {
	said := exitSays(p.r.Status)
	if said == "" {
		return
	}
	code, why, _ := strings.Cut(said, ": ")
	p.WriteByte('\n')
	p.fill("", p.bold(code)+": "+why)
}
