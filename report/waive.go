package report

import (
	"fmt"
	"slices"
	"time"

	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/probe/policy"
)

// A Policy is what a report has to know of the policy that it was judged by.
type Policy struct {
	Files   []string       `json:"files"` // in the order in which they count
	Waivers []PolicyWaiver `json:"waivers"`
}

// A PolicyWaiver is a waiver of the policy, and what became of it.
type PolicyWaiver struct {
	Rule     string      `json:"rule"`
	Match    string      `json:"match"` // "host lb-*, group lb"
	Subject  string      `json:"subject,omitempty"`
	Reason   string      `json:"reason"`
	Owner    string      `json:"owner,omitempty"`
	Expires  string      `json:"expires"` // "2027-01-31", the last day on which it holds
	Origin   string      `json:"origin"`  // "fleetdrop.policy.yaml:48"
	State    WaiverState `json:"state"`
	Findings int         `json:"findings"` // that it waives; once expired, that it would
}

// A WaiverState says what to do about a waiver.
type WaiverState string

// The states. A waiver is Unused if all hosts that it is for were scanned to the end.
const (
	WaiverActive  WaiverState = "active"
	WaiverEnding  WaiverState = "ending"  // it expires within 14 days
	WaiverExpired WaiverState = "expired" // its findings count again
	WaiverUnused  WaiverState = "unused"  // it matches nothing
)

// String is what to say of the waiver where it is not simply active.
func (w PolicyWaiver) String() string {
	text := fmt.Sprintf("the waiver of %s", w.Rule)
	if w.Subject != "" {
		text += " " + w.Subject
	}
	text += " on " + w.Match
	switch w.State {
	case WaiverExpired:
		text += " expired " + w.Expires + ": "
		if w.Findings == 0 {
			text += "it would match nothing, remove it"
		} else {
			text += fmt.Sprintf("%s again", counting(w.Findings))
		}
	case WaiverUnused:
		text += " matches nothing, remove it"
	case WaiverEnding:
		text += fmt.Sprintf(" expires %s: then %s again", w.Expires, counting(w.Findings))
	default:
		text += " holds until " + w.Expires
	}
	return text + " (" + w.Origin + ")"
}

func counting(findings int) string {
	if findings == 1 {
		return "1 finding counts"
	}
	return fmt.Sprintf("%d findings count", findings)
}

// Waive marks those findings of the host that a policy waives at that time.
func (h *Host) Waive(p *policy.Policy, now time.Time) {
	known := policy.Host{Name: h.Name, Groups: h.Groups}
	for i := range h.Findings {
		f := &h.Findings[i]
		f.Waived, f.Lapsed = nil, nil
		w, expired := p.Waived(known, f.Rule, f.Subject, now)
		if w == nil || f.Kind == drop.Note {
			continue
		}
		said := &Waiver{clean(w.Reason, maxText), clean(w.Owner, maxName), w.Expires.Format(policy.Date), clean(w.Origin, maxName)}
		if expired {
			f.Lapsed = said
		} else {
			f.Waived = said
		}
	}
	slices.SortStableFunc(h.Findings, worse)
}

// Under is a host of a saved run as a policy wants it seen: rules that are off find nothing, those
// that it calls more or less severe are, and waivers hold. Limits and expectations need numbers
// that are not in a run.
func (h Host) Under(p *policy.Policy, now time.Time) Host {
	s := p.Settings(policy.Host{Name: h.Name, Groups: h.Groups})
	h.Findings = slices.DeleteFunc(slices.Clone(h.Findings), func(f Finding) bool { return s.Off[f.Rule] })
	h.NotChecked = slices.DeleteFunc(slices.Clone(h.NotChecked), func(n NotChecked) bool { return s.Off[n.Rule] })
	for i := range h.Findings {
		f := &h.Findings[i]
		if severity, ok := s.Severity[f.Rule]; ok && f.Kind != drop.Note {
			f.Severity = severity
		}
	}
	h.Waive(p, now)
	return h
}

// Only is a host of a saved run as these of its rules have it. How many rules were checked stays as it
// was: which of them is not in a run.
func (h Host) Only(asked map[string]bool) Host {
	h.Findings = slices.DeleteFunc(slices.Clone(h.Findings), func(f Finding) bool { return !asked[f.Rule] })
	h.NotChecked = slices.DeleteFunc(slices.Clone(h.NotChecked), func(n NotChecked) bool { return !asked[n.Rule] })
	if h.Coverage != nil {
		c := *h.Coverage
		c.NotChecked = len(h.NotChecked)
		h.Coverage = &c
	}
	return h
}

// Policy says what a report has to know of a policy whose waivers were applied to the hosts, which
// were judged by these rules, at that time.
func (r *Roll) Policy(p *policy.Policy, rules []Rule, now time.Time) *Policy {
	out := &Policy{Files: make([]string, len(p.Files)), Waivers: []PolicyWaiver{}}
	for i, name := range p.Files {
		out.Files[i] = clean(name, maxName)
	}
	used := map[string]int{}
	for i := range r.hosts {
		for _, f := range r.hosts[i].Findings {
			for _, w := range []*Waiver{f.Waived, f.Lapsed} {
				if w != nil {
					used[w.Origin]++
				}
			}
		}
	}
	for i := range p.Waivers {
		w := &p.Waivers[i]
		said := PolicyWaiver{
			Rule: w.Rule, Match: clean(w.Match.String(), maxName), Subject: clean(w.Subject, maxName),
			Reason: clean(w.Reason, maxText), Owner: clean(w.Owner, maxName),
			Expires: w.Expires.Format(policy.Date), Origin: clean(w.Origin, maxName), State: WaiverActive,
		}
		said.Findings = used[said.Origin]
		switch {
		case w.Expired(now):
			said.State = WaiverExpired
		case said.Findings == 0 && slices.ContainsFunc(rules, func(r Rule) bool { return r.ID == w.Rule }) && r.seen(w):
			said.State = WaiverUnused
		case said.Findings > 0 && w.Ending(now):
			said.State = WaiverEnding
		}
		out.Waivers = append(out.Waivers, said)
	}
	return out
}

// seen says that a waiver had its chance: some hosts that it is for were scanned, all of them to
// their end, and its rule was checked on each.
func (r *Roll) seen(w *policy.Waiver) bool {
	some := false
	for i := range r.hosts {
		h := &r.hosts[i]
		if !w.Hosts(policy.Host{Name: h.Name, Groups: h.Groups}) {
			continue
		}
		if h.Outcome != OutcomeScanned || slices.ContainsFunc(h.NotChecked, func(n NotChecked) bool { return n.Rule == w.Rule }) {
			return false
		}
		some = true
	}
	return some
}

// Notices are the waivers that somebody has to look after.
func (p *Policy) Notices() (all []PolicyWaiver) {
	if p == nil {
		return nil
	}
	for _, w := range p.Waivers {
		if w.State != WaiverActive {
			all = append(all, w)
		}
	}
	return all
}

// broken counts the waivers that --strict-waivers does not let pass.
func (p *Policy) broken() (n int) {
	for _, w := range p.Notices() {
		if w.State != WaiverEnding {
			n++
		}
	}
	return n
}
