//go:build linux

package main

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/report"
)

// finding is one of a report: "FD601 high dropping 0.0.0.0:8081".
func finding(text string, lost uint64) report.Finding {
	words := strings.Fields(text)
	severity, err := drop.ParseSeverity(words[1])
	if err != nil {
		panic(err)
	}
	f := report.Finding{Rule: words[0], Severity: severity, Kind: drop.Kind(words[2]), Scope: drop.Netns}
	if len(words) > 3 {
		f.Subject = words[3]
	}
	if lost > 0 {
		f.Loss = &report.Loss{Count: lost}
	}
	return f
}

// TestJudge holds reports against truths.
func TestJudge(t *testing.T) {
	overflow := dropping("FD601", drop.High, ":8081")
	machine := finding("FD303 low at-risk cpu0", 0)
	machine.Scope = drop.Machine
	exact := []toll{{Rule: "FD601", Sent: 1000, Lost: 100, Unit: "SYNs", Exact: true}}

	for _, test := range []struct {
		name   string
		want   []expectation
		also   []string
		tolls  []toll
		found  []report.Finding
		miss   string // a part of what is wrong; empty if nothing is
		alarms int
	}{
		{"clean", nil, nil, nil, nil, "", 0},
		{"clean, with a note", nil, nil, nil, []report.Finding{finding("FD713 info note", 5)}, "", 0},
		{"clean, and the machine is under load", nil, nil, nil, []report.Finding{machine}, "", 0},
		{"clean, and a loss is claimed", nil, nil, nil, []report.Finding{finding("FD601 low dropped", 5)}, "wanted no finding above note", 1},
		{"found", []expectation{overflow}, nil, exact, []report.Finding{finding("FD601 high dropping 0.0.0.0:8081", 101)}, "", 0},
		{"at the wrong port", []expectation{overflow}, nil, exact, []report.Finding{finding("FD601 high dropping 0.0.0.0:80", 100)}, "wanted FD601", 0},
		{"too low", []expectation{overflow}, nil, exact, []report.Finding{finding("FD601 low dropping 0.0.0.0:8081", 100)}, "wanted FD601 high", 0},
		{"too few", []expectation{overflow}, nil, exact, []report.Finding{finding("FD601 high dropping 0.0.0.0:8081", 97)}, "100 SYNs were lost, and 97", 0},
		{"not found", []expectation{overflow}, nil, exact, nil, "found nothing", 0},
		{"behind another loss", []expectation{overflow}, nil, exact,
			[]report.Finding{finding("FD711 high dropping", 5), finding("FD601 high dropping 0.0.0.0:8081", 100)}, "wanted FD601", 1},
		{"with what may come", []expectation{overflow}, nil, exact,
			[]report.Finding{finding("FD601 high dropping 0.0.0.0:8081", 100), finding("FD604 medium at-risk", 0)}, "", 0},
		{"one of two", []expectation{overflow, dropping("FD711", drop.High, "")}, nil, exact,
			[]report.Finding{finding("FD601 high dropping 0.0.0.0:8081", 100)}, "wanted FD711", 0},
		{"a risk that is meant", []expectation{{"FD603", drop.AtRisk, drop.Medium, ""}}, []string{"FD604"}, nil,
			[]report.Finding{finding("FD603 medium at-risk", 0), finding("FD604 medium at-risk", 0)}, "", 0},
		{"a risk that is not meant", []expectation{{"FD603", drop.AtRisk, drop.Medium, ""}}, nil, nil,
			[]report.Finding{finding("FD603 medium at-risk", 0), finding("FD604 medium at-risk", 0)}, "false alarm: FD604", 1},
		{"a note that is meant", []expectation{{"FD713", drop.Note, drop.Info, ""}}, nil, nil,
			[]report.Finding{finding("FD713 info note", 5)}, "", 0},
		{"a note that is missing", []expectation{{"FD713", drop.Note, drop.Info, ""}}, nil, nil, nil, "wanted FD713", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := &host{fault: fault{name: "f", want: test.want, also: test.also}}
			said := &report.Host{Outcome: report.OutcomeScanned, Risk: &report.Risk{}, Findings: test.found}
			r := judge(look{host: h, tolls: test.tolls, said: said})
			miss := strings.Join(r.Miss, "; ")
			if test.miss == "" && miss != "" || !strings.Contains(miss, test.miss) {
				t.Errorf("miss %q, want %q", miss, test.miss)
			}
			if len(r.FalseAlarms) != test.alarms {
				t.Errorf("false alarms %q, want %d", r.FalseAlarms, test.alarms)
			}
			if right := test.miss == "" || strings.Contains(test.miss, "were lost"); r.Right != right && test.alarms == 0 {
				t.Errorf("right is %v, want %v", r.Right, right)
			}
		})
	}

	h := &host{fault: fault{name: "f", want: []expectation{overflow}}}
	if r := judge(look{host: h}); r.Right || len(r.Miss) == 0 {
		t.Error("a host that was not reached is right")
	}
	if r := judge(look{host: h, err: errors.New("no socket")}); r.Right || len(r.Miss) == 0 {
		t.Error("a fault that failed is right")
	}
	if r := judge(look{host: h, err: lacking{"no such sysctl"}}); r.Lacking == "" || len(r.Miss) != 0 {
		t.Error("what the machine cannot have is a miss")
	}
}

