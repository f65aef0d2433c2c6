//go:build linux

package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/report"
)

// A row is what became of one fault in a run: the truth, what fleetdrop said, and whether
// that is right.
type row struct {
	Fault    string        `json:"fault"`
	Cause    string        `json:"cause,omitempty"`
	Want     []expectation `json:"want"`
	Tolls    []toll        `json:"tolls"`
	Reported []uint64      `json:"reported"` // by the rule of each toll
	Error    []float64     `json:"error"`    // |reported - true| / true of each exact toll
	Named    []string      `json:"named"`    // the findings, the worst first
	Rank     int           `json:"rank,omitempty"`
	Score    float64       `json:"score"`
	Class    string        `json:"class,omitempty"`

	Right       bool     `json:"right"`        // the host's top finding is the fault's
	FalseAlarms []string `json:"false_alarms"` // findings of what is not so
	Lacking     string   `json:"lacking,omitempty"`
	Miss        []string `json:"miss"` // what was wrong, in words
}

// maxError is how far a reported loss may be from the true one where the kernel counts the
// very same.
const maxError = 0.02

// judge holds what fleetdrop said of a host against the truth.
func judge(l look) row {
	f := l.host.fault
	r := row{Fault: f.name, Cause: f.cause, Want: f.want, Tolls: l.tolls}
	var lacks lacking
	switch {
	case errors.As(l.err, &lacks):
		r.Lacking = lacks.why
		return r
	case l.err != nil:
		r.Miss = append(r.Miss, l.err.Error())
		return r
	case l.said == nil:
		r.Miss = append(r.Miss, "fleetdrop says nothing of the host")
		return r
	case l.said.Outcome != report.OutcomeScanned || l.said.Risk == nil:
		r.Miss = append(r.Miss, fmt.Sprintf("the host is %s: %+v", l.said.Outcome, l.said.Error))
		return r
	}
	r.Score, r.Class = l.said.Risk.Score, l.said.Risk.Class
	own := ownFindings(f, l.said.Findings)
	for _, found := range own {
		r.Named = append(r.Named, describe(found))
	}
	r.diagnose(f, own)
	r.alarms(f, own)
	r.losses(own)
	return r
}

// ownFindings are those that are of this host. What is true of the machine, such as the
// pressure on its CPUs, is seen on all hosts, and says nothing of one; a fault of the whole
// machine is found in nothing else.
func ownFindings(f fault, all []report.Finding) (own []report.Finding) {
	for _, found := range all {
		wanted := slices.ContainsFunc(f.want, func(e expectation) bool { return e.Rule == found.Rule })
		if (found.Scope == drop.Machine) == f.machine || wanted {
			own = append(own, found)
		}
	}
	return own
}

func describe(f report.Finding) string {
	return strings.TrimSpace(fmt.Sprintf("%s %v %s %s", f.Rule, f.Severity, f.Kind, f.Subject))
}

func (e expectation) met(f report.Finding) bool {
	return f.Rule == e.Rule && f.Kind == e.Kind && f.Severity == e.Severity && strings.Contains(f.Subject, e.Subject)
}

// diagnose asks for the first of what is wanted as the top finding, and for the others.
func (r *row) diagnose(f fault, own []report.Finding) {
	serious := func(found report.Finding) bool { return found.Kind != drop.Note }
	switch {
	case len(f.want) == 0:
		r.Right = !slices.ContainsFunc(own, serious)
	case f.want[0].Kind == drop.Note:
		r.Right = !slices.ContainsFunc(own, serious) && slices.ContainsFunc(own, f.want[0].met)
	default:
		r.Right = len(own) > 0 && f.want[0].met(own[0])
	}
	if !r.Right {
		want := "no finding above note"
		if len(f.want) > 0 {
			want = f.want[0].String()
		}
		got := "nothing"
		if len(own) > 0 {
			got = describe(own[0])
		}
		r.Miss = append(r.Miss, fmt.Sprintf("wanted %s, found %s", want, got))
	}
	for _, e := range f.want[min(1, len(f.want)):] {
		if !slices.ContainsFunc(own, e.met) {
			r.Right = false
			r.Miss = append(r.Miss, fmt.Sprintf("wanted %v too", e))
		}
	}
}

// alarms collects the findings that are of nothing: on a host that lost nothing all above
// note, on one that lost something those of a loss that was not provoked.
func (r *row) alarms(f fault, own []report.Finding) {
	for _, found := range own {
		expected := slices.ContainsFunc(f.want, func(e expectation) bool { return e.Rule == found.Rule && e.Kind == found.Kind }) ||
			found.Kind == drop.AtRisk && slices.Contains(f.also, found.Rule)
		if expected || found.Kind == drop.Note || found.Kind == drop.AtRisk && !f.harmless() {
			continue
		}
		r.FalseAlarms = append(r.FalseAlarms, describe(found))
		r.Miss = append(r.Miss, "false alarm: "+describe(found)+": "+found.Message)
	}
}

// losses compares the reported loss with the true one.
func (r *row) losses(own []report.Finding) {
	for _, t := range r.Tolls {
		var reported uint64
		for _, found := range own {
			if found.Rule == t.Rule && found.Loss != nil && found.Kind != drop.Note {
				reported += found.Loss.Count
			}
		}
		r.Reported = append(r.Reported, reported)
		if !t.Exact {
			continue
		}
		if t.Lost == 0 {
			r.Miss = append(r.Miss, fmt.Sprintf("the lab provoked no loss for %s", t.Rule))
			continue
		}
		off := math.Abs(float64(reported)-float64(t.Lost)) / float64(t.Lost)
		r.Error = append(r.Error, off)
		if off > maxError {
			r.Miss = append(r.Miss, fmt.Sprintf("%s: %d %s were lost, and %d reported", t.Rule, t.Lost, t.Unit, reported))
		}
	}
}
