package inventory

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// An Error is one thing wrong with the inventory: where, what, and what to do about it.
// Load and Explain return all of them together, joined; each is found with errors.As or
// by errors.Join's Unwrap() []error.
type Error struct {
	Origin         // Line is 0 where the whole file or a flag is meant
	Column  int    // counts bytes from 1; 0: the whole line
	Message string // one clause, safe to print: foreign text in it is quoted
	Hint    string // the next step; may be empty

	cause error
}

func (e *Error) Unwrap() error { return e.cause }

func (e *Error) Error() string {
	text := e.Origin.String()
	if e.Column > 0 {
		text += ":" + strconv.Itoa(e.Column)
	}
	if text != "" {
		text += ": "
	}
	text += e.Message
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// maxErrors is how many errors are worth reading at once.
const maxErrors = 20

// problems gathers what is wrong.
type problems struct {
	errors   []*Error
	warnings []*Error
	places   []string // files in the order they were given
}

func (p *problems) fail(e *Error) { p.errors = append(p.errors, e) }

// refuse takes an error in, if it is one of ours and not the end of the context.
func (p *problems) refuse(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if ok {
		p.fail(e)
	}
	return ok
}

func (p *problems) warn(e *Error) { p.warnings = append(p.warnings, e) }

// err joins the errors, those of one file by line.
func (p *problems) err() error {
	if len(p.errors) == 0 {
		return nil
	}
	p.sort(p.errors)
	// One line of ssh_config may be wrong for every host.
	p.errors = slices.CompactFunc(p.errors, func(a, b *Error) bool { return *a == *b })
	all := p.errors
	var joined []error
	for _, e := range all[:min(len(all), maxErrors)] {
		joined = append(joined, e)
	}
	if more := len(all) - len(joined); more > 0 {
		joined = append(joined, &Error{Message: fmt.Sprintf("and %d more", more)})
	}
	return errors.Join(joined...)
}

func (p *problems) sort(list []*Error) {
	slices.SortStableFunc(list, func(a, b *Error) int {
		return cmp.Or(
			cmp.Compare(p.place(a.File), p.place(b.File)),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Message, b.Message))
	})
}

func (p *problems) place(file string) int {
	if i := slices.Index(p.places, file); i >= 0 {
		return i
	}
	return len(p.places)
}

// quote makes foreign text fit for a message: escaped, and not endless.
func quote(s string) string {
	const most = 80
	if len(s) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		return strconv.Quote(s[:cut]) + "…"
	}
	return strconv.Quote(s)
}

// quotable returns foreign text as it is if it is safe to print, for what reads like a
// sentence or a line of a file.
func quotable(s string) string {
	if unsafe := func(c rune) bool { return !strconv.IsPrint(c) }; strings.ContainsFunc(s, unsafe) || len(s) > 200 {
		return quote(s)
	}
	return s
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// counted is a count that may have been too large to make.
func counted(n uint64) string {
	if n == math.MaxUint64 {
		return "more than " + thousands(n)
	}
	return thousands(n)
}

// thousands writes 100000 as 100,000.
func thousands(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
