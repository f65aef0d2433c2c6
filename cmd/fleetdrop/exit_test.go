package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fleetdrop/fleetdrop/probe/remote/replay"
	"github.com/fleetdrop/fleetdrop/report"
	"github.com/fleetdrop/fleetdrop/testdata"
)

// An exitFleet is what the table of exit codes is about: a host that loses packets, one that is at
// risk, one that is clean, and one that is not the host that known_hosts knows.
type exitFleet struct {
	dir   string // hosts files, captures, policies, and runs
	known string
}

func startExitFleet(t *testing.T) exitFleet {
	t.Helper()
	f := exitFleet{dir: t.TempDir()}
	var played []replay.Host
	for _, h := range []struct {
		name, recording string
		fault           replay.Fault
	}{
		{"lossy", "netns-acceptq/after", replay.None}, {"risky", "netns-synq-nocookie/after", replay.None},
		{"clean", "netns-clean/after", replay.None}, {"stranger", "netns-clean/after", replay.WrongKey},
	} {
		capture, err := testdata.Recording(h.recording)
		if err != nil {
			t.Fatal(err)
		}
		played = append(played, replay.Host{Name: h.name, Capture: capture, Fault: h.fault})
		f.write(t, h.name+".txtar", capture.String())
	}
	fleet, err := replay.Start(f.dir, played)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fleet.Close)
	f.known = f.path("known_hosts")
	for _, h := range fleet.Hosts() {
		f.write(t, h.Name+".hosts", fmt.Sprintf("%s addr=%s port=%d user=demo key=%s\n", h.Name, h.Hostname, h.Port, f.path("id_ed25519")))
	}
	f.write(t, "wants.yaml", "version: 1\nsysctl: {net.ipv4.tcp_timestamps: 2}\n")
	f.write(t, "waives.yaml", fmt.Sprintf("version: 1\nextends: [wants.yaml]\nwaivers: [{rule: FD011, reason: known, expires: %s}]\n",
		time.Now().UTC().AddDate(0, 1, 0).Format(time.DateOnly)))
	f.write(t, "good.conf", "net.core.somaxconn = 4096\n")
	f.write(t, "bad.conf", "net.core.somaxcon = 4096\n")
	f.write(t, "wrong.yaml", "version: 1\nrulez: {}\n")
	f.write(t, "since.txtar", `fleetdrop capture v1
host: since
-- /proc/net/netstat --
TcpExt: ListenOverflows ListenDrops
TcpExt: 5000 5000
-- /proc/net/snmp --
Tcp: PassiveOpens
Tcp: 5000
-- /proc/uptime --
6000.00 1.00
`)
	f.write(t, "cut.txtar", "fleetdrop capture v1 5eed\nhost: cut\n-- 5eed /proc/uptime --\n1.00 1.00\n")
	return f
}

func (f exitFleet) path(name string) string { return filepath.Join(f.dir, name) }

