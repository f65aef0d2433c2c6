package report

import (
	"bufio"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

var (
	//go:embed report.html.tmpl
	pageText string
	//go:embed report.css
	pageStyle string
)

// htmlClose is how many hosts the page describes; the table has all of them.
const htmlClose = 200

// htmlPage is parsed once; every text goes through html/template, and through Visible
// before it, where the template says "safe".
var htmlPage = template.Must(template.New("report").Funcs(template.FuncMap{
	"safe":     func(s any) string { return Visible(fmt.Sprint(s)) },
	"rate":     htmlRate,
	"span":     func(s *float64) string { return span(*s) },
	"lossSays": lossSays,
	"source":   source,
	"quote":    quote,
	"tally":    tally,
	"says":     says,
	"join":     strings.Join,
	"because":  func(h *Host) *Finding { return &h.Findings[0] },
	"lost":     htmlLost,
	"many":     func(g Grade) string { return gradeSays[g].many },
	"state":    stateSays,
}).Parse(pageText))

// htmlView is what the page shows.
type htmlView struct {
	*Report
	Style  template.CSS
	Policy string // the Content-Security-Policy: nothing is loaded, nothing runs

	Grades   []htmlGrade
	Stages   []htmlStage
	Rules    []htmlRule
	Notes    []htmlRule
	Failed   []htmlError
	Partial  []htmlError
	Missing  []htmlMissing
	Close    []*Host // the worst
	More     int     // hosts with findings that are not in Close
	Hidden   int
	Severity drop.Severity
}

type htmlGrade struct {
	Grade Grade
	N     int
}

type htmlStage struct {
	Stage                     drop.Stage
	Dropping, Dropped, AtRisk int
	PerSecond                 float64
}

type htmlRule struct {
	Rule
	Worst     *Finding
	Host      *Host
	Hosts     int
	PerSecond float64
}

type htmlError struct {
	Code     string
	Hosts    []*Host
	Messages []string
	Hints    []string
}

type htmlMissing struct {
	Missing
	Hosts int
	Rules []string
}

// writeHTML writes one page that needs no other file and no network.
func writeHTML(w io.Writer, r *Report, o Options) error {
	s := summarize(r, o.Severity)
	sum := sha256.Sum256([]byte(pageStyle))
	v := htmlView{
		Report: r, Style: template.CSS(pageStyle), Hidden: s.hidden, Severity: o.Severity,
		Policy: fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'", base64.StdEncoding.EncodeToString(sum[:])),
		Rules:  htmlRules(s.rules), Notes: htmlRules(s.notes), Failed: htmlErrors(s.failed), Partial: htmlErrors(s.partial),
	}
	for _, g := range []Grade{Dropping, Dropped, AtRisk, Clean, Unknown} {
		v.Grades = append(v.Grades, htmlGrade{g, s.grades[g]})
	}
	for _, stage := range s.stages {
		v.Stages = append(v.Stages, htmlStage{stage.stage, len(stage.dropping), len(stage.dropped), len(stage.atRisk), stage.perSecond})
	}
	for _, m := range s.missing {
		v.Missing = append(v.Missing, htmlMissing{m.Missing, len(m.hosts), slices.Sorted(maps.Keys(m.rules))})
	}
	for i := range r.Hosts {
		if h := &r.Hosts[i]; h.Risk != nil && h.Risk.Class != "" {
			if len(v.Close) < htmlClose {
				v.Close = append(v.Close, h)
			} else {
				v.More++
			}
		}
	}
	buffered := bufio.NewWriter(w)
	if err := htmlPage.Execute(buffered, v); err != nil {
		return err
	}
	return buffered.Flush()
}

func htmlRules(sums []*ruleSum) (rules []htmlRule) {
	for _, s := range sums {
		rules = append(rules, htmlRule{s.rule, s.worst, s.host, len(s.hosts), s.perSecond})
	}
	return rules
}

func htmlErrors(sums []*errorSum) (all []htmlError) {
	for _, s := range sums {
		all = append(all, htmlError{
			s.code, s.hosts,
			texts(s.hosts, func(h *Host) string { return h.Error.Message }),
			texts(s.hosts, func(h *Host) string { return h.Error.Hint }),
		})
	}
	return all
}

func htmlRate(x float64) string {
	if x == 0 {
		return ""
	}
	return rate(x)
}

// htmlLost is what a host loses a second.
func htmlLost(h *Host) string {
	sum := 0.0
	for i := range h.Findings {
		sum += h.Findings[i].losing()
	}
	return htmlRate(sum)
}
