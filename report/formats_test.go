package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// waivedReport has a waiver that ends soon, one that does not, and a host that is listed twice.
func waivedReport(t testing.TB) *Report {
	t.Helper()
	hosts := fleet(t)
	for i := range hosts {
		switch h := &hosts[i]; h.Name {
		case "db-12":
			h.Findings[0].Waived = &Waiver{Reason: "replaced in Q1, see NET-4711", Owner: "net-team", Expires: "2026-12-01"}
			h.Findings[0].Policy = "fleetdrop.policy.yaml:22"
		case "lb-01":
			h.Findings[0].Waived = &Waiver{Reason: "known", Expires: "2027-06-30"}
		}
	}
	head := testHead()
	head.Policy = &Policy{Files: []string{"fleetdrop.policy.yaml"}, Waivers: []PolicyWaiver{
		{Rule: "FD403", Match: "db-*", Reason: "replaced in Q1, see NET-4711", Owner: "net-team", Expires: "2026-12-01", Origin: "fleetdrop.policy.yaml:48", State: WaiverEnding, Findings: 1},
		{Rule: "FD201", Match: "lb-01", Reason: "known", Expires: "2027-06-30", Origin: "fleetdrop.policy.yaml:55", State: WaiverActive, Findings: 1},
	}}
	baseline := Baseline{}
	for i := range hosts {
		if hosts[i].Name == "web-18" {
			baseline[hosts[i].Findings[0].Fingerprint] = true
		}
	}
	return New(head, Rules(testRules), hosts, Gates{FailOn: At(drop.High), FailOnLoss: At(drop.High), Baseline: baseline})
}

// tool runs a program that reads a report, if this machine has it. CI installs them all.
func tool(t *testing.T, text []byte, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil && name == "/usr/bin/python3" {
		err = exec.Command(path, "-c", "import junitparser, jsonschema").Run()
	}
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s: %v", name, err)
		}
		t.Skipf("no %s here: %v", name, err)
	}
	cmd := exec.Command(path, args...)
	cmd.Stdin = bytes.NewReader(text)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%.2000s", name, err, out)
	}
	return string(out)
}

// readSARIF reads SARIF with a library that is not ours, holds it against the schema, and
// against what GitHub asks for beyond it.
func readSARIF(t *testing.T, text []byte) *sarif.Run {
	t.Helper()
	var strict sarif.Report
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&strict); err != nil {
		t.Fatal(err)
	}
	log, err := sarif.FromBytes(text)
	if err != nil {
		t.Fatal(err)
	}
	log.Runs[0].NewlineSequences = []string{"\r\n", "\n"} // the library's default is not valid
	if err := log.Validate(); err != nil {
		t.Fatalf("%.2000v", err)
	}
	run := log.Runs[0]
	seen := map[string]bool{}
	for _, res := range run.Results {
		if len(res.Locations) == 0 || len(res.Locations) > 1000 {
			t.Fatalf("%s has %d locations", *res.RuleID, len(res.Locations))
		}
		for _, l := range res.Locations {
			p := l.PhysicalLocation
			if p == nil || p.ArtifactLocation == nil || p.ArtifactLocation.URI == nil || *p.ArtifactLocation.URI == "" || p.Region == nil || *p.Region.StartLine < 1 {
				t.Fatalf("%s: not in a file: %+v", *res.RuleID, p)
			}
			if id := p.ArtifactLocation.URIBaseID; !strings.HasPrefix(*p.ArtifactLocation.URI, "file:///") && (id == nil || *id != "%SRCROOT%") {
				t.Fatalf("%s is of no base", *p.ArtifactLocation.URI)
			}
		}
		print := res.PartialFingerprints["fleetdrop/v1"]
		if print == "" || seen[print+*res.Locations[0].PhysicalLocation.ArtifactLocation.URI+fmt.Sprint(*res.Locations[0].PhysicalLocation.Region.StartLine)] {
			t.Errorf("fingerprint %q again", print)
		}
		seen[print+*res.Locations[0].PhysicalLocation.ArtifactLocation.URI+fmt.Sprint(*res.Locations[0].PhysicalLocation.Region.StartLine)] = true
		if id := *run.Tool.Driver.Rules[res.RuleIndex].ID; id != *res.RuleID {
			t.Errorf("%s is described as %s", *res.RuleID, id)
		}
	}
	return run
}

