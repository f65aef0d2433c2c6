//go:build linux

package main

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// A measure is how well fleetdrop knew the truth, over one run or several.
type measure struct {
	Faults      int     `json:"faults"`
	Diagnosed   int     `json:"diagnosed"` // their right rule was the top finding
	FalseAlarms int     `json:"false_alarms"`
	LossError   float64 `json:"loss_error"` // the largest
	Compared    int     `json:"compared"`   // losses that the kernel counts as the lab does
	Rankings    int     `json:"rankings"`   // pairs of hosts whose order is known
	Ranked      int     `json:"ranked"`     // in the right order
	Stopped     int     `json:"stopped"`    // hosts whose faults were stopped
	StillLosing int     `json:"still_losing"`
	Lacking     int     `json:"lacking"` // faults that this machine cannot have
}

// good says that all was as it should be.
func (m measure) good() bool {
	return m.Diagnosed == m.Faults && m.FalseAlarms == 0 && m.LossError <= maxError && m.Ranked == m.Rankings && m.StillLosing == 0
}

// plus adds another run.
func (m measure) plus(n measure) measure {
	return measure{
		m.Faults + n.Faults, m.Diagnosed + n.Diagnosed, m.FalseAlarms + n.FalseAlarms, max(m.LossError, n.LossError),
		m.Compared + n.Compared, m.Rankings + n.Rankings, m.Ranked + n.Ranked, m.Stopped + n.Stopped,
		m.StillLosing + n.StillLosing, m.Lacking + n.Lacking,
	}
}

// measured sums up the rows of one run, and says in words which orders are wrong.
func measured(rows []row) (m measure, wrong []string) {
	for _, r := range rows {
		if r.Lacking != "" {
			m.Lacking++
			continue
		}
		m.Faults++
		if r.Right {
			m.Diagnosed++
		}
		m.FalseAlarms += len(r.FalseAlarms)
		for _, off := range r.Error {
			m.Compared++
			m.LossError = max(m.LossError, off)
		}
	}
	m.Rankings, m.Ranked, wrong = ranked(rows)
	return m, wrong
}

// The classes of risk, the worst first, as the design has them. They stand here once more
// so that the report's order is held against something that is not itself.
var classOrder = [...]string{
	"dropping critical", "dropping high", "dropped critical", "dropping medium", "at-risk critical", "dropped high",
	"at-risk high", "dropped medium", "dropping low", "at-risk medium", "dropped low", "at-risk low", "",
}

// place is where a host of that expectation stands: the class of what it is to be found
// with, after all of them for a clean one.
func place(want []expectation) int {
	if len(want) == 0 || want[0].Kind == drop.Note {
		return len(classOrder) - 1
	}
	return slices.Index(classOrder[:], fmt.Sprintf("%s %v", want[0].Kind, want[0].Severity))
}

// ranked counts the pairs of hosts whose order is known, and those that stand in it: of one
// cause, the host that lost more is the worse; of two causes, that of the worse class.
func ranked(rows []row) (pairs, right int, wrong []string) {
	var known []row
	for _, r := range rows {
		if r.Rank > 0 {
			known = append(known, r)
		}
	}
	slices.SortFunc(known, func(a, b row) int { return cmp.Compare(a.Rank, b.Rank) })
	for i, a := range known {
		for _, b := range known[i+1:] {
			order := cmp.Compare(place(a.Want), place(b.Want))
			if order == 0 && a.Cause != "" && a.Cause == b.Cause {
				order = cmp.Compare(lostShare(b), lostShare(a))
			} else if order == 0 {
				continue
			}
			pairs++
			if order < 0 {
				right++
			} else {
				wrong = append(wrong, fmt.Sprintf("%s is ranked before %s, which is worse", a.Fault, b.Fault))
			}
		}
	}
	return pairs, right, wrong
}

// lostShare is how strong a fault truly is.
func lostShare(r row) float64 {
	lost, sent := 0, 0
	for _, t := range r.Tolls {
		lost, sent = lost+t.Lost, sent+t.Sent
	}
	return float64(lost) / float64(max(sent, 1))
}
