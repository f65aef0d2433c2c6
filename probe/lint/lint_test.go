package lint

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/probe/sysctl"
)

var update = flag.Bool("update", false, "write testdata/findings.txt again")

// treeOf makes a tree of an example. One with absolute names is written to a folder and
// read from there, as the tree of a system.
func treeOf(t testing.TB, c *Check, example string) *Tree {
	t.Helper()
	tree := &Tree{}
	if c.Expect.Key != "" {
		tree.Expect = []drop.Expectation{c.Expect}
	}
	if c.Kernel != "" {
		var err error
		if tree.Kernel, err = sysctl.ParseVersion(c.Kernel); err != nil {
			t.Fatal(err)
		}
	}
	example = strings.TrimPrefix(example, "\n")
	if !strings.HasPrefix(example, "-- ") {
		example = "-- 90-tune.conf --\n" + example
	}
	archive := txtar.Parse([]byte(example))
	if !strings.HasPrefix(archive.Files[0].Name, "/") {
		for _, f := range archive.Files {
			tree.Files = append(tree.Files, sysctl.Parse(f.Name, f.Data))
		}
		slices.SortFunc(tree.Files, func(a, b sysctl.File) int { return strings.Compare(a.Path, b.Path) })
		return tree
	}
	root := t.TempDir()
	for _, f := range archive.Files {
		name, to, link := strings.Cut(f.Name, " -> ")
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		err := os.WriteFile(path, f.Data, 0o644)
		if link {
			err = os.Symlink(to, path+"~")
			if err == nil {
				err = os.Rename(path+"~", path)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	system, err := sysctl.LoadTree(root, sysctl.Procps)
	if err != nil {
		t.Fatal(err)
	}
	tree.Files, tree.Masked, tree.Other, tree.Same, tree.Lost = system.Order, system.Masked, system.Other, system.Ends, system.Lost
	return tree
}

// TestChecks holds every check to its examples, and what all checks say of them to
// testdata/findings.txt.
func TestChecks(t *testing.T) {
	var b strings.Builder
	ids := map[string]bool{}
	for _, c := range Checks() {
		if ids[c.ID] || ids[c.Name] || strings.HasSuffix(c.Title, ".") || strings.TrimSpace(c.Doc) == "" {
			t.Errorf("%s: twice, or a title with a full stop, or no doc", c.ID)
		}
		ids[c.ID], ids[c.Name] = true, true
		fmt.Fprintf(&b, "%s %s\n", c.ID, c.Name)
		worst, found := drop.Info, false
		for _, f := range Judge(treeOf(t, c, c.Bad)) {
			if f.Check == c {
				found, worst = true, max(worst, f.Severity)
			}
			fmt.Fprintf(&b, "  bad  %v %v %s: %s\n", f.Place, f.Severity, f.Check.ID, f.Message)
		}
		if !found || worst != c.Severity {
			t.Errorf("%s: the worst in its bad example is %v, it is %v at most", c.ID, worst, c.Severity)
		}
		for _, f := range Judge(treeOf(t, c, c.Good)) {
			if f.Check == c {
				t.Errorf("%s: in its good example: %v %s", c.ID, f.Place, f.Message)
			}
			fmt.Fprintf(&b, "  good %v %v %s: %s\n", f.Place, f.Severity, f.Check.ID, f.Message)
		}
	}
	const golden = "testdata/findings.txt"
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("findings differ from %s; look at the diff of go test -update:\n%s", golden, b.String())
	}
}

// TestRules wants the rules that checks name to exist.
func TestRules(t *testing.T) {
	for _, c := range Checks() {
		if c.Rule != "" && !slices.ContainsFunc(drop.Catalogue(), func(r *drop.Rule) bool { return r.ID == c.Rule }) {
			t.Errorf("%s names %s, which is no rule", c.ID, c.Rule)
		}
		if slices.ContainsFunc(drop.Catalogue(), func(r *drop.Rule) bool { return r.Name == c.Name || r.ID == c.ID }) {
			t.Errorf("%s %s is called as a rule is", c.ID, c.Name)
		}
	}
}

// TestTrees judges real trees: that of this machine, and those below FLEETDROP_SYSCTL_TREES,
// a folder of unpacked packages. What a distribution ships is right: it may be odd, not wrong.
func TestTrees(t *testing.T) {
	roots := []string{"/"}
	if folder := os.Getenv("FLEETDROP_SYSCTL_TREES"); folder != "" {
		more, err := filepath.Glob(filepath.Join(folder, "*"))
		if err != nil || len(more) == 0 {
			t.Fatalf("no trees in %s: %v", folder, err)
		}
		roots = append(roots, more...)
	}
	settings := 0
	for _, root := range roots {
		system, err := sysctl.LoadTree(root, sysctl.Procps)
		if err != nil {
			t.Logf("%s: %v", root, err)
			continue
		}
		for _, f := range system.Order {
			settings += len(f.Settings)
		}
		for _, f := range Judge(&Tree{Files: system.Order, Masked: system.Masked, Other: system.Other, Same: system.Ends, Lost: system.Lost}) {
			if f.Severity > drop.Low {
				t.Errorf("%s: %v %v %s: %s", root, f.Place, f.Severity, f.Check.ID, f.Message)
			}
		}
	}
	t.Logf("%d trees, %d settings", len(roots), settings)
}

// FuzzJudge gives lint files that nobody would write.
func FuzzJudge(f *testing.F) {
	for _, c := range Checks() {
		f.Add(c.Bad, "6.1")
	}
	clean := regexp.MustCompile(`^[^\n]*$`)
	f.Fuzz(func(t *testing.T, text, kernel string) {
		tree := &Tree{Files: []sysctl.File{sysctl.Parse("10-a.conf", []byte(text)), sysctl.Parse("20-b.conf", []byte(text))}}
		tree.Kernel, _ = sysctl.ParseVersion(kernel)
		for _, found := range Judge(tree) {
			if found.Message == "" || found.Line < 0 || !clean.MatchString(found.Message) && !strings.ContainsAny(text, "\v\f") {
				t.Errorf("%+v", found)
			}
		}
	})
}