func TestSARIF(t *testing.T) {
	run := readSARIF(t, written(t, "sarif", waivedReport(t), Options{Dir: "/src/ci", Root: "/src"}))
	r := waivedReport(t)
	want := 0
	for i := range r.Hosts {
		for _, f := range r.Hosts[i].Findings {
			if f.Kind != drop.Note {
				want++
			}
		}
	}
	suppressed := 0
	for _, res := range run.Results {
		suppressed += len(res.Suppressions)
		if res.BaselineState == nil || (*res.RuleID == "FD601" && *res.Locations[0].LogicalLocations[0].Name == "web-18") != (*res.BaselineState == "unchanged") {
			t.Errorf("%s is %v", *res.RuleID, res.BaselineState)
		}
		if len(res.RelatedLocations) > 0 && *res.RelatedLocations[0].PhysicalLocation.ArtifactLocation.URI != "ci/fleetdrop.policy.yaml" {
			t.Errorf("related: %+v", res.RelatedLocations[0].PhysicalLocation)
		}
		if uri := *res.Locations[0].PhysicalLocation.ArtifactLocation.URI; uri != "ci/hosts.txt" {
			t.Errorf("the inventory is %q", uri)
		}
	}
	if len(run.Results) != want || suppressed != 2 {
		t.Errorf("%d results of %d findings, %d suppressed", len(run.Results), want, suppressed)
	}
	if n := len(run.Invocations[0].ToolExecutionNotifications); n != 3 || *run.Invocations[0].ExecutionSuccessful {
		t.Errorf("%d errors of hosts are told", n)
	}
	if id := *run.AutomationDetails.ID; id != "fleetdrop/ci_hosts.txt/" {
		t.Errorf("the category is %s", id)
	}
	for _, d := range run.Tool.Driver.Rules {
		if *d.ID == "FD601" && !strings.Contains(*d.Help.Text, "accept queue") {
			t.Errorf("%s is not explained: %s", *d.ID, *d.Help.Text)
		}
	}
	readSARIF(t, written(t, "sarif", New(testHead(), nil, nil, Gates{}), Options{}))
	readSARIF(t, written(t, "sarif", hostileReport(t), Options{}))
}

// TestSARIFPaths names files from the root of the repository, wherever fleetdrop was started.
func TestSARIFPaths(t *testing.T) {
	for _, test := range []struct{ dir, root, path, uri, base string }{
		{"", "", "hosts.txt", "hosts.txt", sarifRoot},
		{"/src", "/src", "inv/hosts.txt", "inv/hosts.txt", sarifRoot},
		{"/src/ci", "/src", "../inv/hosts.txt", "inv/hosts.txt", sarifRoot},
		{"/src", "/src", "/src/a b/#1:2.txt", "a%20b/%231%3A2.txt", sarifRoot},
		{"/src", "/src", "/etc/hosts.txt", "file:///etc/hosts.txt", ""},
		{"/src", "/src", "../hosts.txt", "file:///hosts.txt", ""},
	} {
		s := &sarifPage{dir: test.dir, root: test.root}
		if uri, base := s.uri(test.path); uri != test.uri || base != test.base {
			t.Errorf("%+v: %q %q", test, uri, base)
		}
	}
	for origin, want := range map[string]string{"hosts.txt:17": "hosts.txt 17", "a:b": "a:b 1", "c.txtar": "c.txtar 1", "": " 1", "x:0": "x:0 1", "argument:2": "argument 2"} {
		file, line := fileAndLine(origin)
		if got := fmt.Sprint(file, " ", line); got != want {
			t.Errorf("%s is %s", origin, got)
		}
	}
}

// TestSARIFLimits has more findings than GitHub shows, and then more groups than that.
func TestSARIFLimits(t *testing.T) {
	for _, groups := range []int{3, 7000} {
		hosts := big(t, 10000)
		findings := 0
		for i := range hosts {
			if hosts[i].Reached() {
				hosts[i].Groups = []string{fmt.Sprint("g", i%groups)}
				f := finding(hosts[i].Name, probe.NewSnapshot(&probe.Capture{}), testRules[5], nearLimit())
				f.Rule, f.Name = "FD403", "conntrack-near-limit"
				hosts[i].Findings = append(hosts[i].Findings, f)
			}
			findings += len(hosts[i].Findings)
		}
		run := readSARIF(t, written(t, "sarif", New(testHead(), Rules(testRules), hosts, Gates{}), Options{}))
		if n := len(run.Results); n > maxResults || n < 4 {
			t.Errorf("%d groups, %d findings: %d results", groups, findings, n)
		}
		for _, res := range run.Results {
			if len(res.Locations) > maxLocations {
				t.Errorf("%d locations", len(res.Locations))
			}
		}
	}
}

