package drop

// Settings are what a policy changes for one host. With nil Settings every limit and every
// severity is the rule's own, and of sysctls Expected is expected.
type Settings struct {
	Limits   Limits
	Off      map[string]bool     // IDs of the rules whose findings are not wanted
	Severity map[string]Severity // by the rule's ID: of all its findings, but for notes
	Expect   []Expectation
}

// Limits moves lines that rules draw: "accept-queue-overflow.material-rate" to a number.
type Limits map[string]float64

// Tunable returns the lines that a policy may move: the rule's own, and where it speaks of
// losses those between a loss and a note.
func (r *Rule) Tunable() []Limit {
	all := append([]Limit(nil), r.Limits...)
	if _, loses := r.Severity[Dropping]; loses {
		all = append(all, materialRatio, materialRate)
	}
	return all
}

func (s *Settings) limit(r *Rule, l Limit) float64 {
	if s != nil {
		if n, ok := s.Limits[r.Name+"."+l.Name]; ok {
			return n
		}
	}
	return l.Default
}

func (s *Settings) off(rule string) bool { return s != nil && s.Off[rule] }

func (s *Settings) severity(r *Rule) (severity Severity, ok bool) {
	if s != nil {
		severity, ok = s.Severity[r.ID]
	}
	return severity, ok
}

// expectations returns what is expected of the host's sysctls.
func (s *Settings) expectations() []Expectation {
	if s == nil {
		return Expected()
	}
	return s.Expect
}

// expected returns what has to be read to judge that.
func (s *Settings) expected() (all Need) {
	for _, e := range s.expectations() {
		all = append(all, e.needs()...)
	}
	return all
}
