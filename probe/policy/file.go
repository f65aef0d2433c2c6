package policy

import (
	"errors"
	"fmt"
	"math"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// A Value is something that a policy sets, and where it does.
type Value[T any] struct {
	Value  T
	Origin string // "fleetdrop.policy.yaml:22"
}

// A file is one policy file as it was read, without what it extends.
type file struct {
	name    string
	text    []byte
	extends []extension
	failOn  *Value[string]
	window  *Value[time.Duration]
	days    *Value[int]
	all     changes // for every host
	groups  []group
	waivers []Waiver
}

type extension struct {
	path string
	node ast.Node
}

// Changes are what a file wants to be other than it is.
type changes struct {
	rules  map[string]ruleChange // by ID
	sysctl []sysctlChange        // in the order of the file
}

type ruleChange struct {
	off      *Value[bool]
	severity *Value[drop.Severity]
	limits   map[string]Value[float64] // by the limit's name
}

// A sysctlChange is an expectation, or that one of a file before is not wanted.
type sysctlChange struct {
	expect drop.Expectation
	off    bool
}

type group struct {
	match  Match
	origin string
	changes
}

// longest is how far ahead a waiver may expire.
const longest = 366

// read decodes one file. Dates are judged by today.
func read(name string, text []byte, today time.Time) (*file, *decoder) {
	d := &decoder{file: name, anchors: map[string]ast.Node{}}
	f := &file{name: name, text: text}
	root := d.parse(text)
	if root == nil {
		return f, d
	}
	version := false
	for _, v := range d.fields(root, "the policy", "version", "extends", "fail_on", "window", "max_waiver_days", "rules", "sysctl", "groups", "waivers") {
		switch v.name {
		case "version":
			version = true
			if n := d.number(v.node, "version"); n != nil && *n != 1 {
				d.fail(v.node, "version %d: this fleetdrop reads version 1", *n)
			}
		case "extends":
			for _, item := range d.items(v.node, "extends") {
				if p := d.text(item, "extends"); p != "" {
					f.extends = append(f.extends, extension{p, item})
				}
			}
		case "fail_on":
			f.failOn = valueOf(d, v.node, d.oneOf(v.node, "fail_on", "none", "low", "medium", "high", "critical"))
		case "window":
			window, err := time.ParseDuration(d.text(v.node, "window"))
			if err != nil || window < 0 || window > 10*time.Minute {
				d.fail(v.node, "window: want a time from 0s to 10m")
			}
			f.window = valueOf(d, v.node, window)
		case "max_waiver_days":
			if n := d.number(v.node, v.name); n != nil && (*n < 1 || *n > longest) {
				d.fail(v.node, "max_waiver_days: want 1 to %d", longest)
			} else if n != nil {
				f.days = valueOf(d, v.node, int(*n))
			}
		case "rules":
			f.all.rules = d.rules(v.node)
		case "sysctl":
			d.sysctls(v.node, &f.all)
		case "groups":
			for _, item := range d.items(v.node, "groups") {
				f.groups = append(f.groups, d.group(item))
			}
		case "waivers":
			for _, item := range d.items(v.node, "waivers") {
				f.waivers = append(f.waivers, d.waiver(item, today))
			}
		}
	}
	if !version && len(d.errs) == 0 {
		d.errs = append(d.errs, &Error{File: name, Message: `it has no version; write "version: 1" in its first line`})
	}
	return f, d
}

func valueOf[T any](d *decoder, n ast.Node, v T) *Value[T] {
	return &Value[T]{v, fmt.Sprintf("%s:%d", d.file, lineOf(n))}
}

func (d *decoder) group(n ast.Node) (g group) {
	matched := false
	for _, v := range d.fields(n, "a group", "match", "rules", "sysctl") {
		switch v.name {
		case "match":
			matched = true
			g.match = d.match(v.node)
		case "rules":
			g.rules = d.rules(v.node)
		case "sysctl":
			d.sysctls(v.node, &g.changes)
		}
	}
	g.origin = valueOf(d, n, 0).Origin
	if !matched {
		d.fail(n, "this group has no match: which hosts is it for?")
	}
	return g
}

func (d *decoder) match(n ast.Node) (m Match) {
	all := d.fields(n, "match", "host", "group", "label")
	if len(all) == 0 {
		d.fail(n, "match: want a host, a group or a label")
	}
	for _, v := range all {
		switch v.name {
		case "host":
			m.Host = d.glob(v.node, "host")
		case "group":
			m.Group = d.glob(v.node, "group")
		case "label":
			m.Labels = map[string]string{}
			for _, l := range d.fields(v.node, "label") {
				m.Labels[l.name] = d.text(l.node, "label "+l.name)
			}
		}
	}
	return m
}

func (d *decoder) glob(n ast.Node, what string) string {
	pattern := d.text(n, what)
	if _, err := path.Match(pattern, ""); err != nil {
		d.fail(n, "%s: %q is no glob", what, pattern)
	}
	return pattern
}

// rules decodes what is said of rules, by their IDs.
func (d *decoder) rules(n ast.Node) map[string]ruleChange {
	all := map[string]ruleChange{}
	for _, v := range d.fields(n, "rules") {
		r := d.rule(v.key, v.name)
		if r == nil {
			continue
		}
		if _, twice := all[r.ID]; twice {
			d.fail(v.key, "%s is named twice, by its ID and by its name", r.ID)
			continue
		}
		var c ruleChange
		if _, ok := scalar(d.plain(v.node)); ok {
			c.off = valueOf(d, v.key, !d.truth(v.node, v.name))
			all[r.ID] = c
			continue
		}
		for _, w := range d.fields(v.node, v.name, "severity", "thresholds") {
			switch w.name {
			case "severity":
				if s, ok := d.severity(w.node); ok {
					c.severity = valueOf(d, w.node, s)
				}
			case "thresholds":
				c.limits = d.limits(w.node, r)
			}
		}
		all[r.ID] = c
	}
	return all
}

// rule finds a rule by its ID or its name.
func (d *decoder) rule(n ast.Node, name string) *drop.Rule {
	var known []string
	for _, r := range drop.Catalogue() {
		if strings.EqualFold(r.ID, name) || r.Name == name {
			return r
		}
		known = append(known, r.ID, r.Name)
	}
	d.fail(n, "no rule is called %q%s", name, meant(name, known))
	return nil
}

func (d *decoder) severity(n ast.Node) (drop.Severity, bool) {
	s, err := drop.ParseSeverity(d.oneOf(n, "severity", "info", "low", "medium", "high", "critical"))
	return s, err == nil
}

func (d *decoder) limits(n ast.Node, r *drop.Rule) map[string]Value[float64] {
	var known []string
	for _, l := range r.Tunable() {
		known = append(known, l.Name)
	}
	if len(known) == 0 {
		d.fail(n, "%s draws no line that could be moved", r.Name)
		return nil
	}
	all := map[string]Value[float64]{}
	for _, v := range d.fields(n, "thresholds of "+r.Name, known...) {
		text, _ := scalar(d.plain(v.node))
		x, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64)
		if err != nil || x < 0 || math.IsInf(x, 0) || math.IsNaN(x) {
			d.fail(v.node, "%s: want a number that is not negative", v.name)
			continue
		}
		all[v.name] = *valueOf(d, v.node, x)
	}
	return all
}

