package lint

import (
	"fmt"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/probe/sysctl"
)

// expected holds the files against what a policy expects of every host.
func (j *judge) expected() {
	for _, e := range j.Expect {
		path := sysctl.PathOf(e.Key)
		origin := placeOf(e.Origin)
		set := j.finals(path)
		for _, s := range set {
			switch {
			case e.Absent && !s.Exclude:
				j.at(&notAsExpected, e.Severity, s, fmt.Sprintf("the policy expects that nothing sets %s (%s)", sysctl.Dotted(s.Path), e.Origin), origin)
			case refuses(e, bare(s.Value)):
				severity := e.Severity
				if e.Multihomed {
					severity = min(severity, drop.Low) // no file tells how many networks a host is in
				}
				j.at(&notAsExpected, severity, s, fmt.Sprintf("%s = %s, and the policy expects %s (%s)", sysctl.Dotted(s.Path), short(s.Value), e, e.Origin), origin)
			}
		}
		if len(set) > 0 || e.Absent || e.Multihomed || strings.HasPrefix(e.Origin, "builtin:") {
			continue
		}
		severity, message := e.Severity, fmt.Sprintf("no file sets %s, and the policy expects %s", e.Key, e)
		if k := sysctl.Find(path); k != nil && k.Default != "" && !e.Absent && !refuses(e, k.Default) {
			severity = min(severity, drop.Low)
			message += fmt.Sprintf("; the default of newer kernels, %s, would do", k.Default)
		}
		j.add(&notSet, severity, origin, e.Key, message)
	}
}

// refuses says that a value is certainly not what is expected.
func refuses(e drop.Expectation, value string) bool {
	ok, known := e.Allows(value)
	return known && !ok
}

// finals returns the settings that decide a key in the end; with a star, of each interface
// that a file names.
func (j *judge) finals(path string) (set []sysctl.Setting) {
	told := map[string]bool{}
	for _, f := range j.Files {
		for _, s := range f.Settings {
			name := s.Path
			if !strings.Contains(path, "*") {
				name = path
			}
			if told[name] || s.Exclude || !sysctl.Match(s.Path, name) && s.Path != name || !sysctl.Match(path, name) {
				continue
			}
			told[name] = true
			if final, ok := sysctl.Procps.Final(j.Files, name); ok {
				set = append(set, final)
			} else if s.Pattern() {
				set = append(set, s)
			}
		}
	}
	return set
}

// placeOf reads "fleetdrop.policy.yaml:22".
func placeOf(origin string) Place {
	at := strings.LastIndexByte(origin, ':')
	p := Place{File: origin}
	if at < 0 {
		return p
	}
	if _, err := fmt.Sscanf(origin[at+1:], "%d", &p.Line); err == nil {
		p.File, p.Column = origin[:at], 1
	}
	return p
}
