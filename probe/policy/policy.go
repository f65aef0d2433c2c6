// Package policy reads fleetdrop.policy.yaml: which rules count on which hosts and how much, what
// their sysctls are expected to be, and which findings are waived until when.
//
// schema.json describes the file; docs/policy.md explains it. Reading is strict: a field, a rule, a
// limit that does not exist is an error with its line.
package policy

import (
	"cmp"
	"crypto/sha256"
	_ "embed" // schema.json
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/probe/sysctl"
)

// JSONSchema is the JSON Schema of the policy file.
//
//go:embed schema.json
var JSONSchema []byte

// A Policy is a file and all that it extends.
type Policy struct {
	Files   []string              // in the order in which they count, the last over those before
	Hash    string                // of all that the files say
	FailOn  *Value[string]        // none, or a severity; nil where no file says it
	Window  *Value[time.Duration] // nil where no file says it
	Waivers []Waiver              // of all files

	all    []changes // for every host, in the order of the files
	groups []group   // in the order in which they count
}

// Builtin is the beginning of the names of policies that need no file.
const Builtin = "builtin:"

// builtin returns a policy that needs no file.
func builtin(name string) (*file, error) {
	f := &file{name: Builtin + name}
	switch name {
	case "default":
		for _, e := range drop.Expected() {
			f.all.sysctl = append(f.all.sysctl, sysctlChange{expect: e})
		}
	case "cis-compatible":
		// What hardening guides ask for is no finding: rp_filter = 1, tcp_timestamps = 0.
		f.all.rules = map[string]ruleChange{"FD502": {off: &Value[bool]{true, f.name}}}
	default:
		return nil, fmt.Errorf("no policy is called %s%s; there are builtin:default and builtin:cis-compatible", Builtin, name)
	}
	return f, nil
}

// Load reads a policy file and what it extends, or a builtin one. Dates are judged by now. An error
// is an *Error, or several of them joined: file, line and column, what is wrong, and the line itself.
func Load(path string, now time.Time) (*Policy, error) {
	l := loader{now: now}
	if err := l.load(path, nil); err != nil {
		return nil, err
	}
	p := assemble(l.files)
	days := longest
	for _, f := range l.files {
		if f.days != nil {
			days = min(days, f.days.Value)
		}
	}
	var wrong []error
	for _, w := range tooLong(p.Waivers, days, now) {
		name, line, _ := cutLine(w.Origin)
		wrong = append(wrong, &Error{File: name, Line: line, Column: 1, Message: fmt.Sprintf(
			"the waiver of %s expires %s, later than the %d days ahead that are allowed: %s at most",
			w.Rule, w.Expires.Format(Date), days, Day(now).AddDate(0, 0, days).Format(Date))})
	}
	if n := len(p.Expectations()); n > maxWants {
		wrong = append(wrong, &Error{File: path, Message: fmt.Sprintf("%d sysctls are more than the %d that one script reads", n, maxWants)})
	}
	return p, errors.Join(wrong...)
}

func cutLine(origin string) (file string, line int, ok bool) {
	at := strings.LastIndexByte(origin, ':')
	_, err := fmt.Sscanf(origin[at+1:], "%d", &line)
	return origin[:max(at, 0)], line, err == nil
}

type loader struct {
	now   time.Time
	files []*file
}

const maxDepth = 16

// load reads a file after all that it extends. The chain holds the files that are being read.
func (l *loader) load(path string, chain []string) error {
	if name, ok := strings.CutPrefix(path, Builtin); ok {
		f, err := builtin(name)
		l.files = append(l.files, f)
		return err
	}
	path = filepath.Clean(path)
	switch {
	case slices.Contains(chain, path):
		return fmt.Errorf("%s: %w: %s", path, errCycle, strings.Join(append(chain, path), " extends "))
	case len(chain) == maxDepth:
		return fmt.Errorf("%s: %d files that extend each other are too many", path, maxDepth)
	case slices.ContainsFunc(l.files, func(f *file) bool { return f.name == path }):
		return nil // it counts once, at its first place
	}
	text, err := readFile(path)
	if err != nil {
		return err
	}
	f, d := read(path, text, l.now)
	for _, e := range f.extends {
		base := e.path
		if !strings.HasPrefix(base, Builtin) && !filepath.IsAbs(base) {
			base = filepath.Join(filepath.Dir(path), base)
		}
		if err := l.load(base, append(slices.Clone(chain), path)); err != nil {
			var own *Error
			if errors.As(err, &own) {
				d.errs = append(d.errs, err) // it says where
			} else {
				d.fail(e.node, "%v", err)
			}
		}
	}
	l.files = append(l.files, f)
	if len(f.extends) > 0 && len(d.errs) > 0 {
		return errors.Join(d.errs...)
	}
	return d.err()
}

