package drop

import (
	_ "embed" // reasons.txt, functions.txt
	"fmt"
	"strings"
	"sync"

	"github.com/fleetdrop/fleetdrop/probe/sysctl"
)

// A Reason is what the kernel says when it drops a packet: enum skb_drop_reason. Tools that
// trace skb:kfree_skb show it.
type Reason struct {
	Name         string // without SKB_DROP_REASON_
	Since, Until sysctl.Change
	Effect       string // "loss", "harmless", or "depends"
	Counter      string // that counts the same; "" where there is none
	Text         string // no capital, no full stop
}

// A Function is a place in the kernel where tools see a drop.
type Function struct {
	Name  string
	File  string // of the kernel's source
	Stage Stage
	Rules []string // by name, the likeliest first
	Text  string   // no capital, no full stop
}

var (
	//go:embed reasons.txt
	reasonsText string
	//go:embed functions.txt
	functionsText string
)

// Reasons returns all reasons, in the order of their names.
var Reasons = sync.OnceValue(func() (all []Reason) {
	for _, f := range columns(reasonsText, 6) {
		since, err := sysctl.ParseChange(f[1])
		until, err2 := sysctl.ParseChange(f[2])
		if err != nil || err2 != nil {
			panic(fmt.Sprintf("drop: reasons.txt: %q", f)) // a test reads it
		}
		all = append(all, Reason{f[0], since, until, f[3], f[4], f[5]})
	}
	return all
})

// Functions returns all functions, in the order of their names.
var Functions = sync.OnceValue(func() (all []Function) {
	for _, f := range columns(functionsText, 5) {
		var rules []string
		if f[3] != "" {
			rules = strings.Split(f[3], ", ")
		}
		all = append(all, Function{f[0], f[1], Stage(f[2]), rules, f[4]})
	}
	return all
})

// columns parts the lines of a table.
func columns(text string, n int) (rows [][]string) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != n {
			panic(fmt.Sprintf("drop: %d columns: %q", len(f), line)) // a test reads it
		}
		rows = append(rows, f)
	}
	return rows
}
