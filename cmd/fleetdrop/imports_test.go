package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestImports holds the rooms of the house to their doors: data flows one way.
func TestImports(t *testing.T) {
	const module = "github.com/fleetdrop/fleetdrop/"
	allowed := map[string][]string{
		"inventory":           {},
		"probe":               {},
		"probe/kernel":        {"probe", "probe/sysctl"},
		"probe/sysctl":        {},
		"probe/drop":          {"probe", "probe/kernel", "probe/sysctl"},
		"probe/lint":          {"probe/drop", "probe/sysctl"},
		"probe/policy":        {"probe/drop", "probe/sysctl"},
		"probe/remote":        {"probe", "inventory"},
		"probe/remote/replay": {"probe", "inventory"},
		"report":              {"probe", "probe/kernel", "probe/drop", "probe/lint", "probe/policy", "inventory"},
		"report/run":          {"report", "inventory", "probe"},
		"testdata":            {"probe"},
		"testdata/pictures":   {"report", "report/run"},
		"testdata/convert":    {"probe", "probe/kernel", "probe/drop", "testdata"},
		"cmd/fleetlab":        {"report", "probe/drop"},
		"cmd/fleetdrop": {"inventory", "probe", "probe/kernel", "probe/drop", "probe/lint", "probe/policy", "probe/remote",
			"probe/remote/replay", "probe/sysctl", "report", "report/run", "testdata"},
	}
	list := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...", "./testdata", "./testdata/convert", "./testdata/pictures")
	list.Dir = "../.."
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		room := strings.TrimPrefix(words[0], module)
		doors, known := allowed[room]
		if !known {
			t.Errorf("%s is a room that the design does not know", room)
		}
		for _, imported := range words[1:] {
			if door, ours := strings.CutPrefix(imported, module); ours && !slices.Contains(doors, door) {
				t.Errorf("%s imports %s", room, door)
			}
		}
	}
}
