package report

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// A summary is what is said of the fleet as a whole. Each thing is said once, however many
// hosts it is true of.
type summary struct {
	grades  map[Grade]int
	stages  []stageSum // all of them, in the order of a packet's way
	rules   []*ruleSum // the worst first
	notes   []*ruleSum
	hidden  int // findings below the severity that is shown
	waived  int
	known   int // in the baseline
	failed  []*errorSum
	partial []*errorSum
	missing []*missingSum // that which the most hosts lack first
	netns   netnsSum
}

// A stageSum is what happens at one stretch of a packet's way.
type stageSum struct {
	stage                     drop.Stage
	dropping, dropped, atRisk hostSet
	perSecond                 float64   // lost in this window
	unit                      drop.Unit // of that; packets where there are several
}

// A ruleSum is all that one rule found.
type ruleSum struct {
	rule      Rule
	worst     *Finding
	host      *Host // where that is
	hosts     hostSet
	perSecond float64 // lost in this window
}

// An errorSum is the hosts that have one error code.
type errorSum struct {
	code  string
	hosts []*Host
}

// A missingSum is what hosts could not read for one reason.
type missingSum struct {
	Missing
	hosts hostSet
	rules map[string]bool // that are not checked for it
}

type hostSet map[*Host]bool

// way is the order of the stages.
var way = []drop.Stage{
	drop.NIC, drop.Ring, drop.Softirq, drop.Netfilter, drop.IP,
	drop.Listen, drop.Transport, drop.Socket, drop.Egress, drop.Whole,
}

// summarize sums a report up. Findings below the severity are not shown.
func summarize(r *Report, least drop.Severity) *summary {
	s := &summary{grades: map[Grade]int{}}
	for i := range r.Hosts {
		if risk := r.Hosts[i].Risk; risk != nil {
			s.grades[risk.Grade]++
		}
	}
	s.addFindings(r, least)
	s.addErrors(r)
	s.addMissing(r)
	return s
}

func (s *summary) addFindings(r *Report, least drop.Severity) {
	known := make(map[string]Rule, len(r.Rules))
	for _, rule := range r.Rules {
		known[rule.ID] = rule
	}
	found, notes := map[string]*ruleSum{}, map[string]*ruleSum{}
	s.stages = make([]stageSum, len(way))
	for i, stage := range way {
		s.stages[i] = stageSum{stage: stage, dropping: hostSet{}, dropped: hostSet{}, atRisk: hostSet{}}
	}
	for h, f := range r.Counted {
		switch {
		case f.Waived != nil:
			s.waived++
			continue
		case f.Severity < least:
			s.hidden++
			continue
		}
		if f.Known && f.Kind != drop.Note {
			s.known++
		}
		sums := found
		if f.Kind == drop.Note {
			sums = notes
		}
		sum := sums[f.Rule]
		if sum == nil {
			rule, ok := known[f.Rule]
			if !ok {
				rule = Rule{ID: f.Rule, Name: f.Name, Title: f.Name, Stage: f.Stage}
			}
			sum = &ruleSum{rule: rule, worst: f, host: h, hosts: hostSet{}}
			sums[f.Rule] = sum
		}
		if worse(*f, *sum.worst) < 0 {
			sum.worst, sum.host = f, h
		}
		sum.hosts[h] = true
		sum.perSecond += f.losing()
		s.addStage(h, f)
	}
	s.rules, s.notes = sorted(found), sorted(notes)
}

func (s *summary) addStage(h *Host, f *Finding) {
	i := slices.Index(way, f.Stage)
	if i < 0 {
		return
	}
	switch stage := &s.stages[i]; f.Kind {
	case drop.Dropping:
		stage.dropping[h] = true
		stage.perSecond += f.losing()
		if f.Loss != nil && stage.unit == "" {
			stage.unit = f.Loss.Unit
		} else if f.Loss != nil && stage.unit != f.Loss.Unit {
			stage.unit = drop.Packets
		}
	case drop.Dropped:
		stage.dropped[h] = true
	case drop.AtRisk:
		stage.atRisk[h] = true
	}
}