// TestSARIFStable has the same fingerprints for other numbers of the same loss.
func TestSARIFStable(t *testing.T) {
	prints := func(count uint64) (all []string) {
		h := Scanned(member("web-17", 17), snapshotOf(t, "web-17", "b"), testRules, []drop.Verdict{verdict("FD601", acceptQueue(count, 5400))})
		for _, res := range readSARIF(t, written(t, "sarif", New(testHead(), Rules(testRules), []Host{h}, Gates{}), Options{})).Results {
			all = append(all, res.PartialFingerprints["fleetdrop/v1"], res.PartialFingerprints["primaryLocationLineHash"])
		}
		return all
	}
	if a, b := prints(17), prints(1702); !slices.Equal(a, b) || len(a) != 2 {
		t.Errorf("%v, then %v", a, b)
	}
}

// junitDoc reads JUnit's XML independently of the types that wrote it.
type junitDoc struct {
	Tests    int `xml:"tests,attr"`
	Failures int `xml:"failures,attr"`
	Errors   int `xml:"errors,attr"`
	Skipped  int `xml:"skipped,attr"`
	Suites   []struct {
		Name  string `xml:"name,attr"`
		Tests int    `xml:"tests,attr"`
		Cases []struct {
			Name      string  `xml:"name,attr"`
			Classname string  `xml:"classname,attr"`
			Failure   *string `xml:"failure"`
			Error     *string `xml:"error"`
			Skipped   *struct {
				Message string `xml:"message,attr"`
			} `xml:"skipped"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

func readJUnit(t *testing.T, text []byte) (doc junitDoc) {
	t.Helper()
	if err := xml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	var tests, failures, errors, skipped int
	seen := map[[2]string]bool{}
	for _, s := range doc.Suites {
		if len(s.Cases) != s.Tests {
			t.Errorf("%s: %d cases of %d", s.Name, len(s.Cases), s.Tests)
		}
		for _, c := range s.Cases {
			key := [2]string{c.Classname, c.Name}
			if seen[key] {
				t.Errorf("%q is there twice", key)
			}
			seen[key] = true
			tests++
			failures += count1(c.Failure != nil)
			errors += count1(c.Error != nil)
			skipped += count1(c.Skipped != nil)
			if c.Failure != nil && *c.Failure == "" || c.Error != nil && *c.Error == "" {
				t.Errorf("%q has no text", key)
			}
		}
	}
	if tests != doc.Tests || failures != doc.Failures || errors != doc.Errors || skipped != doc.Skipped {
		t.Errorf("counted %d %d %d %d of %+v", tests, failures, errors, skipped, doc)
	}
	return doc
}

func count1(is bool) int {
	if is {
		return 1
	}
	return 0
}

func TestJUnit(t *testing.T) {
	r := waivedReport(t)
	doc := readJUnit(t, written(t, "junit", r, Options{}))
	if doc.Errors != r.Status.Failed+r.Status.Partial || len(doc.Suites) != len(r.Hosts) {
		t.Errorf("%d errors, %d suites", doc.Errors, len(doc.Suites))
	}
	// What is true of a machine fails on each of its hosts here: each has its own suite.
	if doc.Failures != r.Status.Failing {
		t.Errorf("%d failures, the gates say %d", doc.Failures, r.Status.Failing)
	}
	waived := 0
	for _, s := range doc.Suites {
		for _, c := range s.Cases {
			if c.Skipped != nil && strings.HasPrefix(c.Skipped.Message, "waived: ") {
				waived++
			}
		}
	}
	if waived != 2 {
		t.Errorf("%d are waived", waived)
	}
	// Without a gate, each finding above a note fails.
	open := readJUnit(t, written(t, "junit", New(testHead(), Rules(testRules), fleet(t), Gates{}), Options{}))
	if open.Failures != 9 {
		t.Errorf("%d failures without a gate", open.Failures)
	}
	// Hosts of one name, as captures may have, and hosts that say what they like.
	h := fleet(t)[2]
	h.Findings = append(slices.Clone(h.Findings), h.Findings[0])
	readJUnit(t, written(t, "junit", New(testHead(), Rules(testRules), []Host{h, h}, Gates{}), Options{}))
	readJUnit(t, written(t, "junit", hostileReport(t), Options{}))
}

// TestJUnitElsewhere asks libxml2 for the schema, and Python's junitparser for the counts.
func TestJUnitElsewhere(t *testing.T) {
	for name, r := range map[string]*Report{"fleet": waivedReport(t), "hostile": hostileReport(t), "empty": New(testHead(), nil, nil, Gates{})} {
		text := written(t, "junit", r, Options{})
		tool(t, text, "xmllint", "--noout", "--schema", filepath.Join("testdata", "junit.xsd"), "-")
		path := filepath.Join(t.TempDir(), "junit.xml")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		const program = `
import junitparser, sys
x = junitparser.JUnitXml.fromfile(sys.argv[1])
print(x.tests, x.failures, x.errors, sum(1 for s in x for c in s for r in c.result if isinstance(r, junitparser.Skipped)))
`
		doc := readJUnit(t, text)
		got := strings.TrimSpace(tool(t, nil, "/usr/bin/python3", "-c", program, path))
		if want := fmt.Sprint(doc.Tests, doc.Failures, doc.Errors, doc.Skipped); got != want {
			t.Errorf("%s: junitparser counts %s, want %s", name, got, want)
		}
	}
}

// TestCSVElsewhere reads with Python's csv what encoding/csv reads.
func TestCSVElsewhere(t *testing.T) {
	for name, r := range map[string]*Report{"fleet": waivedReport(t), "hostile": hostileReport(t)} {
		text := written(t, "csv", r, Options{})
		rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		const program = "import csv, io, json, sys; print(json.dumps(list(csv.reader(io.TextIOWrapper(sys.stdin.buffer, 'utf-8', newline='')))))"
		var theirs [][]string
		if err := json.Unmarshal([]byte(tool(t, text, "/usr/bin/python3", "-c", program)), &theirs); err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(rows, theirs, slices.Equal) {
			t.Errorf("%s: Python reads other rows", name)
		}
	}
}

// TestCSVColumns: columns are only ever added, and at the end.
func TestCSVColumns(t *testing.T) {
	first := "rank host address groups outcome grade score rule name stage kind severity scope subject message lost lost_per_s " +
		"lost_ratio of unit remedy error hint not_checked fingerprint waived origin"
	if got := strings.Join(csvTitles, " "); !strings.HasPrefix(got, first) {
		t.Errorf("the columns are %s", got)
	}
}

// rendered is what GitHub's own renderer makes of Markdown, with all its extensions, and
// with the HTML in it left as it is.
func rendered(t *testing.T, text []byte) string {
	t.Helper()
	return tool(t, text, "cmark-gfm", "--unsafe", "-e", "table", "-e", "autolink", "-e", "strikethrough", "-e", "tasklist", "-e", "footnotes")
}

func TestMarkdown(t *testing.T) {
	text := written(t, "markdown", waivedReport(t), Options{})
	page := rendered(t, text)
	for _, want := range []string{
		"<h2>fleetdrop: 15 hosts</h2>", "<strong>3 not reached</strong>", "exit 1: ", "<code>web-17</code>", "replaced in Q1, see NET-4711",
		"<h3>Not reached</h3>", "<h3>Waivers to look after</h3>", "<summary>1. lb-03", "<code>hostkey-unknown</code>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not in the page", want)
		}
	}
	if strings.Contains(page, "2027-06-30") {
		t.Error("a waiver that ends in half a year ends soon")
	}
	if strings.Contains(page, "| ") {
		t.Error("a row is no row of a table")
	}
}

// TestMarkdownHostile renders hostile text: nothing of it is markup, a link or a picture.
func TestMarkdownHostile(t *testing.T) {
	page := rendered(t, written(t, "markdown", hostileReport(t), Options{Top: 1000}))
	links := 0
	for _, bad := range []string{"<script", "<img", "<b>", "<em>", "<li><p>", "mailto:", "<h1", "<del>", "<blockquote", "type=\"checkbox\""} {
		if strings.Contains(page, bad) {
			t.Errorf("%q is in the page", bad)
		}
	}
	for at := range strings.SplitSeq(page, `<a href="`) {
		if links++; links > 1 && !strings.HasPrefix(at, "https://github.com/fleetdrop/fleetdrop/blob/main/docs/rules/") {
			t.Errorf("a link to %.60s", at)
		}
	}
	for _, s := range []string{
		"**b**", "_i_", "a | b", `a \| b`, "`c`", "``", "~~s~~", "[x](http://y)", "![x](y)", "http://evil.example", "www.evil.example", "a@evil.example", "@all", "#1",
		"!1", "- x", "+ x", "=", "$x$", "&lt;", "<!-- x", "-->", `\`, `\<b>`, "1. x", "> x", "a\nb", "|", "`|`", "[^1]", "x:y", "- [ ] x",
	} {
		for _, text := range []string{"| a | b |\n|---|---|\n| " + md(s) + " | " + code(s, 99) + " |\n", "x " + md(s) + " y\n\n- " + code(s, 99) + " z\n"} {
			got := rendered(t, []byte(text))
			flat := strings.NewReplacer("<!-- -->", "", "\n", " ").Replace(got)
			for _, tag := range []string{"table", "thead", "tbody", "tr", "td", "th", "p", "ul", "li", "code"} {
				flat = strings.NewReplacer("<"+tag+">", "", "</"+tag+">", "").Replace(flat)
			}
			if strings.ContainsAny(flat, "<") || strings.Contains(text, "|---|") && strings.Count(got, "<td>") != 2 {
				t.Errorf("%q is rendered as %q", s, got)
			}
			shown := strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&", "&quot;", `"`).Replace(flat)
			if want := Visible(strings.TrimSpace(s)); strings.Count(shown, want) < 2 {
				t.Errorf("%q shows as %q", s, shown)
			}
		}
	}
}

