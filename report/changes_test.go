package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// against holds a report against an earlier scan of these hosts.
func against(t testing.TB, r *Report, run Run, hosts ...Host) {
	t.Helper()
	if err := r.Against(run, func(yield func(*Host)) error {
		for _, h := range hosts {
			yield(&h)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

var yesterday = Run{ID: "2026-11-21T09-00-00Z-0001", Window: 10}

func scannedHost(t testing.TB, name, boot string, verdicts ...drop.Verdict) Host {
	t.Helper()
	return Scanned(inventory.Host{Name: name}, snapshotOf(t, name, boot), testRules, verdicts)
}

// lossOf is an accept queue that lost so many in the window.
func queueLost(kind drop.Kind, severity drop.Severity, count uint64) drop.Verdict {
	f := acceptQueue(count, 100000)
	f.Kind, f.Severity = kind, severity
	return verdict("FD601", f)
}

// TestCompare says what becomes of one finding, in both directions.
func TestCompare(t *testing.T) {
	none := drop.Verdict{Rule: "FD601", Outcome: drop.Clean}
	type side = drop.Verdict
	for name, test := range map[string]struct {
		before, after  side
		there, andBack Change
	}{
		"nothing":                       {none, none, "", ""},
		"a loss":                        {none, queueLost(drop.Dropping, drop.High, 500), ChangeNew, ChangeFixed},
		"a note":                        {none, queueLost(drop.Note, drop.Info, 5), "", ""},
		"a note that became a loss":     {queueLost(drop.Note, drop.Info, 5), queueLost(drop.Dropping, drop.High, 500), ChangeNew, ChangeFixed},
		"the same":                      {queueLost(drop.Dropping, drop.High, 500), queueLost(drop.Dropping, drop.High, 520), "", ""},
		"twice as much":                 {queueLost(drop.Dropping, drop.High, 500), queueLost(drop.Dropping, drop.High, 1100), ChangeWorse, ChangeBetter},
		"twice as much of next to none": {queueLost(drop.Dropping, drop.High, 3), queueLost(drop.Dropping, drop.High, 7), "", ""},
		"more severe":                   {queueLost(drop.Dropping, drop.Medium, 500), queueLost(drop.Dropping, drop.High, 520), ChangeWorse, ChangeBetter},
		"a rare loss":                   {queueLost(drop.Dropped, drop.Medium, 500), queueLost(drop.Dropping, drop.High, 3), "", ""},
		"it began again":                {queueLost(drop.Dropped, drop.Medium, 500), queueLost(drop.Dropping, drop.High, 300), ChangeWorse, ChangeBetter},
		"it was at risk":                {queueLost(drop.AtRisk, drop.High, 0), queueLost(drop.Dropping, drop.High, 300), ChangeWorse, ChangeBetter},
	} {
		t.Run(name, func(t *testing.T) {
			for i, want := range []Change{test.there, test.andBack} {
				a, b := test.before, test.after
				if i == 1 {
					a, b = b, a
				}
				r := New(testHead(), Rules(testRules), []Host{scannedHost(t, "a", "1", b)}, Gates{})
				against(t, r, yesterday, scannedHost(t, "a", "1", a))
				got := Change("")
				if len(r.Changes.Findings) > 0 {
					got = r.Changes.Findings[0].Change
				}
				if got != want || len(r.Changes.Findings) > 1 {
					t.Errorf("%d: %q, want %q", i, got, want)
				}
				host := map[Change]Change{"": ChangeSame, ChangeFixed: ChangeBetter}[want]
				if host == "" {
					host = want
				}
				if r.Hosts[0].Change != host {
					t.Errorf("%d: the host is %q, want %q", i, r.Hosts[0].Change, host)
				}
			}
		})
	}
}

// TestNotFixed: what nobody looked at again is not fixed.
func TestNotFixed(t *testing.T) {
	old := scannedHost(t, "a", "1", queueLost(drop.Dropping, drop.High, 500))
	for name, test := range map[string]struct {
		host  Host
		rules []Rule
		want  []Change
	}{
		"fixed":       {scannedHost(t, "a", "1", drop.Verdict{Rule: "FD601", Outcome: drop.Clean}), Rules(testRules), []Change{ChangeFixed}},
		"not checked": {scannedHost(t, "a", "1", notChecked("FD601", lacks("/proc/net/netstat", 3))), Rules(testRules), []Change{ChangeUnseen}},
		"not asked":   {scannedHost(t, "a", "1"), nil, []Change{ChangeUnseen}},
		"not reached": {Failed(inventory.Host{Name: "a"}, Error{Code: "dns"}), Rules(testRules), nil},
		"waived": {func() Host {
			h := scannedHost(t, "a", "1", queueLost(drop.Dropping, drop.High, 500))
			h.Findings[0].Waived = &Waiver{Reason: "x"}
			return h
		}(), Rules(testRules), nil},
	} {
		r := New(testHead(), test.rules, []Host{test.host}, Gates{})
		against(t, r, yesterday, old)
		var got []Change
		for _, f := range r.Changes.Findings {
			got = append(got, f.Change)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
		if name == "not reached" && !slices.Equal(r.Changes.Lost, []string{"a"}) {
			t.Errorf("lost: %v", r.Changes.Lost)
		}
	}
}

// changedReport has a bit of everything.
func changedReport(t testing.TB) *Report {
	old := fleet(t)
	hosts := fleet(t)
	var then []Host
	for i := range old {
		switch h := &old[i]; h.Name {
		case "web-17": // now it loses packets
			h.Findings = nil
		case "lb-03": // it is worse
			slow := *h.Findings[0].Loss
			slow.PerSecond, slow.Count = digits(50), 500
			h.Findings = slices.Clone(h.Findings)
			h.Findings[0].Loss = &slow
		case "web-01": // fixed
			*h = scannedHost(t, "web-01", "b01", queueLost(drop.Dropping, drop.High, 500))
		case "db-12":
			h.BootID = "before"
		case "edge-9":
			*h = scannedHost(t, "edge-9", "b61", queueLost(drop.Dropping, drop.High, 500))
		case "web-02":
			*h = Failed(inventory.Host{Name: "web-02"}, Error{Code: "dns"})
		case "pod-2":
			continue
		}
		if old[i].Settings != nil {
			old[i].Settings = newSettings(map[string]string{"net.core.somaxconn": "65535", "net.core.netdev_max_backlog": "1000"})
		}
		then = append(then, old[i])
	}
	for i := range hosts {
		if hosts[i].Settings != nil {
			hosts[i].Settings = newSettings(map[string]string{"net.core.somaxconn": "128", "net.core.netdev_max_backlog": "1000"})
		}
	}
	r := New(testHead(), Rules(testRules), hosts, Gates{FailOnLoss: At(drop.High), Changed: true})
	against(t, r, yesterday, append(then, scannedHost(t, "gone-1", "g"))...)
	return r
}

func TestChanges(t *testing.T) {
	r := changedReport(t)
	c := r.Changes
	for what, test := range map[string][2][]string{
		"rebooted": {c.Rebooted, {"db-12"}}, "added": {c.Added, {"pod-2"}}, "gone": {c.Gone, {"gone-1"}},
		"lost": {c.Lost, {"edge-9"}}, "back": {c.Back, {"web-02"}},
	} {
		if !slices.Equal(test[0], test[1]) {
			t.Errorf("%s: %v, want %v", what, test[0], test[1])
		}
	}
	var got []string
	for _, f := range c.Findings {
		got = append(got, fmt.Sprint(f.Change, " ", f.Host, " ", f.Rule))
	}
	if want := []string{"new web-17 FD601", "new pod-2 FD301", "worse lb-03 FD402", "fixed web-01 FD601"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if len(c.Settings) != 1 || len(c.Settings[0].Hosts) < 8 || c.Settings[0].After != "128" {
		t.Errorf("settings: %+v", c.Settings)
	}
	// lb-01 loses as much as before: it does not count.
	if r.Status.Failing != 2 {
		t.Errorf("%d findings fail", r.Status.Failing)
	}
	for _, width := range []int{80, 160} {
		var b strings.Builder
		if err := WriteChanges(&b, r, Options{Width: width}); err != nil {
			t.Fatal(err)
		}
		golden(t, fmt.Sprintf("changes-%d.txt", width), []byte(b.String()))
	}
	golden(t, "changes-table-160.txt", written(t, "table", r, Options{Width: 160, Top: 3}))
	if page := rendered(t, written(t, "markdown", r, Options{})); !strings.Contains(page, "<h3>Since the last scan</h3>") || !strings.Contains(page, "<td>worse</td>") {
		t.Error("the Markdown does not say what changed")
	}
}

// TestChangesJSON holds the changes against the schema, hostile ones too.
func TestChangesJSON(t *testing.T) {
	s := readSchema(t)
	bad := hostileReport(t)
	var then []Host
	for i := range bad.Hosts {
		h := bad.Hosts[i]
		h.Settings = newSettings(map[string]string{hostile[i%len(hostile)]: hostile[0]})
		h.Findings = nil
		then = append(then, h)
		bad.Hosts[i].Settings = newSettings(map[string]string{hostile[i%len(hostile)]: hostile[1]})
	}
	against(t, bad, Run{ID: hostile[0]}, then...)
	for name, r := range map[string]*Report{"changed": changedReport(t), "hostile": bad} {
		var doc map[string]any
		if err := json.Unmarshal(written(t, "json", r, Options{}), &doc); err != nil {
			t.Fatal(err)
		}
		for _, err := range s.check(s.root, doc, name) {
			t.Error(err)
		}
		if doc["changes"] == nil {
			t.Error("no changes")
		}
	}
	var b strings.Builder
	if err := WriteChanges(&b, bad, Options{Width: 100, Top: 100}); err != nil {
		t.Fatal(err)
	}
	for _, c := range b.String() {
		if c != '\n' && hidden(c) {
			t.Fatalf("%U in the table", c)
		}
	}
}

// TestNothingChanged says so, instead of four zeros and a column that says "same" of every host.
func TestNothingChanged(t *testing.T) {
	r := New(testHead(), Rules(testRules), fleet(t), Gates{})
	against(t, r, yesterday, fleet(t)...)
	page := string(written(t, "html", r, Options{}))
	if !strings.Contains(page, "Nothing changed since run "+yesterday.ID) || strings.Contains(page, "</b> Fixed</h3>") || strings.Contains(page, "<th>Change</th>") {
		t.Error("the page has more than that nothing changed")
	}
	if said := string(written(t, "table", r, Options{Width: 160})); !strings.Contains(said, ": nothing changed\n") || strings.Contains(said, "same") {
		t.Errorf("the table has more than that nothing changed:\n%s", said)
	}
}
