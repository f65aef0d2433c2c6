package sysctl

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTable reads the whole table, and holds it to its order and its words.
func TestTable(t *testing.T) {
	types := []Type{Int, Uint, Byte, Bool, Ulong, String, Ports, Any}
	last := ""
	for _, k := range Keys() {
		if k.Path <= last {
			t.Errorf("%s stands behind %s", k.Path, last)
		}
		last = k.Path
		if !slices.Contains(types, k.Type) || k.Count < 0 || k.Min > k.Max || Find(k.Path) != k {
			t.Errorf("%+v", k)
		}
		if k.Until.By != (Version{}) && k.Since.By != (Version{}) && k.Until.By.Compare(k.Since.By) < 0 {
			t.Errorf("%s came after it was gone", k.Path)
		}
		if now := Renamed(k.Path); now != "" && (Find(now) == nil || k.Until.By == Version{}) {
			t.Errorf("%s was renamed to %s, and is still there or the other is not known", k.Path, now)
		}
	}
	if n := len(Keys()); n < 900 {
		t.Errorf("%d keys", n)
	}
}

// TestThisKernel wants every sysctl of the network that this machine has to be known, and
// what is known of it to be so.
func TestThisKernel(t *testing.T) {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("no /proc/sys")
	}
	version, err := ParseVersion(string(release))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	err = filepath.WalkDir("/proc/sys/net", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // an interface may go away
		}
		path := strings.TrimPrefix(file, "/proc/sys/")
		k := Find(path)
		if complete, _ := Complete(path); !complete && k == nil {
			return nil
		}
		seen++
		switch {
		case k == nil:
			t.Errorf("%s is not known", path)
		case k.Until.Certain(version):
			t.Errorf("%s is here, and should be gone since %v", path, k.Until)
		case k.Since.Ahead(version) && !strings.Contains(string(release), ".el"):
			t.Errorf("%s is here, and should come %v", path, k.Since)
		}
		if info, err := d.Info(); k != nil && err == nil && path == k.Path && k.ReadOnly == (info.Mode()&0o200 != 0) {
			t.Errorf("%s has mode %v, and is known as read-only: %v", path, info.Mode(), k.ReadOnly)
		}
		return nil
	})
	if err != nil || seen < 100 {
		t.Errorf("%d sysctls were seen: %v", seen, err)
	}
}

