package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// Changes are what is different from an earlier scan of the same hosts.
type Changes struct {
	Since    ChangesSince    `json:"since"`
	Findings []FindingChange `json:"findings"` // new, worse, better, fixed, not checked again; the worst of each first
	Settings []SettingChange `json:"settings"` // what changed on the most hosts first
	Rebooted []string        `json:"rebooted"` // hosts; their counters began again
	Added    []string        `json:"added"`    // hosts that the earlier scan did not have
	Gone     []string        `json:"gone"`     // hosts that only the earlier scan had
	Lost     []string        `json:"lost"`     // hosts that were reached then, and not now
	Back     []string        `json:"back"`     // hosts that were not reached then
}

// ChangesSince is the earlier scan.
type ChangesSince struct {
	ID      string    `json:"id"`
	Started time.Time `json:"started"`
	Hosts   int       `json:"hosts"`
}

// A Change says what became of a finding, or of a host.
type Change string

// The changes. A host has the first of them that one of its findings has; Same if none of
// them changed.
const (
	ChangeNew    Change = "new"
	ChangeWorse  Change = "worse"
	ChangeBetter Change = "better"
	ChangeFixed  Change = "fixed"
	ChangeUnseen Change = "not-checked" // it could not be checked again
	ChangeSame   Change = "same"
)

var changeOrder = []Change{ChangeNew, ChangeWorse, ChangeBetter, ChangeFixed, ChangeUnseen, ChangeSame}

// A FindingChange is a finding that is not what it was. Findings are told apart by their
// fingerprint. The kind is no part of it, and notes and what is waived are none.
type FindingChange struct {
	Change      Change     `json:"change"`
	Host        string     `json:"host"`
	Rule        string     `json:"rule"`
	Name        string     `json:"name"`
	Stage       drop.Stage `json:"stage"`
	Subject     string     `json:"subject"`
	Fingerprint string     `json:"fingerprint"`
	Before      *ChangeEnd `json:"before"` // nil if it is new
	After       *ChangeEnd `json:"after"`  // nil if it is fixed, or was not checked again

	finding *Finding // the one that is there, the later one first
}

// A ChangeEnd is what a finding was, or is.
type ChangeEnd struct {
	Kind     drop.Kind     `json:"kind"`
	Severity drop.Severity `json:"severity"`
	Message  string        `json:"message"`
	Loss     *Loss         `json:"loss"`
}

// A SettingChange is a setting that has another value, on all the hosts where it changed
// from the one to the other.
type SettingChange struct {
	settingStep
	Hosts []string `json:"hosts"`
}

type settingStep struct {
	Setting string `json:"setting"`
	Before  string `json:"before"`
	After   string `json:"after"`
}

// Against holds the report against an earlier scan: it fills in Changes and the Change of
// each host, and asks the gates again. The hosts of that scan come one by one, in any order,
// and none of them is kept. An error is what keeps them from coming; then the report is as it
// was.
func (r *Report) Against(earlier Run, hosts func(yield func(*Host)) error) error {
	c := newComparison(r, earlier)
	if err := hosts(c.host); err != nil {
		r.unchanged()
		return err
	}
	r.Changes = c.end()
	r.Status = r.gates.status(r)
	return nil
}

// unchanged takes back what a comparison wrote into the hosts.
func (r *Report) unchanged() {
	for i := range r.Hosts {
		h := &r.Hosts[i]
		h.Change = ""
		for j := range h.Findings {
			h.Findings[j].change = ""
		}
	}
}

// A comparison is of a report and an earlier scan. What became of hosts and findings it
// writes into the report.
type comparison struct {
	*Changes
	earlier Run
	window  float64 // of the report
	asked   map[string]bool
	now     map[string][]*Host       // the hosts of the report, by name
	seen    map[string]bool          // the names of the earlier hosts
	steps   map[settingStep][]string // the hosts where a setting changed so
}

func newComparison(r *Report, earlier Run) *comparison {
	c := &comparison{
		Changes: &Changes{Findings: []FindingChange{}, Rebooted: []string{}, Added: []string{}, Gone: []string{}, Lost: []string{}, Back: []string{}},
		earlier: earlier, window: r.Run.Window,
		asked: map[string]bool{}, now: map[string][]*Host{}, seen: map[string]bool{}, steps: map[settingStep][]string{},
	}
	for _, rule := range r.Rules {
		c.asked[rule.ID] = true
	}
	for i := range r.Hosts {
		h := &r.Hosts[i]
		c.now[h.Name] = append(c.now[h.Name], h)
	}
	return c
}

// host holds what is there of a host against what it was. Of a name that comes again the
// first counts.
func (c *comparison) host(old *Host) {
	if c.seen[old.Name] {
		return
	}
	c.seen[old.Name] = true
	for _, h := range c.now[old.Name] {
		c.compare(old, h)
	}
	if len(c.now[old.Name]) == 0 {
		c.Gone = append(c.Gone, old.Name)
	}
}

func (c *comparison) compare(old, h *Host) {
	switch {
	case old.Reached() && !h.Reached():
		c.Lost = append(c.Lost, h.Name)
	case !old.Reached() && h.Reached():
		c.Back = append(c.Back, h.Name)
	case old.Reached() && rebooted(old, h):
		c.Rebooted = append(c.Rebooted, h.Name)
	}
	if !h.Reached() {
		return
	}
	c.found(old, h)
	for _, s := range h.Settings {
		if at, had := old.Settings.find(s.Value().Name); had && old.Settings[at] != s {
			step := settingStep{s.Value().Name, old.Settings[at].Value().Value, s.Value().Value}
			c.steps[step] = append(c.steps[step], h.Name)
		}
	}
}