// losing is what the finding loses a second, now; 0 if it is waived.
func (f *Finding) losing() float64 {
	if f.Kind != drop.Dropping || f.Waived != nil || f.Loss == nil || f.Loss.PerSecond == nil {
		return 0
	}
	return *f.Loss.PerSecond
}

// lost is what a host loses a second, now, in words; empty where it loses nothing.
func (h *Host) lost() string {
	sum := 0.0
	for i := range h.Findings {
		sum += h.Findings[i].losing()
	}
	if sum == 0 {
		return ""
	}
	return rate(sum)
}

// sorted orders rules: by the class of their worst finding, then hosts, then their IDs.
func sorted(sums map[string]*ruleSum) []*ruleSum {
	return slices.SortedFunc(maps.Values(sums), func(a, b *ruleSum) int {
		return cmp.Or(
			cmp.Compare(classOf(a.worst), classOf(b.worst)),
			cmp.Compare(len(b.hosts), len(a.hosts)),
			cmp.Compare(a.rule.ID, b.rule.ID),
		)
	})
}

func (s *summary) addErrors(r *Report) {
	failed, partial := map[string]*errorSum{}, map[string]*errorSum{}
	for i := range r.Hosts {
		h := &r.Hosts[i]
		if h.Error == nil {
			continue
		}
		sums := failed
		if h.Reached() {
			sums = partial
		}
		if sums[h.Error.Code] == nil {
			sums[h.Error.Code] = &errorSum{code: h.Error.Code}
		}
		sums[h.Error.Code].hosts = append(sums[h.Error.Code].hosts, h)
	}
	order := func(a, b *errorSum) int {
		return cmp.Or(cmp.Compare(len(b.hosts), len(a.hosts)), cmp.Compare(a.code, b.code))
	}
	s.failed = slices.SortedFunc(maps.Values(failed), order)
	s.partial = slices.SortedFunc(maps.Values(partial), order)
}

// addMissing says what was not read; what is there for each interface is said for all.
func (s *summary) addMissing(r *Report) {
	sums := map[Missing]*missingSum{}
	for i := range r.Hosts {
		h := &r.Hosts[i]
		if h.Coverage != nil {
			s.netns.add(h.Coverage.Namespaces)
		}
		for _, n := range h.NotChecked {
			for _, m := range n.Missing {
				m.Section = general(m.Section)
				if h.Error != nil && (m.State == "unread" || m.State == "cut") { // the error says why, and once is enough
					m = Missing{"what the script did not come to", "unread"}
				}
				sum := sums[m]
				if sum == nil {
					sum = &missingSum{Missing: m, hosts: hostSet{}, rules: map[string]bool{}}
					sums[m] = sum
				}
				sum.hosts[h] = true
				sum.rules[n.Rule] = true
			}
		}
	}
	s.missing = slices.SortedFunc(maps.Values(sums), func(a, b *missingSum) int {
		return cmp.Or(
			cmp.Compare(len(b.hosts), len(a.hosts)),
			cmp.Compare(a.Section, b.Section),
			cmp.Compare(a.State, b.State),
		)
	})
}

// general puts a star in the place of an interface: "ethtool -S eth0", "/sys/class/net/eth0/mtu".
func general(section string) string {
	if rest, ok := strings.CutPrefix(section, "/sys/class/net/"); ok {
		_, file, _ := strings.Cut(rest, "/")
		return "/sys/class/net/*/" + file
	}
	if words := strings.Fields(section); len(words) == 3 && words[0] == "ethtool" {
		return words[0] + " " + words[1] + " *"
	}
	return section
}

// texts returns each text once, in their order.
func texts(hosts []*Host, of func(*Host) string) (once []string) {
	seen := map[string]bool{"": true}
	for _, h := range hosts {
		if t := of(h); !seen[t] {
			seen[t] = true
			once = append(once, t)
		}
	}
	return once
}
