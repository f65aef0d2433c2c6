package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

// A Host is one host of the inventory and what became of it.
type Host struct {
	Name    string   `json:"name"`
	Address string   `json:"address,omitempty"` // "10.0.0.17:22"; left out for a capture
	Groups  []string `json:"groups"`
	Origin  string   `json:"origin,omitempty"` // "hosts.txt:17"
	Jump    string   `json:"jump,omitempty"`   // "bastion-eu": the hosts on the way to it, the nearest first, parted by commas

	Kernel string   `json:"kernel,omitempty"` // "6.1.0-27-amd64"
	OS     string   `json:"os,omitempty"`     // "Debian GNU/Linux 12 (bookworm)"
	Uptime *float64 `json:"uptime_s"`
	BootID string   `json:"boot_id,omitempty"`
	// OwnNetns says that the login is in a network namespace of its own, such as a container's,
	// and not in the machine's first one.
	OwnNetns bool `json:"own_netns,omitempty"`

	Outcome    Outcome      `json:"outcome"`
	Error      *Error       `json:"error"`            // of a host that is not Scanned
	Risk       *Risk        `json:"risk"`             // nil for a host that was not reached; New fills it in
	Change     Change       `json:"change,omitempty"` // against the last scan; left out without one
	Findings   []Finding    `json:"findings"`
	Settings   Settings     `json:"settings,omitempty"`
	Coverage   *Coverage    `json:"coverage"` // nil for a host that was not reached
	NotChecked []NotChecked `json:"not_checked"`
	Cost       *Cost        `json:"cost"` // nil for a capture; who scans fills it in

	place int // of the whole host, where this is one of a report
}

// An Outcome says how far a scan came with a host.
type Outcome string

// The outcomes.
const (
	OutcomeScanned Outcome = "scanned"
	OutcomePartial Outcome = "partial" // the script's output ended early; what came is judged
	OutcomeFailed  Outcome = "failed"  // nothing came
)

// An Error says why a host was not scanned, or not to the end.
type Error struct {
	Code    string `json:"code"`            // "timeout@banner", "hostkey-unknown"; stable
	Stage   string `json:"stage,omitempty"` // of the connection
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"` // what to do next, without the host's name where that is possible
}

// Coverage counts the rules by what became of them.
type Coverage struct {
	Checked       int `json:"checked"`
	NotChecked    int `json:"not_checked"`
	NotApplicable int `json:"not_applicable"`
	// Namespaces is nil where they were not looked for.
	Namespaces *Namespaces `json:"namespaces,omitempty"`
}

// NotChecked is a rule that a host does not know the answer to.
type NotChecked struct {
	Rule    string    `json:"rule"`
	Missing []Missing `json:"missing"` // each of them once
}

// A Missing is a section that would have been needed.
type Missing struct {
	Section string `json:"section"`
	State   string `json:"state"` // as in captures, or garbled
}

// A Cost is what scanning the host took.
type Cost struct {
	Connect float64 `json:"connect_ms"` // until the session was open
	Script  float64 `json:"script_ms"`  // the script's time, without the window
	Bytes   int64   `json:"bytes"`      // of output
}

// A Finding is one thing that is wrong with one host.
type Finding struct {
	Rule        string        `json:"rule"` // "FD601"
	Name        string        `json:"name"`
	Stage       drop.Stage    `json:"stage"`
	Kind        drop.Kind     `json:"kind"`
	Severity    drop.Severity `json:"severity"`
	Scope       drop.Scope    `json:"scope"`
	Subject     string        `json:"subject"` // empty where it is the host
	Netns       *Netns        `json:"netns,omitempty"`
	Message     string        `json:"message"`
	Fingerprint string        `json:"fingerprint"` // of rule, host and subject: the same from scan to scan
	Loss        *Loss         `json:"loss"`        // nil if nothing was lost
	Evidence    []Evidence    `json:"evidence"`
	Remedy      []Step        `json:"remedy"` // the cheapest first
	Waived      *Waiver       `json:"waived"`
	Lapsed      *Waiver       `json:"lapsed,omitempty"` // the waiver that has expired: the finding counts again
	Known       bool          `json:"known,omitempty"`  // it is in the baseline, and fails nothing
	Policy      string        `json:"policy,omitempty"` // the line of the policy that expects something else

	change Change // against an earlier scan
}

