package main

import (
	"bytes"
	"testing"
)

// TestWords asks for what a person reads in the summary, and may not understand.
func TestWords(t *testing.T) {
	for _, word := range []string{
		"losing packets now", "lost packets before", "at risk", "clean", "unknown", "not reached", "window",
		"nic", "ring", "softirq", "netfilter", "ip", "listen", "transport", "socket", "egress", "host",
		"dropping", "dropped", "lost/s", "severity", "kind", "rule", "finding", "harmless", "risk",
		"not checked", "read in part", "evidence", "remedy", "note", "denied", "unread", "partial",
		"hostkey-unknown", "hostkey-mismatch", "timeout@banner", "auth/denied", "jump:refused", "dns",
		"time squeeze", "backlog", "accept queue", "conntrack table", "ring buffer", "PAWS", "unverified",
	} {
		var out bytes.Buffer
		if err := explain(&out, word); err != nil || out.Len() < len(word)+40 {
			t.Errorf("%s: %v %q", word, err, out.String())
		}
	}
	seen := map[string]bool{}
	for _, entry := range words {
		if seen[canonical(entry.word)] {
			t.Errorf("%s stands there twice", entry.word)
		}
		seen[canonical(entry.word)] = true
	}
}
