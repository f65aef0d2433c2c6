package report

import (
	"fmt"
	"slices"
	"strings"
	"unique"
)

// A Roll is the hosts of a report as they come. It keeps of each what ranks it and what is
// summed up over the fleet; the whole of it lies elsewhere, in its place there, and is read
// again when a format comes to it. So a scan of 100,000 hosts fits in the memory.
type Roll struct {
	hosts []Host
	blind map[string][]NotChecked // hosts with one login and one kernel lack the same
	whole func(place int) (*Host, error)
}

// NewRoll begins a roll of hosts that are read again by whole.
func NewRoll(whole func(place int) (*Host, error)) *Roll {
	return &Roll{blind: map[string][]NotChecked{}, whole: whole}
}

// Add adds a host that lies in that place.
func (r *Roll) Add(place int, h *Host) {
	b := h.brief()
	b.place, b.NotChecked = place, r.lacks(h.NotChecked)
	r.hosts = append(r.hosts, b)
}

// Len is how many hosts there are.
func (r *Roll) Len() int { return len(r.hosts) }

// Report ranks the hosts and holds them against the gates. The same hosts make the same
// report, in whatever order they come.
func (r *Roll) Report(head Head, rules []Rule, gates Gates) *Report {
	out := &Report{Head: head.clean(), Rules: list(rules), Hosts: list(r.hosts), gates: gates, read: r.whole}
	gates.Baseline.mark(out.Hosts)
	rank(out.Hosts)
	out.Fleet = fleetOf(out.Hosts)
	out.Status = gates.status(out)
	return out
}

// brief is the host without what only describes it, such as evidence and remedies. What hosts
// of a fleet have alike, they share. All texts are copies: a part of a capture, or of a line of
// JSON, would keep the whole of it in memory.
func (h *Host) brief() Host {
	b := *h
	b.Cost = nil
	b.Name, b.Address, b.Origin, b.BootID = strings.Clone(h.Name), strings.Clone(h.Address), strings.Clone(h.Origin), strings.Clone(h.BootID)
	b.Kernel, b.OS, b.Jump = alike(h.Kernel), alike(h.OS), alike(h.Jump)
	b.Groups = slices.Clone(h.Groups)
	for i := range b.Groups {
		b.Groups[i] = alike(b.Groups[i])
	}
	if e := h.Error; e != nil {
		b.Error = &Error{alike(e.Code), alike(e.Stage), strings.Clone(e.Message), alike(e.Hint)}
	}
	b.Findings = make([]Finding, len(h.Findings))
	for i := range h.Findings {
		b.Findings[i] = h.Findings[i].brief()
	}
	return b
}

func (f *Finding) brief() Finding {
	b := *f
	b.Evidence, b.Remedy, b.Netns = nil, nil, nil
	b.Message, b.Fingerprint = strings.Clone(f.Message), strings.Clone(f.Fingerprint)
	b.Rule, b.Name, b.Policy, b.Subject = alike(f.Rule), alike(f.Name), alike(f.Policy), alike(f.Subject)
	b.Stage, b.Kind, b.Scope = alike(f.Stage), alike(f.Kind), alike(f.Scope)
	return b
}

// alike is a text that is kept once, however often it is said.
func alike[T ~string](text T) T { return unique.Make(text).Value() }

// lacks is what was not checked, kept once for all hosts on which it is the same.
func (r *Roll) lacks(all []NotChecked) []NotChecked {
	if len(all) == 0 {
		return nil
	}
	var key strings.Builder
	for _, n := range all {
		fmt.Fprintf(&key, "%s %q\n", n.Rule, n.Missing)
	}
	if r.blind[key.String()] == nil {
		kept := make([]NotChecked, len(all))
		for i, n := range all {
			kept[i] = NotChecked{alike(n.Rule), make([]Missing, len(n.Missing))}
			for j, m := range n.Missing {
				kept[i].Missing[j] = Missing{alike(m.Section), alike(m.State)}
			}
		}
		r.blind[key.String()] = kept
	}
	return r.blind[key.String()]
}

// Each calls yield for each host with all that is known of it, the worst first. An error is
// one of reading it; there is no host with it, and none after it.
func (r *Report) Each(yield func(*Host, error) bool) {
	for i := range r.Hosts {
		h, err := r.whole(&r.Hosts[i])
		if !yield(h, err) || err != nil {
			return
		}
	}
}

// whole is one of Hosts with all that is known of it.
func (r *Report) whole(brief *Host) (*Host, error) {
	if r.read == nil { // a report that was read from JSON has them so
		return brief, nil
	}
	kept, err := r.read(brief.place)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read again: %w", Visible(brief.Name), err)
	}
	if kept.Name != brief.Name || len(kept.Findings) != len(brief.Findings) {
		return nil, fmt.Errorf("%s cannot be read again: another host lies in its place", Visible(brief.Name))
	}
	h := *kept
	h.Risk, h.Change = brief.Risk, brief.Change
	h.Findings = slices.Clone(kept.Findings)
	for i := range h.Findings {
		h.Findings[i].Known, h.Findings[i].change = brief.Findings[i].Known, brief.Findings[i].change
	}
	return &h, nil
}

// wholeFinding is a finding of one of Hosts, which has it, with its evidence and its remedy.
func (r *Report) wholeFinding(brief *Host, f *Finding) (*Finding, error) {
	h, err := r.whole(brief)
	if err != nil {
		return nil, err
	}
	at := 0
	for &brief.Findings[at] != f {
		at++
	}
	return &h.Findings[at], nil
}
