package policy

import (
	"cmp"
	"path"
	"slices"
	"strings"
)

// A Host is what a policy knows hosts by.
type Host struct {
	Name   string
	Groups []string
}

// A Match says which hosts something is for: all that it names has to fit. The zero Match is for every
// host.
type Match struct {
	Host   string            // a glob of the host's name: "db-*"
	Group  string            // a glob of one of its groups
	Labels map[string]string // an inventory has no labels: env: prod is the group env_prod or env=prod
}

// hosts says whether the host is meant.
func (m Match) hosts(h Host) bool {
	if m.Host != "" && !glob(m.Host, h.Name) {
		return false
	}
	if m.Group != "" && !slices.ContainsFunc(h.Groups, func(g string) bool { return glob(m.Group, g) }) {
		return false
	}
	for key, value := range m.Labels {
		if !slices.Contains(h.Groups, key+"_"+value) && !slices.Contains(h.Groups, key+"="+value) {
			return false
		}
	}
	return true
}

func glob(pattern, name string) bool {
	ok, _ := path.Match(pattern, name) // it was checked when it was read
	return ok || pattern == name
}

// specific compares how much two matches narrow the fleet down: a host before a glob of hosts,
// then the number of labels, then a group before a glob of groups.
func (m Match) specific(other Match) int {
	return cmp.Or(
		cmp.Compare(narrow(m.Host), narrow(other.Host)),
		cmp.Compare(len(m.Labels), len(other.Labels)),
		cmp.Compare(narrow(m.Group), narrow(other.Group)),
	)
}

func narrow(pattern string) int {
	switch {
	case pattern == "":
		return 0
	case strings.ContainsAny(pattern, `*?[\`):
		return 1
	}
	return 2
}

// String is the match as a person would write it: "host db-*, group lb".
func (m Match) String() string {
	var parts []string
	if m.Host != "" {
		parts = append(parts, "host "+m.Host)
	}
	if m.Group != "" {
		parts = append(parts, "group "+m.Group)
	}
	for key, value := range m.Labels {
		parts = append(parts, "label "+key+"="+value)
	}
	slices.Sort(parts)
	return cmp.Or(strings.Join(parts, ", "), "every host")
}
