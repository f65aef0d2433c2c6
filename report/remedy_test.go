package report

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// remedies writes the remedies of a report, and returns the files by their paths.
func remedies(t *testing.T, r *Report) map[string]string {
	t.Helper()
	dir := t.TempDir()
	if err := WriteRemedy(dir, r); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[name] = string(text)
		if filepath.Base(path) == "zz-fleetdrop.conf" {
			dryRun(t, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// dryRun has sysctl itself read a drop-in, and write nothing.
func dryRun(t *testing.T, path string) {
	t.Helper()
	sysctl, err := exec.LookPath("sysctl")
	if err != nil {
		sysctl = "/usr/sbin/sysctl"
	}
	if out, err := exec.Command(sysctl, "--dry-run", "-p", path).CombinedOutput(); err != nil && !os.IsNotExist(err) &&
		!strings.Contains(string(out), "No such file or directory") { // a key that this machine does not have
		t.Errorf("%s: %v\n%s", path, err, out)
	}
}

// TestRemedy compares the remedies of one host with what is expected of them.
func TestRemedy(t *testing.T) {
	somaxconn := drop.Step{Text: "allow longer queues", Sysctl: "net.core.somaxconn", Value: "4096", Present: "128",
		Command: "sysctl -w net.core.somaxconn=4096", Undo: "sysctl -w net.core.somaxconn=128", Price: "memory"}
	first := acceptQueue(17, 54)
	first.Steps = []drop.Step{{Text: "accept faster"}, somaxconn, {Text: "or less", Sysctl: "net.core.somaxconn", Value: "1024"}}
	again := first
	again.Subject = "0.0.0.0:9090"
	ring := acceptQueue(17, 54)
	ring.Subject, ring.Steps = "eth0", []drop.Step{{Text: "a larger ring", Command: "ethtool -G eth0 rx 4096", Undo: "ethtool -G eth0 rx 512"}}
	waived := acceptQueue(17, 54)
	waived.Subject = "waived"
	wants := acceptQueue(17, 54)
	wants.Subject, wants.Expected = "net.ipv4.conf.*.rp_filter", "policy.yaml:3"
	wants.Steps = []drop.Step{{Text: "set", Sysctl: "net.ipv4.conf.eth0/7.rp_filter", Value: "2"}, {Text: "set", Sysctl: "net.ipv4.conf.eth1.rp_filter", Value: "2"}}
	host := Scanned(inventory.Host{Name: "web-17"}, new(probe.Snapshot), testRules, []drop.Verdict{verdict("FD601", first, again, ring, waived, wants)})
	for i := range host.Findings {
		if host.Findings[i].Subject == "waived" {
			host.Findings[i].Waived = &Waiver{Reason: "known"}
		}
	}
	files := remedies(t, New(testHead(), Rules(testRules), []Host{host}, Gates{}))
	conf, play, readme := files["hosts/web-17/zz-fleetdrop.conf"], files["hosts/web-17/playbook.yml"], files["README.md"]
	var active []string
	for line := range strings.Lines(conf) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			active = append(active, line)
		}
	}
	if got, want := strings.Join(active, "; "), "net.core.somaxconn = 4096; net.ipv4.conf.eth0/7.rp_filter = 2; net.ipv4.conf.eth1.rp_filter = 2"; got != want {
		t.Errorf("the drop-in sets %s, want %s\n%s", got, want, conf)
	}
	for _, want := range []string{"#   present: 128", "#   undo: sysctl -w net.core.somaxconn=128", "#   price: memory", "# net.core.somaxconn = 1024"} {
		if !strings.Contains(conf, want) {
			t.Errorf("the drop-in does not say %q:\n%s", want, conf)
		}
	}
	var plays []struct {
		Name     string           `yaml:"name"`
		Hosts    string           `yaml:"hosts"`
		Become   bool             `yaml:"become"`
		Facts    bool             `yaml:"gather_facts"`
		Tasks    []map[string]any `yaml:"tasks"`
		Handlers []map[string]any `yaml:"handlers"`
	}
	if err := yaml.UnmarshalWithOptions([]byte(play), &plays, yaml.Strict()); err != nil || len(plays) != 1 {
		t.Fatalf("%v in\n%s", err, play)
	}
	if plays[0].Hosts != "web-17" || len(plays[0].Tasks) != 2 || !strings.Contains(play, `- "ethtool"`) || !strings.Contains(play, "# undo: ethtool -G eth0 rx 512") {
		t.Errorf("got\n%s", play)
	}
	if !strings.Contains(readme, "by hand: accept faster") || strings.Contains(readme, "waived") {
		t.Errorf("got\n%s", readme)
	}
}

// TestRemedyHostile has a host try to have its own text run, or written elsewhere.
func TestRemedyHostile(t *testing.T) {
	var hosts []Host
	for _, evil := range []string{"eth0; reboot", "{{ lookup('pipe', 'id') }}", "../../etc/x", "a = b", "`id`", "$(id)", "-x", "a\nb: c", "#"} {
		f := acceptQueue(17, 54)
		f.Subject, f.Message = evil, evil
		f.Steps = []drop.Step{
			{Text: evil, Sysctl: "net.core." + evil, Value: "1", Undo: evil}, {Text: evil, Sysctl: "net.core.somaxconn", Value: evil, Undo: evil},
			{Text: evil, Command: "ethtool -G " + evil + " rx 1", Undo: evil}, {Text: evil, Command: evil, Undo: evil},
			{Text: evil, Sysctl: "net.core.somaxconn", Value: "1", Present: evil, Price: evil, Undo: evil},
		}
		hosts = append(hosts, Scanned(inventory.Host{Name: evil}, new(probe.Snapshot), testRules, []drop.Verdict{verdict("FD601", f)}))
	}
	for path, text := range remedies(t, hostileReport(t, hosts...)) {
		if !utf8.ValidString(text) || strings.ContainsFunc(text, func(c rune) bool { return c != '\n' && !unicode.IsPrint(c) }) {
			t.Errorf("%s: not printable", path)
		}
		if dir := filepath.Dir(filepath.Dir(path)); dir != "hosts" && path != "README.md" {
			t.Errorf("%s is not where it should be", path)
		}
		for line := range strings.Lines(text) {
			bare := strings.TrimSpace(line)
			switch {
			case strings.HasPrefix(bare, "#") || bare == "" || path == "README.md":
			case strings.HasSuffix(path, ".conf"):
				if bare != "net.core.somaxconn = 1" && bare != "net.core.somaxconn = 4096" {
					t.Errorf("%s sets %q", path, bare)
				}
			case strings.ContainsAny(bare, "`$;(") || strings.Contains(bare, "{{") && bare != `hosts: "{{ fleetdrop_host }}"`:
				t.Errorf("%s: %q", path, bare)
			}
		}
		if strings.HasSuffix(path, ".yml") {
			var v any
			if err := yaml.UnmarshalWithOptions([]byte(text), &v, yaml.Strict()); err != nil {
				t.Errorf("%s: %v\n%s", path, err, text)
			}
		}
	}
}
