package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"

	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/probe/lint"
	"github.com/fleetdrop/fleetdrop/probe/sysctl"
)

// testLint is what lint finds in the examples of all its checks, and in a hostile file.
func testLint(t *testing.T) *Lint {
	t.Helper()
	var found []lint.Finding
	for _, c := range lint.Checks() {
		f := sysctl.Parse("sysctl.d/"+c.Name+".conf", []byte(c.Bad))
		found = append(found, lint.Judge(&lint.Tree{Files: []sysctl.File{f}})...)
	}
	hostile := "net.core.\x1b[31m<b>]]>\u202e = =cmd|' /C calc'\xff\nnet.core.somaxconn = \x1b]0;x\x07\u2028[x](y){0}\n"
	f := sysctl.Parse("evil\x1b[2J%\n.conf", []byte(hostile))
	found = append(found, lint.Judge(&lint.Tree{Files: []sysctl.File{f}})...)
	l := NewLint(Tool{Name: "fleetdrop", Version: "test"}, "", 30, 60, found, At(drop.High))
	if len(l.Findings) < 30 || l.Status.ExitCode != ExitFindings || l.Status.Failing == 0 {
		t.Fatalf("%+v", l.Status)
	}
	return l
}

func lintIn(t *testing.T, format string, l *Lint, o Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteLint(&b, format, l, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestLintSchema holds the JSON of lint against its schema, and lets the schema find what is
// wrong.
func TestLintSchema(t *testing.T) {
	var root map[string]any
	if err := json.Unmarshal(LintJSONSchema, &root); err != nil {
		t.Fatal(err)
	}
	s := schema{root}
	check := func(text string) []error {
		var doc any
		if err := json.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		return s.check(root, doc, "lint")
	}
	text := string(lintIn(t, "json", testLint(t), Options{}))
	for _, err := range check(text) {
		t.Error(err)
	}
	for _, err := range check(string(lintIn(t, "json", NewLint(Tool{Name: "fleetdrop"}, "6.1", 0, 0, nil, Level{}), Options{}))) {
		t.Error(err)
	}
	for _, edit := range [][2]string{
		{`"fleetdrop.lint/v1"`, `"fleetdrop.lint/v2"`}, {`"severity": "high"`, `"severity": "bad"`}, {`"FL101"`, `"101"`},
		{`"line": 2`, `"line": -2`}, {`"also": [`, `"other": [`}, {`"exit_code": 1`, `"exit_code": 3`},
	} {
		broken := strings.Replace(text, edit[0], edit[1], 1)
		if broken == text {
			t.Fatalf("%s is not in it", edit[0])
		}
		if len(check(broken)) == 0 {
			t.Errorf("%s instead of %s is valid", edit[1], edit[0])
		}
	}
}

// TestLintHostile writes a file full of tricks in every format.
func TestLintHostile(t *testing.T) {
	l := testLint(t)
	for _, format := range LintFormats() {
		text := lintIn(t, format, l, Options{})
		if bytes.ContainsAny(text, "\x1b\x07\u202e\u2028") || bytes.Contains(text, []byte("\xff")) {
			t.Errorf("%s: what a terminal takes for a command", format)
		}
		if n := bytes.Count(text, []byte("FL101")); n == 0 {
			t.Errorf("%s does not tell of FL101", format)
		}
	}
	if got := lintIn(t, "table", l, Options{}); bytes.Count(got, []byte("\n")) != len(l.Findings)+1 {
		t.Errorf("not a line for each finding:\n%s", got)
	}
	if err := WriteLint(&bytes.Buffer{}, "html", l, Options{}); err == nil {
		t.Error("html is a format")
	}
}

// TestLintCI reads JUnit and SARIF as CI systems do.
func TestLintCI(t *testing.T) {
	l := testLint(t)
	var suites struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Suites   []struct {
			Cases []struct {
				Name    string    `xml:"name,attr"`
				Class   string    `xml:"classname,attr"`
				Failure *struct{} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(lintIn(t, "junit", l, Options{}), &suites); err != nil {
		t.Fatal(err)
	}
	failed, names := 0, map[string]bool{}
	for _, c := range suites.Suites[0].Cases {
		if c.Failure != nil {
			failed++
		}
		if names[c.Class+c.Name] {
			t.Errorf("%s %s stands there twice", c.Class, c.Name)
		}
		names[c.Class+c.Name] = true
	}
	if suites.Tests != len(l.Findings) || suites.Failures != failed || failed == 0 || failed == suites.Tests {
		t.Errorf("%d cases of %d, %d failed of %d", suites.Tests, len(l.Findings), failed, suites.Failures)
	}
	readSARIF(t, lintIn(t, "sarif", l, Options{}))
	readSARIF(t, lintIn(t, "sarif", NewLint(Tool{Name: "fleetdrop"}, "", 1, 1, nil, Level{}), Options{}))
	var log sarifLog
	if err := json.Unmarshal(lintIn(t, "sarif", l, Options{Severity: drop.Medium}), &log); err != nil {
		t.Fatal(err)
	}
	prints := map[string]bool{}
	for _, r := range log.Runs[0].Results {
		at := r.Locations[0].Physical
		if at.Artifact.URI == "" || at.Region.StartLine < 1 || log.Runs[0].Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID || r.Level == "note" {
			t.Errorf("%+v", r)
		}
		if prints[r.Fingerprints["fleetdrop/v1"]] {
			t.Errorf("a fingerprint twice: %+v", r)
		}
		prints[r.Fingerprints["fleetdrop/v1"]] = true
	}
	if len(prints) < 20 {
		t.Errorf("%d results", len(prints))
	}
}
