package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/testdata"
)

// demoReport is the fleet of the demo, judged as a scan judges it.
func demoReport(t testing.TB) *Report {
	t.Helper()
	members, err := testdata.Fleet()
	if err != nil {
		t.Fatal(err)
	}
	var hosts []Host
	for i, m := range members {
		h := inventory.Host{Name: m.Name, Groups: []string{m.Group}, Origin: inventory.Origin{File: "hosts.txt", Line: i + 1}}
		switch m.Fault {
		case testdata.Timeout:
			hosts = append(hosts, Failed(h, Error{Code: "timeout@banner", Stage: "banner", Message: "connected, but no SSH banner within 10s", Hint: "the host is overloaded or hangs: --connect-timeout"}))
		case testdata.WrongKey:
			hosts = append(hosts, Failed(h, Error{Code: "hostkey-mismatch", Stage: "kex", Message: "the host key has changed", Hint: "find out why; only if the host was made anew: ssh-keygen -R " + m.Name}))
		default:
			hosts = append(hosts, recorded(h, m.Capture))
		}
	}
	return New(testHead(), Rules(drop.Catalogue()), hosts, Gates{})
}

// changed holds a report against an earlier one, in which the worst host lost nothing, another
// one lost less, and a setting was another.
func changed(t testing.TB, r *Report) *Report {
	head := testHead()
	head.Run.ID = "2026-11-21T09-14-03Z-77b0"
	var then []Host
	for i := range r.Hosts {
		h := r.Hosts[i]
		switch i {
		case 0:
			h.Findings = nil
		case 1, 2:
			h.Findings = slices.Clone(h.Findings)
			for j := range h.Findings {
				if l := h.Findings[j].Loss; l != nil && l.PerSecond != nil {
					less := *l
					less.PerSecond = digits(*l.PerSecond / 100)
					h.Findings[j].Loss = &less
				}
			}
			values := h.Settings.byName()
			values["net.core.somaxconn"] = "128"
			h.Settings = newSettings(values)
		case 3:
			h.BootID = "another"
		}
		then = append(then, h)
	}
	against(t, r, head.Run, then...)
	return r
}

// recorded is the host that a capture is of.
func recorded(h inventory.Host, c *probe.Capture) Host {
	s := probe.NewSnapshot(c)
	host := Scanned(h, s, drop.Catalogue(), drop.Judge(drop.Catalogue(), nil, s))
	host.Cost = &Cost{Connect: 12.5, Script: 41, Bytes: 41230}
	return host
}

// bigReport is n hosts, each of which is one of the recordings with numbers of its own; one
// in a hundred was not reached.
func bigReport(t testing.TB, n int) *Report {
	t.Helper()
	var kinds []Host
	for _, name := range testdata.Recordings() {
		c, err := testdata.Recording(name)
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, recorded(inventory.Host{Name: name}, c))
	}
	groups := []string{"web", "lb", "db", "cache", "edge", "log", "dns", "api"}
	hosts := make([]Host, n)
	for i := range hosts {
		group := groups[i/7%len(groups)]
		name := fmt.Sprintf("%s-%04d", group, i)
		if i%100 == 50 {
			h := Failed(inventory.Host{Name: name, Groups: []string{group}}, Error{Code: "timeout@dial", Stage: "dial", Message: "no answer within 10s", Hint: "--connect-timeout"})
			h.Jump, hosts[i] = "bastion-eu", h
			continue
		}
		h := kinds[i*31%len(kinds)]
		h.Name, h.Groups, h.BootID, h.Origin = name, []string{group}, fmt.Sprint("boot ", i), fmt.Sprintf("hosts.txt:%d", i+1)
		h.Findings = slices.Clone(h.Findings)
		for j := range h.Findings {
			h.Findings[j] = varied(h.Findings[j], i)
		}
		hosts[i] = h
	}
	return New(testHead(), Rules(drop.Catalogue()), hosts, Gates{})
}