// TestRanges writes the limits of each key, and what is beyond them, in a network namespace
// of its own.
func TestRanges(t *testing.T) {
	if os.Getenv("FLEETDROP_RANGES") != "" {
		tryRanges()
		return
	}
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	version, err := ParseVersion(string(release))
	if err != nil {
		t.Skip("no Linux: ", err)
	}
	if newest, _ := ParseVersion("6.18"); version.Compare(newest) < 0 {
		t.Skipf("the ranges of the table are those of newer kernels than %v", version)
	}
	if _, err := exec.LookPath("unshare"); err != nil {
		t.Skip(err)
	}
	cmd := exec.Command("unshare", "-n", os.Args[0], "-test.run", "^TestRanges$")
	cmd.Env = append(os.Environ(), "FLEETDROP_RANGES=1")
	out, err := cmd.CombinedOutput()
	if err != nil && os.Getuid() != 0 {
		t.Skip("only root makes namespaces")
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !bytes.Contains(out, []byte("limits were tried")) {
		t.Errorf("nothing was tried: %s", out)
	}
	for line := range bytes.Lines(out) {
		if bytes.HasPrefix(line, []byte("wrong: ")) {
			t.Errorf("%s", line)
		}
	}
}

// tryRanges is the part of TestRanges in the namespace. It prints what is wrong.
func tryRanges() {
	tried := 0
	for _, k := range Keys() {
		file := "/proc/sys/" + strings.Replace(k.Path, "*", "lo", 1)
		was, err := os.ReadFile(file)
		if !strings.HasPrefix(k.Path, "net/") || !k.Netns || k.ReadOnly || k.Count != 1 || err != nil || k.Range() == "" {
			continue
		}
		take := func(n float64) bool { return os.WriteFile(file, fmt.Appendf(nil, "%.0f\n", n), 0) == nil }
		for _, limit := range []struct{ at, beyond float64 }{{k.Min, -1}, {k.Max, 1}} {
			if math.IsInf(limit.at, 0) {
				continue
			}
			tried++
			if os.WriteFile(file, was, 0) != nil {
				break // only the first namespace sets it
			}
			if !take(limit.at) {
				fmt.Printf("wrong: %s does not take %.0f\n", k.Path, limit.at)
			}
			if take(limit.at + limit.beyond) {
				fmt.Printf("wrong: %s takes %.0f\n", k.Path, limit.at+limit.beyond)
			}
		}
		_ = os.WriteFile(file, was, 0)
	}
	fmt.Printf("%d limits were tried\n", tried)
}

// TestTrees reads the tables of kernel sources, FLEETDROP_KERNELS=FOLDER with a tree in
// k6.1 and so on, and wants every sysctl of the network in them to be known for that version.
func TestTrees(t *testing.T) {
	folder := os.Getenv("FLEETDROP_KERNELS")
	if folder == "" {
		t.Skip("FLEETDROP_KERNELS names no folder of kernel sources")
	}
	procname := regexp.MustCompile(`\.procname\s*=\s*"(\w+)"`)
	for place, files := range map[string][]string{
		"net/core":        {"net/core/sysctl_net_core.c"},
		"net/ipv4":        {"net/ipv4/sysctl_net_ipv4.c", "net/ipv4/ip_fragment.c"},
		"net/ipv4/route":  {"net/ipv4/route.c"},
		"net/ipv6":        {"net/ipv6/sysctl_net_ipv6.c", "net/ipv6/reassembly.c"},
		"net/ipv6/conf/*": {"net/ipv6/addrconf.c"},
		"net/netfilter":   {"net/netfilter/nf_conntrack_standalone.c"},
	} {
		for _, file := range files {
			trees, _ := filepath.Glob(filepath.Join(folder, "k*", file))
			if len(trees) < 5 {
				t.Errorf("%d trees with %s", len(trees), file)
			}
			for _, tree := range trees {
				rel, _ := filepath.Rel(folder, tree)
				version, err := ParseVersion(strings.TrimPrefix(strings.Split(rel, "/")[0], "k"))
				if err != nil {
					t.Fatal(err)
				}
				text, err := os.ReadFile(tree)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range procname.FindAllSubmatch(text, -1) {
					name := string(m[1])
					if slices.Contains([]string{"net", "core", "ipv4", "ipv6", "conf", "route", "icmp", "neigh", "netfilter", "default"}, name) {
						continue // a folder
					}
					k := Find(place + "/" + name)
					if k == nil && place == "net/netfilter" {
						k = Find("net/" + name)
					}
					if k == nil || k.Until.Certain(version) || k.Since.Ahead(version) {
						t.Errorf("%v has %s/%s, and it is not known there: %+v", version, place, name, k)
					}
				}
			}
		}
	}
}

func TestFind(t *testing.T) {
	for path, want := range map[string]string{
		"net/core/somaxconn":                "net/core/somaxconn",
		"net/ipv4/conf/all/rp_filter":       "net/ipv4/conf/*/rp_filter",
		"net/ipv4/conf/eth0.100/rp_filter":  "net/ipv4/conf/*/rp_filter",
		"net/ipv6/neigh/default/gc_thresh3": "net/ipv6/neigh/*/gc_thresh3",
		"net/ipv4/conf/eth0/100/rp_filter":  "",
		"net/ipv4/somaxconn":                "",
		"net/netfilter/nf_log/2":            "net/netfilter/nf_log/*",
	} {
		got := ""
		if k := Find(path); k != nil {
			got = k.Path
		}
		if got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	for path, want := range map[string]string{
		"net/core/rmem_maximum":       "net.core.rmem_max",
		"net/core/rmem_maxx":          "net.core.rmem_max",
		"net/ipv4/somaxconn":          "net.core.somaxconn",
		"net/core/tcp_rmem":           "net.ipv4.tcp_rmem",
		"net/ipv4/tcp_syncookie":      "net.ipv4.tcp_syncookies",
		"net/ipv4/conf/eth0/rpfilter": "net.ipv4.conf.eth0.rp_filter",
		"net/ipv4/nf_conntrack_max":   "net.nf_conntrack_max",
		"net/ipv4/xyzzy_frobnicate":   "",
	} {
		if got := append(Nearest(path), ""); !slices.Contains(got, want) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestVersions(t *testing.T) {
	for text, want := range map[string]string{
		"6.1": "6.1", "6.1.0-27-amd64": "6.1", "5.14.0-427.el9.x86_64\n": "5.14", "2.6.32-754.el6": "2.6.32", "6.18-rc3": "6.18",
	} {
		if v, err := ParseVersion(text); err != nil || v.String() != want {
			t.Errorf("%q: %v, %v", text, v, err)
		}
	}
	for _, text := range []string{"", "6", "x.y", "6.", ".1", "v6.1", "99999999999.1", "6.1e9999999999x.99999"} {
		if v, err := ParseVersion(text); err == nil && text != "6.1e9999999999x.99999" {
			t.Errorf("%q: %v", text, v)
		}
	}
	gone := Find("net/ipv4/tcp_tw_recycle").Until
	came := Find("net/ipv4/tcp_migrate_req").Since
	for text, want := range map[string][4]bool{ // gone, not yet gone, come, not yet come; neither: not known
		"4.11": {false, true, false, true}, "4.12": {true, false, false, true}, "5.10": {true, false, false, true},
		"5.12": {true, false, false, false}, "5.15": {true, false, true, false},
	} {
		v, _ := ParseVersion(text)
		if got := [4]bool{gone.Certain(v), gone.Ahead(v), came.Certain(v), came.Ahead(v)}; got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

// TestAbout wants what is said to be of known keys, once.
func TestAbout(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range abouts {
		if Find(a.Path) == nil || Find(a.Path).Path != a.Path || seen[a.Path] || !strings.HasSuffix(a.Text, ".") {
			t.Errorf("%+v", a)
		}
		seen[a.Path] = true
	}
}
