package sysctl

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// A Version is a version of Linux, as far as it tells which keys there are: 6.1, and 2.6.32
// of the old ones. The zero Version is none.
type Version struct{ Major, Minor, Patch int }

// ParseVersion reads a version, or the release of a kernel: "6.1", "5.14.0-427.el9.x86_64".
func ParseVersion(text string) (Version, error) {
	var v Version
	parts := strings.SplitN(text, ".", 3)
	for i, to := range []*int{&v.Major, &v.Minor, &v.Patch} {
		if i == len(parts) {
			break
		}
		digits := parts[i]
		if end := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
			digits = digits[:end]
		}
		n, err := strconv.Atoi(digits)
		if err != nil && i < 2 || n > 9999 {
			return Version{}, fmt.Errorf("%q is no version of Linux: want one like 6.1", text)
		}
		*to = n
	}
	if len(parts) < 2 {
		return Version{}, fmt.Errorf("%q is no version of Linux: want one like 6.1", text)
	}
	if v.Major > 2 {
		v.Patch = 0 // a stable release brings no keys
	}
	return v, nil
}

// Compare is less than zero if v is older than w.
func (v Version) Compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor), cmp.Compare(v.Patch, w.Patch))
}

func (v Version) String() string {
	if v.Major == 2 {
		return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
	}
	return fmt.Sprintf("%d.%d", v.Major, v.Minor)
}

// A Change is when something became otherwise: Before is the last version that is known to be
// as it was, By the first that is known to be as it is. Before is zero where By is exact, and
// where nothing older was looked at. The zero Change never happened.
type Change struct{ Before, By Version }

// Certain says that v is certainly behind the change.
func (c Change) Certain(v Version) bool { return c.By != Version{} && v.Compare(c.By) >= 0 }

// Ahead says that v is certainly before the change.
func (c Change) Ahead(v Version) bool {
	if c.Before == (Version{}) {
		return c.By != Version{} && v.Compare(c.By) < 0
	}
	return v.Compare(c.Before) <= 0
}

// String is how a text names the change: "4.12", or "after 4.9, by 4.14".
func (c Change) String() string {
	switch {
	case c.By == Version{}:
		return ""
	case c.Before == Version{}:
		return c.By.String()
	}
	return fmt.Sprintf("after %v, by %v", c.Before, c.By)
}

// ParseChange reads a change as the tables have it: "4.12", "4.9..4.14", "..2.6.32" or nothing.
func ParseChange(text string) (c Change, err error) {
	if text == "" {
		return c, nil
	}
	before, by, span := strings.Cut(text, "..")
	if !span {
		by, before = before, ""
	}
	if before != "" {
		if c.Before, err = ParseVersion(before); err != nil {
			return c, err
		}
	}
	c.By, err = ParseVersion(by)
	return c, err
}
