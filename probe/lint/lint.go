// Package lint judges files of sysctl.d without a host: what is written in them wrongly, what
// the kernel will refuse or skip, what a later file sets again, and which values together lose
// packets.
package lint

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/probe/sysctl"
)

// A Check recognises one thing that can be wrong with files of settings.
type Check struct {
	ID       string        // "FL101": never renumbered, never reused
	Name     string        // "unknown-key": what people type and search for
	Title    string        // one line, no full stop
	Severity drop.Severity // at most
	Rule     string        // the rule of the catalogue that judges the same on a host; "" where there is none
	Doc      string        // Markdown
	Kernel   string        // that the examples are for; "" is any

	Expect drop.Expectation // that they are held against; its Key is "" for none

	// Files that it finds something in, and files that look alike and are right: one file, or
	// txtar, with a symlink as "-- NAME -> TARGET --". Docs show them, tests run them.
	Bad, Good string
}

// A Finding is one thing that is wrong, and where.
type Finding struct {
	Check    *Check
	Severity drop.Severity // that of the check, or less
	Place
	Key     string // as sysctl writes it; "" where it is about no key
	Message string // no capital, no full stop
	Also    []Place
}

// A Place is a place in a file.
type Place struct {
	File         string
	Line, Column int // from 1; 0: the file as a whole
}

func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// A Tree is what is judged: files in the order in which they are applied.
type Tree struct {
	Files  []sysctl.File
	Masked map[string]string  // files that are hidden, and by which
	Other  []string           // files that are not read, for their names
	Same   map[string]string  // a file that is another one by a symlink
	Lost   []string           // symlinks that lead nowhere
	Kernel sysctl.Version     // the kernel that they are for; zero: any
	Expect []drop.Expectation // what a policy wants of every host
}

// Judge returns what is wrong with a tree, in the order of its files and lines.
func Judge(t *Tree) []Finding {
	j := &judge{Tree: t}
	for _, f := range t.Files {
		for _, bad := range f.Bad {
			j.add(&skippedLine, skippedLine.Severity, Place{f.Path, bad.Line, bad.Column}, "", "the line is skipped: "+bad.Why)
		}
		for _, s := range f.Settings {
			j.setting(s)
		}
	}
	j.twice()
	j.patterns()
	j.unread()
	j.programs()
	j.together()
	j.expected()
	rank := map[string]int{}
	for i, f := range t.Files {
		rank[f.Path] = i - len(t.Files) // files that are not read come last
	}
	slices.SortStableFunc(j.found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(rank[a.File], rank[b.File]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			strings.Compare(a.Check.ID, b.Check.ID))
	})
	return j.found
}

type judge struct {
	*Tree
	found []Finding
}

func (j *judge) add(c *Check, severity drop.Severity, at Place, key, message string, also ...Place) {
	j.found = append(j.found, Finding{c, min(severity, c.Severity), at, key, message, also})
}

// missing adds that the kernel has no such key. A minus before it says that it may be so.
func (j *judge) missing(c *Check, severity drop.Severity, s sysctl.Setting, message string) {
	if s.Ignore {
		severity = min(severity, drop.Low)
	}
	j.at(c, severity, s, message)
}

// at adds what is wrong with a setting, at its key.
func (j *judge) at(c *Check, severity drop.Severity, s sysctl.Setting, message string, also ...Place) {
	j.add(c, severity, keyPlace(s), sysctl.Dotted(s.Path), message, also...)
}

func keyPlace(s sysctl.Setting) Place { return Place{s.File, s.Line, s.Column} }

// setting judges one line by itself.
func (j *judge) setting(s sysctl.Setting) {
	if s.Exclude {
		if s.Pattern() {
			j.at(&patternExclusion, drop.Low, s, "only procps since 4.0.5 takes out what matches a pattern; older ones and systemd-sysctl know plain keys here")
		}
		return
	}
	k := known(s)
	if k == nil {
		j.unknown(s)
		return
	}
	name := sysctl.Dotted(s.Path)
	any := j.Kernel == sysctl.Version{}
	switch now := sysctl.Renamed(k.Path); {
	case now != "" && (any || k.Until.Certain(j.Kernel)):
		j.missing(&renamedKey, drop.Medium, s, fmt.Sprintf("%s is called %s since Linux %s; the old name is skipped silently", name, sysctl.Dotted(now), when(k.Until, "still has it")))
		return
	case k.Path == twRecycle && s.Value != "0" && !k.Until.Certain(j.Kernel):
		// What it does where it is still there is told by together.
	case k.Until.By != sysctl.Version{} && (any || k.Until.Certain(j.Kernel)):
		j.removed(s, k)
		return
	case !any && k.Since.Ahead(j.Kernel):
		j.missing(&newerKey, drop.Medium, s, fmt.Sprintf("%s came with Linux %s; Linux %v has no such key and skips it silently", name, when(k.Since, "does not have it"), j.Kernel))
		return
	}
	if k.ReadOnly {
		j.at(&readOnlyKey, drop.Medium, s, name+" can only be read")
		return
	}
	if inert, ok := inerts[k.Path]; ok && (any || inert.Certain(j.Kernel)) {
		j.at(&inertKey, drop.Low, s, fmt.Sprintf("%s is kept for old files, and does nothing since Linux %s", name, when(inert, "still reads it")))
	}
	j.value(s, k)
}

