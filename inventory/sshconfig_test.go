package inventory

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// needSSH skips a test that compares with OpenSSH where there is none.
func needSSH(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Skip("no ssh in PATH: nothing to compare with")
	}
}

// configs returns testdata/ssh_config.txtar: configurations that others read wrongly, the
// dangerous ones first.
func configs(t testing.TB) []txtar.File {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/ssh_config.txtar")
	if err != nil {
		t.Fatal(err)
	}
	return archive.Files
}

// names are asked for in every configuration.
var names = []string{"a", "b", "web", "web1", "web3", "web33", "WEB9", "10.0.0.1", "jump", "bob"}

func writeFile(t testing.TB, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// sshSays is what ssh -G prints of the keywords that decide where a connection goes, and
// whether it accepts the configuration at all.
func sshSays(t testing.TB, config, name string, args ...string) (map[string][]string, bool) {
	t.Helper()
	cmd := exec.Command("ssh", append(append([]string{"-G", "-T", "-F", config}, args...), "--", name)...)
	out, err := cmd.Output()
	said := map[string][]string{}
	for line := range bytes.Lines(out) {
		keyword, value, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
		switch keyword {
		case "hostname", "port", "user", "proxyjump", "proxycommand", "hostkeyalias", "connecttimeout",
			"addressfamily", "identitiesonly", "stricthostkeychecking":
			said[keyword] = append(said[keyword], value)
		case "identityfile":
			said[keyword] = append(said[keyword], strings.Replace(value, "~", "HOME", 1))
		}
	}
	return said, err == nil
}

// TestBuiltinSaysWhatSSHSays holds the fallback against ssh: whatever it does not get
// right it must refuse.
func TestBuiltinSaysWhatSSHSays(t *testing.T) {
	needSSH(t)
	understood := 0
	for _, f := range configs(t) {
		t.Run(f.Name, func(t *testing.T) {
			file := writeFile(t, string(f.Data))
			understood += compareBuiltin(t, file, names)
		})
	}
	if understood < 100 {
		t.Errorf("only %d answers compared: the fallback refuses nearly everything", understood)
	}
}

// compareBuiltin compares the fallback with ssh for each name, and counts the answers that
// it gave.
func compareBuiltin(t *testing.T, file string, names []string) (understood int) {
	t.Helper()
	config, err := readSSHConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	login, _ := thisMachine()
	for _, name := range names {
		r := &resolver{problems: &problems{}, machine: login, config: config}
		a := r.ask(t.Context(), []request{{alias: name}})[0]
		if len(r.errors) > 0 {
			for _, e := range r.errors {
				if e.Hint == "" {
					t.Errorf("no next step in: %v", e)
				}
			}
			continue
		}
		want, accepted := sshSays(t, file, name)
		if !accepted {
			t.Errorf("%s: understood what ssh refuses", name)
			continue
		}
		understood++
		got := map[string][]string{"hostname": {a.hostname}, "port": {a.port}}
		for keyword := range want {
			for _, v := range a.values[keyword] {
				got[keyword] = append(got[keyword], strings.Replace(v, "~", "HOME", 1))
			}
		}
		if slices.Equal(a.values["identityfile"], builtinDefaults["identityfile"]) {
			delete(got, "identityfile") // the defaults differ between versions of ssh
			delete(want, "identityfile")
		}
		normalise(got)
		normalise(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-ssh +builtin):\n%s", name, diff)
		}
	}
	return understood
}

func normalise(said map[string][]string) {
	for keyword, defaults := range map[string]string{"addressfamily": "any", "identitiesonly": "no",
		"stricthostkeychecking": "ask", "connecttimeout": "none"} {
		if len(said[keyword]) == 0 {
			said[keyword] = []string{defaults}
		}
	}
	for keyword, values := range said {
		for i, v := range values {
			switch v {
			case "true":
				v = "yes"
			case "false", "off":
				v = "no"
			}
			if d, err := seconds(v); err == nil && keyword == "connecttimeout" {
				v = d.String()
			}
			values[i] = strings.ReplaceAll(v, "ssh://", "")
		}
	}
}

// TestClasses asks ssh about every host by itself, and compares with what was derived
// from two hosts of each class.
func TestClasses(t *testing.T) {
	needSSH(t)
	for _, f := range configs(t) {
		t.Run(f.Name, func(t *testing.T) {
			file := writeFile(t, string(f.Data))
			var requests []request
			for _, name := range []string{"a", "web1", "10.0.0.1", "jump"} {
				requests = append(requests, request{alias: name})
			}
			for i := range 3 { // the one in the middle is derived
				requests = append(requests,
					request{alias: fmt.Sprintf("web%d", i)},
					request{alias: fmt.Sprintf("db%d.example.com", i), port: fmt.Sprint(2000 + i)},
					request{alias: fmt.Sprintf("n%d", i), addr: fmt.Sprintf("10.0.0.%d", i), user: "bob"},
					request{alias: fmt.Sprintf("SRV-%d", i), jump: "gate"},
				)
			}
			compareClasses(t, file, requests)
		})
	}
}

