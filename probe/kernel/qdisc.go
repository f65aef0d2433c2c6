package kernel

import (
	"fmt"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
)

// Qdiscs is tc -s qdisc: a row for each queueing discipline, named in tc's own words
// ("tbf 8001: dev eth0 root", "fq_codel 0: dev eth1 parent :2"), with bytes, packets,
// dropped, overlimits, requeues and backlog (a gauge, in packets). fq_codel has
// drop_overlimit too, the drops because it was full; fq has flows_plimit, the same for one
// flow. The drops of a child are in its parent's. Those without a queue ("noqueue") do not
// leave the host.
//
// Source: tc(8); iproute2, tc/tc_qdisc.c; net/sched/sch_api.c, tc_fill_qdisc.
var Qdiscs = &probe.Stats{
	Read:  probe.Read{Command: "tc -s qdisc", Pair: true, Limit: unlimited, Keep: `^qdisc ([^n]|n[^o])`, Blocks: true, Width: 32},
	Parse: parseQdiscs,
}

var (
	qdiscFields = []string{"bytes", "packets", "dropped", "overlimits", "requeues", "backlog", "drop_overlimit"}
	fqFields    = []string{"bytes", "packets", "dropped", "overlimits", "requeues", "backlog", "flows_plimit"}
)

const qdiscBacklog = 5 // the column that stands in a line of its own

func parseQdiscs(text string) (probe.Table, error) {
	n := strings.Count(text, "qdisc ")
	t := make(probe.Table, 0, n)
	cells := make([]uint64, n*len(qdiscFields))
	var row *probe.Row // the qdisc that the indented lines are about
	add := func(title, value string) error {
		n, err := parseUint(strings.Trim(value, "(),"))
		if err != nil {
			return fmt.Errorf("%s: %s: %w", row.Name, title, err)
		}
		row.Cells = append(row.Cells, n)
		return nil
	}
	for number, line := range lines(text) {
		if rest, ok := strings.CutPrefix(line, "qdisc "); ok {
			t = append(t, probe.Row{Name: qdiscName(rest), Fields: qdiscFields, Cells: cells[:0:len(qdiscFields)]})
			cells = cells[len(qdiscFields):]
			row = &t[len(t)-1]
			if strings.HasPrefix(row.Name, "fq ") {
				row.Fields = fqFields
			}
			continue
		}
		if row == nil {
			return nil, fmt.Errorf("line %d: not a qdisc: %.80q", number, line)
		}
		var err error
		before := ""
		for word := range words(line) {
			switch at := len(row.Cells); {
			case at < qdiscBacklog:
				// Sent 125554 bytes 178 pkt (dropped 704, overlimits 510 requeues 0)
				if before == "Sent" && at == 0 || before == "bytes" && at == 1 || at > 1 && strings.Trim(before, "(") == qdiscFields[at] {
					err = add(qdiscFields[at], word)
				}
			case at == qdiscBacklog:
				// backlog 8662b 4p requeues 0
				if packets, ok := strings.CutSuffix(word, "p"); ok && strings.HasSuffix(before, "b") {
					err = add("backlog", packets)
				}
			case at == qdiscBacklog+1 && at < len(row.Fields):
				// maxpacket 0 drop_overlimit 0, or 0 gc, 0 highprio, 0 throttled, 0 flows_plimit
				switch {
				case before == "drop_overlimit" && row.Fields[at] == before:
					err = add(before, word)
				case word == "flows_plimit" && row.Fields[at] == word:
					err = add(word, before)
				}
			}
			if err != nil {
				return nil, atLine(number, err)
			}
			before = word
		}
	}
	return t, nil
}

// qdiscName returns "tbf 8001: dev eth0 root" of "tbf 8001: dev eth0 root refcnt 3 rate 1Mbit".
func qdiscName(line string) string {
	end, parent := 0, false
	for word := range words(line) {
		end += strings.Index(line[end:], word) + len(word)
		if word == "root" || parent {
			return line[:end]
		}
		parent = word == "parent"
	}
	return strings.TrimSpace(line)
}

// QdiscDevice returns the kind of a qdisc, and its interface where tc names it.
func QdiscDevice(row string) (kind, interfaceName string) {
	kind, rest, _ := strings.Cut(row, " ")
	_, rest, _ = strings.Cut(rest, " dev ")
	interfaceName, _, _ = strings.Cut(rest, " ")
	return kind, interfaceName
}
