package report

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// How much of each the page says without a script.
const (
	htmlStatic = 200 // hosts, the worst
	htmlDrift  = 50  // settings that differ
	htmlCommon = 8   // causes that may be common, the strongest
)

// A pageView is what the template shows. What it holds of hosts is as they said it.
type pageView struct {
	Title, Tool, Run, Inventory, Window string
	Started                             time.Time
	Style                               template.CSS
	Policy                              string

	Number, Headline string
	Calm             bool // nothing is lost now
	Start            *start
	Grades           []gradeView
	Coverage, Method string

	Path                         []stop
	Beside                       *stop
	Findings, Notes              []ruleView
	Common                       []commonView
	Hosts                        []rowView
	Reached, Beyond              int
	Drift                        []driftView
	MoreDrift                    int // settings that are not listed
	Changes                      *changesView
	Moved                        bool // a host has a change
	Failed, Partial              *errorsView
	Missing                      []missingView
	Namespaces                   []string // what is not known of those beside the logins' own
	Notices                      []string // waivers that somebody has to look after
	Policies                     string
	Blind, Waived, Known, Hidden int
	Severity                     drop.Severity
	Interrupted, OneSample       bool
}

// A start is where to begin: the worst host, why, and the first change.
type start struct{ Host, Href, Message, Text, Command, Present string }

type gradeView struct {
	Key, Sign, Text, N, Href string
	Zero                     bool
	X, W                     float64 // of the bar, in thousandths
}

type ruleView struct {
	Rule
	Severity           drop.Severity
	Kind               drop.Kind
	Sign, Hosts, Rate  string
	Many, Href         string
	Worst, WorstHref   string
	Finding            *Finding
	Loss               string
	Evidence           []pageEvidence
	Open               bool
	Drops, Lost, Risks int // hosts by what it found there
}

type commonView struct{ Message, Href string }

type rowView struct {
	Rank                     int
	Name, Href, Groups       string
	Grade, Sign              string
	Score, Rate              string
	Severity, Finding, Aside string
	More, Change             string
}

type driftView struct{ Setting, Group, Majority, Agree, Value, Hosts, Kernel string }

type errorView struct {
	Code          string
	N             string
	Message, Hint string
	Command, Else string // of the hint; empty where it has none
	Names         string
}

type errorsView struct {
	Title  string
	Errors []errorView
}

type missingView struct{ Section, Because, Hosts, Rules string }

func htmlViewOf(r *Report, o Options) (*pageView, error) {
	s := summarize(r, o.Severity)
	v := &pageView{
		Title: "fleetdrop: " + strings.Join(r.Run.Inventory, ", ") + ", " + r.Run.Started.Format(time.DateOnly),
		Tool:  r.Tool.Name + " " + r.Tool.Version, Run: r.Run.ID, Inventory: strings.Join(r.Run.Inventory, ", "),
		Started: r.Run.Started, Window: span(r.Run.Window), OneSample: r.Run.Window == 0, Interrupted: r.Run.Interrupted,
		Style: template.CSS(pageStyle), Policy: contentPolicy(),
		Drift: driftsView(r.Fleet.Drift[:min(len(r.Fleet.Drift), htmlDrift)]), MoreDrift: max(0, len(r.Fleet.Drift)-htmlDrift),
		Failed: errorsViewOf("Hosts not reached", s.failed), Partial: errorsViewOf("Hosts read in part", s.partial),
		Waived: s.waived, Known: s.known, Hidden: s.hidden, Severity: o.Severity,
	}
	var unread, untold, unknown error
	v.Findings, unread = rulesView(r, s.rules)
	v.Notes, untold = rulesView(r, s.notes)
	v.Start, unknown = startOf(r)
	if err := cmp.Or(unread, untold, unknown); err != nil {
		return nil, err
	}
	if r.Changes != nil {
		v.Changes, v.Moved = changesViewOf(r.Changes), moved(r)
	}
	for _, n := range r.Policy.Notices() {
		v.Notices = append(v.Notices, n.String())
	}
	if r.Policy != nil {
		v.Policies = strings.Join(r.Policy.Files, ", ")
	}
	v.grades(r, s)
	v.headline(r, s)
	v.method(r, s)
	for _, st := range pathOf(r, s) {
		if st.Y > 0 {
			v.Path = append(v.Path, st)
		} else if !st.Quiet {
			v.Beside = &st
		}
	}
	for _, c := range r.Fleet.Common[:min(len(r.Fleet.Common), htmlCommon)] {
		href := ""
		if c.Rule != "" {
			href = hash("rule", c.Rule)
		}
		v.Common = append(v.Common, commonView{c.Message, href})
	}
	for i := range r.Hosts {
		h := &r.Hosts[i]
		if len(h.NotChecked) > 0 {
			v.Blind++
		}
		if !h.Reached() {
			continue
		}
		if v.Reached++; v.Reached <= htmlStatic {
			v.Hosts = append(v.Hosts, rowOf(h, o.Severity))
		}
	}
	v.Beyond = v.Reached - len(v.Hosts)
	v.Namespaces = s.netns.says()
	for _, m := range s.missing {
		v.Missing = append(v.Missing, missingView{
			m.Section, stateSays(m.Section, m.State), grouped(uint64(len(m.hosts))), strings.Join(slices.Sorted(maps.Keys(m.rules)), " "),
		})
	}
	return v, nil
}

