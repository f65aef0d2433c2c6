package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fleetdrop/fleetdrop/probe"
)

// maxLine bounds the raw text that is kept of one fact, in bytes.
const maxLine = 400

// rawLine is the text that a fact was read from, as the host wrote it: the line, with its
// titles where they stand apart. Of a row of very many numbers only the one is kept, between
// dots. It is "" where the text does not say the fact in so many words.
func rawLine(s *probe.Snapshot, e probe.Evidence) string {
	if e.State != probe.Known || s.Capture == nil {
		return ""
	}
	for _, section := range []string{e.Section, e.Instance()} {
		for _, out := range s.Capture.Outputs {
			if out.Section == section && !out.First && out.State == probe.Known {
				return clean(lineOf(out.Text, e), maxLine)
			}
		}
	}
	return ""
}

// lineOf finds a fact in a text.
func lineOf(text string, e probe.Evidence) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(lines) == 1 {
		return around(lines[0], "")
	}
	if titles := columnOf(lines[0], e.Field); titles >= 0 && (e.Row == "" || cpuOf(e.Row) >= 0) {
		return perCPU(lines, titles, e)
	}
	for i, line := range lines[:len(lines)-1] { // a line of titles, and one of numbers, with one name
		if e.Row == "" || !titled(line, e.Row) || !titled(lines[i+1], e.Row) {
			continue
		}
		if at := columnOf(line, e.Field); at > 0 {
			return only(line, at, true) + "\n" + only(lines[i+1], at, true)
		}
	}
	if cpu := cpuOf(e.Row); cpu >= 0 && cpu < len(lines) {
		return around(lines[cpu], "")
	}
	value := fmt.Sprint(e.Value)
	head := slices.IndexFunc(lines, func(line string) bool { return mentions(line, e.Row) })
	if head >= 0 { // what belongs to a line may stand below it, further in
		lines = lines[head : head+1+inner(lines[head], lines[head+1:])]
	}
	best, most := -1, 0
	for i, line := range lines {
		score := 0
		if mentions(line, e.Field[strings.LastIndexByte(e.Field, '/')+1:]) {
			score += 2
		}
		if mentions(line, value) {
			score++
		}
		if score > most {
			best, most = i, score
		}
	}
	switch {
	case best < 0 && head >= 0:
		return around(lines[0], "")
	case best < 0 && e.Row == "": // the sum of a column that has no title
		return around(strings.Join(lines[:min(len(lines), 3)], "\n"), "")
	case best < 0:
		return ""
	case head >= 0 && best > 0:
		return around(lines[0], "") + "\n" + around(lines[best], value)
	}
	return around(lines[best], value)
}

// titled says that a line begins with the name of a row.
func titled(line, row string) bool {
	rest, ok := strings.CutPrefix(line, row)
	return ok && strings.HasPrefix(rest, ":")
}

// inner is how many of the lines below a line stand further in.
func inner(head string, below []string) int {
	depth := func(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }
	for i, line := range below {
		if depth(line) <= depth(head) {
			return i
		}
	}
	return len(below)
}

// perCPU is one column of a table with a line for each CPU.
func perCPU(lines []string, at int, e probe.Evidence) string {
	rows := lines[1:]
	if cpu := cpuOf(e.Row); cpu >= 0 {
		if cpu >= len(rows) {
			return ""
		}
		rows = rows[cpu : cpu+1]
	}
	said := only(lines[0], at, false)
	for i, row := range rows {
		if i == 4 {
			return said + "\n" + fmt.Sprintf("… %d more", len(rows)-i)
		}
		said += "\n" + only(row, at, false)
	}
	return said
}

// cpuOf is the number in "cpu3", and -1 for any other row.
func cpuOf(row string) int {
	digits, ok := strings.CutPrefix(row, "cpu")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 0 {
		return -1
	}
	return n
}

// columnOf is the place of a title in a line, and -1 if it is not there.
func columnOf(line, title string) int {
	if title == "" || !strings.Contains(line, title) {
		return -1
	}
	at := 0
	for word := range strings.FieldsSeq(line) {
		if word == title {
			return at
		}
		at++
	}
	return -1
}

// only is one word of a line between dots, and the first, if that names the row.
func only(line string, at int, named bool) string {
	first, said, n := "", "", 0
	for word := range strings.FieldsSeq(line) {
		if n == 0 {
			first = word
		}
		if n == at {
			said = word
		}
		if n++; n > at+1 {
			break
		}
	}
	if n <= at {
		return around(line, "")
	}
	if named {
		said = first + " … " + said
	} else if at > 0 {
		said = "… " + said
	}
	if n > at+1 {
		said += " …"
	}
	return said
}

// mentions says that a line has the words, with nothing before or after them that belongs to
// them.
func mentions(line, words string) bool {
	part := func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
	for from := 0; words != ""; {
		at := strings.Index(line[from:], words)
		if at < 0 {
			return false
		}
		at += from
		before, _ := utf8.DecodeLastRuneInString(line[:at])
		after, _ := utf8.DecodeRuneInString(line[at+len(words):])
		if !part(before) && !part(after) {
			return true
		}
		from = at + 1
	}
	return false
}

// around is a line, or of a long one what stands around a value.
func around(line, value string) string {
	const most = maxLine/2 - 20
	line = strings.TrimRight(line, " \t\r")
	if len(line) <= most {
		return line
	}
	at := 0
	if value != "" {
		at = max(strings.Index(line, value), 0)
	}
	from := min(max(0, at-most/2), len(line)-most)
	cut := strings.ToValidUTF8(line[from:from+most], "")
	if from > 0 {
		cut = "…" + cut
	}
	if from+most < len(line) {
		cut += "…"
	}
	return cut
}
