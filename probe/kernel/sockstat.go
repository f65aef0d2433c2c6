package kernel

import (
	"fmt"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
)

// Sockstat is /proc/net/sockstat: rows sockets, TCP, UDP, UDPLITE, RAW and FRAG with gauges
// such as inuse. The mem of TCP and UDP is in pages and of all network namespaces together;
// the memory of FRAG, of fragments that wait for the others, is in bytes. As most of it is one
// number for all, it is read of the login's namespace only.
//
// Source: net/ipv4/proc.c, sockstat_seq_show.
var Sockstat = &probe.Stats{
	Read:  probe.Read{File: "/proc/net/sockstat", Pair: true},
	Parse: parseSockstat,
}

// Sockstat6 is /proc/net/sockstat6: rows TCP6, UDP6, UDPLITE6, RAW6 and FRAG6.
//
// Source: net/ipv6/proc.c, sockstat6_seq_show.
var Sockstat6 = &probe.Stats{
	Read:  probe.Read{File: "/proc/net/sockstat6", Pair: true},
	Parse: parseSockstat,
}

// parseSockstat parses lines "TCP: inuse 7 orphan 0".
func parseSockstat(text string) (probe.Table, error) {
	t := make(probe.Table, 0, 6)
	most := strings.Count(text, " ")/2 + 1
	fields, cells := make([]string, 0, most), make([]uint64, 0, most)
	for number, line := range lines(text) {
		name, rest, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("line %d: no name in %q", number, line)
		}
		from, title := len(fields), ""
		for word := range words(rest) {
			if title == "" {
				title = word
				continue
			}
			n, err := parseUint(word)
			if strings.HasPrefix(word, "-") {
				n, err = 0, nil // a sum over the CPUs that was taken while they counted
			}
			if err != nil {
				return nil, fmt.Errorf("line %d: %s %s: %w", number, name, title, err)
			}
			fields, cells = append(fields, title), append(cells, n)
			title = ""
		}
		if title != "" {
			return nil, fmt.Errorf("line %d: %s %s has no value", number, name, title)
		}
		t = append(t, probe.Row{Name: name, Fields: fields[from:len(fields):len(fields)], Cells: cells[from:len(cells):len(cells)]})
	}
	return t, nil
}
