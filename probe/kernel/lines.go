package kernel

import (
	"fmt"
	"iter"
	"strconv"
	"strings"
)

// lines goes through a text with the numbers of its lines, from 1. The error of a parser begins
// with the number of the line that it did not understand.
func lines(text string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		for number := 1; text != ""; number++ {
			end := strings.IndexByte(text, '\n') + 1
			if end == 0 {
				end = len(text)
			}
			line := text[:end]
			text = text[end:]
			if !yield(number, line) {
				return
			}
		}
	}
}

// words goes through the words of a line, which blanks and other control characters part. All
// that a host prints goes through here: unlike strings.FieldsSeq it knows no letters beyond ASCII.
func words(line string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := 0; i < len(line); {
			if line[i] <= ' ' {
				i++
				continue
			}
			from := i
			for i < len(line) && line[i] > ' ' {
				i++
			}
			if !yield(line[from:i]) {
				return
			}
		}
	}
}

// parseUint is strconv.ParseUint of 64 bits in base 10, faster for what a kernel prints.
func parseUint(word string) (n uint64, err error) {
	const safe = 19 // digits that cannot be too large a number
	if word == "" || len(word) > safe {
		return strconv.ParseUint(word, 10, 64)
	}
	for i := range len(word) {
		digit := word[i] - '0'
		if digit > 9 {
			return strconv.ParseUint(word, 10, 64)
		}
		n = 10*n + uint64(digit)
	}
	return n, nil
}

// parseHex is strconv.ParseUint of 64 bits in base 16, faster for what a kernel prints.
func parseHex(word string) (n uint64, err error) {
	const safe = 16
	if word == "" || len(word) > safe {
		return strconv.ParseUint(word, 16, 64)
	}
	for i := range len(word) {
		digit := word[i] - '0'
		if digit > 9 {
			digit = word[i] | 0x20 - 'a'
			if digit > 5 {
				return strconv.ParseUint(word, 16, 64)
			}
			digit += 10
		}
		n = n<<4 | uint64(digit)
	}
	return n, nil
}

// atLine puts the number of a line before what is wrong with it.
func atLine(number int, err error) error { return fmt.Errorf("line %d: %w", number, err) }
