package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/fleetdrop/fleetdrop/inventory"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares a text with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test ./report -update writes it)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (go test ./report -update writes it anew):\n%s", path, diff)
	}
}

func written(t testing.TB, format string, r *Report, o Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, format, r, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTable(t *testing.T) {
	for name, o := range map[string]Options{
		"table-60.txt":      {Width: 60},
		"table-80.txt":      {Width: 80},
		"table-120.txt":     {Width: 120},
		"table-200.txt":     {Width: 200},
		"table-verbose.txt": {Width: 100, Verbose: true},
	} {
		golden(t, name, written(t, "table", testReport(t), o))
	}
}

// TestTableFits writes the demo's fleet at many widths: a row of a table is one line, and no
// line is longer than the terminal is wide, but a command, which is copied.
func TestTableFits(t *testing.T) {
	r := demoReport(t)
	commands := map[string]bool{}
	for h, err := range r.Each {
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range h.Findings {
			for _, s := range f.Remedy {
				commands[s.Command], commands[s.Undo] = true, true
			}
		}
	}
	for _, width := range []int{80, 100, 120, 160, 200} {
		part, severities := "", []string{}
		for line := range strings.Lines(string(written(t, "table", r, Options{Width: width}))) {
			line = strings.TrimRight(line, "\n")
			command, _, _ := strings.Cut(strings.TrimSpace(line), "   (now")
			if n := text.StringWidth(line); n > width && !commands[command] {
				t.Errorf("%d columns of %d: %s", n, width, line)
			}
			if !strings.HasPrefix(line, " ") {
				part = line
			} else if part == "TOP FINDINGS" {
				severities = append(severities, strings.Fields(line)[0])
			}
		}
		for _, word := range severities[1:] { // behind the titles
			if !slices.Contains([]string{"CRITICAL", "HIGH", "MEDIUM", "LOW", "and", "harmless,"}, word) {
				t.Errorf("%d columns: a row begins with %q", width, word)
			}
		}
	}
}

// TestHints has the hosts of a fleet fail for one reason: it is one block, and its command
// stands in a line of its own, as it is to be typed.
func TestHints(t *testing.T) {
	const known = " >> /home/deploy/.ssh/known_hosts; or scan with --host-key accept-new"
	for name, test := range map[string]struct {
		commands []string
		want     string
	}{
		"one host": {
			[]string{"ssh-keyscan web-1"},
			"    -> compare the fingerprint, then:\n       ssh-keyscan web-1 >> /home/deploy/.ssh/known_hosts\n    -> or scan with --host-key accept-new\n",
		},
		"one command for all": {
			[]string{"ssh-keyscan -p 2222 web-1", "ssh-keyscan -p 2222 web-2"},
			"    -> compare the fingerprint, then:\n       ssh-keyscan -p 2222 web-1 web-2 >> /home/deploy/.ssh/known_hosts\n",
		},
		"one each": {
			[]string{"ssh-keyscan -p 2201 web-1", "ssh-keyscan -p 2202 web-2"},
			"then (so for\n       web-1; -v shows the others):\n       ssh-keyscan -p 2201 web-1 >> /home/deploy/.ssh/known_hosts\n    -> or scan with --host-key accept-new\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var hosts []Host
			for i, command := range test.commands {
				host := inventory.Host{Name: fmt.Sprintf("web-%d", i+1)}
				hosts = append(hosts, Failed(host, Error{
					Code: "hostkey-unknown", Stage: "kex", Message: "the host key is not known",
					Hint: "compare the fingerprint, then: " + command + known,
				}))
			}
			got := string(written(t, "table", New(testHead(), nil, hosts, Gates{}), Options{Width: 50}))
			if !strings.Contains(got, test.want) || strings.Count(got, "accept-new") != 1 {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// TestFormats pins every format for a fleet that has one of each.
func TestFormats(t *testing.T) {
	for _, format := range []string{"json", "ndjson", "csv", "markdown", "junit", "sarif"} {
		golden(t, "report."+format, written(t, format, testReport(t), Options{}))
	}
	page := string(written(t, "html", testReport(t), Options{}))
	for part, name := range map[string]string{pageStyle: "report.css", pageScript: "report.js", strings.ReplaceAll(template.HTMLEscapeString(contentPolicy()), "+", "&#43;"): "the policy"} {
		if strings.Count(page, part) != 1 {
			t.Errorf("%s is not in the page once", name)
		}
		page = strings.Replace(page, part, "("+name+")", 1)
	}
	golden(t, "report.html", []byte(page))
	if err := Write(&bytes.Buffer{}, "pdf", testReport(t), Options{}); err == nil {
		t.Error("there is a pdf")
	}
}

// TestJSONWhole compares JSON that is written host by host with the report written at once.
func TestJSONWhole(t *testing.T) {
	for _, r := range []*Report{testReport(t), New(testHead(), nil, nil, Gates{})} {
		var at, want any
		once := *r
		once.Hosts = []Host{}
		for h, err := range r.Each {
			if err != nil {
				t.Fatal(err)
			}
			once.Hosts = append(once.Hosts, *h)
		}
		whole, err := json.Marshal(once)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(whole, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(written(t, "json", r, Options{}), &at); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, at); diff != "" {
			t.Error(diff)
		}
	}
}
