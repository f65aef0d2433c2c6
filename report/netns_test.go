package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// pods is a host with network namespaces, of processes with these numbers and what their
// accept queues dropped in the window. There are two nginx in no container, and one in one.
func pods(t *testing.T, pids [3]int, dropped int, more string) *Report {
	t.Helper()
	var b strings.Builder
	b.WriteString("fleetdrop capture v1\nhost: node-1\nover: 10\n")
	for _, sample := range []string{"first ", ""} {
		fmt.Fprintf(&b, "-- %sls -i /proc/[0-9]*/net/snmp --\n1 /proc/self/net/snmp\n", sample)
		for i, pid := range pids {
			fmt.Fprintf(&b, "%d /proc/%d/net/snmp\n", 10+i, pid)
		}
		b.WriteString(more)
		fmt.Fprintf(&b, "-- %s/proc/net/netstat --\nTcpExt: ListenOverflows ListenDrops\nTcpExt: 0 0\n", sample)
		fmt.Fprintf(&b, "-- %s/proc/net/snmp --\nTcp: PassiveOpens\nTcp: 0\n", sample)
		for _, pid := range pids {
			fmt.Fprintf(&b, "-- %s/proc/%d/net/netstat --\n", sample, pid)
			if sample == "" && dropped > 0 { // else it is zero, and does not leave the host
				fmt.Fprintf(&b, "TcpExt: ListenOverflows ListenDrops\nTcpExt: %d %[1]d\n", dropped)
			}
			fmt.Fprintf(&b, "-- %s/proc/%d/net/snmp --\nTcp: PassiveOpens\nTcp: 900\n", sample, pid)
		}
	}
	for i, pid := range pids {
		fmt.Fprintf(&b, "-- /proc/%d/comm --\nnginx\n-- /proc/%d/cgroup --\n0::/\n", pid, pid)
		if i == 2 {
			fmt.Fprintf(&b, "-- /proc/%d/cgroup --\n0::/system.slice/docker-%s.scope\n", pid, strings.Repeat("0f", 32))
		}
	}
	c, err := probe.ParseCapture(b.String())
	if err != nil {
		t.Fatal(err)
	}
	rules := slices.DeleteFunc(drop.Catalogue(), func(r *drop.Rule) bool { return r.ID != "FD601" })
	s := probe.NewSnapshot(c)
	return New(testHead(), Rules(rules), []Host{Scanned(inventory.Host{Name: "node-1"}, s, rules, drop.Judge(rules, nil, s))}, Gates{})
}

