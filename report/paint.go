package report

import (
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// title begins a part of the page.
func (p *page) title(words string, aside ...string) {
	p.WriteByte('\n')
	p.fill("", p.bold(words)+"  "+p.paint(faint, strings.Join(aside, " ")))
}

// fill writes words that are safe, in lines of the page's width. The first line begins as
// the words do; the others begin with that.
func (p *page) fill(before, words string) {
	lead := words[:len(words)-len(strings.TrimLeft(words, " "))]
	line, used := lead, len(lead)
	empty := true
	for _, word := range together(words[len(lead):]) {
		wide := text.StringWidthWithoutEscSequences(word)
		switch {
		case empty:
		case used+1+wide > p.Width:
			p.WriteString(strings.TrimRight(line, " ") + "\n")
			line, used = before, len(before)
		default:
			line, used = line+" ", used+1
		}
		line, used = line+word, used+wide
		empty = false
	}
	p.WriteString(strings.TrimRight(line, " ") + "\n")
}

// together parts a text into words; a unit stays with the number before it.
func together(words string) (all []string) {
	for word := range strings.SplitSeq(words, " ") {
		if n := len(all); n > 0 && slices.Contains([]string{"s", "%"}, strings.TrimRight(word, ",;:)")) {
			all[n-1] += " " + word
		} else {
			all = append(all, word)
		}
	}
	return all
}

// maxShown bounds one text on a terminal.
const maxShown = 400

// show makes a text from a host safe for a terminal, in at most that many columns.
func (p *page) show(s string, columns int) string {
	return text.Snip(Visible(s), columns, "~")
}

// A color is the parameters of an SGR sequence.
type color string

const (
	plain  color = ""
	bold   color = "1"
	faint  color = "2"
	red    color = "31"
	yellow color = "33"
	cyan   color = "36"
	loud   color = "1;31"
)

func (p *page) paint(c color, words string) string {
	if !p.Color || c == plain || words == "" {
		return words
	}
	return "\x1b[" + string(c) + "m" + words + "\x1b[0m"
}

func (p *page) bold(words string) string { return p.paint(bold, words) }

// state paints what is said of a grade: red is a loss, yellow a risk, and nothing else is.
func (p *page) state(g Grade, words string) string {
	switch g {
	case Dropping:
		return p.paint(loud, words)
	case Dropped, AtRisk:
		return p.paint(yellow, words)
	}
	return words
}

func severityColor(s drop.Severity) color {
	switch s {
	case drop.Critical:
		return loud
	case drop.High:
		return red
	case drop.Medium:
		return yellow
	}
	return plain
}

// severityWord is a severity that stands out without a colour.
func severityWord(s drop.Severity) string { return strings.ToUpper(s.String()) }
