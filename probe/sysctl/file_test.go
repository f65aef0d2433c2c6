package sysctl

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"net.core.somaxconn = 1024\n":       "1:1 1:22 net/core/somaxconn = 1024",
		"net/core/somaxconn=1024":           "1:1 1:20 net/core/somaxconn = 1024",
		"\t -net.core.somaxconn =1024 \r\n": "1:4 1:24 net/core/somaxconn = 1024 ignore",
		"-net.ipv4.conf.lo.rp_filter\n":     "1:2 1:0 net/ipv4/conf/lo/rp_filter exclude",
		"# x\n; y\n\n \na.b=c # d\n":        "5:1 5:5 a/b = c # d",
		"net.ipv4.conf.eth0/7.tag=1":        "1:1 1:26 net/ipv4/conf/eth0.7/tag = 1",
		"net/ipv4/conf/eth0.7/tag=1":        "1:1 1:26 net/ipv4/conf/eth0.7/tag = 1",
		".net..core.x=1\n":                  "1:1 1:14 net/core/x = 1",
		"a.b = c = d":                       "1:1 1:7 a/b = c = d",
		"a.b =":                             "1:1 1:6 a/b = ",
		"a.b=\x00c\n":                       "1:1 1:5 a/b = ",
		"word\n":                            "1:1 there is no = in it",
		"- a.b = 1\n":                       "1:2 there is a space between - and the key",
		"= 1\n":                             "1:1 there is no key",
		"x":                                 "", // too short to be anything
	} {
		f := Parse("f", []byte(text))
		var got []string
		for _, s := range f.Settings {
			line := fmt.Sprintf("%d:%d %d:%d %s", s.Line, s.Column, s.Line, s.At, s.Path)
			switch {
			case s.Exclude:
				line += " exclude"
			case s.Ignore:
				line += " = " + s.Value + " ignore"
			default:
				line += " = " + s.Value
			}
			got = append(got, line)
		}
		for _, b := range f.Bad {
			got = append(got, fmt.Sprintf("%d:%d %s", b.Line, b.Column, b.Why))
		}
		if got := strings.Join(got, "; "); got != want {
			t.Errorf("%q:\ngot  %s\nwant %s", text, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("net.core.somaxconn = 1024\n-net.ipv4.conf.*.rp_filter\n"))
	f.Add([]byte("- x\n=\n\x00=\r\n#\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file := Parse("f", text)
		for _, s := range file.Settings {
			if s.Line < 1 || s.Column < 1 || s.Key == "" || s.Exclude != (s.At == 0) || strings.HasPrefix(s.Path, "/") || strings.Contains(s.Path, "..//") {
				t.Errorf("%+v", s)
			}
			if s.Path != "" && PathOf(s.Path) != s.Path && strings.Contains(s.Path, "/") && strings.IndexAny(s.Path, "./") == strings.IndexByte(s.Path, '/') {
				t.Errorf("%q is not what it names", s.Path)
			}
			Find(s.Path)
			Complete(s.Path)
		}
		exist := []string{"net/core/somaxconn", "net/ipv4/conf/lo/rp_filter"}
		for _, p := range []Program{Procps, Systemd} {
			for _, a := range p.Apply([]File{file}, exist) {
				if a.Exclude {
					t.Errorf("%+v is written", a)
				}
			}
		}
	})
}

// TestTree follows symlinks as the system below the root would, and never out of it.
func TestTree(t *testing.T) {
	root := t.TempDir()
	put := func(name, text string) { write(t, root+name, text, 0o644) }
	link := func(name, to string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(root+name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, root+name); err != nil {
			t.Fatal(err)
		}
	}
	put("/usr/lib/sysctl.d/10-a.conf", "a.b = 1\n")
	put("/usr/lib/sysctl.d/20-b.conf", "a.b = 2\n")
	put("/usr/lib/sysctl.d/README", "hello")
	link("/lib", "/usr/lib") // absolute: of the root, not of this machine
	link("/etc/sysctl.d/20-b.conf", "/dev/null")
	link("/etc/sysctl.d/99-sysctl.conf", "../../../../etc/sysctl.conf")
	link("/etc/sysctl.d/50-gone.conf", "nowhere")
	put("/etc/sysctl.conf", "a.b = 3\n")
	tree, err := LoadTree(root, Procps)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, f := range tree.Order {
		order = append(order, f.Path)
	}
	if got, want := strings.Join(order, " "), "/usr/lib/sysctl.d/10-a.conf /etc/sysctl.d/20-b.conf /etc/sysctl.d/50-gone.conf /etc/sysctl.d/99-sysctl.conf /etc/sysctl.conf"; got != want {
		t.Errorf("order %s\nwant  %s", got, want)
	}
	if tree.Masked["/usr/lib/sysctl.d/20-b.conf"] != "/etc/sysctl.d/20-b.conf" || len(tree.Masked) != 1 || len(tree.Lost) != 1 {
		t.Errorf("%+v", tree)
	}
	if tree.Ends["/etc/sysctl.d/99-sysctl.conf"] != "/etc/sysctl.conf" || len(tree.Other) != 1 {
		t.Errorf("%+v", tree)
	}
	if s, ok := Procps.Final(tree.Order, "a/b"); !ok || s.Value != "3" || s.File != "/etc/sysctl.conf" {
		t.Errorf("%+v", s)
	}

	link("/etc/sysctl.d/60-loop.conf", "60-loop.conf")
	if _, err := LoadTree(root, Procps); err == nil || !strings.Contains(err.Error(), "too many symlinks") {
		t.Error(err)
	}
	if _, err := LoadTree(t.TempDir(), Procps); err == nil || !strings.Contains(err.Error(), "holds no sysctl.d") {
		t.Error(err)
	}
}
