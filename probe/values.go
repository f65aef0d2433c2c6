package probe

import "strings"

// Values is a section with a line "NAME VALUE" for each file of a path with a star, such
// as /sys/class/net/*/operstate.
type Values []Value

// A Value is the first line of one file.
type Value struct{ Name, Text string }

// Get returns the value of that name.
func (v Values) Get(name string) (string, bool) {
	for _, value := range v {
		if value.Name == name {
			return value.Text, true
		}
	}
	return "", false
}

// Glob declares a section of values.
func Glob(path string) *Section[Values] {
	return &Section[Values]{Read: Read{File: path}, Parse: parseValues}
}

// GlobTwice is Glob for files that count: it is read at both ends of the window.
func GlobTwice(path string) *Section[Values] {
	s := Glob(path)
	s.Pair = true
	return s
}

func parseValues(text string) (Values, error) {
	values := make(Values, 0, strings.Count(text, "\n"))
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\n"), " ")
		values = append(values, Value{name, value})
	}
	return values, nil
}
