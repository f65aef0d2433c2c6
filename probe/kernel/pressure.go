package kernel

import (
	"fmt"
	"math"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
)

// How long tasks had to wait, of the machine as a whole: /proc/pressure/cpu, memory and io. Rows some and full:
// the time in which at least one task waited, and in which all did. Total is a counter of microseconds; avg10, avg60 and
// avg300 are gauges, the share of the last 10, 60 and 300 s in per cent, rounded down. The kernel has them since 4.20, unless it was
// built or booted without (psi=0); the row full of cpu came with 5.13 and is zero.
//
// Source: Documentation/accounting/psi.rst; kernel/sched/psi.c, psi_show.
var (
	CPUPressure    = pressure("/proc/pressure/cpu")
	MemoryPressure = pressure("/proc/pressure/memory")
	IOPressure     = pressure("/proc/pressure/io")
)

func pressure(file string) *probe.Stats {
	return &probe.Stats{Read: probe.Read{File: file, Pair: true, Cap: 1024}, Parse: parsePressure}
}

// parsePressure parses lines "some avg10=40.62 avg60=17.80 avg300=14.75 total=125322417".
func parsePressure(text string) (probe.Table, error) {
	t := make(probe.Table, 0, 2)
	for number, line := range lines(text) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		row := probe.Row{Name: name, Fields: make([]string, 0, 4), Cells: make([]uint64, 0, 4)}
		for word := range words(rest) {
			field, value, _ := strings.Cut(word, "=")
			whole, _, _ := strings.Cut(value, ".")
			n, err := parseUint(whole)
			if err != nil || n > math.MaxInt64 {
				return nil, fmt.Errorf("line %d: %s %s is no number: %.80q", number, name, field, value)
			}
			row.Fields, row.Cells = append(row.Fields, field), append(row.Cells, n)
		}
		if len(row.Fields) == 0 || name != "some" && name != "full" {
			return nil, fmt.Errorf("line %d: no pressure: %.80q", number, line)
		}
		t = append(t, row)
	}
	return t, nil
}

// VMStat is /proc/vmstat: one row without a name, of what tells that memory was short. Before 4.10
// allocstall is one number, after it one for each zone of memory.
//
// Source: mm/vmstat.c, vmstat_text.
var VMStat = &probe.Stats{
	Read:  probe.Read{File: "/proc/vmstat", Pair: true, Keep: "^(allocstall|oom_kill|pgscan_direct)", Cap: 4096},
	Parse: parseNamed,
}
