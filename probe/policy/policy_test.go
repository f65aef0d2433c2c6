package policy

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

var update = flag.Bool("update", false, "write testdata again")

var today = time.Date(2026, 11, 25, 23, 0, 0, 0, time.UTC)

// load reads a policy that stands in the test.
func load(t *testing.T, text string) (*Policy, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Load(path, today)
	if err != nil {
		err = errors.New(strings.ReplaceAll(err.Error(), path, "policy.yaml"))
	}
	return p, err
}

// documented is the example of docs/policy.md.
func documented(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(page), "```yaml\n")
	example, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatal("docs/policy.md has no example")
	}
	return example
}

// TestDocumented holds the example of the docs to what they say of it.
func TestDocumented(t *testing.T) {
	p, err := load(t, documented(t))
	if err != nil {
		t.Fatal(err)
	}
	if p.FailOn.Value != "high" || p.Window.Value != 10*time.Second || len(p.Waivers) != 1 {
		t.Errorf("fail_on %v, window %v, %d waivers", p.FailOn, p.Window, len(p.Waivers))
	}
	any, lb, db := p.Effective(Host{Name: "web-1"}), p.Effective(Host{"lb-1", []string{"lb"}}), p.Effective(Host{"db-1", []string{"env_prod"}})
	if !any.Off["FD302"].Value || any.Limits["conntrack-near-limit.fill"].Value != 0.8 || any.Severity["FD202"].Value != drop.Low ||
		any.Limits["udp-receive-buffer.material-ratio"].Value != 1e-3 || any.Severity["FD012"].Value != drop.Low {
		t.Errorf("for every host: %+v", any)
	}
	if got := expects(any, "net.netfilter.nf_conntrack_max"); got != "at least 32768 for each GiB of memory" {
		t.Errorf("nf_conntrack_max: %s", got)
	}
	if got := expects(lb, "net.netfilter.nf_conntrack_max"); got != "at least 1048576" {
		t.Errorf("nf_conntrack_max of lb: %s", got)
	}
	if db.Severity["FD302"].Value != drop.Low {
		t.Errorf("db-1 of env prod: %+v", db.Severity)
	}
	if got := expects(any, "net.ipv4.tcp_timestamps"); got != "1 or 2" {
		t.Errorf("of builtin:default: %s", got)
	}
	for key, want := range map[string]string{
		"net.ipv4.tcp_syncookies": "1 high", "net.core.somaxconn": "at least 4096 medium", "net.core.netdev_max_backlog": "2000 to 300000 high",
		"net.ipv4.tcp_tw_recycle": "absent critical", "net.ipv4.conf.*.rp_filter": "0 or 2 high", "net.ipv4.tcp_rmem": "[_; _; at least 6291456] high",
	} {
		i := slices.IndexFunc(any.Expect, func(e drop.Expectation) bool { return e.Key == key })
		if i < 0 || fmt.Sprint(any.Expect[i], " ", any.Expect[i].Severity) != want || !strings.HasPrefix(filepath.Base(any.Expect[i].Origin), "policy.yaml:") {
			t.Errorf("%s: want %s in %+v", key, want, any.Expect)
		}
	}
}

func expects(e *Effective, key string) string {
	for _, x := range e.Expect {
		if x.Key == key {
			return x.String()
		}
	}
	return "nothing"
}

// TestMistakes reads each of testdata/*.yaml, in which something is wrong, and compares what is said
// with the .txt beside it.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no testdata", err)
	}
	for _, path := range files {
		_, err := Load(path, today)
		if err == nil {
			t.Errorf("%s: nothing is wrong", path)
			continue
		}
		golden := strings.TrimSuffix(path, ".yaml") + ".txt"
		got := err.Error() + "\n"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
		}
	}
}

