//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain is fleetlab itself where it is called as that: a lab starts its own program as
// the first process of each host.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-test.") {
		os.Exit(fleetlab(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// labName is a name that no other lab of this machine has.
func labName(t *testing.T) string {
	t.Helper()
	if err := checkNeeds(nil); err != nil {
		t.Skipf("no lab can be built here: %v", err)
	}
	name := fmt.Sprintf("t%d", os.Getpid())
	t.Cleanup(func() {
		if left := leftOf(t, name); t.Failed() && len(left) > 0 {
			_ = down(&console{io.Discard, io.Discard}, name) // what can be taken back
		}
	})
	return name
}

// leftOf is what there is of a lab: namespaces, its folder, processes that were started in
// it.
func leftOf(t *testing.T, name string) (left []string) {
	t.Helper()
	for _, pattern := range []string{"/run/netns/" + name + "-*", "/run/" + name} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, found...)
	}
	processes(func(pid int) bool {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if bytes.Contains(line, []byte("/run/"+name+"/")) {
			left = append(left, fmt.Sprintf("process %d: %q", pid, line))
		}
		return true
	})
	return left
}

// TestUpAndDown brings hosts up, logs in on each, and takes everything back.
func TestUpAndDown(t *testing.T) {
	name := labName(t)
	c := &console{io.Discard, io.Discard}
	l, err := openLab(c, name)
	if err != nil {
		t.Fatal(err)
	}
	root := fault{name: "root", title: "root logs in"}
	user := fault{name: "user", title: "another logs in", user: login}
	tools := fault{name: "tools", title: "BusyBox only", busybox: true}
	if err := checkNeeds([]fault{tools}); err != nil {
		t.Skip(err)
	}
	if err := l.up(context.Background(), []fault{root, user, tools}); err != nil {
		t.Fatal(errors.Join(err, l.down()))
	}
	ssh := func(host, command string) string {
		out, err := l.controller().output("", "ssh", "-F", l.path("ssh_config"), "-o", "BatchMode=yes", host, command)
		if err != nil {
			t.Error(err)
		}
		return strings.TrimSpace(out)
	}
	for host, uid := range map[string]string{"root": "0", "user": "61001", "tools": "0"} {
		if got := ssh(host, "hostname; id -u"); got != host+"\n"+uid {
			t.Errorf("%s is %q", host, got)
		}
		// A host sees its own processes, its own interfaces and no file of the lab's key.
		got := ssh(host, "cat /proc/1/comm; ls /sys/class/net | sort | tr '\\n' ' '; ls /run; ls /run/"+name)
		if want := "sshd\neth0 lo \n" + "sshd\n" + name; !strings.HasPrefix(sorted(got), sorted(want)) || strings.Contains(got, "id\n") {
			t.Errorf("%s sees %q, want %q", host, got, want)
		}
	}
	if got := ssh("tools", "command -v nft ss; readlink /bin/ip"); got != "busybox" {
		t.Errorf("a host that has BusyBox only has %q", got)
	}
	if _, err := openLab(c, name); !errors.Is(err, errInUse) {
		t.Errorf("a lab that runs was taken over: %v", err)
	}
	if err := l.down(); err != nil {
		t.Error(err)
	}
	if left := leftOf(t, name); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func sorted(text string) string { return strings.Join(strings.Fields(text), " ") }

// TestKill kills a lab that holds its hosts, and takes back what it left.
func TestKill(t *testing.T) {
	name := labName(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	hold := exec.Command(self, "hold", "--name", name, "--only", "clean,udp-buffer", "--secs", "600")
	hold.Stderr = os.Stderr
	out, err := hold.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := hold.Start(); err != nil {
		t.Fatal(err)
	}
	lines, hosts := bufio.NewScanner(out), 0
	for hosts < 2 && lines.Scan() {
		if !strings.HasPrefix(lines.Text(), "#") {
			hosts++
		}
	}
	time.Sleep(200 * time.Millisecond) // in the middle of its work
	if err := hold.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = hold.Wait() // killed
	if left := leftOf(t, name); hosts != 2 || len(left) < 6 {
		t.Fatalf("%d hosts, %q: want two hosts, four namespaces, a folder and processes", hosts, left)
	}

	var stdout, stderr bytes.Buffer
	if code := fleetlab([]string{"down", "--name", name}, &stdout, &stderr); code != 0 {
		t.Errorf("down: exit code %d\n%s", code, stderr.String())
	}
	if left := leftOf(t, name); len(left) > 0 {
		t.Errorf("left: %q\n%s", left, stdout.String())
	}
	stderr.Reset()
	if code := fleetlab([]string{"down", "--name", name}, &stdout, &stderr); code != 0 || !strings.Contains(stderr.String(), "nothing is left") {
		t.Errorf("down once more: exit code %d\n%s", code, stderr.String())
	}
}

// TestForeignNamespace leaves a namespace alone that somebody else made.
func TestForeignNamespace(t *testing.T) {
	name := labName(t)
	foreign := netns(name + "-clean")
	if out, err := exec.Command("ip", "netns", "add", string(foreign)).CombinedOutput(); err != nil {
		t.Skipf("no namespace can be made here: %v: %s", err, out)
	}
	var stdout, stderr bytes.Buffer
	if code := fleetlab([]string{"hold", "--name", name, "--only", "clean", "--secs", "1"}, &stdout, &stderr); code != exitUsage ||
		!strings.Contains(stderr.String(), "choose another --name") {
		t.Errorf("exit code %d\n%s", code, stderr.String())
	}
	if _, err := os.Stat(foreign.path()); err != nil {
		t.Errorf("it was taken away: %v", err)
	}
	// A sysctl is put back only where it still is what the lab made of it.
	err := foreign.do(func() error {
		const key = "net.ipv4.ip_default_ttl"
		for _, test := range []struct{ now, set, want string }{{"33", "33", "64"}, {"44", "33", "44"}} {
			if err := writeSysctl(key, test.now); err != nil {
				return err
			}
			if err := restore(key, "64", test.set); err != nil {
				return err
			}
			if got, err := readSysctl(key); err != nil || got != test.want {
				t.Errorf("%+v: it is %s (%v)", test, got, err)
			}
		}
		return nil
	})
	if err := errors.Join(err, foreign.remove()); err != nil {
		t.Error(err)
	}
}

// TestMiss is a run with a fleetdrop that knows nothing: the lab has to say so, whatever it
// provokes.
func TestMiss(t *testing.T) {
	name := labName(t)
	blind := filepath.Join(t.TempDir(), "fleetdrop")
	if err := os.WriteFile(blind, []byte("#!/bin/sh\necho '{\"schema\": \"fleetdrop.report/v1\", \"hosts\": []}'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(t.TempDir(), "lab.md")
	var stdout, stderr bytes.Buffer
	code := fleetlab([]string{"run", "--name", name, "--fleetdrop", blind, "--only", "clean,udp-buffer", "--docs", page}, &stdout, &stderr)
	if code != exitMiss {
		t.Errorf("exit code %d, want %d\n%s", code, exitMiss, stderr.String())
	}
	for _, want := range []string{"fleetdrop ended before it had taken a sample", "MISS", "clean: was not reached"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, stdout.String())
		}
	}
	if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), "| diagnosis | 0 of 4 | all |") {
		t.Errorf("the page: %v\n%s", err, text)
	}
	if left := leftOf(t, name); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestUsage: what cannot be done is one sentence with the next step, and makes nothing.
func TestUsage(t *testing.T) {
	for _, test := range []struct {
		args string
		want string
	}{
		{"run --only no-such-fault", "fleetlab list"},
		{"run --repeat 0", "want 1 or more"},
		{"run --window 1h", "want 2s to 1m"},
		{"run --format xml", "want table or json"},
		{"run now", "one argument too many"},
		{"hold --secs 0", "want 1 or more"},
		{"list -f xml", "want table or json"},
		{"down --name ../etc", "small letters and digits"},
		{"up", "there is no command"},
		{"init", "of the lab's own use"},
	} {
		var stdout, stderr bytes.Buffer
		code := fleetlab(strings.Fields(test.args), &stdout, &stderr)
		if os.Geteuid() != 0 && strings.Contains(stderr.String(), "root is needed") {
			continue
		}
		if code != exitUsage || !strings.Contains(stderr.String(), test.want) {
			t.Errorf("%s: exit code %d, %q; want %q", test.args, code, stderr.String(), test.want)
		}
	}
	var stdout, stderr bytes.Buffer
	if code := fleetlab([]string{"list"}, &stdout, &stderr); code != 0 || strings.Count(stdout.String(), "\n") != len(faults())+1 {
		t.Errorf("list: exit code %d\n%s", code, stdout.String())
	}
	stdout.Reset()
	if code := fleetlab([]string{"list", "-f", "json"}, &stdout, &stderr); code != 0 || !strings.Contains(stdout.String(), `"name": "clean"`) {
		t.Errorf("list -f json: exit code %d\n%s", code, stdout.String())
	}
	t.Setenv("PATH", t.TempDir())
	if err := checkNeeds(faults()); os.Geteuid() == 0 && err != nil && !strings.Contains(err.Error(), "apt-get install") {
		t.Errorf("without tools: %v", err)
	}
}
