package report

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// What the script of the page needs to know of each host, in short names, with numbers as
// the texts that are shown: a counter has 64 bits, and a script's numbers have 53. Every text
// is visible. What many hosts share stands once, in pageShared, and is named by its place.
type (
	pageHost struct {
		Name     string        `json:"name"`
		Rank     int           `json:"rank,omitempty"` // 0: not reached
		Grade    string        `json:"grade"`
		Score    float64       `json:"score"`
		Why      string        `json:"why,omitempty"`
		Groups   []string      `json:"groups,omitempty"`
		Facts    []string      `json:"facts,omitempty"` // address, system, kernel, uptime, origin
		Error    *pageError    `json:"error,omitempty"`
		Findings []pageFinding `json:"findings,omitempty"`
		Blind    int           `json:"blind,omitempty"` // 1 + place in pageShared.Blind
		Coverage [3]int        `json:"coverage"`
		Cost     string        `json:"cost,omitempty"`
		Change   Change        `json:"change,omitempty"`
	}
	pageError struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Hint    string `json:"hint,omitempty"`
	}
	pageFinding struct {
		Rule     string         `json:"rule"`
		Kind     drop.Kind      `json:"kind"`
		Severity string         `json:"severity"`
		Subject  string         `json:"subject,omitempty"`
		Message  string         `json:"message"`
		Loss     string         `json:"loss,omitempty"`
		Rate     float64        `json:"rate,omitempty"` // lost a second, now
		Evidence []pageEvidence `json:"evidence,omitempty"`
		Steps    []int          `json:"steps,omitempty"` // places in pageShared.Steps
		Waived   string         `json:"waived,omitempty"`
		Lapsed   string         `json:"lapsed,omitempty"` // the waiver that has expired
		Known    bool           `json:"known,omitempty"`  // in the baseline
		Policy   string         `json:"policy,omitempty"` // the line that expects something else
	}
	pageEvidence struct {
		Source string `json:"source"`
		From   string `json:"from"` // the command that shows it
		Before string `json:"before,omitempty"`
		Value  string `json:"value"`
		Change string `json:"change,omitempty"`
		Line   string `json:"line,omitempty"`
	}
	pageStep struct {
		Text    string `json:"text"`
		Command string `json:"command,omitempty"`
		Present string `json:"present,omitempty"`
		Value   string `json:"value,omitempty"`
		Persist string `json:"persist,omitempty"`
		Price   string `json:"price,omitempty"`
		Undo    string `json:"undo,omitempty"`
	}
	pageShared struct {
		Stations []pageStation `json:"stations"`
		Rules    []pageRule    `json:"rules"`
		Steps    []pageStep    `json:"steps"`
		Blind    [][]string    `json:"blind"`   // "FD402 dmesg: denied"
		Changes  bool          `json:"changes"` // hosts have changes
	}
	pageStation struct {
		ID    drop.Stage `json:"id"`
		Label string     `json:"label"`
	}
	pageRule struct {
		ID    string     `json:"id"`
		Name  string     `json:"name"`
		Stage drop.Stage `json:"stage"`
	}
)

// A packer makes the data of the page.
type packer struct {
	least  drop.Severity
	shared pageShared
	steps  map[pageStep]int
	blind  map[string]int
}

func newPacker(r *Report, o Options) *packer {
	p := &packer{least: o.Severity, steps: map[pageStep]int{}, blind: map[string]int{}}
	p.shared = pageShared{Steps: []pageStep{}, Blind: [][]string{}, Rules: make([]pageRule, 0, len(r.Rules)), Changes: moved(r)}
	for _, stage := range way {
		p.shared.Stations = append(p.shared.Stations, pageStation{stage, stations[stage].label})
	}
	for _, rule := range r.Rules {
		p.shared.Rules = append(p.shared.Rules, pageRule{rule.ID, Visible(rule.Name), rule.Stage})
	}
	return p
}

func (p *packer) host(h *Host) pageHost {
	out := pageHost{
		Name: Visible(h.Name), Grade: gradeNotReached, Score: -1, Facts: facts(h), Groups: make([]string, len(h.Groups)), Change: h.Change,
	}
	for i, group := range h.Groups {
		out.Groups[i] = Visible(group)
	}
	if h.Risk != nil {
		out.Rank, out.Grade, out.Score = h.Risk.Rank, string(h.Risk.Grade), h.Risk.Score
		out.Why = strings.Join(h.Risk.Why, ", ")
	}
	if h.Error != nil {
		out.Error = &pageError{Visible(h.Error.Code), Visible(h.Error.Message), Visible(h.Error.Hint)}
	}
	if c := h.Coverage; c != nil {
		out.Coverage = [3]int{c.Checked, c.NotChecked, c.NotApplicable}
	}
	if c := h.Cost; c != nil {
		out.Cost = fmt.Sprintf("Connected in %.0f ms; the script took %.0f ms and wrote %s bytes", c.Connect, c.Script, grouped(uint64(max(c.Bytes, 0))))
	}
	for i := range h.Findings {
		if f := &h.Findings[i]; f.Severity >= p.least {
			out.Findings = append(out.Findings, p.finding(f))
		}
	}
	out.Blind = p.blindOf(h)
	return out
}

