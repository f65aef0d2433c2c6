package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// reached is a host with these settings: "net.core.somaxconn=4096".
func reached(name, group, kernel string, settings ...string) Host {
	h := Host{Name: name, Kernel: kernel, BootID: "boot of " + name, Outcome: OutcomeScanned, Coverage: &Coverage{Checked: 1}}
	if group != "" {
		h.Groups = strings.Split(group, " ")
	}
	values := map[string]string{}
	for _, s := range settings {
		key, value, _ := strings.Cut(s, "=")
		values[key] = value
	}
	h.Settings = newSettings(values)
	return h
}

func inWords(drift []Drift) (all []string) {
	for _, d := range drift {
		line := fmt.Sprintf("%s %s: %s on %d", d.Group, d.Setting, d.Majority.Value, d.Majority.Count)
		for _, o := range d.Others {
			line += fmt.Sprintf(", %s on %d (%s)%s", o.Value, o.Count, strings.Join(o.Hosts, " "), o.Kernel)
		}
		all = append(all, strings.TrimSpace(line))
	}
	return all
}

func TestDrift(t *testing.T) {
	many := func(n int, prefix, group, kernel string, settings ...string) (hosts []Host) {
		for i := range n {
			hosts = append(hosts, reached(fmt.Sprintf("%s-%d", prefix, i+1), group, kernel, settings...))
		}
		return hosts
	}
	pods := many(3, "pod", "web", "6.1.0", "a=2")
	for i := range pods {
		pods[i].BootID = "one machine"
	}
	for name, test := range map[string]struct {
		hosts []Host
		want  []string
	}{
		"none":        {many(9, "web", "web", "6.1.0", "a=1"), nil},
		"an outlier":  {slices.Concat(many(3, "web", "web", "6.1.0", "a=1", "b=1"), many(1, "old", "web", "6.1.0", "a=2", "b=1")), []string{"web a: 1 on 3, 2 on 1 (old-1)"}},
		"no majority": {slices.Concat(many(3, "x", "web", "6.1.0", "a=1"), many(3, "y", "web", "6.1.0", "a=2")), nil},
		"two hosts":   {slices.Concat(many(1, "x", "web", "6.1.0", "a=1"), many(1, "y", "web", "6.1.0", "a=2")), nil},
		"no setting":  {slices.Concat(many(3, "x", "web", "6.1.0", "a=1"), many(1, "y", "web", "6.1.0")), nil},
		"two groups":  {slices.Concat(many(3, "x", "web", "6.1.0", "a=1"), many(3, "y", "db", "6.1.0", "a=2")), nil},
		"no group":    {slices.Concat(many(3, "x", "", "6.1.0", "a=1"), many(1, "y", "", "6.1.0", "a=2")), []string{"a: 1 on 3, 2 on 1 (y-1)"}},
		"the kernel may be the reason, and comes after what it does not explain": {
			slices.Concat(many(4, "new", "web", "6.1.0-27", "a=1", "b=1"), many(2, "old", "web", "3.10.0-1160", "a=2", "b=1"), many(1, "odd", "web", "6.1.0-28", "a=1", "b=2")),
			[]string{"web b: 1 on 6, 2 on 1 (odd-1)", "web a: 1 on 5, 2 on 2 (old-1 old-2)3.10"},
		},
		"one machine": {slices.Concat(many(2, "web", "web", "6.1.0", "a=1"), pods), []string{"web a: 1 on 2, 2 on 1 (pod-1 pod-2 pod-3)"}},
		"the smallest group knows best": {
			slices.Concat(many(3, "db", "db prod", "6.1.0", "a=2"), many(6, "web", "prod web", "6.1.0", "a=1"), many(1, "odd", "db prod", "6.1.0", "a=3")),
			[]string{"db a: 2 on 3, 3 on 1 (odd-1)"},
		},
		"a group that is too small": {
			slices.Concat(many(1, "canary", "canary web", "6.1.0", "a=2"), many(6, "web", "web", "6.1.0", "a=1")),
			[]string{"web a: 1 on 6, 2 on 1 (canary-1)"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, inWords(driftOf(test.hosts))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// troubled are n hosts, of which the first have a finding, and the first few a trait.
func troubled(n, findings, few int, trait func(*Host)) []Host {
	hosts := make([]Host, n)
	for i := range hosts {
		hosts[i] = reached(fmt.Sprintf("host-%03d", i), "", "6.1.0")
		if i < findings {
			hosts[i].Findings = []Finding{{Rule: "FD201", Name: "ring-overflow", Kind: drop.Dropping, Severity: drop.High}}
		}
		if i < few {
			trait(&hosts[i])
		}
	}
	return hosts
}

func TestCommon(t *testing.T) {
	kernel := func(h *Host) { h.Kernel = "5.10.0-33" }
	behind := func(h *Host) { h.Jump = "bastion-eu" }
	for name, test := range map[string]struct {
		hosts []Host
		want  string
	}{
		"all":            {troubled(40, 5, 5, kernel), "all 5 hosts with ring-overflow run kernel 5.10.0-33, and no other scanned host does"},
		"most":           {troubled(40, 6, 5, kernel), "5 of the 6 hosts with ring-overflow run kernel 5.10.0-33, and no other scanned host does"},
		"others too":     {troubled(100, 8, 20, kernel), "all 8 hosts with ring-overflow run kernel 5.10.0-33; of all 100 hosts, 20 % do"},
		"everyone":       {troubled(40, 5, 40, kernel), ""},
		"half of all":    {troubled(40, 8, 21, kernel), ""},
		"too few":        {troubled(40, 2, 2, kernel), ""},
		"may be chance":  {troubled(9, 3, 4, kernel), ""},
		"the bastion":    {troubled(40, 5, 5, behind), "all 5 hosts with ring-overflow are behind bastion bastion-eu, and no other scanned host does"},
		"the group":      {troubled(40, 5, 5, func(h *Host) { h.Groups = []string{"lb"} }), "all 5 hosts with ring-overflow are in group lb, and no other scanned host does"},
		"the os":         {troubled(40, 5, 5, func(h *Host) { h.OS = "Debian 11" }), "all 5 hosts with ring-overflow run Debian 11, and no other scanned host does"},
		"the driver":     {troubled(40, 5, 5, func(h *Host) { h.Settings = newSettings(map[string]string{driverOf("eth0"): "8139cp"}) }), "all 5 hosts with ring-overflow have the driver 8139cp, and no other scanned host does"},
		"pods":           {troubled(40, 5, 5, func(h *Host) { kernel(h); h.BootID = "one" }), ""},
		"two that agree": {troubled(40, 5, 5, func(h *Host) { kernel(h); behind(h); h.OS = "Debian 11" }), "all 5 hosts with ring-overflow are behind bastion bastion-eu, and no other scanned host does"},
		"waived": {troubled(40, 5, 5, func(h *Host) {
			kernel(h)
			if len(h.Findings) > 0 {
				h.Findings[0].Waived = &Waiver{Reason: "known"}
			}
		}), ""},
		"not reached": {troubled(40, 0, 5, func(h *Host) {
			*h = Host{Name: h.Name, Jump: "bastion-eu", Outcome: OutcomeFailed, Error: &Error{Code: "timeout@dial"}}
		}), "all 5 hosts that fail with timeout@dial are behind bastion bastion-eu, and no other host does"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			for _, c := range commonOf(test.hosts) {
				got += c.Message
			}
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// TestTail holds the chance against what counting says of small numbers, and its sum over
// all that can be drawn against 1.
func TestTail(t *testing.T) {
	for _, test := range []struct {
		least, drawn, marked, all int
		want                      float64
	}{
		{3, 3, 3, 20, 1.0 / 1140}, {2, 3, 2, 21, 19.0 / 1330}, {1, 1, 5, 10, 0.5}, {0, 3, 3, 9, 1}, {4, 3, 3, 9, 0}, {5, 5, 10, 10, 1},
	} {
		if got := tail(test.least, test.drawn, test.marked, test.all); math.Abs(got-test.want) > 1e-9 {
			t.Errorf("tail(%d, %d, %d, %d) = %v, want %v", test.least, test.drawn, test.marked, test.all, got, test.want)
		}
	}
}

// TestFleetProperties makes fleets by chance, and asks of each what must always hold.
func TestFleetProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	for range 300 {
		hosts := make([]Host, 1+r.IntN(60))
		for i := range hosts {
			h := reached(fmt.Sprintf("h%d", i), pick("", "web", "db", "web prod", "db prod"), pick("6.1.0-1", "6.1.0-2", "5.10.0-1", ""),
				"a="+pick("1", "1", "1", "2"), "b="+pick("1", "2", "3"), pick("c=1", "d=1", "c=2"))
			h.BootID, h.Jump, h.OS = pick("", h.BootID, h.BootID, "shared"), pick("", "one", "two"), pick("Debian 12", "Debian 11")
			if r.IntN(4) == 0 {
				h.Findings = []Finding{{Rule: pick("FD201", "FD601"), Name: "x", Kind: drop.Dropping, Severity: drop.High}}
			}
			if r.IntN(9) == 0 {
				h = Host{Name: h.Name, Groups: h.Groups, Jump: h.Jump, Outcome: OutcomeFailed, Error: &Error{Code: pick("timeout@dial", "auth")}}
			}
			hosts[i] = h
		}
		fleet := fleetOf(hosts)
		said := map[string]bool{}
		for _, d := range fleet.Drift {
			differ := 0
			for _, o := range d.Others {
				differ += o.Count
				if o.Value == d.Majority.Value || len(o.Hosts) < o.Count {
					t.Fatalf("%+v", d)
				}
				for _, name := range o.Hosts {
					i := slices.IndexFunc(hosts, func(h Host) bool { return h.Name == name })
					if hosts[i].Settings.byName()[d.Setting] != o.Value || !slices.Contains(hosts[i].groups(), d.Group) || said[name+d.Setting] {
						t.Fatalf("%s in %+v: %+v", name, d, hosts[i])
					}
					said[name+d.Setting] = true // once
				}
			}
			if differ >= d.Majority.Count {
				t.Fatalf("no majority: %+v", d)
			}
		}
		for _, c := range fleet.Common {
			if c.Shared < leastInCommon || c.Shared > c.Hosts || c.Share < leastShare || 2*c.Base > c.Share || (c.Rule == "") == (c.Error == "") {
				t.Fatalf("%+v", c)
			}
		}
		if fleet.Machines > len(hosts) {
			t.Fatalf("%d machines of %d hosts", fleet.Machines, len(hosts))
		}
		// The order of the hosts says nothing.
		other := slices.Clone(hosts)
		r.Shuffle(len(other), func(i, j int) { other[i], other[j] = other[j], other[i] })
		if diff := cmp.Diff(fleet, fleetOf(other)); diff != "" {
			t.Fatal(diff)
		}
		// A host that was not reached has no settings.
		more := driftOf(append(slices.Clone(hosts), Host{Name: "more", Groups: []string{"web"}, Outcome: OutcomeFailed}))
		if diff := cmp.Diff(fleet.Drift, list(more)); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestSettings(t *testing.T) {
	c, err := probe.ParseCapture(`fleetdrop capture v1
host: lb-1
-- /proc/sys/net/core/somaxconn --
4096
-- /proc/sys/net/ipv4/tcp_rmem --
4096	131072	6291456
-- /proc/sys/net/ipv4/tcp_mem --
1 2 3
-- /proc/sys/net/netfilter/nf_conntrack_count --
17
-- denied /proc/sys/net/core/rmem_max --
-- /proc/sys/net/ipv4/conf/*/rp_filter --
all 0
default 2
eth0 1
eth0.7 1
veth1 1
-- /sys/class/net/*/device/uevent --
eth0 DRIVER=ixgbe
-- /sys/class/net/*/mtu --
eth0 9000
lo 65536
veth1 1500
-- /sys/class/net/*/operstate --
eth0 up
-- ethtool -g eth0 --
Ring parameters for eth0:
Pre-set maximums:
RX:		4096
Current hardware settings:
RX:		512
TX:		256
`)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"net.core.somaxconn": "4096", "net.ipv4.tcp_rmem": "4096 131072 6291456",
		"net.ipv4.conf.all.rp_filter": "0", "net.ipv4.conf.default.rp_filter": "2", "net.ipv4.conf.eth0.rp_filter": "1",
		"/sys/class/net/eth0/device/driver": "ixgbe", "/sys/class/net/eth0/mtu": "9000", "ethtool -g eth0 rx": "512", "ethtool -g eth0 tx": "256",
	}
	got := settingsOf(probe.NewSnapshot(c))
	if diff := cmp.Diff(want, got.byName()); diff != "" {
		t.Error(diff)
	}
	if drivers := got.drivers(); !slices.Equal(drivers, []string{"ixgbe"}) {
		t.Errorf("drivers %q", drivers)
	}
}

// TestSettingsBounded has a host with very many interfaces, and one that writes novels.
func TestSettingsBounded(t *testing.T) {
	var many strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&many, "veth%d 1500\n", i)
	}
	c := &probe.Capture{Outputs: []probe.Output{
		{Section: "/proc/sys/net/core/novel", State: probe.Known, Text: strings.Repeat("x", 1<<20)},
		{Section: "/proc/sys/" + strings.Repeat("y", 1<<20), State: probe.Known, Text: "1"},
		{Section: "/sys/class/net/*/mtu", State: probe.Known, Text: many.String()},
	}}
	got := settingsOf(probe.NewSnapshot(c))
	if len(got) != maxSettings {
		t.Errorf("%d settings", len(got))
	}
	for name, value := range got.byName() {
		if len(name) > maxSetting || len(value) > maxSetting {
			t.Errorf("%.50s: %.50s", name, value)
		}
	}
}
