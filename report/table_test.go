package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
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
		"table-80.txt":      {Width: 80},
		"table-160.txt":     {Width: 160},
		"table-verbose.txt": {Width: 100, Verbose: true},
	} {
		golden(t, name, written(t, "table", testReport(t), o))
	}
}

// TestFormats pins every format for a fleet that has one of each.
func TestFormats(t *testing.T) {
	for _, format := range []string{"json", "ndjson", "csv", "html"} {
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