// A Loss is how much was lost.
type Loss struct {
	Count     uint64    `json:"count"`
	PerSecond *float64  `json:"per_s"`
	Ratio     *float64  `json:"ratio"` // to what arrived; nil where too little arrived to say
	Of        *uint64   `json:"of"`    // what arrived, the lost included
	Unit      drop.Unit `json:"unit"`
	Exact     bool      `json:"exact"`
	Window    *float64  `json:"window_s"`   // the time it came in: the window, the time since the last scan, or the uptime
	SinceLast bool      `json:"since_last"` // it came since the last scan of the same boot
}

// Evidence is a fact that a finding rests on.
type Evidence struct {
	Section string `json:"section"` // as in a capture: "ethtool -S eth0"
	Row     string `json:"row,omitempty"`
	Field   string `json:"field,omitempty"`
	State   string `json:"state"`
	Before  any    `json:"before"` // a number, a text or nil, as Value is
	Value   any    `json:"value"`
	// Unverified: what the number counts is known from its name alone, for its driver is not known.
	Unverified bool   `json:"unverified,omitempty"`
	Line       string `json:"line,omitempty"` // the raw text of the last sample; not where an earlier fact of the finding has it
}

// A Step is one thing to do about a finding.
type Step struct {
	Text    string `json:"text"`
	Command string `json:"command,omitempty"` // what does it until the next boot
	Sysctl  string `json:"sysctl,omitempty"`
	Value   string `json:"value,omitempty"`
	Present string `json:"present,omitempty"` // the value it has
	Persist string `json:"persist,omitempty"` // where it goes to last
	Undo    string `json:"undo,omitempty"`
	Price   string `json:"price,omitempty"`
}

// A Waiver says who put up with a finding, and until when.
type Waiver struct {
	Reason  string `json:"reason"`
	Owner   string `json:"owner,omitempty"`
	Expires string `json:"expires,omitempty"` // "2027-01-31", the last day
	Origin  string `json:"origin,omitempty"`  // "fleetdrop.policy.yaml:48"
}

// Scanned is a host that was judged by these rules. A host of a capture has no more than
// a name.
func Scanned(h inventory.Host, s *probe.Snapshot, rules []*drop.Rule, verdicts []drop.Verdict) Host {
	host := identity(h, OutcomeScanned)
	host.Coverage = &Coverage{Namespaces: namespaces(s, rules)}
	host.OwnNetns = kernel.OwnNetns(s)
	if up := s.Up(); up > 0 {
		host.Uptime = seconds(up)
	}
	boot, _ := probe.BootID.In(s).Get()
	release, _ := probe.Release.In(s).Get()
	system, _ := probe.OSRelease.In(s).Get()
	host.BootID, host.Kernel, host.OS = clean(boot, maxName), clean(release, maxName), clean(system, maxName)
	host.Settings = settingsOf(s)

	byID := make(map[string]*drop.Rule, len(rules))
	for _, r := range rules {
		byID[r.ID] = r
	}
	for _, v := range verdicts {
		switch v.Outcome {
		case drop.Clean, drop.Found:
			host.Coverage.Checked++
		case drop.NotApplicable:
			host.Coverage.NotApplicable++
		default:
			host.Coverage.NotChecked++
			host.NotChecked = append(host.NotChecked, NotChecked{v.Rule, missing(v.Missing)})
		}
		for _, f := range v.Findings {
			host.Findings = append(host.Findings, finding(h.Name, s, byID[v.Rule], f))
		}
	}
	slices.SortStableFunc(host.Findings, worse)
	return host
}

// Failed is a host that was not reached.
func Failed(h inventory.Host, e Error) Host {
	host := identity(h, OutcomeFailed)
	host.Error = e.clean()
	return host
}

// Partial is the host, of which only a part was read before this happened.
func (h Host) Partial(e Error) Host {
	h.Outcome, h.Error = OutcomePartial, e.clean()
	return h
}

// Reached says that there is something to judge.
func (h *Host) Reached() bool { return h.Outcome != OutcomeFailed }

func identity(h inventory.Host, outcome Outcome) Host {
	host := Host{
		Name: clean(h.Name, maxName), Groups: make([]string, len(h.Groups)), Origin: clean(h.Origin.String(), maxName),
		Outcome: outcome, Findings: []Finding{}, NotChecked: []NotChecked{},
	}
	for i, group := range h.Groups {
		host.Groups[i] = clean(group, maxName)
	}
	jumps := make([]string, len(h.Jump))
	for i, j := range h.Jump {
		jumps[i] = cmp.Or(j.Alias, j.Hostname)
	}
	host.Jump = clean(strings.Join(jumps, ","), maxName)
	if h.Hostname != "" {
		host.Address = clean(h.Address(), maxName)
	}
	return host
}

