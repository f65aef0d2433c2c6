package report

import (
	"fmt"
	"slices"
	"strings"
)

// notReached says each reason once, and what to do about it.
func (p *page) notReached() {
	p.errors("NOT REACHED", p.failed)
	p.errors("READ IN PART", p.partial)
}

func (p *page) errors(title string, sums []*errorSum) {
	if len(sums) == 0 {
		return
	}
	p.title(title)
	for _, s := range sums {
		names := make([]string, len(s.hosts))
		for i, h := range s.hosts {
			names[i] = h.Name
		}
		p.fill("    ", fmt.Sprintf("  %s  %s: %s", p.bold(p.show(s.code, 40)), count(len(s.hosts), "host"), p.names(names)))
		for _, said := range p.some(s, func(h *Host) string { return h.Error.Message }) {
			p.fill("    ", "    "+said)
		}
		p.hints(s)
	}
}

// hints says what to do about an error: what may differ from host to host, and then what
// else can be done. A command has a line of its own, that is never broken: it is copied.
func (p *page) hints(s *errorSum) {
	words, command, _ := hintParts(s.hosts[0].Error.Hint)
	all := commands(s.hosts, words)
	if one := joined(all); one != "" && len(one) <= maxShown {
		all = []string{one}
	}
	switch {
	case command == "" || len(all) == 0:
		for _, said := range p.some(s, func(h *Host) string { said, _, _ := strings.Cut(h.Error.Hint, orElse); return said }) {
			p.fill("       ", "    "+p.paint(cyan, "-> ")+said)
		}
	case len(all) > 1 && !p.Verbose:
		p.fill("       ", "    "+p.paint(cyan, "-> ")+p.show(words, maxShown)+
			p.paint(faint, fmt.Sprintf(" (so for %s; -v shows the others):", p.show(s.hosts[0].Name, maxHostName))))
		p.WriteString("       " + p.show(all[0], maxShown) + "\n")
	default:
		p.fill("       ", "    "+p.paint(cyan, "-> ")+p.show(words, maxShown)+":")
		for _, command := range all {
			p.WriteString("       " + p.show(command, maxShown) + "\n")
		}
	}
	for _, said := range texts(s.hosts, func(h *Host) string { _, _, or := hintParts(h.Error.Hint); return or }) {
		p.fill("       ", "    "+p.paint(cyan, "-> ")+"or "+p.show(said, maxShown))
	}
}

// A hint may end in a command, and say what else can be done.
const (
	beforeCommand = ": ssh-"
	orElse        = "; or "
)

// hintParts are the words of a hint, the command that it may end in, and what else can be done.
func hintParts(hint string) (words, command, or string) {
	first, or, _ := strings.Cut(hint, orElse)
	words, command, found := strings.Cut(first, beforeCommand)
	if found {
		command = "ssh-" + command
	}
	return words, command, or
}

// commands returns the commands of the hosts' hints, each once; none if a hint has none, or
// has other words before it.
func commands(hosts []*Host, words string) []string {
	same := true
	all := texts(hosts, func(h *Host) string {
		before, command, _ := hintParts(h.Error.Hint)
		same = same && command != "" && before == words
		return command
	})
	if !same {
		return nil
	}
	return all
}

// joined is one ssh-keyscan for all of those that differ in the host only; "" if they do
// not.
func joined(commands []string) string {
	var before, after string
	var hosts []string
	for i, command := range commands {
		fields := strings.Fields(command)
		at := slices.Index(fields, ">>")
		if at < 2 || fields[0] != "ssh-keyscan" {
			return ""
		}
		head, tail := strings.Join(fields[:at-1], " "), strings.Join(fields[at:], " ")
		if i > 0 && (head != before || tail != after) {
			return ""
		}
		before, after = head, tail
		hosts = append(hosts, fields[at-1])
	}
	return before + " " + strings.Join(hosts, " ") + " " + after
}

// some is the texts of an error, each once. Where every host has its own, the first speaks
// for the others.
func (p *page) some(s *errorSum, of func(*Host) string) (some []string) {
	once := texts(s.hosts, of)
	if len(once) > 1 && !p.Verbose {
		return []string{p.show(once[0], maxShown) + p.paint(faint, fmt.Sprintf("  (so for %s; -v shows the others)", p.show(s.hosts[0].Name, maxHostName)))}
	}
	for _, said := range once {
		some = append(some, p.show(said, maxShown))
	}
	return some
}

// names lists hosts, as many as say something.
func (p *page) names(all []string) string {
	most := 8
	if p.Verbose {
		most = len(all)
	}
	shown := make([]string, 0, most)
	for _, name := range all[:min(most, len(all))] {
		shown = append(shown, p.show(name, maxHostName))
	}
	said := strings.Join(shown, ", ")
	if more := len(all) - len(shown); more > 0 {
		said += fmt.Sprintf(" and %d more", more)
	}
	return said
}
