package kernel

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
)

// Nft is nft -t list ruleset, without the elements of its sets: a row for each rule with a
// counter of its own that drops or rejects and has done it at least once, named as "nft add
// rule" would take it, "inet filter input udp dport 9000 counter drop", with the fields
// packets and bytes, counted since the rule was loaded. Rules that read alike are one row.
//
// A rule without a counter, or with one that has a name and so may be of other rules too, a verdict in a map and a
// chain's policy drop uncounted. They have rows too, with the field uncounted, how many read alike: some of them, and the
// row "more", how many more there are. What verdicts a map with a name has is not known: a rule that looks there has the
// field verdicts. The tables of iptables are here as well, where iptables speaks to nftables.
//
// Source: src/rule.c and src/statement.c of nftables; nft(8).
var Nft = &probe.Stats{
	Read: probe.Read{
		Command: "nft -t list ruleset", Pair: true, In: "nf_tables", Sudo: true, Zeros: true, Cap: 256 << 10,
		Keep: `^table |^[ \t]+chain |counter packets [1-9].* (drop|reject)`,
		Few:  `(drop|reject|vmap @)`, FewBut: `counter packets |^[ \t]*#`,
	},
	Parse: parseNft,
}

func parseNft(text string) (probe.Table, error) {
	var hits hits
	var table, chain string
	for number, line := range lines(text) {
		inner := strings.TrimSpace(line)
		if more, ok := strings.CutPrefix(inner, "# and "); ok {
			if n, err := strconv.ParseUint(strings.TrimSuffix(more, " more"), 10, 32); err == nil {
				hits.table = append(hits.table, probe.Row{Name: "more", Fields: uncountedFields, Cells: []uint64{n}})
			}
			continue
		}
		// "# handle 7" stands behind a line, "# progname firewalld" behind the brace of a table.
		if i := max(outside(inner, " # handle "), outside(inner, "{ # ")+1); i > 0 {
			inner = inner[:i]
		}
		if block, ok := strings.CutSuffix(inner, " {"); ok && outside(block, "{") < 0 {
			kind, name, _ := strings.Cut(block, " ")
			switch kind {
			case "table":
				table, chain = name, ""
			case "chain":
				chain = table + " " + name
			default:
				chain = "" // a set, a map, an object
			}
			continue
		}
		if err := hits.nft(chain, inner); err != nil {
			return nil, atLine(number, err)
		}
		if chain == "" {
			continue
		}
		switch drops, looks := dropsUncounted(inner); {
		case drops:
			hits.uncounted(chain+" "+inner, uncountedFields)
		case looks:
			hits.uncounted(chain+" "+inner, verdictFields)
		}
	}
	return hits.table, nil
}

var uncountedFields, verdictFields = []string{"uncounted"}, []string{"verdicts"}

// uncounted adds a rule, or the policy of a chain, that drops and does not count, or that may.
func (h *hits) uncounted(rule string, fields []string) {
	if at := strings.Index(rule, " type filter hook "); at >= 0 {
		rule = rule[:at] + " policy drop"
	}
	key := "uncounted " + rule
	if i, ok := h.at[key]; ok {
		h.table[i].Cells[0]++
		return
	}
	if h.at == nil {
		h.at = map[string]int{}
	}
	h.at[key] = len(h.table)
	h.table = append(h.table, probe.Row{Name: rule, Fields: fields, Cells: []uint64{1}})
}

// dropsUncounted says that a rule, or the line of a chain with its hook and policy, drops some packets and counts
// none, or that it looks for its verdict in a map with a name.
func dropsUncounted(rule string) (drops, looks bool) {
	quoted, before := false, ""
	for word := range words(rule) {
		inside := quoted
		if strings.Count(word, `"`)%2 == 1 {
			quoted = !quoted
		}
		if inside || quoted {
			continue
		}
		word = strings.Trim(word, ",;")
		switch {
		case word == "packets" && before == "counter":
			return false, false
		case word == "drop", word == "reject":
			drops = true
		case before == "vmap" && strings.HasPrefix(word, "@"):
			looks = true
		}
		before = word
	}
	return drops, looks
}

// nft adds a rule of a chain if what its counter counted is what it dropped.
func (h *hits) nft(chain, rule string) error {
	const counter = "counter packets "
	i := outside(rule, counter)
	if chain == "" || i < 0 {
		return nil
	}
	count, rest, _ := strings.Cut(rule[i+len(counter):], " bytes ")
	octets, verdict, _ := strings.Cut(rest, " ")
	packets, err := parseUint(count)
	if err != nil {
		return fmt.Errorf("%s: %w", chain, err)
	}
	bytes, err := parseUint(octets)
	if err != nil {
		return fmt.Errorf("%s: %w", chain, err)
	}
	if !loses(verdict) {
		return nil
	}
	h.add(chain+" "+rule[:i]+"counter "+verdict, packets, bytes)
	return nil
}

// loses says that what stands after a counter drops every packet that was counted: no match
// and no limit comes in between, where some may get away.
func loses(statements string) bool {
	if rest, ok := strings.CutPrefix(statements, "log "); ok {
		for _, verdict := range []string{" drop", " reject"} {
			if i := outside(rest, verdict); i >= 0 && outside(rest[:i], "limit ") < 0 {
				statements = rest[i+1:]
				break
			}
		}
	}
	verdict, _, _ := strings.Cut(statements, " ")
	return verdict == "drop" || verdict == "reject"
}