func (e Error) clean() *Error {
	return &Error{clean(e.Code, maxName), clean(e.Stage, maxName), clean(e.Message, maxText), clean(e.Hint, maxText)}
}

func finding(host string, s *probe.Snapshot, r *drop.Rule, f drop.Finding) Finding {
	found := Finding{
		Rule: f.Rule, Kind: f.Kind, Severity: f.Severity, Scope: f.Scope,
		Subject: clean(f.Where(), maxName), Message: clean(f.Message, maxText),
		Fingerprint: Fingerprint(f.Rule, host, f.Identity()),
		Netns:       netns(f.Netns), Loss: loss(f.Loss),
		Evidence: make([]Evidence, len(f.Evidence)), Remedy: make([]Step, len(f.Steps)),
		Policy: clean(f.Expected, maxName),
	}
	if r != nil {
		found.Name, found.Stage = r.Name, r.Stage
	}
	for i, e := range f.Evidence {
		found.Evidence[i] = Evidence{
			Section: clean(instance(e.Source), maxName), Row: clean(e.Row, maxName), Field: clean(e.Field, maxName),
			State: e.State.String(), Before: value(e.Before), Value: value(e.Value), Unverified: e.Unverified,
		}
		line := rawLine(s, e)
		if !slices.ContainsFunc(found.Evidence[:i], func(e Evidence) bool { return e.Line == line }) {
			found.Evidence[i].Line = line
		}
	}
	for i, step := range f.Steps {
		found.Remedy[i] = Step{
			clean(step.Text, maxText), clean(step.Command, maxText), clean(step.Sysctl, maxName), clean(step.Value, maxName),
			clean(step.Present, maxName), clean(step.Persist, maxText), clean(step.Undo, maxText), clean(step.Price, maxText),
		}
	}
	return found
}

// Fingerprint names a finding from scan to scan. The kind has no part in it: a rare loss
// is dropping in one scan and dropped in the next.
func Fingerprint(rule, host, subject string) string {
	sum := sha256.Sum256([]byte("fleetdrop/v1\x00" + rule + "\x00" + host + "\x00" + subject))
	return hex.EncodeToString(sum[:16])
}

func loss(l drop.Loss) *Loss {
	if l == (drop.Loss{}) {
		return nil
	}
	out := &Loss{Count: l.Count, Unit: l.Unit, Exact: l.Exact, SinceLast: l.Since}
	if rate, known := l.PerSecond(); known {
		out.PerSecond, out.Window = digits(rate), seconds(l.Over)
	}
	if ratio, known := l.Ratio(); known {
		out.Ratio = digits(ratio)
	}
	if l.Of > 0 {
		out.Of = &l.Of
	}
	return out
}

// missing says each section once.
func missing(all []probe.Evidence) []Missing {
	said := make([]Missing, 0, len(all))
	for _, e := range all {
		m := Missing{clean(instance(e.Source), maxName), e.State.String()}
		if !slices.Contains(said, m) {
			said = append(said, m)
		}
	}
	return said
}

// instance is the section as a person would type it: with the interface, where that is known.
func instance(s probe.Source) string {
	if s.Row == "" {
		return s.Section
	}
	return s.Instance()
}

// value is what evidence holds, as a number or a text.
func value(v any) any {
	switch v := v.(type) {
	case nil, bool, int, int64, uint64, uint32, uint16, uint8, int32, int16, int8, uint:
		return v
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v)
		}
		return v
	case time.Duration:
		return *seconds(v)
	case string:
		return clean(v, maxText)
	}
	return clean(fmt.Sprint(v), maxText)
}

// seconds is a time to the hundredth, which is what /proc/uptime tells.
func seconds(d time.Duration) *float64 {
	s := math.Round(d.Seconds()*100) / 100
	return &s
}

// digits keeps four of them; more would only pretend to know.
func digits(x float64) *float64 {
	if x != 0 {
		unit := math.Pow(10, 3-math.Floor(math.Log10(math.Abs(x))))
		if r := math.Round(x*unit) / unit; !math.IsNaN(r) && !math.IsInf(r, 0) {
			x = r
		}
	}
	return &x
}

// worse orders findings: the worst class first, then the greater weight, rule, subject.
func worse(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(classOf(&a), classOf(&b)),
		cmp.Compare(b.weight(), a.weight()),
		cmp.Compare(a.Rule, b.Rule),
		cmp.Compare(a.Subject, b.Subject),
		cmp.Compare(a.Message, b.Message),
	)
}
