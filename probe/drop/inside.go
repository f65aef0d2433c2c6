package drop

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
)

// judgeInside has the rules that are true of one network namespace look at those beside the
// login's, each with claims of its own, and adds what they find to the verdicts. Rules do not
// know of it: they ask for facts, and are given those of the namespace, or none.
func judgeInside(verdicts []Verdict, rules []*Rule, settings *Settings, s *probe.Snapshot, namespaces []*probe.Namespace) {
	var at []int
	var inside []*Rule
	for i, r := range rules {
		if r.Inside() {
			at, inside = append(at, i), append(inside, r)
		}
	}
	for _, n := range namespaces {
		if n.State != probe.Known {
			continue
		}
		within := s.Inside(n)
		for i, v := range judgeAll(inside, settings, within) {
			for _, f := range v.Findings {
				if f, ok := f.inside(within, inside[i]); ok {
					verdicts[at[i]].add(f)
				}
			}
		}
	}
}

// add adds what was found in another namespace. If it is a loss, then it is what the kernel's
// log told without saying where.
func (v *Verdict) add(f Finding) {
	if f.Kind == Dropping {
		v.Findings = slices.DeleteFunc(v.Findings, func(f Finding) bool { return f.Elsewhere })
	}
	v.Findings = append(v.Findings, f)
	v.Outcome, v.Missing = Found, nil
}

// Inside says that the rule can judge a network namespace that is not the login's: what it
// needs can be read of any: see probe.EachNetns.
func (r *Rule) Inside() bool {
	return r.Scope == Netns && !r.Expects && !slices.ContainsFunc(r.Needs, func(need Need) bool {
		return !slices.ContainsFunc(need, func(h probe.Handle) bool { return probe.Anywhere(h) })
	})
}

// inside makes a finding say where it is, quote what stands in the capture, and give commands
// that work there. It is none where nothing that it rests on was read there, nor where it is
// a note: hosts have many namespaces, and the same things grow by design in all.
func (f Finding) inside(s *probe.Snapshot, r *Rule) (Finding, bool) {
	f.Netns = s.Netns()
	f.Message = strings.ReplaceAll(f.Message, " since boot", " in all") // it may be younger than the host
	handles := r.Handles()
	path := func(section string) string {
		i := slices.IndexFunc(handles, func(h probe.Handle) bool { return h.ID() == section })
		if i < 0 {
			return section
		}
		return s.Path(handles[i])
	}
	seen := false
	for i := range f.Evidence {
		e := &f.Evidence[i]
		own := path(e.Section)
		seen = seen || e.State == probe.Known && own != e.Section
		e.Section = own
	}
	if f.Netns.Container != "" {
		f.Evidence = append(f.Evidence, probe.Evidence{
			Source: probe.Source{Section: fmt.Sprintf("/proc/%d/cgroup", f.Netns.PID)}, State: probe.Known, Value: f.Netns.Container,
		})
	}
	for i := range f.Steps {
		step := &f.Steps[i]
		key := "/proc/sys/" + strings.ReplaceAll(step.Sysctl, ".", "/")
		if step.Sysctl == "" || slices.ContainsFunc(handles, func(h probe.Handle) bool { return h.ID() == key && s.Path(h) == key }) {
			continue // no setting, or one for all namespaces
		}
		step.Command = f.Netns.Enter() + step.Command
		step.Persist = fmt.Sprintf("the settings of the container: docker run --sysctl %s=%s; "+
			"of a pod: securityContext.sysctls", step.Sysctl, step.Value)
		if step.Undo != "" {
			step.Undo = f.Netns.Enter() + step.Undo
		}
	}
	return f, seen && f.Kind != Note
}

// Where says what the finding is of: the namespace that is not the login's, then the subject.
func (f *Finding) Where() string {
	if f.Netns == nil {
		return f.Subject
	}
	return place(f.Netns.String(), f.Subject)
}

// Identity is Where, the same from scan to scan: without the number of a process.
func (f *Finding) Identity() string {
	if f.Netns == nil {
		return f.Subject
	}
	return place(f.Netns.Key, f.Subject)
}

func place(netns, subject string) string {
	if subject == "" {
		return netns
	}
	return netns + ": " + subject
}
