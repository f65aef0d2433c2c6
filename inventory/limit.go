package inventory

import (
	"fmt"
	"slices"
	"strings"
)

const limitFlag = "--limit"

// maxGlobs bounds how many globs a range in a term of --limit makes.
const maxGlobs = 1000

// limit returns the entries that --limit leaves.
func limit(entries []entry, expression string, p *problems) []entry {
	if expression == "" {
		return entries
	}
	fail := func(message, hint string) {
		p.fail(&Error{Origin: Origin{File: limitFlag}, Message: message, Hint: hint})
	}
	all := thousands(uint64(len(entries)))
	chosen := make([]bool, len(entries))
	taken := make([]bool, len(entries))
	adds, problems := false, false
	terms := limitTerms(expression)
	if len(terms) == 0 {
		fail(quote(expression)+" names no host", "write names, globs or @group")
		return nil
	}
	for _, text := range terms {
		word, minus := strings.CutPrefix(text, "!")
		into := chosen
		if minus {
			into = taken
		} else {
			adds = true
		}
		matches, err := limitTerm(word, entries)
		if err != nil {
			fail(err.message, err.hint)
			problems = true
			continue
		}
		any := false
		for i := range entries {
			if matches(&entries[i]) {
				into[i], any = true, true
			}
		}
		switch {
		case any:
		case minus:
			p.warn(&Error{Origin: Origin{File: limitFlag}, Message: fmt.Sprintf("%s takes away none of %s hosts", quote(text), all)})
		default:
			fail(fmt.Sprintf("%s matches none of %s hosts", quote(text), all), "fleetdrop hosts shows their names")
			problems = true
		}
	}
	if problems {
		return nil
	}
	var left []entry
	for i, e := range entries {
		if (chosen[i] || !adds) && !taken[i] {
			left = append(left, e)
		}
	}
	if len(left) == 0 {
		fail(fmt.Sprintf("%s matches none of %s hosts", quote(expression), all), "fleetdrop hosts shows their names")
	}
	return left
}

// limitTerms splits at commas and spaces that are not within brackets.
func limitTerms(s string) (terms []string) {
	depth, start := 0, 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) {
			switch s[i] {
			case '[':
				depth++
			case ']':
				depth--
			}
			if depth > 0 || !strings.ContainsRune(", \t\n", rune(s[i])) {
				continue
			}
		}
		if i > start {
			terms = append(terms, s[start:i])
		}
		start = i + 1
	}
	return terms
}

// limitTerm parses one term without its "!".
func limitTerm(s string, entries []entry) (func(*entry) bool, *syntaxError) {
	if group, ok := strings.CutPrefix(s, "@"); ok {
		known := map[string]bool{}
		for _, e := range entries {
			for _, g := range e.groups {
				known[g] = true
			}
		}
		if !known[group] {
			return nil, wrong(0, fmt.Sprintf("group %s is not in the inventory", quote(group)), "known are: "+list(known))
		}
		return func(e *entry) bool { return slices.Contains(e.groups, group) }, nil
	}
	pattern, err := parsePattern(s)
	if err != nil {
		err.message = fmt.Sprintf("%s: %s", quote(s), err.message)
		return nil, err
	}
	most := DefaultMaxHosts
	glob := strings.ContainsAny(s, "*?")
	if glob {
		most = maxGlobs
	}
	if n := pattern.count(); n > uint64(most) {
		return nil, wrong(0, fmt.Sprintf("%s expands to %s names, the limit is %s", quote(s), counted(n), thousands(uint64(most))), "make the range smaller")
	}
	names := pattern.names()
	if glob {
		return func(e *entry) bool {
			return slices.ContainsFunc(names, func(g string) bool { return matchPattern(e.name, g) })
		}, nil
	}
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return func(e *entry) bool { return set[e.name] }, nil
}

// list writes the names of a set, not too many.
func list(set map[string]bool) string {
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	slices.Sort(names)
	const most = 20
	switch {
	case len(names) == 0:
		return "none; write group=… after a host"
	case len(names) > most:
		return strings.Join(names[:most], ", ") + " …"
	}
	return strings.Join(names, ", ")
}

// matchPattern matches like OpenSSH's match_pattern (match.c): "*" is any text, "?" any
// one character, all else itself.
func matchPattern(s, pattern string) bool {
	star, from := -1, 0
	i, j := 0, 0
	for i < len(s) {
		switch {
		case j < len(pattern) && pattern[j] == '*':
			star, from = j, i
			j++
		case j < len(pattern) && (pattern[j] == '?' || pattern[j] == s[i]):
			i++
			j++
		case star >= 0:
			from++
			i, j = from, star+1
		default:
			return false
		}
	}
	return strings.Trim(pattern[j:], "*") == ""
}
