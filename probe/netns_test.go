package probe

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// netnsReads are what other namespaces are asked for in these tests.
var netnsReads = []Reader{
	(&Stats{Read: Read{File: "/proc/net/netstat", Pair: true, Netns: EachNetns}}).Counter("TcpExt", "ListenDrops"),
	(&Stats{Read: Read{File: "/proc/net/netstat", Pair: true, Netns: EachNetns}}).Counter("TcpExt", "ListenOverflows"),
	(&Stats{Read: Read{File: "/proc/net/netstat", Pair: true, Netns: EachNetns}}).Counter("IpExt", "InNoRoutes"),
	(&Stats{Read: Read{File: "/proc/net/snmp", Pair: true, Netns: EachNetns}}).Counter("Ip", "InReceives"),
	(&Stats{Read: Read{File: "/proc/net/snmp6", Pair: true, Netns: EachNetns}}).Counter("Ip6", "InReceives"),
	(&Stats{Read: Read{File: "/proc/net/stat/nf_conntrack", Pair: true, Netns: EachNetns}}).Column("drop"),
	(&Stats{Read: Read{File: "/proc/net/stat/nf_conntrack", Pair: true, Netns: EachNetns}}).Gauge("cpu0", "entries"),
	read(Read{File: "/proc/net/udp", Pair: true, Netns: EachNetns, Keep: `^ *sl |[1-9]$`}),
	read(Read{File: "/proc/net/tcp", Netns: EachNetns, While: ` 0A `, Where: "TcpExtListenDrops"}),
}

