package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
		"table-160.txt":     {Width: 160},
		"table-verbose.txt": {Width: 100, Verbose: true},
	} {
		golden(t, name, written(t, "table", testReport(t), o))
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
	for _, format := range []string{"json", "ndjson", "csv", "html", "markdown", "junit", "sarif"} {
		golden(t, "report."+format, written(t, format, testReport(t), Options{}))
	}
	if err := Write(&bytes.Buffer{}, "pdf", testReport(t), Options{}); err == nil {
		t.Error("there is a pdf")
	}
}

// TestJSONWhole compares JSON that is written host by host with the report written at once.
func TestJSONWhole(t *testing.T) {
	for _, r := range []*Report{testReport(t), New(testHead(), nil, nil, Gates{})} {
		var at, want any
		whole, err := json.Marshal(r)
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