// varied is a finding with other numbers.
func varied(f Finding, i int) Finding {
	f.Message = fmt.Sprintf("%s (%d)", f.Message, i*7919%100003)
	if f.Loss != nil {
		l := *f.Loss
		l.Count += uint64(i * 104729 % 10007)
		if l.PerSecond != nil {
			l.PerSecond = digits(*l.PerSecond * float64(i*7919%97+1) / 10)
		}
		f.Loss = &l
	}
	f.Evidence = slices.Clone(f.Evidence)
	for k := range f.Evidence {
		e := &f.Evidence[k]
		if n, ok := e.Value.(uint64); ok {
			n += uint64(i) * 15485863 % 1000003
			e.Line = strings.ReplaceAll(e.Line, fmt.Sprint(e.Value), fmt.Sprint(n))
			e.Value = n
		}
	}
	return f
}

// TestBrowser opens the page in a real browser: offline, with a keyboard, without a script, in
// print, with hostile data, with 10,000 hosts. It is skipped where something is missing, unless
// $CHROMIUM names the browser.
func TestBrowser(t *testing.T) {
	missing := ""
	for _, program := range []string{"node", "pdftotext"} {
		if _, err := exec.LookPath(program); err != nil {
			missing += " " + program
		}
	}
	if _, err := os.Stat(cmp.Or(os.Getenv("CHROMIUM"), "/usr/bin/chromium")); err != nil {
		missing += " chromium"
	}
	if _, err := os.Stat("browser/node_modules/playwright-core"); err != nil {
		missing += " playwright-core (npm ci --prefix report/browser)"
	}
	if missing != "" {
		if os.Getenv("CHROMIUM") != "" { // as in CI
			t.Fatal("missing:", missing)
		}
		t.Skip("missing:", missing)
	}
	if testing.Short() {
		t.Skip("it takes a minute")
	}
	dir := t.TempDir()
	demo := changed(t, demoReport(t))
	quiet := New(testHead(), Rules(testRules), slices.DeleteFunc(fleet(t), func(h Host) bool { return h.Name != "web-01" }), Gates{})
	for name, r := range map[string]*Report{
		"demo": demo, "big": bigReport(t, 10000), "hostile": hostileReport(t), "quiet": quiet, "empty": New(testHead(), nil, nil, Gates{}),
	} {
		if err := os.WriteFile(filepath.Join(dir, name+".html"), written(t, "html", r, Options{}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(map[string]any{"demo": wanted(demo)})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "want.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command("node", "browser/check.mjs", dir)
	command.WaitDelay = 10 * time.Second
	out, err := command.CombinedOutput()
	if testing.Verbose() || err != nil {
		t.Logf("%s", out)
	}
	if err != nil {
		t.Error(err)
	}
	if bytes.Contains(out, []byte("FAIL")) {
		t.Error("some checks do not hold")
	}
}

// wanted is what the page of the demo must show, from the report itself.
func wanted(r *Report) map[string]any {
	const stage, group = drop.Listen, "web"
	var atStage, inGroup []string
	worstLoss, most, reached := "", 0.0, 0
	for i := range r.Hosts {
		h := &r.Hosts[i]
		if !h.Reached() {
			continue
		}
		reached++
		loss := 0.0
		at := false
		for j := range h.Findings {
			f := &h.Findings[j]
			loss += f.losing()
			at = at || f.Stage == stage && f.Kind != drop.Note
		}
		if at {
			atStage = append(atStage, h.Name)
		}
		if slices.Contains(h.Groups, group) {
			inGroup = append(inGroup, h.Name)
		}
		if loss > most {
			worstLoss, most = h.Name, loss
		}
	}
	slices.Sort(inGroup)
	return map[string]any{
		"top": r.Hosts[0].Name, "reached": reached, "stage": stage, "atStage": atStage, "worstLoss": worstLoss,
		"group": group, "inGroup": inGroup, "static": reached, "headline": "hosts are losing packets now",
	}
}