// process adds a process to a tree. Those of one namespace have one file.
func (r root) process(t *testing.T, pid int, comm, netns string) {
	p := fmt.Sprintf("/proc/%d", pid)
	r.write(t, p+"/comm", comm+"\n", 0o644)
	r.write(t, p+"/stat", fmt.Sprintf("%d (%s) S 1 1 1 0\n", pid, comm), 0o644)
	r.write(t, p+"/cgroup", "5:cpu:/\n4:memory:/docker/"+strings.Repeat("0f3a", 16)+"\n0::/\n", 0o644)
	if err := os.MkdirAll(string(r)+p+"/net", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(string(r)+netns, string(r)+p+"/net/snmp"); err != nil {
		t.Fatal(err)
	}
}

// TestNetns has a host with three network namespaces beside the login's, read under each
// shell and with each awk.
func TestNetns(t *testing.T) {
	const busy = "Ip: Forwarding InReceives InHdrErrors\nIp: 1 70 0\nTcp: MaxConn InSegs\nTcp: -1 70\n"
	tree := newRoot(t, map[string]string{
		"/netns/0": busy, "/netns/a": busy, "/netns/b": strings.ReplaceAll(busy, "70", "0"), "/netns/c": busy,
	})
	if err := os.MkdirAll(string(tree)+"/proc/self/net", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(string(tree)+"/netns/0", string(tree)+"/proc/self/net/snmp"); err != nil {
		t.Fatal(err)
	}
	tree.process(t, 1, "init", "/netns/0")
	tree.process(t, 9, "kworker/0:1", "/netns/0")
	tree.process(t, 30, "pause", "/netns/a")
	tree.process(t, 200, "nginx", "/netns/a")
	tree.process(t, 1000, "nginx", "/netns/a")
	tree.process(t, 31, "quiet", "/netns/b")
	tree.process(t, 32, "pause", "/netns/c")
	const a = "/proc/200/net"
	tree.write(t, a+"/netstat", "TcpExt: ListenDrops ListenOverflows TCPLoss\nTcpExt: 60 0 9\nIpExt: InNoRoutes InOctets\nIpExt: 0 5\n", 0o644)
	tree.write(t, a+"/snmp6", "Ip6InReceives                   \t0\nIp6InHdrErrors  \t3\n", 0o644)
	tree.write(t, a+"/stat/nf_conntrack", "entries found drop\n0000001a 00000000 00000000\n0000001a 00000000 0000000f\n0000001a 00000001 00000000\n", 0o644)
	tree.write(t, a+"/udp", "  sl  local drops\n 1: x 0\n 2: y 3\n", 0o644)
	tree.write(t, a+"/tcp", "  sl  local_address st\n 0: 00:16 0A \n 2: 00:18 01 \n", 0o644)
	tree.write(t, "/proc/31/net/netstat", "TcpExt: ListenDrops\nTcpExt: 0\n", 0o644)
	tree.write(t, "/proc/31/net/udp", "  sl  local drops\n 1: x 0\n", 0o644)
	tree.write(t, "/proc/31/net/snmp6", "Ip6InReceives \t18446744073709551615\n", 0o644)
	tree.write(t, "/proc/31/net/stat/nf_conntrack", "entries drop\n00000000 00000000\n00000000 00000000\n", 0o644)
	tree.write(t, "/proc/31/net/tcp", "  sl  local_address st\n 0: 00:16 0A \n", 0o644)
	want := map[string]string{
		a + "/netstat":                    "known TcpExt: ListenDrops\nTcpExt: 60\n",
		a + "/snmp":                       "known Ip: InReceives\nIp: 70\n",
		a + "/snmp6":                      "known ",
		a + "/stat/nf_conntrack":          "known entries drop \n1a 0 \n0 f \n",
		a + "/udp":                        "known   sl  local drops\n 2: y 3\n",
		a + "/tcp":                        "known   sl  local_address st\n 0: 00:16 0A \n",
		"/proc/200/comm":                  "known nginx\n",
		"/proc/200/cgroup":                "known 4:memory:/docker/" + strings.Repeat("0f3a", 16) + "\n",
		"/proc/31/net/netstat":            "known ",
		"/proc/31/net/snmp":               "known ",
		"/proc/31/net/snmp6":              "known Ip6InReceives \t18446744073709551615\n",
		"/proc/31/net/stat/nf_conntrack":  "known ",
		"/proc/31/net/tcp":                "", // nobody was refused there
		"/proc/31/net/udp":                "known ",
		"/proc/32/net/snmp":               "known Ip: InReceives\nIp: 70\n",
		"/proc/30/net/snmp":               "",
		"/proc/1/net/snmp":                "",
		"/proc/32/net/stat/nf_conntrack ": "",
	}
	check := func(t *testing.T, sh []string) {
		got, out := tree.runReaders(t, sh, oneSample, nil, netnsReads...)
		expect(t, got, want)
		c, err := ParseOutput(strings.ReplaceAll(out, string(tree), ""), "n0nce")
		if err != nil {
			t.Fatal(err)
		}
		s := NewSnapshot(c)
		all, state := s.Namespaces(), Netns.In(s).State
		var said []string
		for _, n := range all {
			said = append(said, fmt.Sprint(n, " ", n.Container, " ", n.Key, " ", n.State))
		}
		const id = "docker 0f3a0f3a0f3a"
		wanted := []string{
			"netns of quiet[31] " + id + " netns of " + id + " known",
			"netns of pause[32] " + id + " netns of " + id + " #2 known",
			"netns of nginx[200] " + id + " netns of " + id + " #3 known",
		}
		if !slices.Equal(said, wanted) || state != Known {
			t.Errorf("got  %q (%v)\nwant %q", said, state, wanted)
		}
	}
	shells(t, check)
	for _, awk := range []string{"mawk", "gawk", "original-awk", "busybox"} {
		t.Run("awk is "+awk, func(t *testing.T) {
			need(t, awk, "dash")
			path, _ := exec.LookPath(awk)
			link := string(tree) + "/bin/awk"
			os.Mkdir(string(tree)+"/bin", 0o755)
			os.Remove(link)
			if err := os.Symlink(path, link); err != nil {
				t.Fatal(err)
			}
			check(t, []string{"dash", "-s"})
		})
	}
}

// namespaces reads a tree, and says what became of each namespace.
func (r root) namespaces(t *testing.T, sh ...string) (said []string, state State) {
	t.Helper()
	_, out := r.runReaders(t, sh, oneSample, nil, netnsReads...)
	c, err := ParseOutput(strings.ReplaceAll(out, string(r), ""), "n0nce")
	if err != nil {
		t.Fatal(err)
	}
	s := NewSnapshot(c)
	for _, n := range s.Namespaces() {
		said = append(said, fmt.Sprint(n, " ", n.State))
	}
	return said, Netns.In(s).State
}

// self makes the login be in the namespace of a file.
func (r root) self(t *testing.T, netns string) {
	if err := os.MkdirAll(string(r)+"/proc/self/net", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(string(r)+netns, string(r)+"/proc/self/net/snmp"); err != nil {
		t.Fatal(err)
	}
}

// TestNetnsHidden has no process but the login's own to be seen, or a kernel without the files.
func TestNetnsHidden(t *testing.T) {
	shells(t, func(t *testing.T, sh []string) {
		tree := newRoot(t, map[string]string{"/netns/0": ""})
		if said, state := tree.namespaces(t, sh...); state != Absent || len(said) > 0 {
			t.Errorf("no /proc/PID/net: %v %q", state, said)
		}
		tree.self(t, "/netns/0")
		tree.process(t, 77, "sh", "/netns/0")
		if said, state := tree.namespaces(t, sh...); state != Denied || len(said) > 0 {
			t.Errorf("hidepid: %v %q", state, said)
		}
		tree.process(t, 1, "init", "/netns/0")
		if said, state := tree.namespaces(t, sh...); state != Known || len(said) > 0 {
			t.Errorf("one namespace: %v %q", state, said)
		}
	})
}

// TestNetnsBeside has the login in one of many namespaces beside each other, such as hosts of
// a lab: what processes of its own have made belongs to it, and the others do not.
func TestNetnsBeside(t *testing.T) {
	tree := newRoot(t, map[string]string{"/netns/machine": "", "/netns/own": "", "/netns/other": "", "/netns/pod": ""})
	tree.self(t, "/netns/own")
	tree.process(t, 1, "init", "/netns/machine")
	tree.process(t, 20, "sshd", "/netns/own")
	tree.process(t, 21, "sshd", "/netns/other")
	tree.process(t, 30, "runc) x (", "/netns/pod")
	tree.write(t, "/proc/30/stat", "30 (runc) x () S 29 1 1\n", 0o644)
	tree.process(t, 29, "shim", "/netns/pod")
	tree.write(t, "/proc/29/stat", "29 (shim) S 20 1 1\n", 0o644)
	shells(t, func(t *testing.T, sh []string) {
		said, state := tree.namespaces(t, sh...)
		if want := []string{"netns of shim[29] known"}; state != Known || !slices.Equal(said, want) {
			t.Errorf("%v: got %q, want %q", state, said, want)
		}
	})
}

// TestNetnsMany has more namespaces than are read: the busiest are.
func TestNetnsMany(t *testing.T) {
	tree := newRoot(t, map[string]string{"/netns/0": ""})
	tree.self(t, "/netns/0")
	tree.process(t, 1, "init", "/netns/0")
	for i := range 70 {
		file := fmt.Sprint("/netns/pod", i)
		tree.write(t, file, fmt.Sprintf("Ip: Forwarding DefaultTTL InReceives\nIp: 1 64 %d\n", 1000+i), 0o644)
		tree.process(t, 100+i, "pod", file)
	}
	shells(t, func(t *testing.T, sh []string) {
		said, _ := tree.namespaces(t, sh...)
		if len(said) != 70 {
			t.Fatalf("%d namespaces", len(said))
		}
		for i, s := range said {
			want := fmt.Sprintf("netns of pod[%d] known", 100+i)
			if i < 6 {
				want = fmt.Sprintf("netns of process %d unread", 100+i)
			}
			if s != want {
				t.Errorf("got %q, want %q", s, want)
			}
		}
	})
}

// TestInside has one namespace whose process ended in the window, and another took its place,
// one that ended, one that was made in the window, and one whose number another took.
func TestInside(t *testing.T) {
	netstat := &Stats{Read: Read{File: "/proc/net/netstat", Pair: true, Netns: EachNetns}, Parse: func(text string) (Table, error) {
		row := Row{Name: "TcpExt"}
		for line := range strings.Lines(text) {
			var title string
			var n uint64
			if _, err := fmt.Sscan(line, &title, &n); err != nil {
				return nil, err
			}
			row.Fields, row.Cells = append(row.Fields, title), append(row.Cells, n)
		}
		return Table{row}, nil
	}}
	setting := &Section[string]{Read{File: "/proc/sys/net/core/somaxconn"}, echo}
	c, err := ParseCapture(`fleetdrop capture v1
host: pods
over: 10
-- first ls -i /proc/[0-9]*/net/snmp --
1 /proc/self/net/snmp
10 /proc/100/net/snmp
11 /proc/101/net/snmp
12 /proc/102/net/snmp
13 /proc/103/net/snmp
-- first /proc/net/netstat --
Drops 5
Loss 7
-- first /proc/100/net/netstat --
Drops 40
-- first /proc/101/net/netstat --
Drops 9
-- first /proc/102/net/netstat --
-- first /proc/102/net/udp --
-- first /proc/103/net/netstat --
Drops 8
-- /proc/net/netstat --
Drops 6
Loss 7
-- ls -i /proc/[0-9]*/net/snmp --
1 /proc/self/net/snmp
10 /proc/200/net/snmp
12 /proc/102/net/snmp
14 /proc/104/net/snmp
15 /proc/103/net/snmp
ls: 3 processes: Permission denied
-- /proc/200/net/netstat --
Drops 57
-- /proc/200/comm --
a
b
-- /proc/102/net/netstat --
Drops 3
-- /proc/102/net/udp --
-- /proc/103/net/netstat --
Drops 2
-- /proc/104/net/netstat --
Drops 1
-- /proc/sys/net/core/somaxconn --
4096
`)
	if err != nil {
		t.Fatal(err)
	}
	s := NewSnapshot(c)
	var got []string
	for _, n := range s.Namespaces() {
		in := s.Inside(n)
		drops, losses := netstat.Counter("TcpExt", "Drops").In(in), netstat.Counter("TcpExt", "Loss").In(in)
		lacks := netstat.Counter("TcpExt", "New").State(in)
		got = append(got, fmt.Sprintf("%v %v: %v, %v, %v, %v", n, n.State, drops, losses, lacks, setting.In(in)))
	}
	const zero, rest = "0 since boot, 0 of them in 10.0 s", "absent, unknown (unread)"
	want := []string{
		"netns of process 101 absent: unknown (unread), unknown (unread), unread, unknown (unread)",
		"netns of process 102 known: 3 since boot, 3 of them in 10.0 s, " + zero + ", " + rest,
		"netns of process 103 known: 2 since boot, 0 since boot, " + rest,
		"netns of process 103 absent: unknown (unread), unknown (unread), unread, unknown (unread)",
		"netns of process 104 known: 1 since boot, 0 since boot, " + rest,
		"netns of a[200] known: 57 since boot, 17 of them in 10.0 s, " + zero + ", " + rest,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if list, _ := Netns.In(s).Get(); list.Denied != 3 {
		t.Errorf("%d processes may not be looked at, not 3", list.Denied)
	}
	sockets := &Section[string]{Read{File: "/proc/net/udp", Netns: EachNetns}, func(string) (string, error) { return "", errors.New("no titles") }}
	if f := sockets.In(s.Inside(s.Namespaces()[1])); f.State != Known || sockets.First(s.Inside(s.Namespaces()[1])).State != Known {
		t.Errorf("sockets of which none is told: %v", f.State)
	}
	in := s.Inside(s.Namespaces()[5])
	for reader, want := range map[Reader]string{
		netstat: "/proc/200/net/netstat", setting: "nsenter -t 200 -n cat /proc/sys/net/core/somaxconn", Uptime: "/proc/uptime",
		read(Read{Command: "ss -l"}): "nsenter -t 200 -n ss -l",
	} {
		if got := in.Path(reader); got != want {
			t.Errorf("path %q, want %q", got, want)
		}
	}
}

// FuzzNamespaces has a host say what it likes of its namespaces.
func FuzzNamespaces(f *testing.F) {
	f.Add("10 /proc/7/net/snmp\n", "10 /proc/8/net/snmp\n", "nginx\n", "0::/docker/"+strings.Repeat("a", 64))
	f.Add("ls: -4 processes: Permission denied\n", " /proc/+7/net/snmp\n/proc//net/snmp", "\n", ":/:/lxc/")
	f.Fuzz(func(t *testing.T, first, last, comm, cgroup string) {
		const list = "ls -i /proc/[0-9]*/net/snmp"
		s := NewSnapshot(&Capture{Outputs: []Output{
			{list, true, Known, first}, {"/proc/7/net/snmp", true, Known, ""}, {list, false, Known, last},
			{"/proc/8/net/snmp", false, Known, ""}, {"/proc/8/comm", false, Known, comm}, {"/proc/8/cgroup", false, Known, cgroup},
		}})
		for _, n := range s.Namespaces() {
			if n.PID <= 0 || strings.Contains(n.String(), "\n") || n.State == Known && n.Key == "" {
				t.Errorf("%#v", n)
			}
		}
	})
}