// facts are what is said of a host under its name.
func facts(h *Host) (all []string) {
	add := func(before, fact string) {
		if fact != "" {
			all = append(all, before+Visible(fact))
		}
	}
	add("", h.Address)
	add("through ", h.Jump)
	add("", h.OS)
	add("kernel ", h.Kernel)
	if h.Uptime != nil {
		add("up ", span(*h.Uptime))
	}
	if h.OwnNetns {
		all = append(all, "in a network namespace of its own")
	}
	if h.Coverage != nil {
		add("", h.Coverage.Namespaces.says())
	}
	add("", h.Origin)
	return all
}

func (p *packer) finding(f *Finding) pageFinding {
	out := pageFinding{
		Rule: f.Rule, Kind: f.Kind, Severity: f.Severity.String(), Subject: Visible(f.Subject), Message: Visible(f.Message),
		Loss: lossSays(f.Loss), Rate: f.losing(), Evidence: make([]pageEvidence, len(f.Evidence)), Steps: make([]int, len(f.Remedy)),
	}
	out.Waived, out.Lapsed = Visible(waivedSays(f.Waived)), Visible(waivedSays(f.Lapsed))
	out.Known, out.Policy = f.Known, Visible(f.Policy)
	for i := range f.Evidence {
		out.Evidence[i] = packEvidence(&f.Evidence[i])
	}
	for i := range f.Remedy {
		s := &f.Remedy[i]
		out.Steps[i] = p.step(pageStep{Visible(s.Text), Visible(s.Command), Visible(s.Present), Visible(s.Value), Visible(s.Persist), Visible(s.Price), Visible(s.Undo)})
	}
	return out
}

// waivedSays is a waiver in one line; empty if there is none.
func waivedSays(w *Waiver) string {
	if w == nil {
		return ""
	}
	said := w.Reason
	if w.Owner != "" {
		said += ", by " + w.Owner
	}
	if w.Expires != "" {
		said += ", until " + w.Expires
	}
	return said
}

func (p *packer) step(s pageStep) int {
	at, known := p.steps[s]
	if !known {
		at = len(p.shared.Steps)
		p.steps[s] = at
		p.shared.Steps = append(p.shared.Steps, s)
	}
	return at
}

// blindOf is what was not checked on a host. Hosts with one login and one kernel lack the
// same.
func (p *packer) blindOf(h *Host) int {
	if len(h.NotChecked) == 0 {
		return 0
	}
	said := make([]string, len(h.NotChecked))
	for i, n := range h.NotChecked {
		missing := make([]string, len(n.Missing))
		for j, m := range n.Missing {
			missing[j] = m.Section + ": " + stateSays(m.Section, m.State)
			if h.Error != nil && m.State == "cut" {
				missing[j] = m.Section + ": cut: the output of the script ends in it"
			}
		}
		said[i] = Visible(n.Rule + " " + strings.Join(missing, ", "))
	}
	key := strings.Join(said, "\n")
	if p.blind[key] == 0 {
		p.shared.Blind = append(p.shared.Blind, said)
		p.blind[key] = len(p.shared.Blind)
	}
	return p.blind[key]
}

func packEvidence(e *Evidence) pageEvidence {
	out := pageEvidence{Source: Visible(source(*e)), From: Visible(e.Section), Value: Visible(e.State)}
	if strings.HasSuffix(e.Section, "/") {
		out.From = "grep . " + out.From + "*"
	} else if strings.HasPrefix(e.Section, "/") {
		out.From = "cat " + out.From
	}
	if e.State == "known" {
		out.Value = Visible(shown(e.Value))
	}
	if e.Unverified {
		out.Source += " (unverified)"
	}
	if e.Before != nil {
		out.Before = Visible(shown(e.Before))
		out.Change = change(e.Before, e.Value)
	}
	lines := strings.Split(strings.ReplaceAll(e.Line, "\t", "    "), "\n")
	for i, line := range lines {
		lines[i] = Visible(line)
	}
	out.Line = strings.Join(lines, "\n")
	return out
}

// shown is a value as people read it: 1,234,567.
func shown(v any) string {
	if n, ok := whole(v); ok {
		return grouped(n)
	}
	if v == nil {
		return ""
	}
	return strings.TrimSpace(fmt.Sprint(v))
}

// change is what a counter grew by between the samples.
func change(before, after any) string {
	from, ok := whole(before)
	to, known := whole(after)
	switch {
	case !ok || !known:
		return ""
	case to >= from:
		return "+" + grouped(to-from)
	}
	return "wrapped, or began again"
}

// whole is a number that has no fraction and no sign, of a scan or of a report that was read
// back.
func whole(v any) (uint64, bool) {
	switch v := v.(type) {
	case uint64:
		return v, true
	case int64:
		return uint64(v), v >= 0
	case int:
		return uint64(v), v >= 0
	case json.Number:
		var n uint64
		err := json.Unmarshal([]byte(v), &n)
		return n, err == nil
	}
	return 0, false
}

// grouped parts a number into thousands.
func grouped(n uint64) string {
	digits := fmt.Sprint(n)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// many is a number in thousands, and its noun.
func many(n int, noun string) string {
	_, noun, _ = strings.Cut(count(n, noun), " ")
	return grouped(uint64(n)) + " " + noun
}