// sysctls decodes the expectations. The key persistent is a word for the rule sysctl-not-persistent.
func (d *decoder) sysctls(n ast.Node, c *changes) {
	all := d.fields(n, "sysctl")
	if len(all) > maxWants {
		d.fail(n, "%d sysctls are more than the %d that one script reads", len(all), maxWants)
		return
	}
	for _, v := range all {
		if v.name == "persistent" {
			d.persistent(v, c)
			continue
		}
		if why := wrongKey(v.name); why != "" {
			d.fail(v.key, "%s", why)
			continue
		}
		e := sysctlChange{expect: drop.Expectation{Key: v.name, Severity: drop.High, Origin: valueOf(d, v.key, 0).Origin}}
		switch word, ok := scalar(d.plain(v.node)); {
		case word == "off" && ok:
			e.off = true
		case ok:
			e.expect.Want = []drop.Condition{{In: []string{d.value(v.node, v.name)}}}
		default:
			d.expectation(v, &e.expect)
		}
		c.sysctl = append(c.sysctl, e)
	}
}

// notPersistent is the rule that compares what runs with what is in sysctl.d.
const notPersistent = "FD012"

func (d *decoder) persistent(v field, c *changes) {
	if c.rules == nil {
		c.rules = map[string]ruleChange{}
	}
	change := c.rules[notPersistent]
	switch d.oneOf(v.node, "persistent", "off", "warn", "fail") {
	case "off":
		change.off = valueOf(d, v.node, true)
	case "warn":
		change.severity = valueOf(d, v.node, drop.Low)
	case "fail":
		change.severity = valueOf(d, v.node, drop.High)
	}
	c.rules[notPersistent] = change
}

var keyPattern = regexp.MustCompile(`^(net|vm|kernel|fs|dev|user|abi)([./]([A-Za-z0-9_][A-Za-z0-9_@:-]*|\*))+$`)