// compareClasses compares what is derived with what ssh says of each request alone.
func compareClasses(t *testing.T, file string, requests []request) {
	t.Helper()
	ask := func(alone bool) ([]answers, *problems) {
		p := &problems{}
		r := newResolver(t.Context(), Options{SSHConfig: file}, p)
		if r == nil {
			t.Fatal(p.err())
		}
		r.config.opaque = r.config.opaque || alone
		return r.ask(t.Context(), requests), p
	}
	want, refusals := ask(true)
	got, p := ask(false)
	if (len(refusals.errors) > 0) != (len(p.errors) > 0) {
		t.Fatalf("alone: %v\nin classes: %v", refusals.err(), p.err())
	}
	if len(p.errors) > 0 {
		return
	}
	for i := range want {
		if !want[i].like(got[i]) {
			t.Errorf("%+v:\n%s", requests[i], cmp.Diff(want[i], got[i], cmp.AllowUnexported(answers{})))
		}
	}
}

// TestRandomConfigs makes configurations from lines that are right one by one: the
// fallback and the classes must both say what ssh says.
func TestRandomConfigs(t *testing.T) {
	needSSH(t)
	blocks := []string{"Host *", "Host a", "Host web*", "Host * !a", "Host web1 10.*", "Host b web*3 *.x", "Match all", "Match final all",
		"Match originalhost web*", "Match user root", "HOST=a b", "host\tb", "Host \"a\""}
	lines := []string{"HostName %h.x", "HostName 10.0.0.1", "HostName b", "User u1", "User=u2", "Port 1", "port  = 2 # two", "ProxyJump a,b",
		"ProxyJump none", "ProxyCommand nc %h", "ProxyCommand none", "IdentityFile ~/.ssh/%h", "IdentityFile /k1", "IdentitiesOnly yes", "ConnectTimeout 5",
		"HostKeyAlias k", "AddressFamily inet6", "StrictHostKeyChecking accept-new", "# comment", "", "SendEnv A B"}
	source := rand.New(rand.NewPCG(1, 2))
	understood := 0
	for n := range 40 {
		var b strings.Builder
		for range source.IntN(12) {
			list := lines
			if source.IntN(3) == 0 {
				list = blocks
			}
			b.WriteString(list[source.IntN(len(list))] + "\n")
		}
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			file := writeFile(t, b.String())
			understood += compareBuiltin(t, file, []string{"a", "web13"})
			compareClasses(t, file, []request{{alias: "web1"}, {alias: "web2"}, {alias: "web3"}, {alias: "web4", port: "5"}, {alias: "web5", port: "6"},
				{alias: "web6", port: "7"}, {alias: "web7"}, {alias: "b"}})
			if t.Failed() {
				t.Log(b.String())
			}
		})
	}
	if understood < 15 {
		t.Errorf("only %d answers compared", understood)
	}
}

// TestClassesSaveForks counts the processes for a fleet that ssh_config hardly tells apart.
func TestClassesSaveForks(t *testing.T) {
	needSSH(t)
	dir := t.TempDir()
	count := filepath.Join(dir, "count")
	real, _ := exec.LookPath("ssh")
	script := fmt.Sprintf("#!/bin/sh\necho >>%s\nexec %s \"$@\"\n", count, real)
	if err := os.WriteFile(filepath.Join(dir, "ssh"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	config := writeFile(t, "Host web*\n HostName %h.example.com\n User deploy\nHost *\n IdentityFile ~/.ssh/fleet\n")
	hosts, _, err := Load(context.Background(), Options{Hosts: []string{"web[0001-5000]", "db[0001-5000]"}, SSHConfig: config})
	if err != nil {
		t.Fatal(err)
	}
	if len(hosts) != 10_000 || hosts[4999].Hostname != "web5000.example.com" || hosts[4999].User != "deploy" || hosts[9999].Hostname != "db5000" {
		t.Errorf("%d hosts, %+v, %+v", len(hosts), hosts[4999], hosts[9999])
	}
	forks, err := os.ReadFile(count)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(forks, []byte("\n")); n > 5 {
		t.Errorf("%d processes for two classes, want 2 for each and one for the defaults", n)
	}
}
