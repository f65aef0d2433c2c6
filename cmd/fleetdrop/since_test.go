package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/remote/replay"
	"github.com/fleetdrop/fleetdrop/report"
	"github.com/fleetdrop/fleetdrop/testdata"
)

// aged is a recorded host that long after, with these counters of /proc/net/netstat raised
// meanwhile, and none of them in the window.
func aged(t *testing.T, c *probe.Capture, by time.Duration, raised map[string]int) *probe.Capture {
	t.Helper()
	old := &probe.Capture{Header: slices.Clone(c.Header), Outputs: slices.Clone(c.Outputs)}
	for i := range old.Outputs {
		switch out := &old.Outputs[i]; out.Section {
		case "/proc/uptime":
			up, idle, _ := strings.Cut(out.Text, " ")
			seconds, err := strconv.ParseFloat(up, 64)
			if err != nil {
				t.Fatal(err)
			}
			out.Text = fmt.Sprintf("%.2f %s", seconds+by.Seconds(), idle)
		case "/proc/net/netstat":
			lines := strings.Split(out.Text, "\n")
			names, values := strings.Fields(lines[0]), strings.Fields(lines[1])
			for i, name := range names {
				if n := raised[name]; n > 0 {
					was, err := strconv.Atoi(values[i])
					if err != nil {
						t.Fatal(err)
					}
					values[i] = strconv.Itoa(was + n)
				}
			}
			lines[1] = strings.Join(values, " ")
			out.Text = strings.Join(lines, "\n")
		}
	}
	return old
}

// rebooted is the host after a boot.
func rebooted(c *probe.Capture) *probe.Capture {
	c = &probe.Capture{Header: slices.Clone(c.Header), Outputs: slices.Clone(c.Outputs)}
	for i := range c.Outputs {
		if c.Outputs[i].Section == probe.BootID.ID() {
			c.Outputs[i].Text = "00000000-0000-4000-8000-000000000000\n"
		}
	}
	return c
}

// single is the host's last sample alone, as a script without a window prints it.
func single(c *probe.Capture) *probe.Capture {
	return &probe.Capture{Header: c.Header, Outputs: slices.DeleteFunc(slices.Clone(c.Outputs), func(o probe.Output) bool { return o.First })}
}

// TestSinceLast scans a host again and again. What it loses between two scans, and never in
// a window, is a loss since the last scan, which fails a gate; with --since last there is no
// window to wait for. After a boot there is only what came since that.
func TestSinceLast(t *testing.T) {
	clean, err := testdata.Recording("lab-clean/after")
	if err != nil {
		t.Fatal(err)
	}
	runs := t.TempDir()
	scanOnce := func(c *probe.Capture, args ...string) (*report.Report, string, int) {
		t.Helper()
		dir := t.TempDir()
		fleet, err := replay.Start(dir, []replay.Host{{Name: "web-17", Capture: c}})
		if err != nil {
			t.Fatal(err)
		}
		defer fleet.Close()
		h := fleet.Hosts()[0]
		config := fmt.Sprintf("Host web-17\n HostName %s\n Port %d\n User %s\n IdentityFile %s\n IdentitiesOnly yes\n UserKnownHostsFile %s\n GlobalKnownHostsFile /dev/null\n HostKeyAlias %s\n",
			h.Hostname, h.Port, h.User, h.IdentityFiles[0], h.UserKnownHostsFiles[0], h.HostKeyAlias)
		config = strings.ReplaceAll(config, " HostKeyAlias \n", "")
		if err := os.WriteFile(dir+"/config", []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		code := fleetdrop(append([]string{"scan", "web-17", "-F", dir + "/config", "--runs", runs, "-f", "json", "--fail-on-loss", "low", "--rule", "accept-queue-overflow"}, args...),
			strings.NewReader(""), &out, &errs)
		var r report.Report
		if code == report.ExitDone || code == report.ExitFindings {
			if err := json.Unmarshal(out.Bytes(), &r); err != nil {
				t.Fatalf("%v: %s%s", err, out.String(), errs.String())
			}
		}
		return &r, errs.String(), code
	}
	found := func(r *report.Report) string {
		var all []string
		for _, f := range r.Hosts[0].Findings {
			s := fmt.Sprint(f.Rule, " ", f.Kind)
			if f.Loss != nil {
				s += fmt.Sprintf(" %d in %g s, since last %v", f.Loss.Count, *f.Loss.Window, f.Loss.SinceLast)
			}
			all = append(all, s)
		}
		return strings.Join(all, "; ")
	}

	if _, errs, code := scanOnce(clean, "--window", "1s", "--since", "last"); code != report.ExitUsage || !strings.Contains(errs, "give one of them") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if _, errs, code := scanOnce(single(clean), "--since", "last"); code != report.ExitUsage || !strings.Contains(errs, "no run in") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	first, _, code := scanOnce(clean, "--window", "1s")
	if got := found(first); got != "" || code != report.ExitDone {
		t.Errorf("first: %s, exit code %d", got, code)
	}
	lost := map[string]int{"ListenOverflows": 500, "ListenDrops": 500}
	hour := aged(t, clean, time.Hour, lost)
	r, _, code := scanOnce(hour, "--window", "1s")
	if got := found(r); got != "FD601 dropped 500 in 3600 s, since last true" || code != report.ExitFindings {
		t.Errorf("an hour later: %s, exit code %d", got, code)
	}
	// It is over: what was lost before the last scan fails nothing more.
	two := aged(t, hour, time.Hour, nil)
	r, _, code = scanOnce(two, "--window", "1s")
	if got := found(r); strings.Contains(got, "since last true") || code != report.ExitDone {
		t.Errorf("two hours later: %s, exit code %d", got, code)
	}
	three := aged(t, two, time.Hour, lost)
	r, errs, code := scanOnce(single(three), "--since", "last")
	if got := found(r); got != "FD601 dropped 500 in 3600 s, since last true" || code != report.ExitFindings || r.Run.Window != 0 || r.Run.Since == "" {
		t.Errorf("without a window: %s, exit code %d, %+v", got, code, r.Run)
	}
	if strings.Contains(errs, "no counters") {
		t.Error(errs)
	}
	r, errs, code = scanOnce(single(rebooted(aged(t, three, time.Hour, lost))), "--since", "last")
	if got := found(r); strings.Contains(got, "since last true") || code != report.ExitDone || !strings.Contains(errs, "of 1 of 1 hosts the last run has no counters of this boot") {
		t.Errorf("after a boot: %s, exit code %d: %s", got, code, errs)
	}
	if !slices.Equal(r.Changes.Rebooted, []string{"web-17"}) {
		t.Errorf("rebooted: %v", r.Changes.Rebooted)
	}
}