// removed judges a setting of a key that is gone.
func (j *judge) removed(s sysctl.Setting, k *sysctl.Key) {
	name := sysctl.Dotted(s.Path)
	severity, why := drop.Medium, ""
	if k.Path == twRecycle {
		severity, why = drop.High, ", and on an older kernel it turns clients behind a NAT address away: take the line out"
		if s.Value == "0" {
			severity, why = drop.Low, ": the line can go once no older kernel reads it"
		}
	}
	j.missing(&removedKey, severity, s, fmt.Sprintf("%s is gone since Linux %s; \"sysctl --system\" skips it silently%s", name, when(k.Until, "still has it"), why))
}

// when is a change as a sentence names it, with the last version that was seen before it.
func when(c sysctl.Change, before string) string {
	if c.Before == (sysctl.Version{}) {
		return c.By.String()
	}
	return fmt.Sprintf("%v at the latest (%v %s)", c.By, c.Before, before)
}

// unknown judges a setting of a key that is not in the table.
func (j *judge) unknown(s sysctl.Setting) {
	name := sysctl.Dotted(s.Path)
	if want, ok := dotted(s); ok {
		j.at(&interfaceDot, drop.High, s, fmt.Sprintf("%s names no key: the dot in the interface's name is written as a slash, %s", name, want))
		return
	}
	complete, module := sysctl.Complete(s.Path)
	near := sysctl.Nearest(s.Path)
	meant := ""
	if len(near) > 0 {
		meant = " (did you mean " + strings.Join(near, " or ") + "?)"
	}
	switch {
	case complete || !strings.Contains(s.Path, "/"):
		j.missing(&unknownKey, drop.High, s, fmt.Sprintf("Linux has no key %s%s; \"sysctl --system\" skips it silently", name, meant))
	case len(near) > 0 && sysctl.Distance(sysctl.PathOf(near[0]), s.Path) <= 2:
		j.missing(&unknownKey, drop.Medium, s, fmt.Sprintf("%s is not known%s", name, meant))
	case module != "":
		// A module's keys are its own.
	default:
		j.missing(&unknownKey, drop.Info, s, fmt.Sprintf("%s is not in the table of known keys; it may be of a module, a driver or an architecture", name))
	}
}

// dotted says that the key has the name of an interface with a dot in it, and how that is
// written.
func dotted(s sysctl.Setting) (string, bool) {
	parts := strings.Split(s.Path, "/")
	if len(parts) < 6 || parts[0] != "net" || parts[2] != "conf" && parts[2] != "neigh" {
		return "", false
	}
	last := len(parts) - 1
	one := append(slices.Clone(parts[:3]), strings.Join(parts[3:last], "."), parts[last])
	path := strings.Join(one, "/")
	return sysctl.Dotted(path), sysctl.Find(path) != nil
}

// known returns the key that a setting is for; for a pattern, one that it matches.
func known(s sysctl.Setting) *sysctl.Key {
	if !s.Pattern() {
		return sysctl.Find(s.Path)
	}
	for _, k := range sysctl.Keys() {
		if sysctl.Match(s.Path, strings.ReplaceAll(k.Path, "*", "all")) || sysctl.Match(s.Path, strings.ReplaceAll(k.Path, "*", "eth0")) || k.Path == s.Path {
			return k
		}
	}
	return nil
}

