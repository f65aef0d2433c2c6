package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/fleetdrop/fleetdrop/probe/drop"
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
	r *Report
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
		{title: "severity"}, {title: "kind"}, {title: "rule"}, {title: "finding", least: 30, wrap: true},
		{title: "hosts", right: true}, {title: "lost/s", right: true, yields: 1}, {title: "worst on", most: maxHostName, yields: 2},
		{title: "where it says", least: 40, most: 72, yields: 3},
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
	p.table(columns, rows, 2, colors)
	if more := len(p.rules) - len(rows); more > 0 {
		p.fill("    ", p.paint(faint, "  and "+count(more, "more rule")))
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
	if p.r.Changes != nil {
		columns = append(columns, column{title: "change", yields: 4})
	}
	var rows [][]string
	var colors []color
	for _, h := range risky[:min(len(risky), p.Top)] {
		lost := 0.0
		for i := range h.Findings {
			lost += h.Findings[i].losing()
		}
		lostSays := ""
		if lost > 0 {
			lostSays = rate(lost)
		}
		worst := &h.Findings[0]
		rows = append(rows, []string{
			strconv.Itoa(h.Risk.Rank), h.Name, strings.Join(h.Groups, " "), fmt.Sprintf("%.1f", h.Risk.Score), lostSays,
			strings.TrimSpace(worst.Name + " " + worst.Subject), tally(h), string(h.Change),
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

// tally counts the findings of a host by severity: "1 critical, 2 medium".
func tally(h *Host) string {
	var n [drop.Critical + 1]int
	for i := range h.Findings {
		if f := &h.Findings[i]; classOf(f) < len(classes) {
			n[f.Severity]++
		}
	}
	var parts []string
	for s := drop.Critical; s > drop.Info; s-- {
		if n[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[s], s))
		}
	}
	return strings.Join(parts, ", ")
}

// notReached says each reason once, and what to do about it.
func (p *page) notReached() {
	p.errors("NOT REACHED", p.failed)
	p.errors("READ IN PART", p.partial)
}

func (p *page) errors(title string, sums []*errorSum) {
	if len(sums) == 0 {
		return
	}
	p.title(title)
	for _, s := range sums {
		names := make([]string, len(s.hosts))
		for i, h := range s.hosts {
			names[i] = h.Name
		}
		p.fill("    ", fmt.Sprintf("  %s  %s: %s", p.bold(p.show(s.code, 40)), count(len(s.hosts), "host"), p.names(names)))
		for _, said := range p.some(s, func(h *Host) string { return h.Error.Message }) {
			p.fill("    ", "    "+said)
		}
		p.hints(s)
	}
}

// hints says what to do about an error: what may differ from host to host, and then what
// else can be done. A command has a line of its own, that is never broken: it is copied.
func (p *page) hints(s *errorSum) {
	first, _, _ := strings.Cut(s.hosts[0].Error.Hint, orElse)
	words, command, _ := strings.Cut(first, beforeCommand)
	all := commands(s.hosts, words)
	if one := joined(all); one != "" && len(one) <= maxShown {
		all = []string{one}
	}
	switch {
	case command == "" || len(all) == 0:
		for _, said := range p.some(s, func(h *Host) string { said, _, _ := strings.Cut(h.Error.Hint, orElse); return said }) {
			p.fill("       ", "    "+p.paint(cyan, "-> ")+said)
		}
	case len(all) > 1 && !p.Verbose:
		p.fill("       ", "    "+p.paint(cyan, "-> ")+p.show(words, maxShown)+
			p.paint(faint, fmt.Sprintf(" (so for %s; -v shows the others):", p.show(s.hosts[0].Name, maxHostName))))
		p.WriteString("       " + p.show(all[0], maxShown) + "\n")
	default:
		p.fill("       ", "    "+p.paint(cyan, "-> ")+p.show(words, maxShown)+":")
		for _, command := range all {
			p.WriteString("       " + p.show(command, maxShown) + "\n")
		}
	}
	for _, said := range texts(s.hosts, func(h *Host) string { _, said, _ := strings.Cut(h.Error.Hint, orElse); return said }) {
		p.fill("       ", "    "+p.paint(cyan, "-> ")+"or "+p.show(said, maxShown))
	}
}

// A hint may end in a command, and say what else can be done.
const (
	beforeCommand = ": ssh-"
	orElse        = "; or "
)

// commands returns the commands of the hosts' hints, each once; none if a hint has none, or
// has other words before it.
func commands(hosts []*Host, words string) []string {
	same := true
	all := texts(hosts, func(h *Host) string {
		first, _, _ := strings.Cut(h.Error.Hint, orElse)
		before, command, found := strings.Cut(first, beforeCommand)
		same = same && found && before == words
		return "ssh-" + command
	})
	if !same {
		return nil
	}
	return all
}

// joined is one ssh-keyscan for all of those that differ in the host only; "" if they do
// not.
func joined(commands []string) string {
	var before, after string
	var hosts []string
	for i, command := range commands {
		fields := strings.Fields(command)
		at := slices.Index(fields, ">>")
		if at < 2 || fields[0] != "ssh-keyscan" {
			return ""
		}
		head, tail := strings.Join(fields[:at-1], " "), strings.Join(fields[at:], " ")
		if i > 0 && (head != before || tail != after) {
			return ""
		}
		before, after = head, tail
		hosts = append(hosts, fields[at-1])
	}
	return before + " " + strings.Join(hosts, " ") + " " + after
}

// some is the texts of an error, each once. Where every host has its own, the first speaks
// for the others.
func (p *page) some(s *errorSum, of func(*Host) string) (some []string) {
	once := texts(s.hosts, of)
	if len(once) > 1 && !p.Verbose {
		return []string{p.show(once[0], maxShown) + p.paint(faint, fmt.Sprintf("  (so for %s; -v shows the others)", p.show(s.hosts[0].Name, maxHostName)))}
	}
	for _, said := range once {
		some = append(some, p.show(said, maxShown))
	}
	return some
}

// names lists hosts, as many as say something.
func (p *page) names(all []string) string {
	most := 8
	if p.Verbose {
		most = len(all)
	}
	shown := make([]string, 0, most)
	for _, name := range all[:min(most, len(all))] {
		shown = append(shown, p.show(name, maxHostName))
	}
	said := strings.Join(shown, ", ")
	if more := len(all) - len(shown); more > 0 {
		said += fmt.Sprintf(" and %d more", more)
	}
	return said
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

// stateSays is what a state means for someone who wants to change it.
func stateSays(section, state string) string {
	switch state {
	case "denied":
		return "denied: needs root"
	case "absent":
		return "absent: not on this host"
	case "cut":
		return "cut: over the size cap"
	case "late":
		return "late: over the time limit"
	case "garbled":
		return "garbled: not understood"
	case "unread":
		switch tool, _, _ := strings.Cut(section, " "); {
		case tool == "ss" || tool == "nft" || strings.HasSuffix(tool, "-save"):
			return "unread: asking would load a module"
		case tool == "ethtool":
			return "unread: 16 interfaces are asked"
		}
		return "unread: never came"
	}
	return state
}

// describe writes the worst hosts with their findings.
func (p *page) describe() {
	var hosts []*Host
	for i := range p.r.Hosts {
		h := &p.r.Hosts[i]
		if h.Reached() && slices.ContainsFunc(h.Findings, func(f Finding) bool { return f.Kind != drop.Note && f.Severity >= p.Severity }) {
			hosts = append(hosts, h)
		}
	}
	if len(p.r.Hosts) == 1 && len(hosts) == 0 && p.r.Hosts[0].Reached() {
		hosts = append(hosts, &p.r.Hosts[0])
	}
	all := len(hosts)
	most := p.Top
	if !p.Verbose {
		most = min(most, closeUp)
	}
	hosts = hosts[:min(len(hosts), most)]
	for _, h := range hosts {
		p.host(h)
	}
	if all > len(hosts) {
		p.WriteByte('\n')
		p.fill("", p.paint(faint, fmt.Sprintf("%s with findings: -v describes them (--top %d)", count(all-len(hosts), "more host"), all)))
	}
}

func (p *page) host(h *Host) {
	p.WriteByte('\n')
	about := p.paint(bold, p.show(h.Name, maxHostName))
	if h.Risk != nil {
		about += fmt.Sprintf("  risk %.1f  %s", h.Risk.Score, p.state(h.Risk.Grade, string(h.Risk.Grade)))
	}
	var facts []string
	for _, fact := range []string{h.Address, h.OS, h.Kernel} {
		if fact != "" {
			facts = append(facts, p.show(fact, 60))
		}
	}
	if h.Uptime != nil {
		facts = append(facts, "up "+span(*h.Uptime))
	}
	if h.OwnNetns {
		facts = append(facts, "in a network namespace of its own")
	}
	if c := h.Coverage; c != nil {
		facts = append(facts, fmt.Sprintf("%s checked, %d not", count(c.Checked, "rule"), c.NotChecked))
		if words := c.Namespaces.says(); words != "" {
			facts = append(facts, words)
		}
	}
	p.fill("  ", about+"  "+p.paint(faint, strings.Join(facts, ", ")))
	notes := 0
	for i := range h.Findings {
		f := &h.Findings[i]
		switch {
		case f.Severity < p.Severity:
		case f.Kind == drop.Note && notes >= closeUp && !p.Verbose:
			notes++
		case f.Kind == drop.Note:
			notes++
			p.fill("        ", "  "+p.paint(faint, fmt.Sprintf("note  %s %s", f.Rule, p.show(says(f), maxShown))))
		default:
			p.finding(f)
		}
	}
	if notes > closeUp && !p.Verbose {
		p.fill("    ", "  "+p.paint(faint, fmt.Sprintf("and %s (-v)", count(notes-closeUp, "more note"))))
	}
}

func (p *page) finding(f *Finding) {
	p.fill("    ", fmt.Sprintf("  %s %s  %s %s", p.paint(severityColor(f.Severity), severityWord(f.Severity)), f.Kind, f.Rule, p.bold(p.show(f.Name, 60))))
	p.fill("      ", "    "+p.show(says(f), maxShown))
	if said := lossSays(f.Loss); said != "" {
		p.fill("      ", "    "+said)
	}
	if f.Waived != nil {
		p.fill("      ", "    waived: "+p.show(f.Waived.Reason, maxShown))
	}
	p.evidence(f.Evidence)
	for i := range f.Remedy {
		p.step(i+1, &f.Remedy[i])
	}
}

func (p *page) evidence(all []Evidence) {
	most := len(all)
	if !p.Verbose && most > 5 {
		most = 4
	}
	var rows [][]string
	for _, e := range all[:most] {
		rows = append(rows, []string{source(e), quote(e)})
	}
	if len(rows) == 0 {
		return
	}
	columns := []column{{title: "", most: 72}, {title: "", most: 48}}
	if lead := len("    evidence  "); lead+width(columns, rows, 2) > p.Width {
		columns = columns[:1] // no room: what it says stands below
		var down [][]string
		for _, row := range rows {
			down = append(down, row[:1], []string{"  " + row[1]})
		}
		rows = down
	}
	p.rows(columns, rows, 2, "    ", p.paint(faint, "evidence  "))
	if more := len(all) - most; more > 0 {
		p.fill("              ", "              "+p.paint(faint, fmt.Sprintf("and %d more (-v)", more)))
	}
}

// source is where a fact comes from; the section may name the row already.
func source(e Evidence) string {
	words := e.Section
	if e.Row != "" && !strings.Contains(e.Section, e.Row) {
		words += " " + e.Row
	}
	return strings.TrimSpace(words + " " + e.Field)
}

// quote is what a fact says: "40 -> 57".
func quote(e Evidence) string {
	switch {
	case e.State != "known":
		return e.State
	case e.Value == nil:
		return ""
	case e.Before != nil && e.Unverified:
		return fmt.Sprintf("%v -> %v (unverified)", e.Before, e.Value)
	case e.Before != nil:
		return fmt.Sprintf("%v -> %v", e.Before, e.Value)
	case e.Unverified:
		return fmt.Sprintf("%v (unverified)", e.Value)
	}
	return strings.TrimSpace(fmt.Sprint(e.Value))
}

func (p *page) step(n int, s *Step) {
	lead := "remedy "
	if n > 1 {
		lead = "       "
	}
	p.fill("               ", "    "+p.paint(faint, lead)+fmt.Sprintf("%2d. ", n)+p.show(s.Text, maxShown))
	line := func(title, said string) {
		if said != "" {
			p.fill("                   ", "               "+p.paint(faint, title)+p.show(said, maxShown))
		}
	}
	command := s.Command
	if s.Present != "" && s.Sysctl != "" {
		command = strings.TrimSpace(command + "   (now " + s.Present + ")")
	}
	if command != "" {
		p.WriteString("               " + p.show(command, maxShown) + "\n") // it is copied: never broken
	}
	if p.Verbose {
		line("for good: ", s.Persist)
	}
	line("price: ", s.Price)
	line("undo: ", s.Undo)
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

// exitSays is the exit code and what it is made of; "" if it is 0.
func exitSays(s Status) string {
	why := ""
	switch s.ExitCode {
	case ExitDone:
		return ""
	case ExitFindings:
		why = fmt.Sprintf("%s at or above --fail-on or --fail-on-loss", count(s.Failing, "finding"))
	case ExitIncomplete:
		why = fmt.Sprintf("%s not scanned to the end (--max-failed N or P%% puts up with it)", count(s.Failed+s.Partial, "host"))
	case ExitNone:
		why = "no host was reached"
	case ExitInterrupted:
		why = "interrupted"
	}
	return fmt.Sprintf("exit %d: %s", s.ExitCode, why)
}

// says is a finding in one line, without its severity.
func says(f *Finding) string {
	if f.Subject == "" {
		return f.Message
	}
	return f.Subject + ": " + f.Message
}

// lossSays is a loss in one line: "60 of 66 SYNs (91 %) in 4.6 s, 13/s".
func lossSays(l *Loss) string {
	if l == nil {
		return ""
	}
	said := "lost "
	if !l.Exact {
		said += "about "
	}
	said += strconv.FormatUint(l.Count, 10)
	if l.Of != nil {
		said += " of " + strconv.FormatUint(*l.Of, 10)
	}
	said += " " + string(l.Unit)
	if l.Ratio != nil {
		said += " (" + percent(*l.Ratio) + ")"
	}
	if l.Window != nil {
		said += " in " + span(*l.Window)
	}
	if l.PerSecond != nil {
		said += ", " + rate(*l.PerSecond) + "/s"
	}
	return said
}

// percent keeps two digits, and never says 0 or 100 of what is not.
func percent(ratio float64) string {
	p := ratio * 100
	switch {
	case p == 0 || p == 100:
		return fmt.Sprintf("%.0f %%", p)
	case p < 0.001:
		return "below 0.001 %"
	case p < 1:
		return strconv.FormatFloat(p, 'g', 2, 64) + " %"
	case p < 10:
		return fmt.Sprintf("%.1f %%", p)
	case p > 99:
		return fmt.Sprintf("%.1f %%", min(p, 99.9))
	}
	return fmt.Sprintf("%.0f %%", p)
}

// rate is a number a second, short.
func rate(x float64) string {
	switch {
	case x < 0.01:
		return "<0.01"
	case x < 1:
		return strconv.FormatFloat(x, 'g', 2, 64)
	case x < 10:
		return fmt.Sprintf("%.1f", x)
	case x < 9999.5:
		return fmt.Sprintf("%.0f", x)
	case x < 999.5e3:
		return fmt.Sprintf("%.0fk", x/1e3)
	case x < 999.5e6:
		return fmt.Sprintf("%.1fM", x/1e6)
	}
	return fmt.Sprintf("%.1fG", min(x, 999e12)/1e9)
}

// span is a time, short: "4.6 s", "12 min", "3 h", "300 days".
func span(seconds float64) string {
	d := time.Duration(min(seconds, 1e9) * float64(time.Second))
	switch {
	case d < 10*time.Second:
		return strconv.FormatFloat(math.Round(seconds*10)/10, 'f', -1, 64) + " s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", seconds)
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}

func dot(n int) string {
	if n == 0 {
		return "."
	}
	return strconv.Itoa(n)
}

// count is a number and its noun.
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// A column of a table. Where there is no room, columns yield: those with the highest
// number go first, after those that may shrink have.
type column struct {
	title  string
	right  bool
	least  int  // it may shrink to this width; 0: it may not
	most   int  // it is never wider; 0: as it comes
	yields int  // 0: it stays
	wrap   bool // what is too long goes on in the next line; else it is cut
}

// width is how wide a table is.
func width(columns []column, rows [][]string, gap int) int {
	sum := -gap
	for _, w := range widths(columns, rows) {
		sum += w + gap
	}
	return sum
}

func widths(columns []column, rows [][]string) []int {
	all := make([]int, len(columns))
	for i, c := range columns {
		all[i] = text.StringWidth(c.title)
		for _, row := range rows {
			all[i] = max(all[i], text.StringWidth(Visible(row[i])))
		}
		if c.most > 0 {
			all[i] = min(all[i], max(c.most, text.StringWidth(c.title)))
		}
	}
	return all
}

// fit returns the columns that have room, and their widths.
func fit(columns []column, rows [][]string, gap, room int) (kept, wide []int) {
	all := widths(columns, rows)
	sum, slack := -gap, 0
	take := func(i, sign int) {
		sum += sign * (all[i] + gap)
		if least := columns[i].least; least > 0 {
			slack += sign * max(0, all[i]-least)
		}
	}
	for i := range columns {
		kept = append(kept, i)
		take(i, 1)
	}
	var yielded []int
	for sum > room+slack {
		out := slices.MaxFunc(kept, func(a, b int) int { return cmp.Compare(columns[a].yields, columns[b].yields) })
		if columns[out].yields == 0 {
			break
		}
		kept = slices.DeleteFunc(kept, func(i int) bool { return i == out })
		yielded = append(yielded, out)
		take(out, -1)
	}
	// One that went first may be narrow enough for what another has left.
	for _, i := range slices.Backward(yielded) {
		if sum+all[i]+gap <= room {
			kept = append(kept, i)
			take(i, 1)
		}
	}
	slices.Sort(kept)
	for _, i := range slices.Backward(kept) { // the last ones shrink first
		if least := columns[i].least; least > 0 && sum > room {
			less := min(sum-room, max(0, all[i]-least))
			all[i], sum = all[i]-less, sum-less
		}
	}
	for _, i := range kept {
		wide = append(wide, all[i])
	}
	return kept, wide
}

// table writes a table with a header. The colors are of the first words of the rows.
func (p *page) table(columns []column, rows [][]string, gap int, colors []color) {
	kept, wide := fit(columns, rows, gap, p.Width-indent)
	t := newTable(gap)
	header := make(table.Row, len(kept))
	configs := make([]table.ColumnConfig, len(kept))
	for i, at := range kept {
		header[i] = p.paint(faint, columns[at].title)
		configs[i] = columnConfig(i, columns[at], wide[i])
	}
	t.AppendHeader(header)
	t.SetColumnConfigs(configs)
	for n, row := range rows {
		cells := make(table.Row, len(kept))
		for i, at := range kept {
			most := wide[i]
			if columns[at].wrap {
				most = maxShown
			}
			cells[i] = p.show(row[at], most)
			if colors != nil && i == 0 {
				cells[i] = p.paint(colors[n], cells[i].(string))
			}
		}
		t.AppendRow(cells)
	}
	p.indented("  ", t.Render())
}

// rows writes a table without a header behind a lead, such as "evidence".
func (p *page) rows(columns []column, rows [][]string, gap int, before, lead string) {
	blank := strings.Repeat(" ", text.StringWidthWithoutEscSequences(lead))
	kept, wide := fit(columns, rows, gap, p.Width-len(before)-len(blank))
	t := newTable(gap)
	for _, row := range rows {
		cells := make(table.Row, len(kept))
		for i, at := range kept {
			cells[i] = p.show(row[at], wide[i])
		}
		t.AppendRow(cells)
	}
	for line := range strings.Lines(t.Render() + "\n") {
		p.WriteString(before + lead + line)
		lead = blank
	}
}

func newTable(gap int) table.Writer {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", strings.Repeat(" ", gap)
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	return t
}

func columnConfig(i int, c column, wide int) table.ColumnConfig {
	config := table.ColumnConfig{Number: i + 1}
	if c.wrap {
		config.WidthMax, config.WidthMaxEnforcer = wide, text.WrapSoft
	}
	if c.right {
		config.Align, config.AlignHeader = text.AlignRight, text.AlignRight
	}
	return config
}

// title begins a part of the page.
func (p *page) title(words string, aside ...string) {
	p.WriteByte('\n')
	p.fill("", p.bold(words)+"  "+p.paint(faint, strings.Join(aside, " ")))
}

func (p *page) indented(before, lines string) {
	for line := range strings.Lines(lines) {
		p.WriteString(before + line)
	}
	p.WriteByte('\n')
}

// fill writes words that are safe, in lines of the page's width. The first line begins as
// the words do; the others begin with that.
func (p *page) fill(before, words string) {
	lead := words[:len(words)-len(strings.TrimLeft(words, " "))]
	line, used := lead, len(lead)
	empty := true
	for word := range strings.SplitSeq(words[len(lead):], " ") {
		wide := text.StringWidthWithoutEscSequences(word)
		switch {
		case empty:
		case used+1+wide > p.Width && !slices.Contains(glued, word):
			p.WriteString(strings.TrimRight(line, " ") + "\n")
			line, used = before, len(before)
		default:
			line, used = line+" ", used+1
		}
		line, used = line+word, used+wide
		empty = false
	}
	p.WriteString(strings.TrimRight(line, " ") + "\n")
}

// glued are words that stay with the number before them.
var glued = []string{"s", "s,", "s;", "s:", "s)", "%", "%,", "%)"}

// maxShown bounds one text on a terminal.
const maxShown = 400

// show makes a text from a host safe for a terminal, in at most that many columns.
func (p *page) show(s string, columns int) string {
	return text.Snip(Visible(s), columns, "~")
}

// A color is the parameters of an SGR sequence.
type color string

const (
	plain  color = ""
	bold   color = "1"
	faint  color = "2"
	red    color = "31"
	yellow color = "33"
	cyan   color = "36"
	loud   color = "1;31"
)

func (p *page) paint(c color, words string) string {
	if !p.Color || c == plain || words == "" {
		return words
	}
	return "\x1b[" + string(c) + "m" + words + "\x1b[0m"
}

func (p *page) bold(words string) string { return p.paint(bold, words) }

// state paints what is said of a grade: red is a loss, yellow a risk, and nothing else is.
func (p *page) state(g Grade, words string) string {
	switch g {
	case Dropping:
		return p.paint(loud, words)
	case Dropped, AtRisk:
		return p.paint(yellow, words)
	}
	return words
}

func severityColor(s drop.Severity) color {
	switch s {
	case drop.Critical:
		return loud
	case drop.High:
		return red
	case drop.Medium:
		return yellow
	}
	return plain
}

// severityWord is a severity that stands out without a colour.
func severityWord(s drop.Severity) string { return strings.ToUpper(s.String()) }
