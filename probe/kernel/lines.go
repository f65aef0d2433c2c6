package kernel

import (
	"fmt"
	"iter"
	"strings"
)

// lines goes through a text with the numbers of its lines, from 1. The error of a parser begins
// with the number of the line that it did not understand.
func lines(text string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		number := 0
		for line := range strings.Lines(text) {
			number++
			if !yield(number, line) {
				return
			}
		}
	}
}

// atLine puts the number of a line before what is wrong with it.
func atLine(number int, err error) error { return fmt.Errorf("line %d: %w", number, err) }