// TestOrder holds policies that extend each other, and groups, to the order that the docs promise.
func TestOrder(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"base.yaml": `
version: 1
extends: [builtin:default]
fail_on: low
rules: {FD601: {severity: low, thresholds: {material-rate: 5}}, FD302: off}
sysctl: {net.core.somaxconn: 1, vm.min_free_kbytes: {min: 1}}
groups: [{match: {host: web-1}, sysctl: {net.core.somaxconn: 2}}, {match: {group: web}, sysctl: {net.core.netdev_budget: 7}}]
waivers: [{rule: FD601, reason: r, expires: 2026-12-01}]
`,
		"sub/policy.yaml": `
version: 1
extends: [../base.yaml]
fail_on: none
rules: {FD601: {severity: high}, FD302: on}
sysctl: {net.core.somaxconn: 3, vm.min_free_kbytes: off, net.ipv4.tcp_timestamps: 2}
groups:
  - {match: {host: "web-*"}, sysctl: {net.core.somaxconn: 4, net.core.rmem_max: 1}}
  - {match: {group: web}, sysctl: {net.core.somaxconn: 5, net.core.rmem_max: 2, net.core.wmem_max: 1}}
  - {match: {label: {role: web}}, sysctl: {net.core.rmem_max: 3}}
  - {match: {group: "w*"}, sysctl: {net.core.wmem_max: 9}}
  - {match: {group: web}, sysctl: {net.core.netdev_budget: 8}}
`,
	} {
		path := filepath.Join(dir, name)
		os.MkdirAll(filepath.Dir(path), 0o700)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := Load(filepath.Join(dir, "sub/policy.yaml"), today)
	if err != nil {
		t.Fatal(err)
	}
	if p.FailOn.Value != "none" || len(p.Waivers) != 1 || len(p.Files) != 3 || p.Files[0] != "builtin:default" {
		t.Errorf("fail_on %v, waivers %v, files %v", p.FailOn, p.Waivers, p.Files)
	}
	e := p.Effective(Host{Name: "db-1"})
	if e.Severity["FD601"].Value != drop.High || e.Limits["accept-queue-overflow.material-rate"].Value != 5 || e.Off["FD302"].Value {
		t.Errorf("rules: %+v", e)
	}
	for _, test := range []struct {
		host      Host
		key, want string
	}{
		{Host{Name: "db-1"}, "net.core.somaxconn", "3"},                        // the later file
		{Host{Name: "db-1"}, "vm.min_free_kbytes", "nothing"},                  // taken back
		{Host{Name: "db-1"}, "net.ipv4.tcp_timestamps", "2"},                   // over builtin:default
		{Host{"web-1", []string{"web"}}, "net.core.somaxconn", "2"},            // the host's name, though in an earlier file
		{Host{"web-2", []string{"web"}}, "net.core.somaxconn", "4"},            // a glob of names before a group
		{Host{"x", []string{"web"}}, "net.core.somaxconn", "5"},                // the group
		{Host{"x", []string{"web", "role_web"}}, "net.core.rmem_max", "3"},     // labels before a group
		{Host{"web-2", []string{"web", "role_web"}}, "net.core.rmem_max", "1"}, // a glob of names before labels
		{Host{"x", []string{"web"}}, "net.core.wmem_max", "1"},                 // a group before a glob of groups
		{Host{"x", []string{"wide"}}, "net.core.wmem_max", "9"},                // the glob of groups
		{Host{"x", []string{"web"}}, "net.core.netdev_budget", "8"},            // as specific, and later
		{Host{"x", []string{"role=web"}}, "net.core.rmem_max", "3"},            // the other name of a label
		{Host{"x", []string{"website"}}, "net.core.somaxconn", "3"},            // a group is no prefix
	} {
		if got := expects(p.Effective(test.host), test.key); got != test.want {
			t.Errorf("%v: %s is expected to be %s, want %s", test.host, test.key, got, test.want)
		}
	}
}

