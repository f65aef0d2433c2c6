// Package report says what a scan found: it orders the hosts by risk, sums up the fleet
// and writes the whole in several formats.
//
// The types of this package are the JSON contract "fleetdrop.report/v1"; schema.json
// describes it. It only ever grows. A list is never null. A text that is not known is
// left out. A number that is not known is null, and so is an object that does not apply.
package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// Schema names the contract.
const Schema = "fleetdrop.report/v1"

// A Report is one scan, judged and ranked. A Roll makes one, or New.
type Report struct {
	Head
	Status  Status   `json:"status"`
	Rules   []Rule   `json:"rules"` // those that were asked, in the order of their IDs
	Fleet   Fleet    `json:"fleet"`
	Changes *Changes `json:"changes"` // against the last scan; nil without one, see Against
	// Hosts are ordered worst first; those that were not reached come last. They are without
	// evidence, remedies and costs, unless the report was read from JSON: Each has them whole.
	Hosts []Host `json:"hosts"`

	gates Gates                          // what it was held against
	read  func(place int) (*Host, error) // a host, whole
}

// A Head says which scan a report is of.
type Head struct {
	Schema string  `json:"schema"` // New fills it in
	Tool   Tool    `json:"tool"`
	Run    Run     `json:"run"`
	Policy *Policy `json:"policy,omitempty"` // nil where none was given
}

// A Tool is the program that judged.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// A Run is one scan.
type Run struct {
	ID          string    `json:"id"` // "2026-11-22T09-14-03Z-3fa9"
	Started     time.Time `json:"started"`
	Duration    float64   `json:"duration_s"`
	Window      float64   `json:"window_s"`        // what was asked for; 0 is one sample
	Inventory   []string  `json:"inventory"`       // the files, as they were given
	Shard       string    `json:"shard"`           // "3/8"; empty for all of the inventory
	Since       string    `json:"since,omitempty"` // the ID of the run whose counters were the first sample; empty if there was a window
	Interrupted bool      `json:"interrupted"`     // by a signal: some hosts may be missing or partial
}

// A Rule is what a report has to know of a rule.
type Rule struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Title    string     `json:"title"`
	Stage    drop.Stage `json:"stage"`
	Unproven bool       `json:"unproven"`
}

// Rules describes the rules of a scan.
func Rules(catalogue []*drop.Rule) []Rule {
	rules := make([]Rule, len(catalogue))
	for i, r := range catalogue {
		rules[i] = Rule{r.ID, r.Name, r.Title, r.Stage, r.Unproven()}
	}
	return rules
}

// Sections returns what a report reads of a host beside the rules, for probe.Script.
func Sections() []probe.Reader {
	return []probe.Reader{probe.Uptime, probe.BootID, probe.Release, probe.OSRelease}
}

// New is the report of hosts that are all in memory.
func New(head Head, rules []Rule, hosts []Host, gates Gates) *Report {
	return rollOf(hosts).Report(head, rules, gates)
}

func rollOf(hosts []Host) *Roll {
	roll := NewRoll(func(place int) (*Host, error) { return &hosts[place], nil })
	for i := range hosts {
		roll.Add(i, &hosts[i])
	}
	return roll
}

func (head Head) clean() Head {
	inventory := make([]string, len(head.Run.Inventory))
	for i, file := range head.Run.Inventory {
		inventory[i] = clean(file, maxName)
	}
	head.Schema, head.Run.Inventory = Schema, inventory
	return head
}

// Counted calls yield for each finding, the worst host's first. What is true of a machine
// is counted once, however many of the hosts are namespaces of it: they have one boot_id.
func (r *Report) Counted(yield func(*Host, *Finding) bool) {
	type cause struct {
		boot, rule, subject string
		waived              bool // on one of the hosts it may be, and on another not
	}
	seen := map[cause]bool{}
	for i := range r.Hosts {
		h := &r.Hosts[i]
		for j := range h.Findings {
			f := &h.Findings[j]
			if f.Scope == drop.Machine && h.BootID != "" {
				c := cause{h.BootID, f.Rule, f.Subject, f.Waived != nil}
				if seen[c] {
					continue
				}
				seen[c] = true
			}
			if !yield(h, f) {
				return
			}
		}
	}
}

// rank orders hosts: by class, score, share of what was lost, name.
func rank(hosts []Host) {
	for i := range hosts {
		hosts[i].Risk = judge(&hosts[i])
	}
	slices.SortFunc(hosts, func(a, b Host) int {
		if a.Risk == nil || b.Risk == nil {
			return cmp.Or(order(a.Risk == nil, b.Risk == nil), natural(a.Name, b.Name), cmp.Compare(a.Origin, b.Origin))
		}
		return cmp.Or(
			cmp.Compare(a.Risk.place, b.Risk.place),
			cmp.Compare(b.Risk.Score, a.Risk.Score),
			cmp.Compare(b.Risk.ratio, a.Risk.ratio),
			natural(a.Name, b.Name),
			cmp.Compare(a.Origin, b.Origin),
		)
	})
	for i := range hosts {
		if hosts[i].Risk != nil {
			hosts[i].Risk.Rank = i + 1
		}
	}
}

// natural orders names as people count: web-2 before web-10.
func natural(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		n, m := digitsOf(x), digitsOf(y)
		if n == 0 || m == 0 {
			if x[0] != y[0] {
				return cmp.Compare(x[0], y[0])
			}
			x, y = x[1:], y[1:]
			continue
		}
		d, e := strings.TrimLeft(x[:n], "0"), strings.TrimLeft(y[:m], "0")
		if c := cmp.Or(cmp.Compare(len(d), len(e)), cmp.Compare(d, e)); c != 0 {
			return c
		}
		x, y = x[n:], y[m:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(a, b))
}

// digitsOf returns how many digits a text begins with.
func digitsOf(text string) int {
	return len(text) - len(strings.TrimLeft(text, "0123456789"))
}

// order puts false before true.
func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// list makes a list that JSON does not write as null.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
