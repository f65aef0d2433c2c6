package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

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
	if !p.Verbose && all > closeUp {
		most = 1 // the worst shows what the others look like
	}
	hosts = hosts[:min(len(hosts), most)]
	for _, h := range hosts {
		whole, err := p.r.whole(h)
		if err != nil {
			p.unread = err
			return
		}
		p.host(whole)
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
		facts = append(facts, fmt.Sprintf("%d of %s checked", c.Checked, count(c.Checked+c.NotChecked, "rule")))
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
		p.fill("      ", "    waived until "+cmp.Or(f.Waived.Expires, "further notice")+": "+p.show(f.Waived.Reason, maxShown))
	}
	if f.Lapsed != nil {
		p.fill("      ", "    its waiver expired "+f.Lapsed.Expires+": "+p.show(f.Lapsed.Reason, maxShown))
	}
	if f.Policy != "" {
		p.fill("      ", "    expected by "+p.show(f.Policy, maxShown))
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
	if s.Command != "" {
		command, now := "               "+p.show(s.Command, maxShown), ""
		if s.Present != "" {
			now = "(now " + p.show(s.Present, maxHostName) + ")"
		}
		if wide := text.StringWidth(command + now); now != "" && wide+3 <= p.Width {
			command, now = command+"   "+now, ""
		}
		p.WriteString(command + "\n") // it is copied: never broken
		line("", now)
	}
	if p.Verbose {
		line("for good: ", s.Persist)
	}
	line("price: ", s.Price)
	if undo := p.show(s.Undo, maxShown); s.Command != "" && text.StringWidth("               undo: "+undo) > p.Width {
		p.WriteString("               " + p.paint(faint, "undo:") + "\n                 " + undo + "\n") // it is a command, too
		return
	}
	line("undo: ", s.Undo)
}