// TestExtends refuses cycles, and says what else is wrong with another file.
func TestExtends(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a := write("a.yaml", "version: 1\nextends: [b.yaml]\n")
	write("b.yaml", "version: 1\nextends: [./a.yaml]\n")
	for path, want := range map[string]string{
		a: "b.yaml:2:11: " + a + ": it extends itself",
		write("self.yaml", "version: 1\nextends: [self.yaml]\n"):          "it extends itself",
		write("none.yaml", "version: 1\nextends: [nowhere.yaml]\n"):       "none.yaml:2:11: " + filepath.Join(dir, "nowhere.yaml") + ": no such file",
		write("builtin.yaml", "version: 1\nextends: [builtin:defualt]\n"): "there are builtin:default and builtin:cis-compatible",
		write("wrong.yaml", "version: 1\nextends: [typo.yaml]\n"):         "typo.yaml:2:1: the policy has no field",
		write("typo.yaml", "version: 1\nrulez: {}\n"):                     "did you mean \"rules\"?",
		filepath.Join(dir, "missing.yaml"):                                "missing.yaml: no such file or directory",
		dir:                                                               "is a directory",
		write("large.yaml", "version: 1\n#"+strings.Repeat("x", maxFile)): "larger than 1 MiB",
		"builtin:other":                                                   "no policy is called builtin:other",
	} {
		if _, err := Load(path, today); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	// A diamond is no cycle, and counts once.
	write("top.yaml", "version: 1\nsysctl: {net.core.somaxconn: 1}\n")
	write("left.yaml", "version: 1\nextends: [top.yaml]\nsysctl: {net.core.somaxconn: 2}\n")
	write("right.yaml", "version: 1\nextends: [top.yaml]\n")
	p, err := Load(write("diamond.yaml", "version: 1\nextends: [left.yaml, right.yaml]\n"), today)
	if err != nil || len(p.Files) != 4 || expects(p.Effective(Host{}), "net.core.somaxconn") != "2" {
		t.Errorf("%v, %+v", err, p)
	}
}

// TestBuiltin has the policies that need no file.
func TestBuiltin(t *testing.T) {
	p, err := Load("builtin:cis-compatible", today)
	if err != nil {
		t.Fatal(err)
	}
	if e := p.Effective(Host{}); len(e.Expect) != 0 || !e.Off["FD502"].Value {
		t.Errorf("cis-compatible: %+v", e)
	}
	if p, err = Load("builtin:default", today); err != nil {
		t.Fatal(err)
	}
	if e := p.Effective(Host{}); len(e.Expect) != len(drop.Expected()) || len(e.Off) != 0 {
		t.Errorf("default: %+v", e)
	}
}

// TestAlias follows YAML's anchors, which people use to say a thing once.
func TestAlias(t *testing.T) {
	p, err := load(t, "version: 1\nsysctl:\n  net.core.rmem_max: &most {min: 4}\n  net.core.wmem_max: *most\n")
	if err != nil || expects(p.Effective(Host{}), "net.core.wmem_max") != "at least 4" {
		t.Errorf("%v", err)
	}
}

// TestWaivers says until when a waiver holds, and for what.
func TestWaivers(t *testing.T) {
	p, err := load(t, `
version: 1
waivers:
  - {rule: FD405, match: {host: "lb-*"}, subject: nf_conntrack_max, reason: old box, owner: net, expires: 2026-11-25}
  - {rule: conntrack-sizing, match: {host: lb-9}, reason: gone, expires: 2026-11-24}
  - {rule: FD601, subject: "0.0.0.0:80*", reason: known, expires: 2026-12-09}
`)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		host, rule, subject string
		want                string
	}{
		{"lb-1", "FD405", "net.netfilter.nf_conntrack_max", "old box"},
		{"lb-1", "FD405", "net.netfilter.nf_conntrack_buckets", ""},
		{"web-1", "FD405", "net.netfilter.nf_conntrack_max", ""},
		{"lb-9", "FD405", "net.netfilter.nf_conntrack_max", "old box"}, // the one that holds, of two
		{"lb-9", "FD405", "net.netfilter.nf_conntrack_buckets", "gone, expired"},
		{"web-1", "FD601", "0.0.0.0:8080", "known"},
		{"web-1", "FD601", "0.0.0.0:443", ""},
		{"web-1", "FD602", "0.0.0.0:8080", ""},
	} {
		got := ""
		if w, expired := p.Waived(Host{Name: test.host}, test.rule, test.subject, today); w != nil {
			if got = w.Reason; expired {
				got += ", expired"
			}
		}
		if got != test.want {
			t.Errorf("%s %s %s: waived by %q, want %q", test.host, test.rule, test.subject, got, test.want)
		}
	}
	first := &p.Waivers[0] // holds to the end of its day, in UTC
	if first.Expired(today) || !first.Expired(today.Add(time.Hour)) || !first.Ending(today) || p.Waivers[1].Ending(today) {
		t.Error("the first ends with this day")
	}
	third := &p.Waivers[2]
	if !third.Ending(today) || third.Ending(today.AddDate(0, 0, -1)) {
		t.Error("the third is spoken of from 14 days before its end")
	}
}