func (f exitFleet) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(f.path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run runs a command line; @NAME in it is a file of the fleet.
func (f exitFleet) run(line string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	args := strings.Fields(line)
	for i, arg := range args {
		if name, ok := strings.CutPrefix(arg, "@"); ok {
			args[i] = f.path(name)
		}
	}
	code = fleetdrop(args, strings.NewReader(""), &out, &err)
	return code, out.String(), err.String()
}

// TestExitCodes is the contract: every command that makes a report, under every condition, in every
// format, gives the code that the condition has.
func TestExitCodes(t *testing.T) {
	f := startExitFleet(t)
	const ssh = " -F none --window 0 --known-hosts @known_hosts -q"
	// The runs that report and diff are asked of.
	for run, hosts := range map[string]string{
		"quiet": "-i @clean.hosts", "risk": "-i @risky.hosts", "failed": "-i @risky.hosts -i @stranger.hosts", "none": "-i @stranger.hosts",
	} {
		f.run("scan " + hosts + ssh + " -f json -o @" + run + ".json --runs @" + run)
	}
	f.run("scan -i @clean.hosts" + ssh + " --runs @twice -o @x")
	f.run("scan -i @clean.hosts" + ssh + " --runs @twice -o @x")
	for i, runs := range []string{"one", "two"} {
		for _, folder := range []string{runs, "both"} {
			f.run("scan -i @clean.hosts -i @risky.hosts -i @lossy.hosts" + ssh + fmt.Sprintf(" --shard %d/2 --runs @%s -o @x", i+1, folder))
		}
	}
	quietThenRisk := "--runs @quiet " + newest(t, f.path("quiet")) + " " + newest(t, f.path("risk"))
	riskThenFailed := "--runs @quiet " + newest(t, f.path("risk")) + " " + newest(t, f.path("failed"))
	f.write(t, "off.yaml", "version: 1\nrules: {FD604: off, FD602: off}\n")

	for _, test := range []struct {
		name string
		line string
		want int
	}{
		{"scan: clean", "scan -i @clean.hosts" + ssh, 0},
		{"scan: findings without a gate", "scan -i @risky.hosts -i @lossy.hosts" + ssh, 0},
		{"scan: at risk, at the gate", "scan -i @risky.hosts --fail-on medium" + ssh, 1},
		{"scan: at risk, below the gate", "scan -i @risky.hosts --fail-on critical" + ssh, 0},
		{"scan: a loss", "scan -i @lossy.hosts --fail-on-loss high" + ssh, 1},
		{"scan: a loss below the gate", "scan -i @lossy.hosts --fail-on-loss critical" + ssh, 0},
		{"scan: a policy", "scan -i @clean.hosts -p @wants.yaml --fail-on high" + ssh, 1},
		{"scan: a policy without a gate", "scan -i @clean.hosts -p @wants.yaml" + ssh, 0},
		{"scan: one failed", "scan -i @clean.hosts -i @stranger.hosts" + ssh, 3},
		{"scan: one may fail", "scan -i @clean.hosts -i @stranger.hosts --max-failed 1" + ssh, 0},
		{"scan: findings, and one failed", "scan -i @risky.hosts -i @stranger.hosts --fail-on medium" + ssh, 1},
		{"scan: none reached", "scan -i @stranger.hosts" + ssh, 4},
		{"scan: none reached, and that may be", "scan -i @stranger.hosts --max-failed 100%" + ssh, 4},
		{"scan: no hosts", "scan" + ssh, 2},
		{"scan: no inventory", "scan -i @nowhere" + ssh, 2},
		{"scan: no host matches", "scan -i @clean.hosts --limit web" + ssh, 2},
		{"scan: wrong policy", "scan -i @clean.hosts -p @wrong.yaml" + ssh, 2},
		{"scan: no baseline", "scan -i @clean.hosts --baseline @nowhere" + ssh, 2},
		{"scan: unknown flag", "scan -i @clean.hosts --frobnicate" + ssh, 2},
		{"scan: the output cannot be opened", "scan -i @clean.hosts --report csv=/no/such/folder/x" + ssh, 2},
		{"scan: the output cannot be written", "scan -i @risky.hosts --fail-on medium --report json=/dev/full" + ssh, 2},
		{"scan: it cannot be written, and none was reached", "scan -i @stranger.hosts --report json=/dev/full" + ssh, 2},

		{"check: clean", "check -i @clean.hosts" + ssh, 0},
		{"check: medium is below its gate", "check -i @risky.hosts" + ssh, 0},
		{"check: a loss is not its gate", "check -i @lossy.hosts" + ssh, 0},
		{"check: the policy", "check -i @clean.hosts -p @wants.yaml" + ssh, 1},
		{"check: the policy, and no gate", "check -i @clean.hosts -p @wants.yaml --fail-on none" + ssh, 0},
		{"check: waived", "check -i @clean.hosts -p @waives.yaml" + ssh, 0},
		{"check: in the baseline", "check -i @risky.hosts --fail-on medium --baseline @risk.json" + ssh, 0},
		{"check: not in the baseline", "check -i @risky.hosts --fail-on medium --baseline @quiet.json" + ssh, 1},
		{"check: one failed", "check -i @clean.hosts -i @stranger.hosts" + ssh, 3},
		{"check: the policy, and one failed", "check -i @clean.hosts -i @stranger.hosts -p @wants.yaml" + ssh, 1},
		{"check: none reached", "check -i @stranger.hosts -p @wants.yaml" + ssh, 4},
		{"check: wrong policy", "check -i @clean.hosts -p @wrong.yaml" + ssh, 2},
		{"check: it cannot be written", "check -i @clean.hosts -p @wants.yaml --report json=/dev/full" + ssh, 2},

		{"analyze: clean", "analyze @clean.txtar", 0},
		{"analyze: no gate", "analyze @lossy.txtar @risky.txtar", 0},
		{"analyze: at risk", "analyze @risky.txtar --fail-on medium", 1},
		{"analyze: a loss", "analyze @lossy.txtar --fail-on-loss high", 1},
		{"analyze: a total since boot is no loss", "analyze @since.txtar --fail-on-loss low --fail-on low", 0},
		{"analyze: a policy", "analyze @clean.txtar -p @wants.yaml --fail-on high", 1},
		{"analyze: read in part", "analyze @cut.txtar", 3},
		{"analyze: at risk, and one read in part", "analyze @risky.txtar @cut.txtar --fail-on medium", 1},
		{"analyze: no capture", "analyze @nowhere", 2},
		{"analyze: it cannot be written", "analyze @clean.txtar --report json=/dev/full", 2},

		{"report: clean", "report --runs @quiet", 0},
		{"report: no gate", "report --runs @risk", 0},
		{"report: at risk", "report --runs @risk --fail-on medium", 1},
		{"report: a rule that is off", "report --runs @risk --fail-on medium -p @off.yaml", 0},
		{"report: in the baseline", "report --runs @risk --fail-on medium --baseline @risk.json", 0},
		{"report: one failed", "report --runs @failed", 3},
		{"report: at risk, and one failed", "report --runs @failed --fail-on medium", 1},
		{"report: none reached", "report --runs @none", 4},
		{"report: no run", "report --runs @nowhere", 2},
		{"report: it cannot be written", "report --runs @risk --fail-on medium --report json=/dev/full", 2},

		{"diff: nothing new", "diff --runs @twice --fail-on low", 0},
		{"diff: new, without a gate", "diff " + quietThenRisk, 0},
		{"diff: new, at the gate", "diff --fail-on medium " + quietThenRisk, 1},
		{"diff: new, below the gate", "diff --fail-on critical " + quietThenRisk, 0},
		{"diff: new, and waived", "diff --fail-on medium -p @off.yaml " + quietThenRisk, 0},
		{"diff: nothing new, and one failed", "diff --fail-on medium " + riskThenFailed, 3},
		{"diff: one may fail", "diff --fail-on medium --max-failed 1 " + riskThenFailed, 0},
		{"diff: it cannot be written", "diff --fail-on medium --report json=/dev/full " + quietThenRisk, 2},
		{"diff: no run before", "diff --runs @quiet", 2},
		{"diff: no run", "diff --runs @nowhere", 2},

		{"merge: all shards", "merge @one @two", 0},
		{"merge: a folder of both", "merge @both", 0},
		{"merge: at risk", "merge @both --fail-on medium", 1},
		{"merge: a loss", "merge @both --fail-on-loss high", 1},
		{"merge: below the gate", "merge @both --fail-on critical", 0},
		{"merge: in the baseline", "merge @both --fail-on medium --baseline @risk.json", 0},
		{"merge: a shard is missing", "merge @one", 3},
		{"merge: a shard is missing, and that may be", "merge @one --max-failed 2", 0},
		{"merge: no shards", "merge @quiet", 2},
		{"merge: no run", "merge @nowhere", 2},
		{"merge: nothing", "merge", 2},
		{"merge: it cannot be written", "merge @both --fail-on medium --report json=/dev/full", 2},
	} {
		for _, format := range append(report.Formats(), report.Remedy) {
			if format == "table" && strings.HasPrefix(test.line, "check") {
				format = "gate" // its own
			}
			t.Run(test.name+"/"+format, func(t *testing.T) {
				line := test.line
				if !strings.Contains(line, " --runs ") && !strings.HasPrefix(line, "analyze") {
					line += " --runs none"
				}
				output := filepath.Base(t.TempDir())
				os.RemoveAll(f.path(output))
				code, _, stderr := f.run(line + " -f " + format + " -o @" + output)
				if code != test.want {
					t.Errorf("exit code %d, want %d\n%s", code, test.want, stderr)
				}
				if code == 2 && stderr == "" {
					t.Error("nothing says what is wrong")
				}
				if _, err := os.Stat(f.path(output)); err == nil && code == 2 && !strings.Contains(line, "/dev/full") {
					t.Error("an output was written")
				}
				if format == "json" && code != 2 {
					checkStatus(t, f.path(output), test.want)
				}
				os.RemoveAll(f.path(output))
			})
		}
	}
}

// checkStatus compares the code that a report in JSON says it has.
func checkStatus(t *testing.T, path string, want int) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var r report.Report
	if err := json.Unmarshal(text, &r); err != nil || r.Status.ExitCode != want {
		t.Errorf("status.exit_code is %d, want %d: %v", r.Status.ExitCode, want, err)
	}
}

