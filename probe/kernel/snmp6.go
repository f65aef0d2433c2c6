package kernel

import (
	"fmt"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
)

// SNMP6 is /proc/net/snmp6: rows Ip6, Icmp6, Udp6 and UdpLite6, so that Ip6InReceives is the
// field InReceives of the row Ip6. It is absent where IPv6 is not built in, or switched off
// with ipv6.disable=1.
//
// Source: net/ipv6/proc.c, snmp6_seq_show.
var SNMP6 = &probe.Stats{
	Read:  probe.Read{File: "/proc/net/snmp6", Pair: true, Netns: probe.EachNetns},
	Parse: parseSNMP6,
}

// parseSNMP6 parses lines "Ip6InReceives  1". The kernel prints the lines of a row together.
func parseSNMP6(text string) (probe.Table, error) {
	most := strings.Count(text, "\n")
	t := make(probe.Table, 0, 4)
	fields, cells := make([]string, 0, most), make([]uint64, 0, most)
	for number, line := range lines(text) {
		title, value := "", ""
		for word := range words(line) {
			if title == "" {
				title = word
			} else {
				value = word
			}
		}
		at := strings.IndexByte(title, '6') + 1
		if at == 0 || at == len(title) {
			return nil, fmt.Errorf("line %d: not a counter of IPv6: %q", number, line)
		}
		n, err := parseUint(value)
		if err != nil {
			return nil, fmt.Errorf("line %d: %s: %w", number, title, err)
		}
		from := len(fields)
		fields, cells = append(fields, title[at:]), append(cells, n)
		if last := len(t) - 1; last >= 0 && t[last].Name == title[:at] {
			r := &t[last]
			r.Fields, r.Cells = fields[from-len(r.Fields):], cells[from-len(r.Cells):]
			continue
		} else if t.Row(title[:at]).Name != "" {
			return nil, fmt.Errorf("line %d: %s stands apart from its row", number, title)
		}
		t = append(t, probe.Row{Name: title[:at], Fields: fields[from:], Cells: cells[from:]})
	}
	return t, nil
}
