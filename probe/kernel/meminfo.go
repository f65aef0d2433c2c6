package kernel

import (
	"fmt"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
)

// Meminfo is /proc/meminfo: one row without a name, a field MemTotal and so on for each
// line, in KiB where the kernel says kB. It shows the machine in every container that is
// given no other file.
//
// Source: fs/proc/meminfo.c, meminfo_proc_show.
var Meminfo = &probe.Stats{
	Read:  probe.Read{File: "/proc/meminfo"},
	Parse: parseMeminfo,
}

func parseMeminfo(text string) (probe.Table, error) {
	most := strings.Count(text, "\n")
	row := probe.Row{Fields: make([]string, 0, most), Cells: make([]uint64, 0, most)}
	for number, line := range lines(text) {
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" {
			return nil, fmt.Errorf("line %d: not a line of memory: %q", number, line)
		}
		value, _, _ = strings.Cut(strings.TrimSpace(value), " ")
		n, err := parseUint(value)
		if err != nil {
			return nil, fmt.Errorf("line %d: %s: %w", number, name, err)
		}
		row.Fields, row.Cells = append(row.Fields, name), append(row.Cells, n)
	}
	return probe.Table{row}, nil
}
