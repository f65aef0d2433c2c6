package sysctl

import (
	"path"
	"slices"
	"strings"
)

// An Assignment is one value that is written: by which setting, and to which path, which is
// not that of the setting if it is a pattern.
type Assignment struct {
	Path string
	Setting
}

// Apply returns what the program writes, in that order, for files that stand in the order in
// which it reads them. Patterns are for the paths that exist; what a setting names without a
// pattern is written whether or not it exists, or tried.
//
// A pattern does not set what a setting without a pattern names anywhere, before or behind it,
// nor what is excluded. A pattern in an exclusion excludes nothing: only procps since 4.0.5
// understands it.
//
// Source: procps 4.0.2, src/sysctl.c, write_setting_list; systemd 252, src/sysctl/sysctl.c,
// apply_all.
func (p Program) Apply(files []File, exist []string) (written []Assignment) {
	exist = slices.Sorted(slices.Values(exist))
	named := map[string]bool{}
	var list []Setting
	for _, f := range files {
		for _, s := range f.Settings {
			named[s.Path] = true
			list = append(list, s)
		}
	}
	if p == Systemd {
		list = lastOnly(list)
	}
	for _, s := range list {
		switch {
		case s.Exclude:
		case !s.Pattern():
			written = append(written, Assignment{s.Path, s})
		default:
			for _, name := range exist {
				if !named[name] && Match(s.Path, name) {
					written = append(written, Assignment{name, s})
				}
			}
		}
	}
	return written
}

// lastOnly leaves of several settings with one path the last, in its place. Of those that
// say the same one after the other, that is the first.
func lastOnly(list []Setting) (kept []Setting) {
	at := map[string]int{}
	for _, s := range list {
		if i, twice := at[s.Path]; twice {
			if kept[i].Value == s.Value && kept[i].Exclude == s.Exclude {
				continue
			}
			kept[i].Path = "" // taken out below
		}
		at[s.Path] = len(kept)
		kept = append(kept, s)
	}
	return slices.DeleteFunc(kept, func(s Setting) bool { return s.Path == "" })
}

// Final returns the setting that decides what a path has after the program ran.
func (p Program) Final(files []File, name string) (Setting, bool) {
	written := p.Apply(files, []string{name})
	for _, a := range slices.Backward(written) {
		if a.Path == name {
			return a.Setting, true
		}
	}
	return Setting{}, false
}

// Match says that a pattern of a setting is for a path: as in the shell, a star ends at a
// slash.
func Match(pattern, name string) bool {
	ok, err := path.Match(strings.NewReplacer(`\`, `\\`, "[!", "[^").Replace(pattern), name)
	return ok && err == nil
}