// TestNamespaces has three network namespaces of one host drop: it is one host with three
// findings, whose names are the same in the next scan, when the processes are others.
func TestNamespaces(t *testing.T) {
	r := pods(t, [3]int{100, 200, 300}, 30, "")
	h, err := r.whole(&r.Hosts[0])
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Hosts) != 1 || len(h.Findings) != 3 || h.Risk.Grade != Dropping || h.Coverage.Checked != 1 {
		t.Fatalf("%d hosts, %d findings, %s, %+v", len(r.Hosts), len(h.Findings), h.Risk.Grade, h.Coverage)
	}
	subjects, prints := map[string]bool{}, map[string]bool{}
	for _, f := range h.Findings {
		subjects[f.Subject], prints[f.Fingerprint] = true, true
		if !strings.HasPrefix(f.Evidence[0].Section, fmt.Sprintf("/proc/%d/net/", f.Netns.PID)) {
			t.Errorf("%s: evidence of %s", f.Subject, f.Evidence[0].Section)
		}
		for _, step := range f.Remedy {
			if step.Command != "" && !strings.HasPrefix(step.Command, fmt.Sprintf("nsenter -t %d -n sysctl -w ", f.Netns.PID)) {
				t.Errorf("%s: step %q", f.Subject, step.Command)
			}
			if strings.HasPrefix(step.Persist, "/etc") {
				t.Errorf("%s: what the host's file says is not for a container: %q", f.Subject, step.Persist)
			}
		}
	}
	for _, want := range []string{"netns of nginx[100]", "netns of nginx[200]", "netns of nginx[300]"} {
		if !subjects[want] {
			t.Errorf("no finding of %s", want)
		}
		for _, format := range []string{"table", "csv", "html", "markdown", "junit", "json", "ndjson"} {
			said := string(written(t, format, r, Options{}))
			if format == "markdown" {
				said = strings.ReplaceAll(said, `\`, "")
			}
			if !strings.Contains(said, want) {
				t.Errorf("%s does not say %q", format, want)
			}
		}
	}
	for _, f := range pods(t, [3]int{4100, 4200, 4300}, 30, "").Hosts[0].Findings {
		if !prints[f.Fingerprint] {
			t.Errorf("%s has another fingerprint in the next scan", f.Subject)
		}
		delete(prints, f.Fingerprint)
	}
	var container string
	for _, f := range h.Findings {
		container += f.Netns.Container
	}
	if container != "docker 0f0f0f0f0f0f" {
		t.Errorf("container %q", container)
	}
}

// TestNamespacesNotRead has some that could not be read: the host is clean of what was, and
// it is said what was not.
func TestNamespacesNotRead(t *testing.T) {
	for _, test := range []struct{ more, want, row string }{
		{"", "", ""},
		{"40 /proc/400/net/snmp\n41 /proc/401/net/snmp\n", "2 of 5 other network namespaces on 1 host: on each the 64 that received most are read", ",2 of 5 other network namespaces\n"},
		{"ls: 3 processes: Permission denied\n", "the network namespaces of 3 processes on 1 host: this login may not look at them", ",the network namespaces of 3 processes\n"},
	} {
		r := pods(t, [3]int{100, 200, 300}, 0, test.more)
		if grade := r.Hosts[0].Risk.Grade; grade != Clean {
			t.Errorf("%q: %s", test.more, grade)
		}
		if rows := string(written(t, "csv", r, Options{})); !strings.Contains(rows, test.row) || !strings.Contains(rows, "change,netns_not_read\n") {
			t.Errorf("%q: csv says %s", test.more, rows)
		}
		for _, format := range []string{"table", "markdown"} {
			said := strings.Join(strings.Fields(string(written(t, format, r, Options{Width: 200}))), " ")
			if !strings.Contains(said, test.want) || test.want == "" && strings.Contains(strings.ToLower(said), "not checked") {
				t.Errorf("%q: %s says %q", test.more, format, said)
			}
		}
		var doc struct {
			Hosts []struct {
				Coverage struct{ Namespaces *Namespaces }
			}
		}
		if err := json.Unmarshal(written(t, "json", r, Options{}), &doc); err != nil {
			t.Fatal(err)
		}
		if n := doc.Hosts[0].Coverage.Namespaces; n == nil || n.Read != 3 || n.Seen != 3+strings.Count(test.more, "/net/") || n.Rules != 1 {
			t.Errorf("%q: %+v", test.more, n)
		}
		s := readSchema(t)
		var any any
		if err := json.Unmarshal(written(t, "json", r, Options{}), &any); err != nil {
			t.Fatal(err)
		}
		for _, err := range s.check(s.root, any, "namespaces") {
			t.Error(err)
		}
	}
	c, err := probe.ParseCapture("fleetdrop capture v1\nhost: x\n-- denied ls -i /proc/[0-9]*/net/snmp --\nhidden\n")
	if err != nil {
		t.Fatal(err)
	}
	hidden := Scanned(inventory.Host{Name: "x"}, probe.NewSnapshot(c), nil, nil)
	r := New(testHead(), nil, []Host{hidden}, Gates{})
	if rows := string(written(t, "csv", r, Options{})); !strings.Contains(rows, ",all other network namespaces are hidden (hidepid)\n") {
		t.Errorf("csv says %s", rows)
	}
	if said := string(written(t, "table", r, Options{Width: 200})); !strings.Contains(said, "hidepid") {
		t.Errorf("hidden: %q", said)
	}
}
