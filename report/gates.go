package report

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// The exit codes of fleetdrop.
const (
	ExitDone        = 0   // nothing at or above the gates
	ExitFindings    = 1   // findings at or above a gate
	ExitUsage       = 2   // usage, inventory, configuration; or an output could not be written
	ExitIncomplete  = 3   // more hosts failed than may
	ExitNone        = 4   // hosts were tried, and none was reached
	ExitInterrupted = 130 // what was gathered is saved
)

// exitOrder is which code wins where several are due.
var exitOrder = []int{ExitInterrupted, ExitUsage, ExitNone, ExitFindings, ExitIncomplete}

// Exit returns the code that wins.
func Exit(codes ...int) int {
	for _, first := range exitOrder {
		for _, code := range codes {
			if code == first {
				return code
			}
		}
	}
	return ExitDone
}

// Gates say which scans fail. The zero Gates fail a scan that did not reach all hosts.
type Gates struct {
	FailOn     Level // at-risk findings, which are stable from scan to scan
	FailOnLoss Level // dropping findings, and what was lost since the last scan; never the totals since boot
	MaxFailed  Share // of the hosts may fail
	Changed    bool  // findings count only if they are new, or worse, than in the earlier scan

	Baseline      Baseline // what was known fails nothing; nil is no baseline
	StrictWaivers bool     // waivers that have expired or match nothing fail a scan
}

// A Status is how the scan ended.
type Status struct {
	Complete bool `json:"complete"` // every host was scanned to the end
	ExitCode int  `json:"exit_code"`
	Hosts    int  `json:"hosts"`
	Scanned  int  `json:"scanned"` // the partial ones included
	Partial  int  `json:"partial"`
	Failed   int  `json:"failed"`
	Failing  int  `json:"failing_findings"` // at or above a gate, those of a machine once
}

// status is the one place where the exit code is made. Partial hosts count as failed
// against MaxFailed: nobody knows what the rest of them would have said.
func (g Gates) status(r *Report) Status {
	s := Status{Hosts: len(r.Hosts)}
	for i := range r.Hosts {
		switch r.Hosts[i].Outcome {
		case OutcomeFailed:
			s.Failed++
		case OutcomePartial:
			s.Partial++
		}
	}
	s.Scanned = s.Hosts - s.Failed
	s.Complete = s.Failed == 0 && s.Partial == 0 && !r.Run.Interrupted
	for _, f := range r.Counted {
		if g.fails(f) {
			s.Failing++
		}
	}
	var codes []int
	if r.Run.Interrupted {
		codes = append(codes, ExitInterrupted)
	}
	if s.Hosts > 0 && s.Scanned == 0 {
		codes = append(codes, ExitNone)
	}
	if s.Failing > 0 || g.StrictWaivers && r.Policy.broken() > 0 {
		codes = append(codes, ExitFindings)
	}
	if s.Failed+s.Partial > g.MaxFailed.of(s.Hosts) {
		codes = append(codes, ExitIncomplete)
	}
	s.ExitCode = Exit(codes...)
	return s
}

// open says that no finding fails a scan.
func (g Gates) open() bool { return !g.FailOn.set && !g.FailOnLoss.set }

func (g Gates) fails(f *Finding) bool {
	switch {
	case f.Waived != nil, f.Known, g.Changed && f.change != ChangeNew && f.change != ChangeWorse:
		return false
	case f.Kind == drop.AtRisk:
		return g.FailOn.met(f.Severity)
	case f.Kind == drop.Dropping, f.Kind == drop.Dropped && f.Loss != nil && f.Loss.SinceLast:
		return g.FailOnLoss.met(f.Severity)
	}
	return false
}

// A Level is the least severity that fails a scan; the zero Level is none. It is the value
// of a flag.
type Level struct {
	severity drop.Severity
	set      bool
}

// At is the level of a severity.
func At(s drop.Severity) Level { return Level{s, true} }

func (l Level) met(s drop.Severity) bool { return l.set && s >= l.severity }

func (l Level) String() string {
	if !l.set {
		return "none"
	}
	return l.severity.String()
}

// Set reads a severity, or "none".
func (l *Level) Set(name string) error {
	if name == "none" {
		*l = Level{}
		return nil
	}
	severity, err := drop.ParseSeverity(name)
	if err != nil {
		return errors.New("want none, low, medium, high or critical")
	}
	*l = At(severity)
	return nil
}

// Type is what the flag's help calls the value.
func (l *Level) Type() string { return "level" }

// A Share is a number of hosts, "3", or a part of all of them, "2%"; the zero Share is none.
// It is the value of a flag.
type Share struct {
	n       int
	percent float64 // used if it is set
}

// of returns how many hosts that is, rounded down.
func (s Share) of(hosts int) int {
	if s.percent > 0 {
		return int(math.Floor(float64(hosts)*s.percent/100 + 1e-9))
	}
	return s.n
}

func (s Share) String() string {
	if s.percent > 0 {
		return strconv.FormatFloat(s.percent, 'g', -1, 64) + "%"
	}
	return strconv.Itoa(s.n)
}

// Set reads a number or a percentage.
func (s *Share) Set(text string) error {
	if number, ok := strings.CutSuffix(text, "%"); ok {
		percent, err := strconv.ParseFloat(number, 64)
		if err != nil || !(percent >= 0 && percent <= 100) {
			return fmt.Errorf("%q is no percentage: want 0%% to 100%%", text)
		}
		*s = Share{percent: percent}
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return fmt.Errorf("%q is no number of hosts: want one like 3, or a percentage like 2%%", text)
	}
	*s = Share{n: n}
	return nil
}

// Type is what the flag's help calls the value.
func (s *Share) Type() string { return "N|P%" }