func readFile(path string) ([]byte, error) {
	in, err := os.Open(path)
	if err != nil {
		var why *os.PathError
		if errors.As(err, &why) {
			err = fmt.Errorf("%s: %w", path, why.Err)
		}
		return nil, err
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = errors.New("larger than 1 MiB")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return text, nil
}

// assemble makes one policy of files, the last counting over those before.
func assemble(files []*file) *Policy {
	p := &Policy{}
	sum := sha256.New()
	for _, f := range files {
		fmt.Fprintf(sum, "%d:%s\n%x", len(f.name), f.name, sha256.Sum256(f.text))
		p.Files = append(p.Files, f.name)
		p.FailOn, p.Window = cmp.Or(f.failOn, p.FailOn), cmp.Or(f.window, p.Window)
		p.all = append(p.all, f.all)
		p.groups = append(p.groups, f.groups...)
		p.Waivers = append(p.Waivers, f.waivers...)
	}
	p.Hash = hex.EncodeToString(sum.Sum(nil)[:16])
	slices.SortStableFunc(p.groups, func(a, b group) int { return a.match.specific(b.match) })
	return p
}

// Expectations returns all that is expected of some host, for the script.
func (p *Policy) Expectations() (all []drop.Expectation) {
	for _, c := range p.all {
		all = appendExpected(all, c)
	}
	for _, g := range p.groups {
		all = appendExpected(all, g.changes)
	}
	return all
}

func appendExpected(all []drop.Expectation, c changes) []drop.Expectation {
	for _, s := range c.sysctl {
		if !s.off {
			all = append(all, s.expect)
		}
	}
	return all
}

// An Effective is what holds for one host, and where each of it is said.
type Effective struct {
	Off      map[string]Value[bool]          // by the rule's ID
	Severity map[string]Value[drop.Severity] // by the rule's ID
	Limits   map[string]Value[float64]       // "accept-queue-overflow.material-rate"
	Expect   []drop.Expectation              // in the order of their keys
}

// Effective returns what holds for a host: what files say of every host, then what groups do, the
// most specific last, and of two that are as specific the one that comes later.
func (p *Policy) Effective(h Host) *Effective {
	e := &Effective{map[string]Value[bool]{}, map[string]Value[drop.Severity]{}, map[string]Value[float64]{}, nil}
	expect := map[string]drop.Expectation{}
	for _, c := range p.all {
		e.apply(c, expect)
	}
	for _, g := range p.groups {
		if g.match.hosts(h) {
			e.apply(g.changes, expect)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(expect)) {
		e.Expect = append(e.Expect, expect[key])
	}
	return e
}

func (e *Effective) apply(c changes, expect map[string]drop.Expectation) {
	for id, change := range c.rules {
		if change.off != nil {
			e.Off[id] = *change.off
		}
		if change.severity != nil {
			e.Severity[id] = *change.severity
		}
		for name, limit := range change.limits {
			e.Limits[ruleName(id)+"."+name] = limit
		}
	}
	for _, s := range c.sysctl {
		if s.off {
			delete(expect, s.expect.Key)
		} else {
			expect[s.expect.Key] = s.expect
		}
	}
}

func ruleName(id string) string {
	for _, r := range drop.Catalogue() {
		if r.ID == id {
			return r.Name
		}
	}
	return id
}

// Settings are what Judge takes of it.
func (e *Effective) Settings() *drop.Settings {
	s := &drop.Settings{Limits: drop.Limits{}, Off: map[string]bool{}, Severity: map[string]drop.Severity{}, Expect: e.Expect}
	for name, v := range e.Limits {
		s.Limits[name] = v.Value
	}
	for id, v := range e.Off {
		s.Off[id] = v.Value
	}
	for id, v := range e.Severity {
		s.Severity[id] = v.Value
	}
	return s
}

// Settings are what Judge takes for a host.
func (p *Policy) Settings(h Host) *drop.Settings { return p.Effective(h).Settings() }

// Unknown returns the sysctls of which the kernel is known to have none of that name, where they stand,
// and what may have been meant: on no host will they be other than expected.
func (p *Policy) Unknown() (all []Value[string]) {
	for _, e := range p.Expectations() {
		path := sysctl.PathOf(e.Key)
		if complete, _ := sysctl.Complete(path); !complete || sysctl.Find(path) != nil {
			continue
		}
		said := "no kernel has " + e.Key
		if near := sysctl.Nearest(path); len(near) > 0 {
			said += "; did you mean " + strings.Join(near, " or ") + "?"
		}
		all = append(all, Value[string]{said, e.Origin})
	}
	return all
}

// Unmatched returns the matches of groups and waivers that fit none of the hosts, and where they
// stand.
func (p *Policy) Unmatched(hosts []Host) (all []Value[Match]) {
	add := func(m Match, origin string) {
		if !slices.ContainsFunc(hosts, m.hosts) {
			all = append(all, Value[Match]{m, origin})
		}
	}
	for _, g := range p.groups {
		add(g.match, g.origin)
	}
	for _, w := range p.Waivers {
		add(w.Match, w.Origin)
	}
	return all
}
