package inventory

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// withoutSSH takes ssh out of PATH.
func withoutSSH(t *testing.T) { t.Setenv("PATH", t.TempDir()) }

// ways writes the hosts as "name user@address via user@address,…".
func ways(hosts []Host) (list []string) {
	for _, h := range hosts {
		s := h.Name + " " + h.User + "@" + h.Address()
		for i, hop := range h.Jump {
			s += []string{" via ", ","}[min(i, 1)] + hop.User + "@" + hop.Address()
		}
		if h.ProxyCommand != "" {
			s += " by " + h.ProxyCommand
		}
		list = append(list, s)
	}
	return list
}

const jumps = `
Host gate
  HostName gate.example.com
  User gatekeeper
  ProxyJump outer:2200
Host second
  ProxyJump nowhere
Host db*
  ProxyJump gate,hop@second
Host tunnel
  ProxyCommand nc -X connect %h %p %r %n %%
Host behind
  ProxyJump tunnel
Host *
  User me
`

// TestWays: with an ssh and without, hosts are reached the same way.
func TestWays(t *testing.T) {
	config := writeFile(t, jumps)
	o := Options{SSHConfig: config, Hosts: []string{"db1", "web1", "web2 jump=gate", "you@tunnel:99", "behind", "db2 jump=none", "db3 addr=10.0.0.3"}}
	want := []string{
		"db1 me@db1:22 via me@outer:2200,gatekeeper@gate.example.com:22,hop@second:22",
		"web1 me@web1:22",
		"web2 me@web2:22 via me@outer:2200,gatekeeper@gate.example.com:22",
		"tunnel you@tunnel:99 by nc -X connect tunnel 99 you tunnel %",
		"behind me@behind:22 via me@tunnel:22",
		"db2 me@db2:22",
		"db3 me@10.0.0.3:22 via me@outer:2200,gatekeeper@gate.example.com:22,hop@second:22",
	}
	check := func(t *testing.T) []Host {
		hosts, warnings, err := Load(t.Context(), o)
		if err != nil || len(warnings) > 0 {
			t.Fatal(err, warnings)
		}
		if diff := cmp.Diff(want, ways(hosts)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if p := hosts[4].Jump[0].ProxyCommand; p != "nc -X connect tunnel 22 me tunnel %" {
			t.Errorf("the jump host's ProxyCommand is %q", p)
		}
		return hosts
	}
	t.Run("builtin", func(t *testing.T) {
		withoutSSH(t)
		check(t)
	})
	t.Run("ssh", func(t *testing.T) {
		needSSH(t)
		check(t)
	})
}

// TestBuiltinAndSSHAgree compares whole hosts.
func TestBuiltinAndSSHAgree(t *testing.T) {
	needSSH(t)
	key := writeFile(t, "")
	config := writeFile(t, `
Host web*
  HostName %h.example.com
  Port 2222
  IdentityFile ~/.ssh/%h-%r-%n-%p-%u-%i-%L-%l-%d-%%
  IdentityFile none-such
  CertificateFile ~/cert
  HostKeyAlias the-%h
  UserKnownHostsFile /a ~/b /none
  GlobalKnownHostsFile none
  RevokedHostKeys ~/revoked
  IdentityAgent ~/agent
  IdentitiesOnly yes
  StrictHostKeyChecking accept-new
  ConnectTimeout 1m
  ServerAliveInterval 30
  HashKnownHosts yes
  AddressFamily inet6
  BindAddress 10.0.0.9
  Ciphers aes128-ctr,aes256-ctr
  KexAlgorithms curve25519-sha256
  MACs hmac-sha2-256
  HostKeyAlgorithms ssh-ed25519
  PubkeyAcceptedAlgorithms ssh-ed25519
  KnownHostsCommand /bin/known %H
`)
	o := Options{SSHConfig: config, Hosts: []string{"web1", "bob@web2:33", "2001:db8::1"}, Identity: []string{key},
		KnownHosts: []string{key}, HostKey: "strict", ConnectTimeout: 3 * time.Second}
	for _, flags := range []bool{true, false} {
		if !flags {
			o.Identity, o.KnownHosts, o.HostKey, o.ConnectTimeout = nil, nil, "", 0
		}
		want, _, err := Load(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(fmt.Sprint("flags ", flags), func(t *testing.T) {
			withoutSSH(t)
			got, _, err := Load(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if !flags { // the default keys are those of the version of ssh
				want[2].IdentityFiles, got[2].IdentityFiles = nil, nil
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-ssh +builtin:\n%s", diff)
			}
		})
		web := want[0]
		host, _ := os.Hostname()
		login, _ := thisMachine()
		short, _, _ := strings.Cut(host, ".")
		path := filepath.Join(login.home, ".ssh", fmt.Sprintf("web1.example.com-%s-web1-2222-%[1]s-%s-%s-%s-%s-%%",
			login.user, login.uid, short, host, login.home))
		if !slices.Contains(web.IdentityFiles, path) {
			t.Errorf("%q is not in %q", path, web.IdentityFiles)
		}
		if flags && (web.IdentityFiles[0] != key || web.StrictHostKeyChecking != "yes" || web.ConnectTimeout != 3*time.Second ||
			!slices.Equal(web.UserKnownHostsFiles, []string{key})) {
			t.Errorf("flags do not win: %+v", web.Endpoint)
		}
		if !flags && (web.ConnectTimeout != time.Minute || web.GlobalKnownHostsFiles == nil || len(web.GlobalKnownHostsFiles) > 0 ||
			!slices.Equal(web.UserKnownHostsFiles, []string{"/a", login.home + "/b", "/none"})) {
			t.Errorf("%+v", web.Endpoint)
		}
	}
}

func TestJumpErrors(t *testing.T) {
	for name, text := range map[string]string{
		"self":   "Host *\n ProxyJump jump\n",
		"circle": "Host a\n ProxyJump b\nHost b\n ProxyJump c\nHost c\n ProxyJump a\n",
	} {
		config := writeFile(t, text)
		check := func(t *testing.T) {
			hosts, _, err := Load(t.Context(), Options{SSHConfig: config, Hosts: []string{"a", "web[1-9]", "jump"}})
			if err == nil || hosts != nil || !strings.Contains(err.Error(), "loop") && !strings.Contains(err.Error(), "its own jump host") {
				t.Errorf("%v %v", ways(hosts), err)
			}
		}
		t.Run(name+" builtin", func(t *testing.T) { withoutSSH(t); check(t) })
		t.Run(name, func(t *testing.T) { needSSH(t); check(t) })
	}
}

// TestHopOfJumpFlag: -J is for the whole fleet, and the fleet may hold its hops.
func TestHopOfJumpFlag(t *testing.T) {
	withoutSSH(t)
	hosts, _, err := Load(t.Context(), Options{SSHConfig: "none", User: "me", Jump: "x@a,x@b:33", Hosts: []string{"a", "b", "c"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a me@a:22", "b me@b:22 via x@a:22", "c me@c:22 via x@a:22,x@b:33"}
	if diff := cmp.Diff(want, ways(hosts)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestConfigErrors: one line that is wrong is one error, with its place.
func TestConfigErrors(t *testing.T) {
	config := writeFile(t, "Host *\n Prot 22\n")
	o := Options{SSHConfig: config, Hosts: []string{"web[1-500]"}}
	t.Run("ssh", func(t *testing.T) {
		needSSH(t)
		_, _, err := Load(t.Context(), o)
		if err == nil || !strings.HasPrefix(err.Error(), config+":2: Bad configuration option: prot; ") || strings.Contains(err.Error(), "\n") {
			t.Error(err)
		}
	})
	t.Run("builtin", func(t *testing.T) {
		withoutSSH(t)
		_, _, err := Load(t.Context(), o)
		if err == nil || !strings.HasPrefix(err.Error(), config+`:2: the keyword "prot" is not understood without OpenSSH's ssh in PATH; `) {
			t.Error(err)
		}
	})
}

// TestSlowConfig: a command in ssh_config that hangs is ended, with all it started.
func TestSlowConfig(t *testing.T) {
	needSSH(t)
	config := writeFile(t, "Match exec \"sleep 61.5 & wait\"\n User x\n")
	ssh, err := findOpenSSH(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	ssh.limit = 300 * time.Millisecond
	_, _, err = ssh.ask(t.Context(), request{alias: "web1", from: Origin{"hosts", 3}})
	if err == nil || !strings.HasPrefix(err.Error(), "hosts:3: ssh -G web1 did not answer in 300ms; ") {
		t.Error(err)
	}
	// A process that was killed may still be there for a moment.
	for range 20 {
		left, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		alive := slices.ContainsFunc(left, func(f string) bool {
			text, _ := os.ReadFile(f)
			return string(text) == "sleep\x0061.5\x00"
		})
		if !alive {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Error("the command still runs")
}

func TestCancel(t *testing.T) {
	needSSH(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	hosts, _, err := Load(ctx, Options{Hosts: []string{"a"}, SSHConfig: "none"})
	if !errors.Is(err, context.Canceled) || hosts != nil {
		t.Errorf("%v %v", hosts, err)
	}
}

func TestInclude(t *testing.T) {
	needSSH(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"config": "Include " + dir + "/*.conf\nHost a\n Include " + dir + "/only-a\nHost *\n Port 99\n",
		"1.conf": "Host web*\n Port 1\n",
		"2.conf": "User included\nHost b\n Port 2\n",
		"only-a": "HostName 10.0.0.1\nHost b\n User never\nHost a\n Port 3\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := Options{SSHConfig: dir + "/config", Hosts: []string{"a", "b", "c", "d", "e", "f", "web[1-5]"}}
	hosts, _, err := Load(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a included@10.0.0.1:3", "b included@b:2", "c included@c:99", "d included@d:99", "e included@e:99", "f included@f:99"}
	for i := 1; i <= 5; i++ {
		want = append(want, fmt.Sprintf("web%d included@web%[1]d:1", i))
	}
	if diff := cmp.Diff(want, ways(hosts)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	withoutSSH(t)
	if _, _, err := Load(t.Context(), o); err == nil || !strings.Contains(err.Error(), "config:3: Include within a Host block is not understood") {
		t.Error(err)
	}
}

func TestExplain(t *testing.T) {
	key := writeFile(t, "")
	config := writeFile(t, strings.TrimLeft(jumps, "\n")+"  ConnectTimeout 7\n  IdentityFile ~/.ssh/fleet\n")
	hosts := writeFile(t, "# fleet\ndb1 port=2222 group=db key="+key+"\nweb1 addr=10.0.0.1\n")
	check := func(t *testing.T) {
		settings, err := Explain(t.Context(), Options{Files: []string{hosts}, SSHConfig: config, User: "flag"}, "db1")
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, s := range settings {
			got[s.Key] += s.Value + " " + s.Origin.String() + "\n"
		}
		login, _ := thisMachine()
		for key, want := range map[string]string{
			"hostname":       "db1 " + hosts + ":2\n",
			"port":           "2222 " + hosts + ":2\n",
			"user":           "flag --user\n",
			"connecttimeout": "7s " + config + ":15\n",
			"proxyjump": fmt.Sprintf("me@outer:2200 %s:8\ngatekeeper@gate.example.com:22 %[1]s:8\nhop@second:22 %[1]s:8\n",
				config),
			"identityfile":  key + " " + hosts + ":2\n" + login.home + "/.ssh/fleet " + config + ":16\n",
			"addressfamily": "any default\n",
			"group":         "db " + hosts + ":2\n",
		} {
			if got[key] != want {
				t.Errorf("%s:\n got %q\nwant %q", key, got[key], want)
			}
		}
	}
	t.Run("builtin", func(t *testing.T) { withoutSSH(t); check(t) })
	t.Run("ssh", func(t *testing.T) { needSSH(t); check(t) })
	_, err := Explain(t.Context(), Options{Files: []string{hosts}, SSHConfig: config}, "web2")
	if err == nil || err.Error() != `"web2" is none of the 2 hosts of the inventory; fleetdrop hosts shows their names` {
		t.Error(err)
	}
}

// TestExplainMatch: only ssh knows which Match blocks hold, and it tells.
func TestExplainMatch(t *testing.T) {
	needSSH(t)
	config := writeFile(t, `Match exec "test %n = web2"
  Port 1
Match final all
  User late
Match all
  Port 2
Match originalhost web1 !exec "false"
  HostName 10.0.0.1
Host 10.*
  BindAddress 10.0.0.2
`)
	for name, want := range map[string]map[string]int{
		"web1": {"port": 6, "user": 4, "hostname": 8, "bindaddress": 10},
		"web2": {"port": 2, "user": 4},
	} {
		settings, err := Explain(t.Context(), Options{SSHConfig: config}, name)
		if err != nil {
			t.Fatal(err)
		}
		for key, line := range want {
			at := Origin{config, line}
			if !slices.ContainsFunc(settings, func(s Setting) bool { return s.Key == key && s.Origin == at }) {
				t.Errorf("%s: no %s from line %d in %v", name, key, line, settings)
			}
		}
	}
}

func TestTokens(t *testing.T) {
	e := Endpoint{Hostname: "h.example", Port: 22, User: "r"}
	m := tokens{machine{"u", "/home/u", "1000", "box.example"}, "n", &e}
	t.Setenv("FLEET_X", "x")
	for _, test := range []struct{ in, want string }{
		{"~/a", "/home/u/a"}, {"/%%/%h/%n/%p/%r/%u/%i/%l/%L/%k", "/%/h.example/n/22/r/u/1000/box.example/box/n"},
		{"%d/k", "/home/u/k"}, {"/${FLEET_X}/y", "/x/y"},
		{"/%C", ""}, {"/%", ""}, {"/${FLEET_NOT_SET}", ""}, {"/${FLEET_X", ""}, {"~nobody-such/x", ""},
	} {
		got, err := m.path(test.in)
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%s: %q %v, want %q", test.in, got, err, test.want)
		}
	}
	if _, err := m.expand("nc %d", proxyTokens); err == nil {
		t.Error("the home directory is no token of ProxyCommand")
	}
}

func TestSeconds(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "90": 90 * time.Second, "1m30s": 90 * time.Second, "2h": 2 * time.Hour, "1D": 24 * time.Hour, "1w1": 7*24*time.Hour + time.Second,
		"": -1, "x": -1, "1x": -1, "m": -1, "-1": -1, "99999999999": -1, "99999w": -1, "1.5": -1,
	} {
		got, err := seconds(text)
		if want < 0 && err == nil || want >= 0 && (err != nil || got != want) {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
}

func FuzzSSHConfig(f *testing.F) {
	for _, file := range configs(f) {
		f.Add(string(file.Data), "web1")
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		if strings.Contains(strings.ToLower(text), "include") || checkName(name) != nil {
			return
		}
		file := writeFile(t, text)
		c, err := readSSHConfig(file)
		if err != nil {
			return
		}
		c.classify(request{alias: name})
		r := &resolver{problems: &problems{}, machine: machine{"u", "/home/u", "1000", "box"}, config: c}
		a := r.ask(t.Context(), []request{{alias: name}})[0]
		if len(r.errors) == 0 {
			r.endpoint(request{alias: name}, a)
		}
		for _, e := range r.errors {
			if e.Hint == "" || strings.ContainsFunc(e.Message, func(c rune) bool { return c < ' ' }) {
				t.Errorf("message %q, hint %q", e.Message, e.Hint)
			}
		}
	})
}

// BenchmarkLoad is 10,000 hosts with a Debian-like ssh_config, ssh included.
func BenchmarkLoad(b *testing.B) {
	needSSH(b)
	config := writeFile(b, "Host web*\n HostName %h.example.com\n User deploy\nHost gate\n User gate\nHost *\n SendEnv LANG LC_*\n HashKnownHosts yes\n")
	b.ReportAllocs()
	for b.Loop() {
		hosts, _, err := Load(context.Background(), Options{Hosts: []string{"web[0001-5000] jump=gate", "db[0001-5000]"}, SSHConfig: config})
		if err != nil || len(hosts) != 10_000 {
			b.Fatal(len(hosts), err)
		}
	}
}
