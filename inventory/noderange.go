package inventory

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A pattern names hosts: literals with ranges between them, such as web[001-128,200]-[1-2].
type pattern []part

// A part is a literal, or numbers to choose from.
type part struct {
	literal string
	ranges  []numbers
}

// numbers are first, first+step… up to last, with zeros before them up to the width.
type numbers struct {
	first, last, step uint64
	width             int
}

func (n numbers) count() uint64 { return (n.last-n.first)/n.step + 1 }

// A syntaxError is something wrong at a byte of a text, counted from 0.
type syntaxError struct {
	at            int
	message, hint string
}

func wrong(at int, message, hint string) *syntaxError { return &syntaxError{at, message, hint} }

// parsePattern parses a name with ranges, in the grammar of ClusterShell's node sets. It
// is stricter: a range that would name no host, or something else than it seems to, is
// an error.
func parsePattern(s string) (pattern, *syntaxError) {
	var p pattern
	for i := 0; i < len(s); {
		open := strings.IndexAny(s[i:], "[]")
		if open < 0 {
			return append(p, part{literal: s[i:]}), nil
		}
		if open > 0 {
			p = append(p, part{literal: s[i : i+open]})
		}
		i += open
		if s[i] == ']' {
			return nil, wrong(i, `"]" without "["`, "write web[1-3]")
		}
		length := strings.IndexAny(s[i+1:], "[]")
		if length < 0 || s[i+1+length] == '[' {
			return nil, wrong(i, "range is not closed", `add "]"`)
		}
		ranges, err := parseRanges(s[i+1 : i+1+length])
		if err != nil {
			err.at += i + 1
			return nil, err
		}
		p = append(p, part{ranges: ranges})
		i += length + 2
	}
	return p, nil
}

// parseRanges parses what stands between the brackets: 001-128,200,10-20/2.
func parseRanges(s string) (list []numbers, err *syntaxError) {
	if s == "" {
		return nil, wrong(0, "empty range", "write web[1-3], or the name without brackets")
	}
	at := 0
	for word := range strings.SplitSeq(s, ",") {
		n, err := parseRange(word)
		if err != nil {
			err.at += at
			return nil, err
		}
		list = append(list, n)
		at += len(word) + 1
	}
	return list, nil
}

func parseRange(s string) (numbers, *syntaxError) {
	var none numbers
	if s == "" {
		return none, wrong(0, "empty range", "take away the comma")
	}
	if strings.Contains(s, ":") {
		return none, wrong(0, fmt.Sprintf("Ansible's kind of range %s", quote("["+s+"]")),
			"here write ["+strings.Replace(clip(s), ":", "-", 1)+"]")
	}
	span, stepText, stepped := strings.Cut(s, "/")
	firstText, lastText, spans := strings.Cut(span, "-")
	if !spans {
		lastText = firstText
	}
	if firstText == "" || lastText == "" {
		return none, wrong(0, fmt.Sprintf("%s: a number is missing", quote(s)), "write [1-3]")
	}
	first, ok1 := number(firstText)
	last, ok2 := number(lastText)
	if (!ok1 || !ok2) && strings.Trim(firstText+lastText, "0123456789") == "" {
		return none, wrong(0, fmt.Sprintf("%s: numbers of more than %d digits", quote(s), maxDigits), "write the names one by one")
	}
	if !ok1 || !ok2 {
		return none, wrong(0, fmt.Sprintf("%s: numbers only", quote(s)), "write the names one by one")
	}
	n := numbers{first: first, last: last, step: 1}
	if stepped {
		step, ok := number(stepText)
		if !ok || step == 0 || !spans {
			return none, wrong(0, fmt.Sprintf("%s: a step is a number above 0 after a range", quote(s)), "write [1-9/2]")
		}
		n.step = step
	}
	if first > last {
		return none, wrong(0, fmt.Sprintf("%s: range runs backwards", quote(s)), fmt.Sprintf("write [%d-%d]", last, first))
	}
	padded := func(s string) bool { return len(s) > 1 && s[0] == '0' }
	if padded(firstText) {
		n.width = len(firstText)
	}
	if (n.width > 0 || padded(lastText)) && len(firstText) != len(lastText) {
		return none, wrong(0, fmt.Sprintf("%s: numbers of different width", quote(s)),
			fmt.Sprintf("write [%0*d-%s], or two ranges", len(lastText), first, clip(lastText)))
	}
	return n, nil
}

// maxDigits keeps sums of numbers from overflowing.
const maxDigits = 18

// number parses decimal digits.
func number(s string) (uint64, bool) {
	if s == "" || len(s) > maxDigits || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil
}

func clip(s string) string { return s[:min(len(s), 40)] }

// count says how many names the pattern has, repeated ones included, without making one.
func (p pattern) count() uint64 {
	product := uint64(1)
	for _, part := range p {
		if part.ranges == nil {
			continue
		}
		var sum uint64
		for _, n := range part.ranges {
			sum = saturate(sum, n.count(), sum+n.count())
		}
		if sum != 0 && product > math.MaxUint64/sum {
			return math.MaxUint64
		}
		product *= sum
	}
	return product
}

// saturate is a+b, or the greatest number where that overflows.
func saturate(a, b, sum uint64) uint64 {
	if sum < a || sum < b {
		return math.MaxUint64
	}
	return sum
}

// names returns the names in the order of the pattern, the last range turning first. The
// caller has counted them.
func (p pattern) names() []string {
	names := []string{""}
	for _, part := range p {
		if part.ranges == nil {
			for i := range names {
				names[i] += part.literal
			}
			continue
		}
		var numbers []string
		for _, n := range part.ranges {
			for i := n.first; i <= n.last; i += n.step {
				numbers = append(numbers, fmt.Sprintf("%0*d", n.width, i))
			}
		}
		longer := make([]string, 0, len(names)*len(numbers))
		for _, name := range names {
			for _, number := range numbers {
				longer = append(longer, name+number)
			}
		}
		names = longer
	}
	return names
}

// A term of a node set: what one operator adds or takes away.
type term struct {
	operator byte // ',' union, '!' difference, '&' intersection, '^' in one of both
	user     string
	host     pattern
	port     string
	at       int // where the term stands
}

// An address is one host that a word names.
type address struct{ user, name, port string }

// combine evaluates the terms from left to right, none before another. The caller has
// counted them.
func combine(terms []term) []address {
	var set []address
	for _, t := range terms {
		var more []address
		for _, name := range t.host.names() {
			more = append(more, address{t.user, name, t.port})
		}
		switch t.operator {
		case ',':
			set = append(set, more...)
		case '!':
			set = without(set, more)
		case '&':
			set = without(set, without(set, more))
		case '^':
			set = append(without(set, more), without(more, set)...)
		}
	}
	return set
}

// without returns the addresses of a whose names are not in b.
func without(a, b []address) []address {
	names := make(map[string]bool, len(b))
	for _, x := range b {
		names[x.name] = true
	}
	return slices.DeleteFunc(slices.Clone(a), func(x address) bool { return names[x.name] })
}
