package kernel

import (
	"fmt"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
)

// CPUTime is /proc/stat: what each CPU, "cpu0" and so on, spent its time on since boot, in
// ticks; there are 100 a second on nearly every machine. The time of guests is in user and nice
// too. Kernels before 2.6.33 know fewer fields. It shows the machine in every network namespace.
//
// Source: fs/proc/stat.c, show_stat; proc(5).
var CPUTime = &probe.Stats{
	Read:  probe.Read{File: "/proc/stat", Pair: true, Keep: `^cpu[0-9]`},
	Parse: parseCPUTime,
}

var cpuTimeFields = []string{
	"user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice",
}

// leastCPUTimes is what every kernel since 2.6 has.
const leastCPUTimes = 7

// parseCPUTime takes the rows of single CPUs; the other lines of the file do not leave a host.
func parseCPUTime(text string) (probe.Table, error) {
	most := strings.Count(text, "\n")
	t := make(probe.Table, 0, most)
	cells := make([]uint64, 0, most*len(cpuTimeFields))
	for number, line := range lines(text) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if digits, ok := strings.CutPrefix(name, "cpu"); !ok || digits == "" {
			continue
		}
		from := len(cells)
		for v := range words(rest) {
			n, err := parseUint(v)
			if err != nil {
				return nil, fmt.Errorf("line %d: %s: %w", number, name, err)
			}
			if len(cells)-from < len(cpuTimeFields) {
				cells = append(cells, n)
			}
		}
		if len(cells)-from < leastCPUTimes {
			return nil, fmt.Errorf("line %d: %s has %d numbers, not %d or more", number, name, len(cells)-from, leastCPUTimes)
		}
		t = append(t, probe.Row{Name: name, Fields: cpuTimeFields, Cells: cells[from:len(cells):len(cells)]})
	}
	if len(t) == 0 {
		return nil, fmt.Errorf("line 1: no CPU: %.80q", text)
	}
	return t, nil
}
