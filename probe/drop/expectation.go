package drop

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

// An Expectation is what a policy wants a sysctl to be.
type Expectation struct {
	Key        string      // "net.core.somaxconn"; one star stands for each interface but lo
	Want       []Condition // one is of the whole value, more are of its words
	Absent     bool        // the kernel should not have it
	Multihomed bool        // asked only of a host that is reached by two interfaces or more
	Missing    Missing     // what it means that the kernel does not have it
	Severity   Severity    // of the finding; Info makes a note of it
	Why        string
	Origin     string // "fleetdrop.policy.yaml:22"
}

// A Missing says what becomes of an expectation where the kernel has no such sysctl.
type Missing string

// What may become of it.
const (
	Skip Missing = "skip" // nothing, and so does the empty Missing
	Warn Missing = "warn" // a finding that is low
	Fail Missing = "fail" // a finding as severe as a wrong value
)

// A Condition is what one value has to meet: all that is set. The zero Condition takes any.
type Condition struct {
	In        []string // one of these
	Min, Max  *int64
	MinPerGiB *int64 // at least so many for each GiB of the host's memory
}

// String says what is wanted: "at least 4096", "0 or 2".
func (w Condition) String() string {
	var parts []string
	if len(w.In) > 0 {
		parts = append(parts, strings.Join(w.In, " or "))
	}
	switch {
	case w.Min != nil && w.Max != nil:
		parts = append(parts, fmt.Sprintf("%d to %d", *w.Min, *w.Max))
	case w.Min != nil:
		parts = append(parts, fmt.Sprintf("at least %d", *w.Min))
	case w.Max != nil:
		parts = append(parts, fmt.Sprintf("at most %d", *w.Max))
	}
	if w.MinPerGiB != nil {
		parts = append(parts, fmt.Sprintf("at least %d for each GiB of memory", *w.MinPerGiB))
	}
	return cmp.Or(strings.Join(parts, ", "), "any")
}

// String says what is wanted of the sysctl.
func (e Expectation) String() string {
	if e.Absent {
		return "absent"
	}
	words := make([]string, len(e.Want))
	for i, w := range e.Want {
		words[i] = w.String()
	}
	if len(words) == 1 {
		return words[0]
	}
	return strings.ReplaceAll("["+strings.Join(words, "; ")+"]", "any", "_")
}

// meets holds a value against the condition. Memory is in KiB.
func (w Condition) meets(value string, memory uint64) bool {
	if len(w.In) > 0 && !slices.ContainsFunc(w.In, func(want string) bool { return same(want, value) }) {
		return false
	}
	if w.Min == nil && w.Max == nil && w.MinPerGiB == nil {
		return true
	}
	n, err := strconv.ParseInt(value, 10, 64)
	return err == nil && (w.Min == nil || n >= *w.Min) && (w.Max == nil || n <= *w.Max) &&
		(w.MinPerGiB == nil || n >= perGiB(*w.MinPerGiB, memory))
}

func perGiB(n int64, memory uint64) int64 {
	return int64(min(math.Ceil(float64(n)*float64(memory)/(1<<20)), math.MaxInt32))
}

// same compares two values as the kernel would read them.
func same(a, b string) bool {
	n, err := strconv.ParseInt(a, 0, 64)
	m, wrong := strconv.ParseInt(b, 0, 64)
	return a == b || err == nil && wrong == nil && n == m
}

// Allows says whether a value that a file of sysctl.d sets is what is expected. It is not known where
// that depends on the host's memory.
func (e Expectation) Allows(value string) (ok, known bool) {
	return !e.Absent && e.meets(strings.Join(strings.Fields(value), " "), 0), !e.sized()
}

// meets holds the words of a value against the expectation.
func (e Expectation) meets(value string, memory uint64) bool {
	if len(e.Want) == 1 {
		return e.Want[0].meets(value, memory)
	}
	words := strings.Fields(value)
	if len(words) != len(e.Want) {
		return false
	}
	for i, w := range e.Want {
		if !w.meets(words[i], memory) {
			return false
		}
	}
	return true
}

// nearest is the value that meets the expectation with the least change, for the remedy; ""
// where that cannot be told.
func (e Expectation) nearest(value string, memory uint64) string {
	if len(e.Want) == 1 {
		return e.Want[0].nearest(value, memory)
	}
	words := strings.Fields(value)
	if len(words) != len(e.Want) {
		return ""
	}
	for i, w := range e.Want {
		if words[i] = w.nearest(words[i], memory); words[i] == "" {
			return ""
		}
	}
	return strings.Join(words, " ")
}

func (w Condition) nearest(value string, memory uint64) string {
	if w.meets(value, memory) {
		return value
	}
	if len(w.In) > 0 {
		return w.In[0]
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return ""
	}
	if w.Max != nil {
		n = min(n, *w.Max)
	}
	if w.Min != nil {
		n = max(n, *w.Min)
	}
	if w.MinPerGiB != nil {
		n = max(n, perGiB(*w.MinPerGiB, memory))
	}
	return strconv.FormatInt(n, 10)
}

// sized says that the host's memory has a part in the expectation.
func (e Expectation) sized() bool {
	return slices.ContainsFunc(e.Want, func(w Condition) bool { return w.MinPerGiB != nil })
}

// raises says that the expectation asks for more room.
func (e Expectation) raises() bool {
	return slices.ContainsFunc(e.Want, func(w Condition) bool { return w.Min != nil || w.MinPerGiB != nil })
}

// needs returns what the expectation cannot be judged without.
func (e Expectation) needs() (all Need) {
	if strings.Contains(e.Key, "*") {
		all = append(all, kernel.SysctlEach(e.Key))
	} else {
		all = append(all, kernel.SysctlText(e.Key))
	}
	if e.sized() {
		all = append(all, memTotal)
	}
	if e.Multihomed {
		all = append(all, kernel.Addresses)
	}
	return all
}

// reads returns all that the expectation looks at, for the script.
func (e Expectation) reads() (all []probe.Reader) {
	for _, h := range e.needs() {
		all = append(all, h)
	}
	if e.Multihomed {
		all = append(all, kernel.Routes, kernel.DeviceEvent, kernel.BondMembers, kernel.OperState)
	}
	return all
}
