package sysctl

import (
	_ "embed" // keys.txt
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A Key is what is known of a sysctl.
type Key struct {
	Path     string // below /proc/sys; a star stands for one name, such as an interface
	Type     Type
	Count    int // how many of them: 3 for net.ipv4.tcp_rmem
	ReadOnly bool
	Min, Max float64 // what the kernel takes, inclusive; infinite where no limit is known
	Ranged   Version // the first version that is known to have this range; zero: as long as the key is there
	Default  string  // "" where it depends on memory or build, or is not known
	Since    Change  // zero: it is as old as what was looked at, or not known
	Until    Change  // zero: the newest that was looked at has it
	Netns    bool    // a network namespace has its own
	NetnsBy  Change  // since when; zero: as long as the key is there
	Module   string  // "" where it is built in
	Source   string  // the file of the kernel that declares it; "" if it was only seen
}

// A Type is what a key holds.
type Type string

// The types. Numbers may be written in decimal, in hex with 0x, or in octal with a zero before.
const (
	Int    Type = "int"    // 32 bits with a sign
	Uint   Type = "uint"   // 32 bits without
	Byte   Type = "u8"     // 0 to 255
	Bool   Type = "bool"   // 0 or 1
	Ulong  Type = "ulong"  // as many bits as a pointer has, without a sign
	String Type = "string" // a word
	Ports  Type = "ports"  // numbers and ranges, parted by commas
	Any    Type = "any"    // it is not known
)

//go:embed keys.txt
var keysText string

// keys is the table, by path.
var keys = sync.OnceValue(func() map[string]*Key {
	table := map[string]*Key{}
	for line := range strings.Lines(keysText) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		k, err := parseKey(strings.TrimRight(line, "\n"))
		if err != nil {
			panic(fmt.Sprintf("sysctl: keys.txt: %v: %q", err, line)) // a test reads it
		}
		table[k.Path] = k
	}
	return table
})

func parseKey(line string) (*Key, error) {
	f := strings.Split(line, "\t")
	if len(f) != 9 {
		return nil, fmt.Errorf("%d columns", len(f))
	}
	k := &Key{Path: f[0], Count: 1, Default: f[3], Module: f[7], Source: f[8], Min: math.Inf(-1), Max: math.Inf(1)}
	kind, ro := strings.CutPrefix(f[1], "ro ")
	k.ReadOnly = ro
	kind, count, several := strings.Cut(kind, "*")
	var err error
	if several {
		if k.Count, err = strconv.Atoi(count); err != nil {
			return nil, err
		}
	}
	k.Type = Type(kind)
	limits, ranged, _ := strings.Cut(strings.TrimSuffix(f[2], ")"), "(")
	if ranged != "" {
		if k.Ranged, err = ParseVersion(ranged); err != nil {
			return nil, err
		}
	}
	low, high, _ := strings.Cut(limits, "..")
	for text, to := range map[string]*float64{low: &k.Min, high: &k.Max} {
		if text == "" {
			continue
		}
		if *to, err = strconv.ParseFloat(text, 64); err != nil {
			return nil, err
		}
	}
	if low != "" && low == high {
		k.Min = k.Max
	}
	if k.Since, err = ParseChange(f[4]); err != nil {
		return nil, err
	}
	if k.Until, err = ParseChange(f[5]); err != nil {
		return nil, err
	}
	netns, since, _ := strings.Cut(strings.TrimSuffix(f[6], ")"), "(")
	k.Netns = netns != ""
	k.NetnsBy, err = ParseChange(since)
	return k, err
}

// Find returns what is known of the key with that path; nil if it is not known. An interface
// stands for any interface.
func Find(path string) *Key {
	table := keys()
	if k := table[path]; k != nil {
		return k
	}
	parts := strings.Split(path, "/")
	for i, name := range parts {
		parts[i] = "*"
		if k := table[strings.Join(parts, "/")]; k != nil {
			return k
		}
		parts[i] = name
	}
	return nil
}

// Keys returns all known keys, in the order of their paths.
func Keys() []*Key { return slices.Clone(inOrder()) }

var inOrder = sync.OnceValue(func() (all []*Key) {
	for line := range strings.Lines(keysText) {
		path, _, _ := strings.Cut(line, "\t")
		if k := keys()[path]; k != nil {
			all = append(all, k)
		}
	}
	return all
})

// Name is the key as sysctl writes it, with a star where an interface stands.
func (k *Key) Name() string { return Dotted(k.Path) }

