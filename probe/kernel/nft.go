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
// A rule without a counter, a verdict in a map and a chain's policy drop uncounted, and are
// not here. The tables of iptables are, where iptables speaks to nftables.
//
// Source: src/rule.c and src/statement.c of nftables; nft(8).
var Nft = &probe.Stats{
	Read: probe.Read{
		Command: "nft -t list ruleset", Pair: true, In: "nf_tables", Sudo: true, Zeros: true, Cap: 256 << 10,
		Keep: `^table |^[ \t]+chain |counter packets [1-9].* (drop|reject)`,
	},
	Parse: parseNft,
}

func parseNft(text string) (probe.Table, error) {
	var hits hits
	var table, chain string
	for line := range strings.Lines(text) {
		inner := strings.TrimSpace(line)
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
			return nil, err
		}
	}
	return hits.table, nil
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
	packets, err := strconv.ParseUint(count, 10, 64)
	if err != nil {
		return fmt.Errorf("%s: %w", chain, err)
	}
	bytes, err := strconv.ParseUint(octets, 10, 64)
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