// TestMarkdownBudget has more to say than fits, and says so.
func TestMarkdownBudget(t *testing.T) {
	hosts := big(t, 10000)
	for i := range hosts {
		if len(hosts[i].Findings) == 0 && hosts[i].Reached() {
			hosts[i].Findings = []Finding{finding(hosts[i].Name, probe.NewSnapshot(&probe.Capture{}), testRules[6], acceptQueue(17, 54))}
		}
	}
	r := New(testHead(), Rules(testRules), hosts, Gates{})
	text := written(t, "markdown", r, Options{Top: 100_000})
	if len(text) > maxMarkdown || len(text) < maxMarkdown-20000 || !bytes.Contains(text[:1000], []byte("> Cut at 900 KiB: ")) {
		t.Errorf("%d bytes: %.600s", len(text), text)
	}
	if page := rendered(t, text); strings.Count(page, "<details>") != strings.Count(page, "</details>") {
		t.Error("a part of a part is there")
	}
	if text := written(t, "markdown", r, Options{}); bytes.Contains(text, []byte("Cut at")) || len(text) > 100_000 {
		t.Errorf("the usual report has %d bytes", len(text))
	}
}

// TestStream writes ndjson while hosts come in: each line is there at once, and but for the
// rank it says what the ranked lines say.
func TestStream(t *testing.T) {
	var b bytes.Buffer
	s := NewStream(&b, testHead(), Rules(testRules), Baseline{})
	hosts := fleet(t)
	schema := readSchema(t)
	for i, h := range hosts {
		s.Host(h)
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		if len(lines) != i+2 || !strings.HasSuffix(b.String(), "\n") {
			t.Fatalf("%d lines after %d hosts", len(lines), i+1)
		}
	}
	r := testReport(t)
	if err := s.End(r); err != nil {
		t.Fatal(err)
	}
	ranked := map[string]map[string]any{}
	for line := range strings.Lines(string(written(t, "ndjson", r, Options{}))) {
		var doc map[string]any
		if err := json.Unmarshal([]byte(line), &doc); err != nil {
			t.Fatal(err)
		}
		ranked[fmt.Sprint(doc["type"], doc["name"])] = doc
	}
	for line := range strings.Lines(b.String()) {
		var doc map[string]any
		if err := json.Unmarshal([]byte(line), &doc); err != nil {
			t.Fatal(err)
		}
		want := ranked[fmt.Sprint(doc["type"], doc["name"])]
		if doc["type"] == "host" {
			for _, err := range schema.check(map[string]any{"$ref": "#/$defs/host"}, doc, line[:60]) {
				t.Error(err)
			}
			if risk, ok := want["risk"].(map[string]any); ok {
				risk["rank"] = nil
			}
		}
		if a, b := mustJSON(doc), mustJSON(want); a != b {
			t.Errorf("got\n%s\nwant\n%s", a, b)
		}
	}
}

func mustJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// A gauge measures the live heap while something is written to it, every few megabytes.
type gauge struct {
	written, at int
	peak        uint64
}

func (g *gauge) Write(p []byte) (int, error) {
	g.written += len(p)
	if g.written >= g.at {
		g.at = g.written + 8<<20
		g.peak = max(g.peak, heap())
	}
	return len(p), nil
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestBigReports writes 10,000 hosts in every format. What that takes beyond the hosts
// themselves is bounded.
func TestBigReports(t *testing.T) {
	r := New(testHead(), Rules(testRules), big(t, 10000), Gates{})
	before := heap()
	for _, format := range Formats() {
		g := &gauge{}
		if err := Write(g, format, r, Options{}); err != nil {
			t.Fatal(err)
		}
		const most = 32 << 20
		used := int64(g.peak) - int64(before)
		if used > most {
			t.Errorf("%s takes %d MiB", format, used>>20)
		}
		t.Log(format, strconv.Itoa(g.written>>10)+" KiB,", used>>20, "MiB of heap")
	}
	runtime.KeepAlive(r)
}