// end is all that changed.
func (c *comparison) end() *Changes {
	for name, hosts := range c.now {
		if c.seen[name] {
			continue
		}
		for _, h := range hosts {
			c.Added = append(c.Added, name)
			if h.Reached() {
				c.found(&Host{Outcome: OutcomeFailed}, h)
			}
		}
	}
	c.Since = ChangesSince{c.earlier.ID, c.earlier.Started, len(c.seen)}
	c.Settings = settingChanges(c.steps)
	for _, names := range [][]string{c.Rebooted, c.Added, c.Gone, c.Lost, c.Back} {
		slices.SortFunc(names, natural)
	}
	slices.SortStableFunc(c.Findings, func(a, b FindingChange) int {
		return cmp.Or(
			cmp.Compare(slices.Index(changeOrder, a.Change), slices.Index(changeOrder, b.Change)),
			worse(*a.finding, *b.finding), natural(a.Host, b.Host),
		)
	})
	return c.Changes
}

// found says which findings of a host are not what they were, and what that makes of the host.
func (c *comparison) found(old, h *Host) {
	var all []FindingChange
	before := make(map[string]*Finding, len(old.Findings))
	for i := range old.Findings {
		before[old.Findings[i].Fingerprint] = &old.Findings[i]
	}
	there := map[string]bool{}
	for i := range h.Findings {
		f := &h.Findings[i]
		was := before[f.Fingerprint]
		there[f.Fingerprint] = true
		switch {
		case !f.counts() || was != nil && was.Waived != nil:
		case was == nil || !was.counts():
			f.change = ChangeNew
			all = append(all, changeOf(ChangeNew, h, nil, f))
		default:
			if f.change = compare(was, f, c.earlier.Window, c.window); f.change != ChangeSame {
				all = append(all, changeOf(f.change, h, was, f))
			}
		}
		if was != nil && was.counts() && f.Kind == drop.Note {
			all = append(all, changeOf(ChangeFixed, h, was, nil))
		}
	}
	for print, was := range before {
		if there[print] || !was.counts() {
			continue
		}
		change := ChangeFixed
		if !c.asked[was.Rule] || slices.ContainsFunc(h.NotChecked, func(n NotChecked) bool { return n.Rule == was.Rule }) {
			change = ChangeUnseen
		}
		all = append(all, changeOf(change, h, was, nil))
	}
	if old.Reached() || len(all) > 0 {
		h.Change = sum(all)
	}
	c.Findings = append(c.Findings, all...)
}

// counts says that a finding has a part in diffs, as in scores: it is no note, and not waived.
func (f *Finding) counts() bool { return classOf(f) < len(classes) }

func changeOf(change Change, h *Host, was, is *Finding) FindingChange {
	f := is
	if f == nil {
		brief := was.brief() // nothing else is kept of an earlier host
		f = &brief
	}
	return FindingChange{
		Change: change, Host: h.Name, Rule: f.Rule, Name: f.Name, Stage: f.Stage, Subject: f.Subject, Fingerprint: f.Fingerprint,
		Before: endOf(was), After: endOf(is), finding: f,
	}
}

func endOf(f *Finding) *ChangeEnd {
	if f == nil {
		return nil
	}
	return &ChangeEnd{f.Kind, f.Severity, f.Message, f.Loss}
}

// certain is how many losses it takes that their absence, or their coming, is no chance: of
// ten that are expected, none comes in one of 20,000 cases.
const certain = 10

// compare says whether a finding is worse or better than it was. A rare loss is dropping in
// one scan and dropped in the next: that alone is neither. The windows are those of the two
// scans, in seconds.
func compare(was, is *Finding, then, now float64) Change {
	better := func(is bool) Change {
		if is {
			return ChangeBetter
		}
		return ChangeWorse
	}
	losing := func(f *Finding) bool { return f.Kind == drop.Dropping || f.Kind == drop.Dropped }
	switch {
	case was.Kind == is.Kind && was.Severity != is.Severity:
		return better(is.Severity < was.Severity)
	case losing(was) != losing(is):
		return better(losing(was))
	}
	before, after := was.losing(), is.losing()
	switch {
	case after >= 2*before && after*then >= certain && after*now >= certain:
		return ChangeWorse
	case before >= 2*after && before*now >= certain && before*then >= certain:
		return ChangeBetter
	}
	return ChangeSame
}

// sum is what the changes of a host's findings are together.
func sum(changed []FindingChange) Change {
	all := ChangeSame
	for _, f := range changed {
		if slices.Index(changeOrder, f.Change) < slices.Index(changeOrder, all) {
			all = f.Change
		}
	}
	switch all {
	case ChangeFixed:
		return ChangeBetter
	case ChangeUnseen:
		return ChangeSame
	}
	return all
}

// rebooted says that the host began anew since.
func rebooted(old, h *Host) bool {
	if old.BootID != "" && h.BootID != "" {
		return old.BootID != h.BootID
	}
	return old.Uptime != nil && h.Uptime != nil && *h.Uptime < *old.Uptime
}

func settingChanges(steps map[settingStep][]string) []SettingChange {
	all := make([]SettingChange, 0, len(steps))
	for step, hosts := range steps {
		slices.SortFunc(hosts, natural)
		all = append(all, SettingChange{step, hosts})
	}
	slices.SortFunc(all, func(a, b SettingChange) int {
		return cmp.Or(
			cmp.Compare(len(b.Hosts), len(a.Hosts)), cmp.Compare(a.Setting, b.Setting),
			cmp.Compare(a.Before, b.Before), cmp.Compare(a.After, b.After),
		)
	})
	return all
}
