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

// An Earlier is what is kept of a scan to hold a later one against it: of 10,000 hosts the
// findings without evidence and remedy, and the settings.
type Earlier struct {
	run   Run
	hosts map[string]*earlierHost // by name
}

type earlierHost struct {
	reached  bool
	boot     string
	uptime   *float64
	settings Settings
	findings map[string]*Finding // by fingerprint
}

// NewEarlier begins an earlier scan; Add fills it.
func NewEarlier(run Run) *Earlier { return &Earlier{run, map[string]*earlierHost{}} }

// Add keeps what is needed of a host.
func (e *Earlier) Add(h *Host) {
	old := &earlierHost{reached: h.Reached(), boot: h.BootID, uptime: h.Uptime, settings: h.Settings, findings: map[string]*Finding{}}
	for i := range h.Findings {
		f := h.Findings[i]
		f.Evidence, f.Remedy = nil, nil
		old.findings[f.Fingerprint] = &f
	}
	e.hosts[h.Name] = old
}

// Against holds the report against an earlier scan: it fills in Changes and the Change of
// each host, and asks the gates again.
func (r *Report) Against(e *Earlier) {
	c := &Changes{
		Since:    ChangesSince{e.run.ID, e.run.Started, len(e.hosts)},
		Findings: []FindingChange{}, Rebooted: []string{}, Added: []string{}, Gone: []string{}, Lost: []string{}, Back: []string{},
	}
	asked := map[string]bool{}
	for _, rule := range r.Rules {
		asked[rule.ID] = true
	}
	settings := map[settingStep][]string{}
	now := map[string]bool{}
	for i := range r.Hosts {
		h := &r.Hosts[i]
		now[h.Name] = true
		old := e.hosts[h.Name]
		switch {
		case old == nil:
			c.Added = append(c.Added, h.Name)
			old = &earlierHost{}
		case old.reached && !h.Reached():
			c.Lost = append(c.Lost, h.Name)
			continue
		case !old.reached && h.Reached():
			c.Back = append(c.Back, h.Name)
		case old.reached && rebooted(old, h):
			c.Rebooted = append(c.Rebooted, h.Name)
		}
		if !h.Reached() {
			continue
		}
		changed := r.changesOf(h, old, e, asked)
		if old.reached || len(changed) > 0 {
			h.Change = sum(changed)
		}
		c.Findings = append(c.Findings, changed...)
		for name, value := range h.Settings {
			if was, ok := old.settings[name]; ok && was != value {
				step := settingStep{name, was, value}
				settings[step] = append(settings[step], h.Name)
			}
		}
	}
	for name := range e.hosts {
		if !now[name] {
			c.Gone = append(c.Gone, name)
		}
	}
	c.Settings = settingChanges(settings)
	for _, names := range [][]string{c.Rebooted, c.Added, c.Gone, c.Lost, c.Back} {
		slices.SortFunc(names, natural)
	}
	slices.SortStableFunc(c.Findings, func(a, b FindingChange) int {
		return cmp.Or(
			cmp.Compare(slices.Index(changeOrder, a.Change), slices.Index(changeOrder, b.Change)),
			worse(*a.finding, *b.finding), natural(a.Host, b.Host),
		)
	})
	r.Changes = c
	r.Status = r.gates.status(r)
}

// changesOf are the findings of a host that are not what they were.
func (r *Report) changesOf(h *Host, old *earlierHost, e *Earlier, asked map[string]bool) (all []FindingChange) {
	seen := map[string]bool{}
	for i := range h.Findings {
		f := &h.Findings[i]
		seen[f.Fingerprint] = true
		was := old.findings[f.Fingerprint]
		switch {
		case !f.counts() || was != nil && was.Waived != nil:
		case was == nil || !was.counts():
			f.change = ChangeNew
			all = append(all, changeOf(ChangeNew, h, nil, f))
		default:
			if f.change = compare(was, f, e.run.Window, r.Run.Window); f.change != ChangeSame {
				all = append(all, changeOf(f.change, h, was, f))
			}
		}
		if was != nil && was.counts() && f.Kind == drop.Note {
			all = append(all, changeOf(ChangeFixed, h, was, nil))
		}
	}
	unchecked := map[string]bool{}
	for _, n := range h.NotChecked {
		unchecked[n.Rule] = true
	}
	for print, was := range old.findings {
		if seen[print] || !was.counts() {
			continue
		}
		change := ChangeFixed
		if unchecked[was.Rule] || !asked[was.Rule] {
			change = ChangeUnseen
		}
		all = append(all, changeOf(change, h, was, nil))
	}
	return all
}

// counts says that a finding has a part in diffs, as in scores: it is no note, and not waived.
func (f *Finding) counts() bool { return classOf(f) < len(classes) }

func changeOf(change Change, h *Host, was, is *Finding) FindingChange {
	f := is
	if f == nil {
		f = was
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
func rebooted(old *earlierHost, h *Host) bool {
	if old.boot != "" && h.BootID != "" {
		return old.boot != h.BootID
	}
	return old.uptime != nil && h.Uptime != nil && *h.Uptime < *old.uptime
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
