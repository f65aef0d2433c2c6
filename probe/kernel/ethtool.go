package kernel

import (
	"fmt"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
)

// EthtoolStats is ethtool -S of each interface: what its driver counts, under names that
// only the driver knows. Means says what they count. Where a driver prints the
// same names under several headings, as vmxnet3 does for its queues, a field is
// "Rx Queue#: 0/pkts rx OOB". Only names that can be a loss leave the host.
//
// See https://docs.kernel.org/networking/statistics.html#ethtool
var EthtoolStats = &probe.Stats{
	Read: probe.Read{
		Command: "ethtool -S *", Pair: true,
		Keep: `stat|queue#|drop|disc|err|miss|fifo|buf|oob|over|trunc|fail|crc|fcs|align|symbol|jabber|runt|frag` +
			`|undersize|undrsz|oversize|ovrsz|jbr|length|fault|illegal|nodesc|no_|empty|ring full|reset|range|bad` +
			`|too_long|mtu|mru|skb|tso|hdr|col|abort|limit|uncorr|busy|too_big|pause|xoff|pfc|fc_|fdxfc|refil|nomem|no_mem|timeout|expired` +
			`|allowance|down_events|wqe|carr|under|reject|watchdog`,
	},
	Parse: parseEthtoolStats,
}

// deepest is how far headings may stand in each other. Drivers need two.
const deepest = 4

func parseEthtoolStats(text string) (probe.Table, error) {
	most := strings.Count(text, "\n")
	row := probe.Row{Fields: make([]string, 0, most), Cells: make([]uint64, 0, most)}
	var open []heading         // the headings above this line
	var last heading           // the line before, which may turn out to be one
	var prefix strings.Builder // names with their headings; fields are parts of it
	for number, line := range lines(text) {
		name, value, ok := cutLast(line, ':')
		if !ok || value == "" {
			if strings.TrimSpace(line) == "" || strings.Contains(line, "stat") {
				continue // "NIC statistics:", or "no stats available"
			}
			return nil, fmt.Errorf("line %d: not a counter: %.80q", number, line)
		}
		n, err := parseUint(value)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		indent := len(line) - len(strings.TrimLeft(line, " \t"))
		for len(open) > 0 && indent <= open[len(open)-1].indent {
			open = open[:len(open)-1]
		}
		if last.text != "" && indent > last.indent && len(open) < deepest {
			open = append(open, last)
		}
		// The number of a queue is part of its heading, and counts nothing.
		queue := strings.HasSuffix(name, "#")
		last = heading{indent, name}
		if queue {
			last.text = strings.TrimSpace(line)
			continue
		}
		if len(open) > 0 {
			if prefix.Cap() == 0 {
				prefix.Grow(2 * len(text))
			}
			from := prefix.Len()
			for _, h := range open {
				prefix.WriteString(h.text)
				prefix.WriteByte('/')
			}
			prefix.WriteString(name)
			name = prefix.String()[from:]
		}
		row.Fields, row.Cells = append(row.Fields, name), append(row.Cells, n)
	}
	return probe.Table{row}, nil
}

// A heading is a line whose followers stand farther to the right.
type heading struct {
	indent int
	text   string
}

// cutLast cuts a line at the last separator, for names that hold it too: "[0]: rx_discards: 7".
func cutLast(line string, separator byte) (name, value string, ok bool) {
	i := strings.LastIndexByte(line, separator)
	if i < 0 {
		return "", "", false
	}
	return strings.TrimSpace(line[:i]), strings.TrimSpace(line[i+1:]), true
}

// Ring is ethtool -g of each interface: the descriptors of its ring buffers, as rx, tx,
// rx_mini and rx_jumbo. What the driver does not have is absent ("n/a", or no line).
//
// Source: ethtool(8); net/ethtool/rings.c.
var Ring = &probe.Section[Setup]{Read: probe.Read{Command: "ethtool -g *"}, Parse: parseSetup}

// Channels is ethtool -l of each interface: its queues, as rx, tx, other and combined,
// which is a queue for both ways.
//
// Source: ethtool(8); net/ethtool/channels.c.
var Channels = &probe.Section[Setup]{Read: probe.Read{Command: "ethtool -l *"}, Parse: parseSetup}

// A Setup is something an adapter has so many of: the most that it takes, and the
// number it has now.
type Setup struct{ Max, Current probe.Row }

// Table has the rows "max" and "current".
func (s Setup) Table() probe.Table { return probe.Table{s.Max, s.Current} }

// Get returns both numbers of one field; none where one of them is absent.
func (s Setup) Get(field string) (current, most uint64, ok bool) {
	current, known := s.Current.Get(field)
	most, ok = s.Max.Get(field)
	return current, most, ok && known
}

func (s Setup) String() string {
	var b strings.Builder
	for i, field := range s.Current.Fields {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s %d", field, s.Current.Cells[i])
		if most, ok := s.Max.Get(field); ok {
			fmt.Fprintf(&b, " of %d", most)
		}
	}
	return b.String()
}

// setupFields are the titles of ethtool, and how fields of facts are written. Later
// versions print others between them, such as "RX Buf Len" and "TX Push".
var setupFields = [...]struct{ title, field string }{
	{"RX", "rx"}, {"TX", "tx"}, {"RX Mini", "rx_mini"}, {"RX Jumbo", "rx_jumbo"},
	{"Other", "other"}, {"Combined", "combined"},
}

func parseSetup(text string) (Setup, error) {
	s := Setup{Max: probe.Row{Name: "max"}, Current: probe.Row{Name: "current"}}
	var part *probe.Row
	for number, line := range lines(text) {
		switch {
		case strings.HasPrefix(line, "Pre-set maximums"):
			part = &s.Max
			continue
		case strings.HasPrefix(line, "Current hardware settings"):
			part = &s.Current
			continue
		}
		title, value, ok := cutLast(line, ':')
		if part == nil || !ok {
			continue
		}
		for _, f := range setupFields {
			if f.title != title || value == "n/a" {
				continue
			}
			n, err := parseUint(value)
			if err != nil {
				return Setup{}, fmt.Errorf("line %d: %s: %w", number, title, err)
			}
			if part.Fields == nil {
				part.Fields, part.Cells = make([]string, 0, 4), make([]uint64, 0, 4)
			}
			part.Fields, part.Cells = append(part.Fields, f.field), append(part.Cells, n)
		}
	}
	if part != &s.Current && !strings.Contains(text, "Operation not supported") {
		return Setup{}, fmt.Errorf("line 1: neither maximums nor settings: %.80q", text)
	}
	return s, nil
}