// twice finds keys that are set more than once: in one file, and by files that come later.
func (j *judge) twice() {
	type winner struct {
		sysctl.Setting
		rank int
	}
	last := map[string]winner{}
	for i, f := range slices.Backward(j.Files) {
		if j.Same[f.Path] != "" && slices.ContainsFunc(j.Files, func(other sysctl.File) bool { return other.Path == j.Same[f.Path] }) {
			continue // it is read again under its own name
		}
		for _, s := range slices.Backward(f.Settings) {
			if s.Exclude || s.Pattern() {
				continue
			}
			w, again := last[s.Path]
			if !again {
				last[s.Path] = winner{s, i}
				continue
			}
			name, other := sysctl.Dotted(s.Path), keyPlace(w.Setting)
			same := bare(s.Value) == bare(w.Value)
			switch {
			case w.rank == i && same:
				j.at(&duplicate, drop.Low, s, fmt.Sprintf("%s is set again in line %d, to the same value", name, w.Line), other)
			case w.rank == i:
				j.at(&duplicate, drop.Medium, s, fmt.Sprintf("%s = %s has no effect: line %d sets %s", name, short(s.Value), w.Line, short(w.Value)), other)
			case same:
				j.at(&shadowed, drop.Info, s, fmt.Sprintf("%s is set again in %s:%d, to the same value", name, w.File, w.Line), other)
			default:
				severity := drop.Medium
				if vendor(s.File) && !vendor(w.File) {
					severity = drop.Info // that is what the folders are for
				}
				j.at(&shadowed, severity, s, fmt.Sprintf("%s = %s has no effect: %s:%d sets %s later", name, short(s.Value), w.File, w.Line, short(w.Value)), other)
			}
		}
	}
}

// bare is a value without a comment and what else the kernel does not see.
func bare(value string) string {
	if at, ok := comment(value); ok {
		value = value[:at]
	}
	return strings.Join(strings.Fields(value), " ")
}

// vendor says that the file comes with a package, to be overridden in /etc.
func vendor(file string) bool {
	dir := path.Dir(file)
	return strings.HasSuffix(dir, "/lib/sysctl.d")
}

// patterns finds keys that a pattern seems to set, and does not.
func (j *judge) patterns() {
	for i, f := range j.Files {
		for _, s := range f.Settings {
			if s.Exclude || !s.Pattern() {
				continue
			}
			for _, before := range j.Files[:i+1] {
				for _, named := range before.Settings {
					first := before.Path != f.Path || named.Line < s.Line
					if first && !named.Exclude && !named.Pattern() && sysctl.Match(s.Path, named.Path) && named.Value != s.Value {
						j.at(&patternLoses, drop.Low, s, fmt.Sprintf("the pattern does not set %s: %s:%d names it, and that counts, though it comes before",
							sysctl.Dotted(named.Path), named.File, named.Line), keyPlace(named))
					}
				}
			}
		}
	}
}

// unread tells of files that are not read.
func (j *judge) unread() {
	for _, masked := range slices.Sorted(maps.Keys(j.Masked)) {
		j.add(&maskedFile, drop.Info, Place{File: masked}, "", "the file is not read: "+j.Masked[masked]+" hides it", Place{File: j.Masked[masked]})
	}
	for _, file := range j.Lost {
		j.add(&danglingLink, drop.Low, Place{File: file}, "", "the symlink leads nowhere, so it sets nothing; it hides files of its name in other folders")
	}
	for _, file := range j.Other {
		name := path.Base(file)
		if strings.HasPrefix(name, "README") || strings.HasPrefix(name, ".git") || strings.HasSuffix(name, ".md") {
			continue
		}
		j.add(&unreadFile, drop.Low, Place{File: file}, "", "the file is not read: its name does not end in .conf")
	}
}

// programs finds keys that systemd-sysctl leaves otherwise than "sysctl --system".
func (j *judge) programs() {
	names := make([]string, len(j.Files))
	for i, f := range j.Files {
		names[i] = f.Path
	}
	var files []sysctl.File
	for _, f := range j.Files {
		if f.Path != sysctl.Conf && !strings.HasPrefix(path.Base(f.Path), ".") {
			files = append(files, f)
		}
	}
	if len(files) == len(j.Files) {
		return
	}
	told := map[string]bool{}
	for _, f := range j.Files {
		for _, s := range f.Settings {
			if s.Exclude || s.Pattern() || told[s.Path] {
				continue
			}
			here, _ := sysctl.Procps.Final(j.Files, s.Path)
			there, set := sysctl.Systemd.Final(files, s.Path)
			if here.Value == there.Value && set {
				continue
			}
			told[s.Path] = true
			instead := "nothing sets the key there"
			var also []Place
			if set {
				instead = fmt.Sprintf("there %s:%d sets %s", there.File, there.Line, short(there.Value))
				also = append(also, keyPlace(there))
			}
			j.at(&notSystemd, drop.Low, here, "systemd-sysctl, which applies the files when a host with systemd boots, does not read this file: "+instead, also...)
		}
	}
}

// short is a value as a message quotes it.
func short(value string) string {
	if value == "" {
		return "nothing"
	}
	if len(value) > 60 {
		return value[:60] + "…"
	}
	return value
}
