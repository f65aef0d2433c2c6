package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// A Risk is where a host stands among the others, and why.
type Risk struct {
	Rank  int      `json:"rank"`            // from 1, the worst
	Score float64  `json:"score"`           // 0 to 100, to a tenth; see Class
	Grade Grade    `json:"grade"`           //
	Class string   `json:"class,omitempty"` // "dropping high": the worst among its findings; left out if there is none
	Why   []string `json:"why"`             // "FD601 0.93": rules and the weights of their findings, the worst first

	place int     // in the order of hosts: the class, then unknown, then clean
	ratio float64 // the largest share that was lost
}

// A Grade is a host's state in a word: the strongest kind among its findings.
type Grade string

// The grades. A host is Clean only if every rule was checked, or does not apply, that
// files can decide. All of /proc and /sys that a rule needs is for everyone to read, so a
// file that was not read, or not understood, makes it Unknown. What only a command would
// tell (dmesg, iptables, ss) may need root, or a module that nobody wants loaded by
// asking: such rules are counted beside the grade.
const (
	Dropping Grade = "dropping"
	Dropped  Grade = "dropped"
	AtRisk   Grade = "at-risk"
	Clean    Grade = "clean"
	Unknown  Grade = "unknown"
)

// A class is a kind and a severity. A loss that goes on comes before one that is over,
// and that before one that may come, as long as they weigh nearly the same.
type class struct {
	kind     drop.Kind
	severity drop.Severity
}

func (c class) String() string { return string(c.kind) + " " + c.severity.String() }

var classes = [...]class{
	{drop.Dropping, drop.Critical},
	{drop.Dropping, drop.High},
	{drop.Dropped, drop.Critical},
	{drop.Dropping, drop.Medium},
	{drop.AtRisk, drop.Critical},
	{drop.Dropped, drop.High},
	{drop.AtRisk, drop.High},
	{drop.Dropped, drop.Medium},
	{drop.Dropping, drop.Low},
	{drop.AtRisk, drop.Medium},
	{drop.Dropped, drop.Low},
	{drop.AtRisk, drop.Low},
}

// The places below all classes.
const (
	placeUnknown = len(classes) + iota
	placeClean
)

// classOf returns the class of a finding as an index: 0 is the worst, len(classes) that of
// a note or a finding that is waived.
func classOf(f *Finding) int {
	if f.Kind == drop.Note || f.Waived != nil {
		return len(classes)
	}
	i := slices.Index(classes[:], class{f.Kind, max(f.Severity, drop.Low)})
	if i < 0 {
		return len(classes)
	}
	return i
}

// weight is how much of its class's band a finding takes: a fifth for being there, and the
// rest by its loss, on logarithmic scales of the share (1 in 10,000 to all) and of the
// rate (one a minute to 100,000 a second), whichever says more.
func (f *Finding) weight() float64 {
	const least, most = 0.2, 0.95
	scale := 0.0
	if f.Loss != nil {
		if f.Loss.Ratio != nil {
			scale = max(scale, 1+math.Log10(max(*f.Loss.Ratio, 1e-9))/4)
		}
		if f.Loss.PerSecond != nil {
			scale = max(scale, math.Log10(max(*f.Loss.PerSecond*60, 1))/math.Log10(60e5))
		}
	}
	return least + (most-least)*min(scale, 1)
}

// judge scores a host. The twelve classes share the scale in equal bands. Within the band
// of the worst class the findings add up as independent chances do (noisy or); one of a
// lower class has half the weight for each class that it is below. So no finding more, and
// no loss more, ever lowers a score.
func judge(h *Host) *Risk {
	if !h.Reached() {
		return nil
	}
	r := &Risk{Grade: grade(h), Why: []string{}}
	if r.Grade == Clean || r.Grade == Unknown {
		r.place = placeClean
		if r.Grade == Unknown {
			r.place = placeUnknown
		}
		return r
	}
	findings := slices.Clone(h.Findings)
	slices.SortStableFunc(findings, worse)
	worst := classOf(&findings[0])
	rest, more := 1.0, 0
	for i := range findings {
		f := &findings[i]
		at := classOf(f)
		if at == len(classes) {
			break
		}
		rest *= 1 - f.weight()*math.Pow(0.5, float64(at-worst))
		if f.Loss != nil && f.Loss.Ratio != nil {
			r.ratio = max(r.ratio, *f.Loss.Ratio)
		}
		if i < maxWhy {
			r.Why = append(r.Why, fmt.Sprintf("%s %.2f", f.Rule, f.weight()))
		} else {
			more++
		}
	}
	if more > 0 {
		r.Why = append(r.Why, fmt.Sprintf("%d more", more))
	}
	const band = 100.0 / float64(len(classes))
	r.Class, r.place = classes[worst].String(), worst
	r.Score = math.Round((100-band*float64(worst+1)+band*(1-rest))*10) / 10
	return r
}

const maxWhy = 8

func grade(h *Host) Grade {
	for _, kind := range []drop.Kind{drop.Dropping, drop.Dropped, drop.AtRisk} {
		for i := range h.Findings {
			if f := &h.Findings[i]; f.Kind == kind && f.Waived == nil {
				return Grade(kind)
			}
		}
	}
	if h.Outcome == OutcomeScanned && decided(h) {
		return Clean
	}
	return Unknown
}

// decided says that every rule was checked that files can decide.
func decided(h *Host) bool {
	for _, n := range h.NotChecked {
		for _, m := range n.Missing {
			if strings.HasPrefix(m.Section, "/") && m.State != "absent" {
				return false
			}
		}
	}
	return h.Coverage != nil && h.Coverage.Checked > 0
}
