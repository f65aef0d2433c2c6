package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of texts that come from a host, in bytes.
const (
	maxName = 512
	maxText = 4096
)

// clean makes a text from a host fit for a report: valid UTF-8 of at most that many bytes.
// It is still hostile; each format has its own function that makes it harmless.
func clean(text string, most int) string {
	if len(text) > most {
		cut := most
		for cut > most-utf8.UTFMax && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + "…"
	}
	if utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for i, size := 0, 0; i < len(text); i += size {
		var r rune
		if r, size = utf8.DecodeRuneInString(text[i:]); r == utf8.RuneError && size == 1 {
			fmt.Fprintf(&b, `\x%02x`, text[i])
			continue
		}
		b.WriteString(text[i : i+size])
	}
	return b.String()
}

// Visible writes out what a terminal, or a reader's eye, could take for something else:
// control characters (C0, DEL, C1), marks that turn the direction of writing, characters
// without a width, invalid UTF-8. Every sink but JSON uses it.
func Visible(text string) string {
	if !strings.ContainsFunc(text, hidden) && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for i, size := 0, 0; i < len(text); i += size {
		var r rune
		r, size = utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && size == 1 || hidden(r) {
			for _, c := range []byte(text[i : i+size]) {
				fmt.Fprintf(&b, `\x%02x`, c)
			}
			continue
		}
		b.WriteString(text[i : i+size])
	}
	return b.String()
}

// hidden says that a character does not show as itself. Of the white space only the plain
// space does.
func hidden(r rune) bool {
	if ' ' <= r && r < utf8.RuneSelf {
		return r == '\x7f'
	}
	return !unicode.IsPrint(r) || unicode.Is(unicode.Variation_Selector, r)
}
