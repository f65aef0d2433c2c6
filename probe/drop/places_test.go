package drop

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPlaces reads both tables, and holds them to the catalogue.
func TestPlaces(t *testing.T) {
	names := map[string]bool{}
	for _, r := range Reasons() {
		if names[r.Name] || r.Text == "" || strings.HasSuffix(r.Text, ".") || !slices.Contains([]string{"loss", "harmless", "depends"}, r.Effect) {
			t.Errorf("%+v", r)
		}
		names[r.Name] = true
	}
	stages := []Stage{NIC, Ring, Softirq, Netfilter, IP, Listen, Transport, Socket, Egress, Whole}
	rules := map[string]bool{}
	for _, r := range Catalogue() {
		rules[r.Name] = true
		for _, reason := range r.Reasons {
			if !names[reason] {
				t.Errorf("%s names %s, which is no reason of the kernel's", r.ID, reason)
			}
		}
	}
	for _, f := range Functions() {
		if names[f.Name] || f.Text == "" || strings.HasSuffix(f.Text, ".") || !slices.Contains(stages, f.Stage) {
			t.Errorf("%+v", f)
		}
		names[f.Name] = true
		for _, rule := range f.Rules {
			if !rules[rule] {
				t.Errorf("%s names the rule %s, which does not exist", f.Name, rule)
			}
		}
	}
	if len(Reasons()) < 100 || len(Functions()) < 80 {
		t.Errorf("%d reasons, %d functions", len(Reasons()), len(Functions()))
	}
}

// TestPlacesInTrees finds both in kernel sources, FLEETDROP_KERNELS=FOLDER with a tree in
// k6.12 and so on.
func TestPlacesInTrees(t *testing.T) {
	folder := os.Getenv("FLEETDROP_KERNELS")
	if folder == "" {
		t.Skip("FLEETDROP_KERNELS names no folder of kernel sources")
	}
	text, err := os.ReadFile(filepath.Join(folder, "k6.12/include/net/dropreason-core.h"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		name, ok := strings.CutPrefix(strings.TrimSpace(line), "SKB_DROP_REASON_")
		name, _, comma := strings.Cut(name, ",")
		name, _, _ = strings.Cut(name, " ")
		if ok && comma && name != "MAX" && !strings.HasPrefix(name, "SUBSYS") && !slices.ContainsFunc(Reasons(), func(r Reason) bool { return r.Name == name }) {
			t.Errorf("%s is not known", name)
		}
	}
	for _, f := range Functions() {
		found, looked := false, false
		for _, tree := range []string{"k6.18", "k6.12", "k6.6", "k6.1", "k5.15"} {
			text, err := os.ReadFile(filepath.Join(folder, tree, f.File))
			looked = looked || err == nil
			found = found || strings.Contains(string(text), f.Name+"(")
		}
		if looked && !found {
			t.Errorf("%s is not in %s", f.Name, f.File)
		}
	}
}
