package report

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/probe/policy"
)

var waiveDay = time.Date(2026, 11, 25, 23, 0, 0, 0, time.UTC)

func policyFrom(t *testing.T, text string) *policy.Policy {
	t.Helper()
	path := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := policy.Load(path, waiveDay)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// waivable is a host with a loss at two listeners and a note.
func waivable(name string, groups ...string) Host {
	one, two, note := acceptQueue(17, 54), acceptQueue(9, 54), byDesign()
	one.Subject, two.Subject = "0.0.0.0:80", "0.0.0.0:443"
	return Scanned(inventory.Host{Name: name, Groups: groups}, new(probe.Snapshot), testRules, []drop.Verdict{verdict("FD601", one, two), verdict("FD015", note)})
}

// TestWaive holds waived findings out of grade, score and gates, and shows them all the same.
func TestWaive(t *testing.T) {
	p := policyFrom(t, `
version: 1
waivers:
  - {rule: FD601, match: {group: lb}, subject: "*:80", reason: "known, see NET-1", owner: net, expires: 2026-12-24}
  - {rule: FD601, match: {host: lb-2}, reason: over, expires: 2026-11-24}
  - {rule: FD601, match: {host: lb-1}, subject: "*:443", reason: soon over, expires: 2026-12-01}
  - {rule: FD602, match: {host: "lb-*"}, reason: nothing, expires: 2026-12-24}
  - {rule: FD602, match: {host: "db-*"}, reason: nobody was asked, expires: 2026-12-24}
  - {rule: FD602, match: {host: down-1}, reason: nobody answered, expires: 2026-12-24}
`)
	hosts := []Host{waivable("lb-1", "lb"), waivable("lb-2", "lb"), Failed(inventory.Host{Name: "down-1"}, Error{Code: "refused"})}
	for i := range hosts {
		hosts[i].Waive(p, waiveDay)
	}
	head := testHead()
	head.Policy = rollOf(hosts).Policy(p, append(Rules(testRules), Rule{ID: "FD602"}), waiveDay)
	gates := Gates{FailOnLoss: At(drop.Low), MaxFailed: Share{n: 1}}
	r := New(head, Rules(testRules), hosts, gates)
	if r.Status.Failing != 1 || r.Status.ExitCode != ExitFindings {
		t.Errorf("failing: %+v", r.Status)
	}
	byName := map[string]*Host{}
	for i := range r.Hosts {
		byName[r.Hosts[i].Name] = &r.Hosts[i]
	}
	if h := byName["lb-1"]; h.Risk.Grade == Dropping || h.Risk.Score != 0 {
		t.Errorf("all is waived on lb-1, and it is %+v", h.Risk)
	}
	if h := byName["lb-2"]; h.Risk.Grade != Dropping || h.Findings[0].Lapsed == nil || h.Findings[0].Subject != "0.0.0.0:443" {
		t.Errorf("a waiver of lb-2 is over, and it is %+v, %+v", h.Risk, h.Findings[0])
	}
	var states []string
	for _, w := range head.Policy.Waivers {
		states = append(states, string(w.State))
	}
	if want := []string{"active", "expired", "ending", "unused", "active", "active"}; !slices.Equal(states, want) {
		t.Errorf("states %v, want %v", states, want)
	}
	for _, format := range Formats() {
		want := "NET-1"
		if format == "gate" || format == "markdown" || format == "html" {
			want = "3 waived" // they count them
		}
		if format == "html" {
			continue // its data is packed: the page has tests of its own
		}
		if got := written(t, format, r, Options{Verbose: true, Width: 200, Top: 1000}); !bytes.Contains(got, []byte(want)) {
			t.Errorf("%s does not say %q:\n%s", format, want, got[:min(len(got), 3000)])
		}
	}
	gate := string(written(t, "gate", r, Options{}))
	for _, want := range []string{
		"FAIL  1 finding on 1 host losing packets at or above low; 3 waived; 2 of 3 hosts scanned to the end: 1 missing, within --max-failed 1\n",
		"HIGH     FD601 lb-2  dropping: 0.0.0.0:443: ", "its waiver expired 2026-11-24\n",
		"warning: the waiver of FD601 on host lb-2 expired 2026-11-24: 1 finding counts again (", "notice: the waiver of FD601 *:443 on host lb-1 expires 2026-12-01: then 1 finding counts again (",
		"warning: the waiver of FD602 on host lb-* matches nothing, remove it (",
	} {
		if !strings.Contains(gate, want) {
			t.Errorf("no %q in\n%s", want, gate)
		}
	}
	if all := rollOf(hosts).Policy(p, nil, waiveDay); slices.ContainsFunc(all.Waivers, func(w PolicyWaiver) bool { return w.State == WaiverUnused }) {
		t.Error("a waiver is called unused, though its rule was not asked")
	}
	if strings.Contains(gate, "db-*") {
		t.Error("a waiver for hosts that were not scanned is called unused")
	}
	gates.StrictWaivers, gates.FailOnLoss = true, Level{}
	if r := New(head, Rules(testRules), hosts, gates); r.Status.ExitCode != ExitFindings {
		t.Errorf("--strict-waivers: exit code %d", r.Status.ExitCode)
	}
	for _, err := range readSchema(t).check(readSchema(t).root, decoded(t, r), "waived") {
		t.Error(err)
	}
}

func decoded(t *testing.T, r *Report) (doc any) {
	t.Helper()
	if err := json.Unmarshal(written(t, "json", r, Options{}), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestWaiveMachine counts a finding of a machine that is waived on one of its hosts, and not on another.
func TestWaiveMachine(t *testing.T) {
	p := policyFrom(t, "version: 1\nwaivers: [{rule: FD601, match: {host: one}, reason: known, expires: 2026-12-24}]\n")
	hosts := []Host{waivable("one"), waivable("two")}
	for i := range hosts {
		hosts[i].BootID = "same"
		for j := range hosts[i].Findings {
			hosts[i].Findings[j].Scope = drop.Machine
		}
		hosts[i].Waive(p, waiveDay)
	}
	if r := New(testHead(), Rules(testRules), hosts, Gates{FailOnLoss: At(drop.Low)}); r.Status.Failing != 2 {
		t.Errorf("%d failing, want the 2 of host two", r.Status.Failing)
	}
}

// TestBaseline lets what was known pass, and nothing else.
func TestBaseline(t *testing.T) {
	was := waivable("web-1")
	was.Findings = was.Findings[:1]
	var saved bytes.Buffer
	if err := Write(&saved, "json", New(testHead(), Rules(testRules), []Host{was}, Gates{}), Options{}); err != nil {
		t.Fatal(err)
	}
	b, err := ReadBaseline(&saved)
	if err != nil || len(b) != 1 {
		t.Fatalf("%v, %v", b, err)
	}
	gates := Gates{FailOnLoss: At(drop.Low), Baseline: b}
	r := New(testHead(), Rules(testRules), []Host{waivable("web-1")}, gates)
	if r.Status.Failing != 1 || !r.Hosts[0].Findings[0].Known || r.Hosts[0].Findings[1].Known {
		t.Errorf("%+v %+v", r.Status, r.Hosts[0].Findings)
	}
	if r.Hosts[0].Risk.Grade != Dropping {
		t.Error("what is known is no less a loss")
	}
	if gate := string(written(t, "gate", r, Options{})); !strings.HasPrefix(gate, "FAIL  1 new finding on 1 host losing packets at or above low; 1 known in the baseline; 1 host scanned\n") {
		t.Error(gate)
	}
	if r := New(testHead(), Rules(testRules), []Host{waivable("web-2")}, gates); r.Status.Failing != 2 {
		t.Errorf("another host: %d failing", r.Status.Failing)
	}
	waived := was
	waived.Findings = slices.Clone(was.Findings)
	waived.Findings[0].Waived = &Waiver{Reason: "known"}
	none := Baseline{}
	if none.Add(&waived); len(none) != 0 {
		t.Error("what was waived is in the baseline")
	}
	for _, text := range []string{
		"", "{}", "[]", "{", `{"hosts": 1}`, `{"schema": "fleetdrop.report/v1", "hosts": [{}`, `{"schema": "fleetdrop.report/v1", "hosts": [`,
		`{"schema": "fleetdrop.report/v2"}`, `{"schema": "fleetdrop.report/v1", "run": {"interrupted": true}}`,
	} {
		if _, err := ReadBaseline(strings.NewReader(text)); err == nil {
			t.Errorf("%q is a baseline", text)
		}
	}
}

// TestUnder sees a saved host as another policy wants it seen.
func TestUnder(t *testing.T) {
	p := policyFrom(t, "version: 1\nrules: {FD601: {severity: low}, FD015: off}\nwaivers: [{rule: FD601, subject: \"*:80\", reason: known, expires: 2026-12-24}]\n")
	was := waivable("web-1")
	h := was.Under(p, waiveDay)
	if len(h.Findings) != 2 || h.Findings[0].Severity != drop.Low || h.Findings[0].Waived != nil || h.Findings[1].Waived == nil {
		t.Errorf("%+v", h.Findings)
	}
	if len(was.Findings) != 3 || was.Findings[0].Severity != drop.High {
		t.Error("the saved host was changed")
	}
}
