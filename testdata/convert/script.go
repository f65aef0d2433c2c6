package main

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// nonce marks what the script says of itself in its output.
const nonce = "0123456789abcdef"

// readers are all that fleetdrop reads on a host, script is how it asks.
var (
	readers = append(drop.Sections(drop.Catalogue()), probe.Uptime, probe.BootID, probe.Release, probe.OSRelease)
	script  = probe.Script(readers...)
)

// collect gives what was read to the part of the script that decides what leaves a host.
func collect(wire string) (*probe.Capture, error) {
	const end = "head \"$@\"\nmain \"${3-}\" | collect\n"
	if strings.Count(script, end) != 1 {
		return nil, fmt.Errorf("the script does not end with %q", end)
	}
	cmd := exec.Command("sh", "-c", strings.Replace(script, end, "collect\n", 1), "sh", nonce)
	cmd.Stdin = strings.NewReader(wire)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err == nil && complaint.Len() > 0 {
		err = errors.New(complaint.String())
	}
	if err != nil {
		return nil, fmt.Errorf("the script: %w", err)
	}
	return probe.ParseOutput("fleetdrop capture v1 "+nonce+"\n"+string(out), nonce)
}

// reads says whether the script reads a section, and whether it does so twice.
func reads(section string) (known, twice bool) {
	word := "'" + section + "'"
	_, sampled, _ := strings.Cut(script, "\nsampled() {\n")
	sampled, once, _ := strings.Cut(sampled, "\nonce() {\n")
	once, _, _ = strings.Cut(once, "\n}\n")
	// Long files stand in two lists: those that are read twice, and the others.
	sampled, tables, _ := strings.Cut(sampled, "\ttables ")
	if lists := strings.SplitN(tables, "'", 5); len(lists) == 5 {
		sampled += quoted(lists[1])
		once += quoted(lists[3])
	}
	twice = strings.Contains(sampled, word)
	return twice || strings.Contains(once, word), twice
}

// quoted is a list with each of its words in quotes.
func quoted(list string) string {
	return "'" + strings.ReplaceAll(list, " ", "' '") + "'"
}

// A part is the text of one section, as the script gets to see it.
type part struct {
	section string // with a star if it is of one interface
	of      string // that interface
	lines   string // what a command or a file said; for files with a star "FILE:LINE"
	status  int    // of the command
	missing string // "absent" or "unread", if there is no text
}

// write writes the sections that are read twice, or those that are read once, in the order
// of the script: files, then tables of sockets, then commands.
func (r *reading) write(wire *strings.Builder, twice bool) error {
	var all []part
	for _, c := range conversions {
		out, ok := r.output[c.command]
		if !ok {
			return fmt.Errorf("no output of %q", c.command)
		}
		for _, p := range c.convert(r, out) {
			if known, again := reads(p.section); known && again == twice {
				all = append(all, p)
			}
		}
	}
	rank := func(p part) int {
		switch {
		case slices.Contains([]string{"/proc/net/tcp", "/proc/net/udp", "/proc/net/udp6"}, p.section):
			return 1
		case strings.HasPrefix(p.section, "/"):
			return 0
		}
		return 2
	}
	slices.SortStableFunc(all, func(a, b part) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a.section, b.section)
	})
	for _, p := range all {
		p.write(wire)
	}
	return nil
}

func (p part) write(wire *strings.Builder) {
	of := p.of
	if of == "" {
		of = "/"
	}
	verb := "open"
	if strings.HasPrefix(p.section, "/") && strings.Contains(p.section, "*") {
		verb = "list"
	}
	switch {
	case p.missing != "":
		id := p.section
		if p.of != "" {
			id = strings.Replace(id, "*", p.of, 1)
		}
		fmt.Fprintf(wire, "-- %s %s %s --\n", nonce, p.missing, id)
	default:
		fmt.Fprintf(wire, "%s %s %s %s\n%s\n%s shut %d\n", nonce, verb, of, p.section, p.lines, nonce, p.status)
	}
}
