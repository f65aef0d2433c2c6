package drop

import (
	"fmt"
	"slices"
	"strings"
)

// ParseSeverity reads a severity as people and reports write it.
func ParseSeverity(name string) (Severity, error) {
	i := slices.Index(severityNames[:], name)
	if i < 0 {
		return 0, fmt.Errorf("%q is no severity: it is one of %s", name, strings.Join(severityNames[:], ", "))
	}
	return Severity(i), nil
}

// MarshalText writes the severity as a word.
func (s Severity) MarshalText() ([]byte, error) {
	if int(s) >= len(severityNames) {
		return nil, fmt.Errorf("no severity: %d", uint8(s))
	}
	return []byte(s.String()), nil
}

// UnmarshalText reads the word.
func (s *Severity) UnmarshalText(name []byte) error {
	parsed, err := ParseSeverity(string(name))
	if err == nil {
		*s = parsed
	}
	return err
}