// TestMachine finds a fault of the machine among what the machine says, and nothing else.
func TestMachine(t *testing.T) {
	backlog := finding("FD301 high dropping cpu0", 10)
	backlog.Scope = drop.Machine
	f := fault{name: "backlog", machine: true, want: []expectation{dropping("FD301", drop.High, "")}}
	said := &report.Host{Outcome: report.OutcomeScanned, Risk: &report.Risk{},
		Findings: []report.Finding{finding("FD601 high dropping", 1), backlog}}
	if r := judge(look{host: &host{fault: f}, said: said}); !r.Right {
		t.Errorf("%q", r.Miss)
	}
}

// TestMeasure sums rows up, and finds what is ranked wrong.
func TestMeasure(t *testing.T) {
	high, medium := []expectation{dropping("FD601", drop.High, "")}, []expectation{dropping("FD401", drop.Medium, "")}
	lost := func(n int) []toll { return []toll{{Sent: 100, Lost: n}} }
	rows := []row{
		{Fault: "strong", Cause: "queue", Want: high, Tolls: lost(90), Rank: 1, Right: true, Error: []float64{0.01}},
		{Fault: "weak", Cause: "queue", Want: high, Tolls: lost(2), Rank: 2, Right: true},
		{Fault: "firewall", Want: medium, Tolls: lost(99), Rank: 3, FalseAlarms: []string{"FD001"}},
		{Fault: "clean", Rank: 4, Right: true},
		{Fault: "absent", Lacking: "no such driver"},
	}
	m, wrong := measured(rows)
	want := measure{Faults: 4, Diagnosed: 3, FalseAlarms: 1, LossError: 0.01, Compared: 1, Rankings: 6, Ranked: 6, Lacking: 1}
	if m != want || len(wrong) != 0 {
		t.Errorf("got %+v %q, want %+v", m, wrong, want)
	}
	if m.good() {
		t.Error("a false alarm is good")
	}
	rows[0].Rank, rows[1].Rank = 2, 1
	if m, wrong := measured(rows); m.Ranked != 5 || len(wrong) != 1 || !strings.Contains(wrong[0], "weak is ranked before strong") {
		t.Errorf("%d of %d, %q", m.Ranked, m.Rankings, wrong)
	}
	rows[0].Rank, rows[1].Rank, rows[2].Rank = 2, 3, 1
	if _, wrong := measured(rows); len(wrong) != 2 {
		t.Errorf("%q", wrong)
	}
	sum := m.plus(m)
	if sum.Faults != 8 || sum.LossError != 0.01 || sum.FalseAlarms != 2 {
		t.Errorf("two runs: %+v", sum)
	}
}

// TestFaults holds the list of faults to what the rest relies on.
func TestFaults(t *testing.T) {
	rules := map[string]*drop.Rule{}
	for _, r := range drop.Catalogue() {
		rules[r.ID] = r
	}
	seen := map[string]bool{}
	for _, f := range faults() {
		if seen[f.name] || len(f.name) > 24 || strings.Trim(f.name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			t.Errorf("%q: want a name of its own, of up to 24 small letters and digits", f.name)
		}
		seen[f.name] = true
		if f.title == "" || f.setup == nil {
			t.Errorf("%s: no title, or no setup", f.name)
		}
		for i, e := range f.want {
			r := rules[e.Rule]
			if r == nil {
				t.Errorf("%s: there is no rule %s", f.name, e.Rule)
				continue
			}
			if most, ok := r.Severity[e.Kind]; !ok || e.Severity > most {
				t.Errorf("%s: %s is %v at most where it is %s", f.name, e.Rule, most, e.Kind)
			}
			if i == 0 && place(f.want) < 0 {
				t.Errorf("%s: %v is no class of risk", f.name, e)
			}
		}
		for _, rule := range f.also {
			if rules[rule] == nil {
				t.Errorf("%s: there is no rule %s", f.name, rule)
			}
		}
		for _, tool := range f.tools {
			if packages[tool] == "" {
				t.Errorf("%s: in which package is %s?", f.name, tool)
			}
		}
	}
	if _, err := chosen([]string{"no-such-fault"}); err == nil || !strings.Contains(err.Error(), "fleetlab list") {
		t.Errorf("a fault that is not there: %v", err)
	}
	if picked, err := chosen([]string{"clean"}); err != nil || len(picked) != 1 {
		t.Errorf("%v %v", picked, err)
	}
}

// TestClassOrder holds the order of classes against that of a report.
func TestClassOrder(t *testing.T) {
	var hosts []report.Host
	for _, class := range classOrder[:len(classOrder)-1] {
		kind, severity, _ := strings.Cut(class, " ")
		f := finding("FD601 "+severity+" "+kind, 0)
		hosts = append(hosts, report.Host{Name: class, Outcome: report.OutcomeScanned, Findings: []report.Finding{f}})
	}
	slices.Reverse(hosts)
	r := report.New(report.Head{}, nil, hosts, report.Gates{})
	for i, h := range r.Hosts {
		if h.Name != classOrder[i] {
			t.Errorf("place %d: %s, want %s", i+1, h.Name, classOrder[i])
		}
	}
}