// hash is a link into the page: what is chosen there is part of its address, so that a link
// can be sent to a colleague.
func hash(key, value string) string { return "#" + key + "=" + url.QueryEscape(Visible(value)) }

func (v *pageView) grades(r *Report, s *summary) {
	says := []struct{ key, text string }{
		{string(Dropping), "losing packets now"}, {string(Dropped), "lost packets before"}, {string(AtRisk), "at risk"},
		{string(Clean), "clean"}, {string(Unknown), "not fully looked at"}, {gradeNotReached, "not reached"},
	}
	at := 0.0
	for _, g := range says {
		n := s.grades[Grade(g.key)]
		if g.key == gradeNotReached {
			n = r.Status.Failed
		}
		wide := 1000 * float64(n) / float64(max(len(r.Hosts), 1))
		v.Grades = append(v.Grades, gradeView{
			Key: g.key, Sign: signs[g.key], Text: g.text, N: grouped(uint64(n)), Href: hash("grade", g.key), Zero: n == 0,
			X: math.Round(at*100) / 100, W: math.Round(max(0, wide-2)*100) / 100,
		})
		at += wide
	}
}

// headline is what the page says first: one number, and where to begin.
func (v *pageView) headline(r *Report, s *summary) {
	now, later, blind := s.grades[Dropping], s.grades[Dropped]+s.grades[AtRisk], s.grades[Unknown]+r.Status.Failed
	number := now
	switch {
	case now == 1:
		v.Headline = "host is losing packets now"
	case now > 1:
		v.Headline = "hosts are losing packets now"
	case later > 0:
		number, v.Headline = later, "hosts lost packets before, or may; none loses any now"
		if later == 1 {
			v.Headline = "host lost packets before, or may; none loses any now"
		}
	case blind > 0:
		number, v.Headline = blind, "hosts could not be judged; nothing was found on the others"
		if blind == 1 {
			v.Headline = "host could not be judged; nothing was found on the others"
		}
	default:
		v.Headline = "hosts are losing packets"
	}
	v.Number, v.Calm = grouped(uint64(number)), now == 0
}

// startOf is nil where no host has a class.
func startOf(r *Report) (*start, error) {
	if len(r.Hosts) == 0 || r.Hosts[0].Risk == nil || r.Hosts[0].Risk.Class == "" {
		return nil, nil
	}
	h := &r.Hosts[0]
	f, err := r.wholeFinding(h, &h.Findings[0])
	if err != nil {
		return nil, err
	}
	s := &start{Host: h.Name, Href: hash("host", h.Name), Message: says(f)}
	for _, step := range f.Remedy {
		// The first step that changes something; looking comes before it, in the list of steps.
		if s.Text == "" || s.Command == "" && step.Undo != "" {
			s.Text, s.Command, s.Present = step.Text, step.Command, step.Present
		}
	}
	return s, nil
}

func (v *pageView) method(r *Report, s *summary) {
	v.Coverage = fmt.Sprintf("%s of %s scanned", grouped(uint64(r.Status.Scanned)), many(r.Status.Hosts, "host"))
	if n := r.Fleet.Machines; n < r.Status.Scanned {
		v.Coverage += fmt.Sprintf(", on %s", many(n, "machine"))
	}
	var codes []string
	for _, e := range s.failed {
		codes = append(codes, fmt.Sprintf("%d %s", len(e.hosts), e.code))
	}
	if len(codes) > 0 {
		v.Coverage += "; not reached: " + strings.Join(codes, ", ")
	}
	v.Method = fmt.Sprintf("Two samples %s apart, read-only, one SSH session per host; %s in all", span(r.Run.Window), span(r.Run.Duration))
	if v.OneSample {
		v.Method = fmt.Sprintf("One sample, read-only, one SSH session per host; %s in all. Of one sample nothing is known of now", span(r.Run.Duration))
	}
}

func rulesView(r *Report, sums []*ruleSum) (views []ruleView, _ error) {
	for i, s := range sums {
		f, err := r.wholeFinding(s.host, s.worst)
		if err != nil {
			return nil, err
		}
		view := ruleView{
			Rule: s.rule, Severity: f.Severity, Kind: f.Kind, Sign: signs[string(f.Kind)], Hosts: grouped(uint64(len(s.hosts))),
			Many: many(len(s.hosts), "host"), Href: hash("rule", s.rule.ID), Worst: s.host.Name, WorstHref: hash("host", s.host.Name),
			Finding: f, Loss: lossSays(f.Loss), Open: i == 0,
		}
		if s.perSecond > 0 {
			view.Rate = rate(s.perSecond) + "/s"
		}
		for j := range f.Evidence {
			view.Evidence = append(view.Evidence, packEvidence(&f.Evidence[j]))
		}
		views = append(views, view)
	}
	return views, nil
}