// Range is what the kernel takes: "0 to 65535", "1 or more"; "" if no limit is known.
func (k *Key) Range() string {
	low, high := !math.IsInf(k.Min, 0), !math.IsInf(k.Max, 0)
	switch {
	case low && high:
		return fmt.Sprintf("%.0f to %.0f", k.Min, k.Max)
	case low:
		return fmt.Sprintf("%.0f or more", k.Min)
	case high:
		return fmt.Sprintf("%.0f or less", k.Max)
	}
	return ""
}

// open are trees whose keys are not all in the table, and whose they are: those of modules,
// drivers and architectures. A key in them that is not known may be right.
var open = []struct{ prefix, module string }{
	{"net/appletalk", "appletalk"}, {"net/ax25", "ax25"}, {"net/batman-adv", "batman_adv"}, {"net/dccp", "dccp"},
	{"net/decnet", "decnet"}, {"net/ieee802154", "ieee802154_6lowpan"}, {"net/ipv4/vs", "ip_vs"}, {"net/ipx", "ipx"},
	{"net/irda", "irda"}, {"net/iw_cm", "iw_cm"}, {"net/llc", "llc2"}, {"net/mpls", "mpls_router"}, {"net/netrom", "netrom"},
	{"net/phonet", "phonet"}, {"net/rds", "rds"}, {"net/rose", "rose"}, {"net/rxrpc", "rxrpc"}, {"net/sctp", "sctp"},
	{"net/smc", "smc"}, {"net/tipc", "tipc"}, {"net/token-ring", "tr"}, {"net/x25", "x25"}, {"sunrpc", "sunrpc"},
	{"lnet", "lnet"}, {"lustre", "lustre"}, {"abi", "the architecture"}, {"crypto", "crypto"}, {"debug", "debug"}, {"dev", "drivers"}, {"fs", ""},
	{"kernel/keys", "keys"}, {"kernel", ""}, {"reiserfs", "reiserfs"}, {"user", "user namespaces"}, {"vm", ""}, {"xen", "xen"},
}

// Complete says that the table has all keys of the place that a path is in, so a key that is
// not in it does not exist. Otherwise module is whose the keys of the place are, if that is one.
func Complete(path string) (complete bool, module string) {
	for _, t := range open {
		if path == t.prefix || strings.HasPrefix(path, t.prefix+"/") {
			return false, t.module
		}
	}
	return strings.HasPrefix(path, "net/"), ""
}

// Renamed returns the path of the key that came in the place of one that is gone, or "".
func Renamed(path string) string {
	switch path {
	case "vm/percpu_pagelist_fraction":
		return "vm/percpu_pagelist_high_fraction"
	case "kernel/softlockup_thresh":
		return "kernel/watchdog_thresh"
	case "net/ipv4/ip_conntrack_max":
		return "net/netfilter/nf_conntrack_max"
	}
	if name, ok := strings.CutPrefix(path, "net/ipv4/netfilter/ip_conntrack_"); ok {
		if now := "net/netfilter/nf_conntrack_" + name; Find(now) != nil {
			return now
		}
	}
	return ""
}

// Nearest returns the names of known keys that a key may have been meant for, the likeliest
// first, three at most.
func Nearest(path string) []string {
	type near struct {
		name     string
		distance int
	}
	last := path[strings.LastIndexByte(path, '/')+1:]
	most := 2 + len(last)/4
	var found []near
	for _, k := range inOrder() {
		if k.Until.By != (Version{}) {
			continue
		}
		name := k.Path
		if star := strings.Index(name, "*"); star >= 0 {
			// The interface that was written is not what is wrong.
			parts := strings.Split(path, "/")
			if at := strings.Count(name[:star], "/"); at < len(parts) {
				name = strings.Replace(name, "*", parts[at], 1)
			}
		}
		d := most + 1
		if max(len(name)-len(path), len(path)-len(name)) <= most { // else it is as far at least
			d = Distance(name, path)
		}
		if d > most && name[strings.LastIndexByte(name, '/')+1:] == last {
			d = most // the right name in the wrong place
		}
		if d <= most {
			found = append(found, near{Dotted(name), d})
		}
	}
	var names []string
	for d := 0; d <= most && len(names) == 0; d++ {
		for _, n := range found {
			if n.distance == d && len(names) < 3 {
				names = append(names, n.name)
			}
		}
	}
	return names
}

// Distance is the number of letters to change, add or leave out (Levenshtein).
func Distance(a, b string) int {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