// wrongKey says what is wrong with the name of a sysctl; "" if nothing is.
func wrongKey(key string) string {
	switch {
	case !keyPattern.MatchString(key) || len(key) > 200:
		return fmt.Sprintf("%q is no sysctl: want a name such as net.core.somaxconn", key)
	case strings.Count(key, "*") > 1:
		return "one star stands for the interface: this has more"
	case strings.HasSuffix(key, "stable_secret") || strings.HasSuffix(key, "tcp_fastopen_key"):
		return key + " holds a secret: it is not read"
	case strings.HasPrefix(key, "kernel.random."):
		return key + " is another each time it is read"
	}
	return ""
}

// value is a value as the kernel would print it: its words, one space between them.
func (d *decoder) value(n ast.Node, what string) string {
	text := strings.Join(strings.Fields(d.text(n, what)), " ")
	switch text { // YAML's words, and the kernel's
	case "true", "false":
		d.fail(n, "%s: write 1 or 0", what)
	}
	return text
}

var conditions = []string{"eq", "in", "min", "max", "min_per_gib"}

func (d *decoder) expectation(v field, e *drop.Expectation) {
	known := slices.Concat(conditions, []string{"absent", "fields", "when", "missing", "severity", "why"})
	var said []string
	before := len(d.errs)
	for _, w := range d.fields(v.node, v.name, known...) {
		switch w.name {
		case "absent":
			if e.Absent = d.truth(w.node, "absent"); !e.Absent {
				d.fail(w.node, `absent: want true; "missing: fail" says that it has to be there`)
			}
			said = append(said, "absent")
		case "fields":
			for _, item := range d.items(w.node, "fields") {
				e.Want = append(e.Want, d.condition(item, v.name))
			}
			if len(e.Want) < 2 {
				d.fail(w.node, "fields: want two or more; one value needs no fields")
			}
			said = append(said, "fields")
		case "when":
			for _, c := range d.fields(w.node, "when", "multihomed") {
				e.Multihomed = d.truth(c.node, "multihomed")
			}
		case "missing":
			e.Missing = drop.Missing(d.oneOf(w.node, "missing", "skip", "fail", "warn"))
		case "severity":
			e.Severity, _ = d.severity(w.node)
		case "why":
			e.Why = d.text(w.node, "why")
		}
	}
	if c, ok := d.conditions(v.node, known); ok {
		e.Want = append(e.Want, c)
		said = append(said, "a value")
	}
	switch len(said) {
	case 0:
		if len(d.errs) > before {
			return
		}
		d.fail(v.key, "nothing is expected of %s: want a value, or one of %s, absent, fields", v.name, strings.Join(conditions, ", "))
	case 1:
	default:
		d.fail(v.key, "%s: %s cannot be together", v.name, strings.Join(said, " and "))
	}
}

// condition decodes one of fields: a value, _ for any, or what it has to meet.
func (d *decoder) condition(n ast.Node, what string) drop.Condition {
	if word, ok := scalar(d.plain(n)); ok {
		if word == "_" {
			return drop.Condition{}
		}
		return drop.Condition{In: []string{d.value(n, what)}}
	}
	before := len(d.errs)
	c, ok := d.conditions(n, conditions)
	if !ok && len(d.errs) == before {
		d.fail(n, "a field: want a value, _ or one of %s", strings.Join(conditions, ", "))
	}
	return c
}

// conditions decodes eq, in, min, max and min_per_gib, and says whether there is one of them.
func (d *decoder) conditions(n ast.Node, known []string) (c drop.Condition, ok bool) {
	before := len(d.errs)
	all := d.fields(n, "an expectation", known...)
	if len(known) > len(conditions) {
		d.errs = d.errs[:before] // they were said already
	}
	for _, v := range all {
		switch v.name {
		case "eq":
			c.In = append(c.In, d.value(v.node, "eq"))
		case "in":
			for _, item := range d.items(v.node, "in") {
				c.In = append(c.In, d.value(item, "in"))
			}
			if len(c.In) == 0 {
				d.fail(v.node, "in: want one value or more")
			}
		case "min":
			c.Min = d.number(v.node, "min")
		case "max":
			c.Max = d.number(v.node, "max")
		case "min_per_gib":
			c.MinPerGiB = d.number(v.node, "min_per_gib")
		default:
			continue
		}
		ok = true
	}
	if len(c.In) > 0 && (c.Min != nil || c.Max != nil || c.MinPerGiB != nil) {
		d.fail(n, "a value and a range cannot be together")
	}
	if c.Min != nil && c.Max != nil && *c.Min > *c.Max {
		d.fail(n, "min %d is more than max %d", *c.Min, *c.Max)
	}
	return c, ok
}

// errCycle says that files extend each other.
var errCycle = errors.New("it extends itself")
