package sysctl

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The keys of the trees that the real programs are given: each is in a fresh network
// namespace, takes 0 and 1, and has nothing else that it changes.
var oracleKeys = []string{
	"net/ipv4/conf/all/log_martians", "net/ipv4/conf/default/log_martians", "net/ipv4/conf/lo/log_martians",
	"net/ipv4/conf/all/arp_filter", "net/ipv4/conf/default/arp_filter", "net/ipv4/conf/lo/arp_filter",
	"net/ipv4/tcp_sack", "net/ipv4/tcp_dsack", "net/ipv4/tcp_timestamps", "net/ipv4/tcp_window_scaling",
}

// oracle is a root folder that holds one program and what it is linked with.
func oracle(t *testing.T, program string) (root string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root makes namespaces")
	}
	if err := exec.Command("unshare", "-mn", "true").Run(); err != nil {
		t.Skip("no namespaces can be made here: ", err)
	}
	root = t.TempDir()
	linked, err := exec.Command("ldd", program).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(regexp.MustCompile(`/\S+`).FindAllString(string(linked), -1), program) {
		to := filepath.Join(root, file)
		if file == program {
			to = filepath.Join(root, "program")
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		write(t, to, string(data), 0o755)
	}
	if err := os.Mkdir(root+"/proc", 0o755); err != nil {
		t.Fatal(err)
	}
	return root
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// ask runs a shell script in namespaces of its own, with the oracle's /proc mounted.
func ask(t *testing.T, root, script string) string {
	t.Helper()
	cmd := exec.Command("unshare", "-mn", "sh", "-ec", `mount --make-rprivate /; mount -t proc proc "$0/proc"; ip link set lo up 2>/dev/null || :
`+script, root)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// randomTree writes a tree of settings: names that collide and sort oddly, patterns,
// exclusions, masks, every way to write a line.
func randomTree(t *testing.T, r *rand.Rand, root string) {
	t.Helper()
	for _, dir := range append(Dirs(), "/etc") {
		if err := os.RemoveAll(root + dir + "/sysctl.d"); err != nil {
			t.Fatal(err)
		}
		if dir != "/etc" {
			if err := os.RemoveAll(root + dir); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = os.Remove(root + Conf)
	names := []string{"10-a.conf", "10-b.conf", "9-z.conf", "99-sysctl.conf", "A.conf", "_x.conf", "é.conf", ".hidden.conf", "README", "50-x.conf.bak", "conf"}
	for _, dir := range Dirs() {
		for range r.IntN(5) {
			file := root + dir + "/" + names[r.IntN(len(names))]
			_ = os.Remove(file)
			switch r.IntN(8) {
			case 0:
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink("/dev/null", file); err != nil {
					t.Fatal(err)
				}
			case 1:
				write(t, file, "", 0o644)
			default:
				write(t, file, randomFile(r), 0o644)
			}
		}
	}
	if r.IntN(2) == 0 {
		write(t, root+Conf, randomFile(r), 0o644)
	}
	write(t, root+"/dev/null", "", 0o644)
}

func randomFile(r *rand.Rand) string {
	var b strings.Builder
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	for range r.IntN(8) {
		key := oracleKeys[r.IntN(len(oracleKeys))]
		switch r.IntN(6) {
		case 0:
			key = strings.NewReplacer("all", "*", "default", "*", "lo", "[dl]*", "sack", "s?ck").Replace(key)
		case 1:
			key = strings.NewReplacer("default", "*", "tcp_sack", "tcp_[ds]*ack").Replace(key)
		}
		if r.IntN(3) > 0 {
			key = Dotted(key)
		}
		value := pick("0", "1", " 1", "1 ", "\t0", "0x1", "1\t")
		switch r.IntN(10) {
		case 0:
			if !strings.ContainsAny(key, "*?[") { // only newer programs know patterns there
				b.WriteString("-" + key)
			}
		case 1:
			b.WriteString(pick("# ", ";", "  #") + key + "=" + value)
		case 2:
			b.WriteString("-" + key + "=" + value)
		case 3:
			b.WriteString(pick("  ", "\t") + key + pick(" ", "\t") + "=" + value)
		case 4:
			b.WriteString(pick("", " ", "x", key, "no assignment at all"))
		default:
			b.WriteString(key + " = " + value)
		}
		b.WriteString(pick("\n", "\n", "\n", "\r\n", "\n\n"))
	}
	return strings.TrimSuffix(b.String(), pick("\n", "\r\n", "no"))
}

// TestProcps compares Order and Apply with what "sysctl --dry-run --system" prints.
func TestProcps(t *testing.T) {
	program, err := exec.LookPath("sysctl")
	if err != nil {
		t.Skip("no sysctl: ", err)
	}
	if version, _ := exec.Command(program, "--version").Output(); !strings.Contains(string(version), "procps-ng 4.") {
		t.Skipf("no procps 4, which knows --dry-run and patterns: %s", version)
	}
	root := oracle(t, program)
	r := rand.New(rand.NewPCG(1, 2))
	masked, patterns := 0, 0
	for i := range 60 {
		randomTree(t, r, root)
		out := ask(t, root, `chroot "$0" /program --dry-run --system 2>&1`)
		tree, err := LoadTree(root, Procps)
		if err != nil {
			if strings.Contains(err.Error(), "holds no sysctl.d") && out == "" {
				continue
			}
			t.Fatal(err)
		}
		masked += len(tree.Masked)
		var want strings.Builder
		for _, f := range tree.Order {
			fmt.Fprintf(&want, "* Applying %s ...\n", f.Path)
			for _, bad := range f.Bad {
				fmt.Fprintf(&want, "program: %s(%d): invalid syntax, continuing...\n", f.Path, bad.Line)
			}
		}
		for _, a := range Procps.Apply(tree.Order, oracleKeys) {
			if a.Pattern() {
				patterns++
			}
			fmt.Fprintf(&want, "%s = %s\n", Dotted(a.Path), a.Value)
		}
		// Standard output and standard error are not in step.
		if got, want := sorted(out), sorted(want.String()); got != want {
			t.Errorf("tree %d:\ngot\n%s\nwant\n%s", i, got, want)
		}
		if got, want := assignments(out), assignments(want.String()); got != want {
			t.Errorf("tree %d: order\ngot\n%s\nwant\n%s", i, got, want)
		}
	}
	if masked == 0 || patterns == 0 {
		t.Errorf("%d files were masked, %d values came from patterns: the trees try nothing", masked, patterns)
	}
}

func sorted(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func assignments(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "program: ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// TestSystemd lets systemd-sysctl set what a tree says, in a network namespace of its own,
// and compares what came of it.
func TestSystemd(t *testing.T) {
	program := os.Getenv("FLEETDROP_SYSTEMD_SYSCTL")
	for _, path := range []string{"/usr/lib/systemd/systemd-sysctl", "/lib/systemd/systemd-sysctl"} {
		if _, err := os.Stat(path); err == nil && program == "" {
			program = path
		}
	}
	if program == "" {
		t.Skip("no systemd-sysctl")
	}
	root := oracle(t, program)
	r := rand.New(rand.NewPCG(3, 4))
	read := ""
	for _, key := range oracleKeys {
		read += " /proc/sys/" + key
	}
	for i := range 60 {
		randomTree(t, r, root)
		out := ask(t, root, `cat`+read+`; echo; chroot "$0" /program 2>/dev/null || :; cat`+read)
		before, after, _ := strings.Cut(out, "\n\n")
		tree, err := LoadTree(root, Systemd)
		if err != nil {
			tree = &Tree{}
		}
		was := strings.Fields(before)
		for k, key := range oracleKeys {
			want := was[k]
			if s, ok := Systemd.Final(tree.Order, key); ok {
				want = strings.TrimPrefix(s.Value, "0x")
			}
			if got := strings.Fields(after)[k]; got != want {
				t.Errorf("tree %d: %s is %s, want %s", i, key, got, want)
			}
		}
	}
}