// TestSchema has somebody else's validator say the same of policies as Load does.
func TestSchema(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err == nil {
		err = exec.Command(python, "-c", "import jsonschema").Run()
	}
	if err != nil {
		t.Skip("python3-jsonschema is not installed")
	}
	type doc struct {
		Text  string
		Valid bool
	}
	docs := []doc{{documented(t), true}, {"version: 1", true}, {"version: 1\nrules: {accept-queue-overflow: off, FD302: true}", true}}
	for _, wrong := range []string{
		"version: 2", "fail_on: high", "version: 1\nfail_on: info", "version: 1\nwindow: 10", "version: 1\nmax_waiver_days: 400",
		"version: 1\nrule: {}", "version: 1\nrules: {FD601: maybe}", "version: 1\nrules: {FD601: {severty: high}}",
		"version: 1\nrules: {FD601: {thresholds: {material-rate: -1}}}", "version: 1\nsysctl: {somaxconn: 1}",
		"version: 1\nsysctl: {net.core.somaxconn: {}}", "version: 1\nsysctl: {net.core.somaxconn: {least: 1}}",
		"version: 1\nsysctl: {net.core.somaxconn: {min: x}}", "version: 1\nsysctl: {net.core.somaxconn: {absent: false}}",
		"version: 1\nsysctl: {net.ipv4.tcp_rmem: {fields: [1]}}", "version: 1\nsysctl: {net.core.somaxconn: {in: []}}",
		"version: 1\nsysctl: {persistent: no}", "version: 1\ngroups: [{rules: {}}]", "version: 1\ngroups: [{match: {}}]",
		"version: 1\ngroups: [{match: {hosts: x}}]", "version: 1\nwaivers: [{rule: FD601, reason: x}]",
		"version: 1\nwaivers: [{rule: FD601, expires: 2026-12-01}]", "version: 1\nwaivers: [{rule: FD601, reason: x, expires: soon}]",
		"version: 1\nwaivers: [{rule: FD601, reason: x, expires: 2026-12-01, until: 3}]",
	} {
		docs = append(docs, doc{wrong, false})
	}
	var values []any
	for _, d := range docs {
		if _, err := load(t, d.Text); (err == nil) != d.Valid {
			t.Errorf("Load says %v of\n%s", err, d.Text)
		}
		text, err := yaml.YAMLToJSON([]byte(d.Text))
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatal(err)
		}
		values = append(values, v)
	}
	input, _ := json.Marshal(map[string]any{"schema": json.RawMessage(JSONSchema), "docs": values})
	cmd := exec.Command(python, "-c", `
import json, sys, jsonschema
all = json.load(sys.stdin)
jsonschema.Draft202012Validator.check_schema(all["schema"])
v = jsonschema.Draft202012Validator(all["schema"])
print(json.dumps([v.is_valid(d) for d in all["docs"]]))`)
	cmd.Stdin = strings.NewReader(string(input))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var valid []bool
	if err := json.Unmarshal(out, &valid); err != nil {
		t.Fatal(err)
	}
	for i, d := range docs {
		if valid[i] != d.Valid {
			t.Errorf("the schema says %v of\n%s", valid[i], d.Text)
		}
	}
}

// FuzzLoad has files that are no policy: an error, never a panic.
func FuzzLoad(f *testing.F) {
	f.Add("version: 1\nsysctl: {net.core.somaxconn: {min: 1, fields: [_, {in: [1]}]}}")
	f.Add("version: 1\nrules: &a {FD601: *a}")
	f.Add("? [a]\n: <<: *x\n--- |\n")
	f.Add("waivers: [{rule: FD601, reason: \"\\u0000\", expires: 2026-12-01}]")
	f.Fuzz(func(t *testing.T, text string) {
		f, d := read("policy.yaml", []byte(text), today)
		if d.err() == nil {
			assemble([]*file{f}).Effective(Host{"web-1", []string{"web"}}).Settings()
		}
	})
}