// TestExitCodesOfOthers holds the commands that make no report to theirs: 0, or 2.
func TestExitCodesOfOthers(t *testing.T) {
	f := startExitFleet(t)
	for line, want := range map[string]int{
		"hosts -i @clean.hosts": 0, "hosts -i @clean.hosts -f json": 0, "hosts -i @nowhere": 2, "hosts -i @clean.hosts -f xml": 2, "hosts -i @clean.hosts -l web": 2,
		"policy check @wants.yaml": 0, "policy check @wrong.yaml": 2, "policy check @nowhere": 2, "policy frobnicate": 2,
		"policy show --host x -p @wants.yaml": 0, "policy show --host x -p @wants.yaml -f json": 0, "policy show --host x -p @wrong.yaml": 2, "policy show -p @wants.yaml": 2,
		"policy schema": 0, "rules": 0, "rules -f json": 0, "rules -f xml": 2, "script": 0, "script -p @wants.yaml": 0, "script -p @wrong.yaml": 2, "script x": 2,
		"facts @clean.txtar": 0, "facts @nowhere": 2, "explain FD601": 0, "explain nothing-of-that-name": 2, "version": 0, "completion bash": 0,
		"lint @good.conf": 0, "lint @good.conf -f json": 0, "lint @bad.conf": 1, "lint @bad.conf -f json": 1, "lint @bad.conf -f sarif": 1, "lint @bad.conf -f junit": 1,
		"lint @bad.conf --fail-on critical": 0, "lint @bad.conf --fail-on none -f sarif": 0, "lint @nowhere": 2, "lint": 2, "lint @bad.conf -f xml": 2,
		"lint @bad.conf -o /dev/full": 2, "lint @bad.conf -o /no/such/folder/x": 2, "lint @bad.conf --kernel six": 2,
		"": 0, "--help": 0, "frobnicate": 2, "--frobnicate": 2,
	} {
		if code, _, stderr := f.run(line); code != want || code == 2 && stderr == "" {
			t.Errorf("fleetdrop %s: exit code %d, want %d\n%s", line, code, want, stderr)
		}
	}
}

