package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/probe/sysctl"
)

// sysctlNamed returns the sysctl of that name: with dots or slashes, with any interface, or
// the last part of it alone where that is no other's.
func sysctlNamed(term string) *sysctl.Key {
	if strings.ContainsAny(term, "./") {
		term = strings.TrimPrefix(strings.TrimPrefix(term, "/"), "proc/sys/")
		return sysctl.Find(sysctl.PathOf(term))
	}
	var found *sysctl.Key
	for _, k := range sysctl.Keys() {
		if !strings.EqualFold(k.Path[strings.LastIndexByte(k.Path, '/')+1:], term) {
			continue
		}
		// Of net.ipv4.x and net.ipv6.x the first is meant; nf_conntrack_max has two names.
		if found != nil && !strings.HasPrefix(k.Path, "net/ipv6/") && k.Path != "net/nf_conntrack_max" {
			return nil
		}
		if found == nil {
			found = k
		}
	}
	return found
}

// explainSysctl writes what the table knows of a sysctl. The rules that read it follow from
// its name.
func explainSysctl(w io.Writer, k *sysctl.Key) {
	fmt.Fprintf(w, "%s\n  %s%s\n", k.Name(), setting, k.Name())
	about := sysctl.Describe(k.Path)
	if about.Text != "" {
		fmt.Fprintln(w, wrap(about.Text, "  "))
	}
	for _, line := range sysctlFacts(k) {
		fmt.Fprintln(w, hang(fmt.Sprintf("%-9s", line[0]), line[1]))
	}
	if now := sysctl.Renamed(k.Path); now != "" {
		fmt.Fprintln(w, hang("now      ", sysctl.Dotted(now)))
	}
	if about.Folklore != "" {
		fmt.Fprintln(w, hang("folklore ", about.Folklore))
	}
	if rules, _ := reading(k.Name()); len(rules) == 0 {
		fmt.Fprintln(w, hang("rules    ", "none reads it"))
	}
}

// sysctlFacts are what the table says of a key, a word and a text each.
func sysctlFacts(k *sysctl.Key) (facts [][2]string) {
	holds := map[sysctl.Type]string{
		sysctl.Int: "a number", sysctl.Uint: "a number, 0 or more", sysctl.Byte: "a number", sysctl.Bool: "0 or 1", sysctl.Ulong: "a number, 0 or more",
		sysctl.String: "a word", sysctl.Ports: "ports and ranges of ports, parted by commas", sysctl.Any: "",
	}[k.Type]
	if k.Count > 1 {
		holds = fmt.Sprintf("%d numbers", k.Count)
	}
	if r := k.Range(); r != "" && k.Type != sysctl.Bool {
		holds += ", " + r
		if k.Ranged != (sysctl.Version{}) {
			holds += fmt.Sprintf(" (since Linux %v at the latest; before, it took more)", k.Ranged)
		}
	}
	if k.ReadOnly {
		holds += "; it can only be read"
	}
	add := func(word, text string) {
		if text != "" {
			facts = append(facts, [2]string{word, text})
		}
	}
	add("holds", strings.TrimPrefix(holds, "; "))
	about := sysctl.Describe(k.Path)
	switch {
	case about.Default != "":
		add("default", about.Default)
	case k.Default != "":
		add("default", k.Default+" in Linux 6.18")
	}
	kernels := ""
	if k.Since != (sysctl.Change{}) {
		kernels = "since Linux " + since(k.Since)
	}
	if k.Until != (sysctl.Change{}) {
		kernels = strings.TrimPrefix(kernels+", gone in Linux "+since(k.Until), ", ")
	}
	add("kernels", kernels)
	switch {
	case k.Netns && k.NetnsBy != (sysctl.Change{}):
		add("netns", "each network namespace has its own since Linux "+since(k.NetnsBy)+"; before, the machine had one")
	case k.Netns:
		add("netns", "each network namespace has its own")
	case strings.HasPrefix(k.Path, "net/") && k.Source != "":
		add("netns", "the machine has one for all network namespaces")
	}
	if k.Module != "" {
		add("module", k.Module+": the key is there once it is loaded")
	}
	add("source", k.Source)
	return facts
}

// since is a change as a text names it: exact, or between two versions that were looked at.
func since(c sysctl.Change) string {
	if c.Before == (sysctl.Version{}) {
		return c.By.String()
	}
	return fmt.Sprintf("%v at the latest (after %v)", c.By, c.Before)
}

// reasonNamed returns the drop reason of that name, with or without its prefix.
func reasonNamed(term string) (drop.Reason, bool) {
	name := strings.TrimPrefix(strings.ToUpper(term), "SKB_DROP_REASON_")
	i := slices.IndexFunc(drop.Reasons(), func(r drop.Reason) bool { return r.Name == name })
	// Words such as "xdp" are more than a reason.
	if i < 0 || term != strings.ToUpper(term) {
		return drop.Reason{}, false
	}
	return drop.Reasons()[i], true
}

func explainReason(w io.Writer, r drop.Reason) {
	effect := map[string]string{
		"loss": "a packet that was wanted may be lost", "harmless": "harmless: nothing that anybody waits for is lost",
		"depends": "a loss or not, by what was dropped",
	}[r.Effect]
	fmt.Fprintf(w, "SKB_DROP_REASON_%s\n  %s\n%s\n", r.Name, dropReason, wrap(strings.ToUpper(r.Text[:1])+r.Text[1:]+".", "  "))
	fmt.Fprintln(w, hang("means    ", effect))
	if r.Counter != "" {
		fmt.Fprintln(w, hang("counter  ", r.Counter))
	}
	kernels := "since Linux " + since(r.Since)
	if r.Until != (sysctl.Change{}) {
		kernels += ", gone in Linux " + since(r.Until)
	}
	fmt.Fprintln(w, hang("kernels  ", kernels))
	fmt.Fprintln(w, hang("by hand  ", "perf record -e skb:kfree_skb -a sleep 10; perf script"))
}

// functionNamed returns the kernel's function of that name; dropwatch and perf write an
// offset behind it.
func functionNamed(term string) (drop.Function, bool) {
	name, _, _ := strings.Cut(term, "+")
	name = strings.TrimSuffix(strings.TrimSpace(name), "()")
	i := slices.IndexFunc(drop.Functions(), func(f drop.Function) bool { return f.Name == name })
	if i < 0 {
		return drop.Function{}, false
	}
	return drop.Functions()[i], true
}

// explainFunction writes what the function does, and the first of the rules that judge what
// is lost there.
func explainFunction(w io.Writer, f drop.Function) {
	fmt.Fprintf(w, "%s\n%s\n", f.Name, wrap("A function of the kernel: it "+f.Text+".", "  "))
	fmt.Fprintln(w, hang("stage    ", string(f.Stage)))
	fmt.Fprintln(w, hang("source   ", f.File))
	fmt.Fprintln(w, hang("by hand  ", "perf record -e skb:kfree_skb -a sleep 10; perf script   tells the reason, too"))
	var rules []*drop.Rule
	for _, name := range f.Rules {
		for _, r := range drop.Catalogue() {
			if r.Name == name {
				rules = append(rules, r)
			}
		}
	}
	if len(rules) > 0 {
		fmt.Fprintln(w)
		explainRules(w, rules)
	}
}

// hang writes a text behind a word, and its further lines below it.
func hang(word, text string) string {
	return "  " + word + strings.TrimSpace(wrap(text, strings.Repeat(" ", 2+len(word))))
}