// rowOf is a host in the list that needs no script.
func rowOf(h *Host, least drop.Severity) rowView {
	row := rowView{
		Rank: h.Risk.Rank, Name: h.Name, Href: hash("host", h.Name), Groups: strings.Join(h.Groups, " "),
		Grade: string(h.Risk.Grade), Sign: signs[string(h.Risk.Grade)], Score: "–", Rate: h.lost(),
	}
	if h.Risk.Grade != Unknown {
		row.Score = fmt.Sprintf("%.0f", h.Risk.Score)
	}
	loud := 0
	for i := range h.Findings {
		f := &h.Findings[i]
		if classOf(f) == len(classes) || f.Severity < least {
			continue
		}
		if loud++; loud == 1 {
			row.Severity, row.Finding = f.Severity.String(), strings.TrimSpace(f.Name+" "+f.Subject)
		}
	}
	row.Change = h.moved()
	if loud > 1 {
		row.More = fmt.Sprintf("+%d", loud-1)
	}
	// Why it is not called clean, or what its "clean" leaves out.
	switch {
	case h.Error != nil:
		row.Aside = h.Error.Message
	case h.Coverage != nil && h.Coverage.NotChecked > 0:
		row.Aside = count(h.Coverage.NotChecked, "rule") + " not checked"
	}
	return row
}

func driftsView(all []Drift) (views []driftView) {
	for _, d := range all {
		machines := d.Majority.Count + d.outside()
		for _, o := range d.Others {
			view := driftView{
				Setting: d.Setting, Group: d.Group, Majority: d.Majority.Value, Value: o.Value, Kernel: o.Kernel,
				Agree: fmt.Sprintf("%s of %s", grouped(uint64(d.Majority.Count)), grouped(uint64(machines))),
				Hosts: someNames(o.Hosts, 12),
			}
			views = append(views, view)
		}
	}
	return views
}

func errorsViewOf(title string, sums []*errorSum) *errorsView {
	if len(sums) == 0 {
		return nil
	}
	view := &errorsView{Title: title}
	for _, s := range sums {
		names := make([]string, len(s.hosts))
		for i, h := range s.hosts {
			names[i] = h.Name
		}
		first := s.hosts[0].Error
		words, command, or := hintParts(first.Hint)
		view.Errors = append(view.Errors, errorView{s.code, grouped(uint64(len(s.hosts))), first.Message, words, command, or, someNames(names, 40)})
	}
	return view
}

type (
	changesView struct {
		Since string
		Same  bool // nothing changed
		Lists []changeList
		Facts []string
	}
	changeList struct {
		Title, N string
		Items    []changeItem
		More     int
	}
	changeItem struct{ Host, Href, Name, Says string }
)

// htmlChanges is how many findings that changed in one way the page lists.
const htmlChanges = 20

func changesViewOf(c *Changes) *changesView {
	view := &changesView{Since: c.Since.ID}
	for _, kind := range []struct {
		change Change
		title  string
	}{{ChangeNew, "New"}, {ChangeWorse, "Worse"}, {ChangeBetter, "Better"}, {ChangeFixed, "Fixed"}} {
		list, n := changeList{Title: kind.title}, 0
		for i := range c.Findings {
			f := &c.Findings[i]
			if f.Change != kind.change {
				continue
			}
			if n++; n <= htmlChanges {
				list.Items = append(list.Items, changeItem{f.Host, hash("host", f.Host), f.Name, f.says()})
			}
		}
		list.N, list.More = grouped(uint64(n)), n-len(list.Items)
		view.Lists = append(view.Lists, list)
	}
	for _, s := range c.Settings[:min(len(c.Settings), htmlDrift)] {
		view.Facts = append(view.Facts, fmt.Sprintf("%s: %s → %s on %s", s.Setting, s.Before, s.After, someNames(s.Hosts, 12)))
	}
	for _, fact := range []struct {
		hosts []string
		says  string
	}{
		{c.Rebooted, "rebooted since, so that their counters began again"}, {c.Added, "new in the inventory"}, {c.Gone, "no longer in the inventory"},
		{c.Lost, "not reached any more: what was found of them before is not fixed"}, {c.Back, "reached again"},
	} {
		if len(fact.hosts) > 0 {
			view.Facts = append(view.Facts, someNames(fact.hosts, 12)+": "+fact.says)
		}
	}
	unseen := 0
	for i := range c.Findings {
		if c.Findings[i].Change == ChangeUnseen {
			unseen++
		}
	}
	if unseen > 0 {
		view.Facts = append(view.Facts, many(unseen, "finding")+" could not be checked again, and nobody knows whether they are fixed")
	}
	view.Same = len(view.Facts) == 0 && !slices.ContainsFunc(view.Lists, func(l changeList) bool { return len(l.Items) > 0 })
	return view
}

// someNames lists names, as many as say something.
func someNames(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