// TestExitCodeInterrupted interrupts a scan in its window: 130 wins over all else, now and when the run
// is reported again.
func TestExitCodeInterrupted(t *testing.T) {
	f := startExitFleet(t)
	for i, format := range append(report.Formats(), report.Remedy) {
		runs := fmt.Sprintf("runs-%d", i)
		ended := make(chan struct{})
		go interrupt(f.path(runs), ended)
		code, _, stderr := f.run("scan -i @risky.hosts -i @stranger.hosts -F none --known-hosts @known_hosts --window 30s --fail-on low --report json=/dev/full -q -f " +
			format + " -o @out-" + format + " --runs @" + runs)
		close(ended)
		if code != 130 {
			t.Errorf("%s: exit code %d, want 130\n%s", format, code, stderr)
		}
		if code, _, stderr := f.run("report --runs @" + runs + " " + newest(t, f.path(runs)) + " -f " + format + " -o @again-" + format); code != 130 {
			t.Errorf("%s, reported again: exit code %d, want 130\n%s", format, code, stderr)
		}
	}
}

// interrupt interrupts a scan that keeps its run there, when the first host has finished, unless it ends before.
func interrupt(runs string, ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			return
		case <-time.After(10 * time.Millisecond):
		}
		files, _ := filepath.Glob(filepath.Join(runs, "*", "hosts.ndjson.gz")) // the pattern is valid
		if len(files) == 0 {
			continue
		}
		if info, err := os.Stat(files[0]); err == nil && info.Size() > 0 {
			syscall.Kill(os.Getpid(), syscall.SIGINT)
			return
		}
	}
}

// newest is the path of the one run in a folder.
func newest(t *testing.T, dir string) string {
	t.Helper()
	runs, err := filepath.Glob(filepath.Join(dir, "2*"))
	if err != nil || len(runs) == 0 {
		t.Fatal("no run was saved", err)
	}
	return slices.Max(runs)
}
