package drop

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/fleetdrop/fleetdrop/probe"
)

func number(n int64) *int64 { return &n }

// TestExpectations holds a host against what policies may ask for.
func TestExpectations(t *testing.T) {
	const host = `
-- /proc/meminfo --
MemTotal:        8192000 kB
-- /proc/sys/net/core/somaxconn --
128
-- /proc/sys/net/ipv4/conf/*/log_martians --
all 1
eth0 0
-- /proc/sys/net/ipv4/conf/*/rp_filter --
all 1
default 1
eth0 0
eth0.100 2
lo 0
-- /proc/sys/net/ipv4/conf/*/accept_source_route --
all 0
eth0 1
-- /proc/sys/net/ipv4/tcp_congestion_control --
cubic
-- /proc/sys/net/ipv4/tcp_rmem --
4096	131072	6291456
-- absent /proc/sys/net/ipv4/tcp_tw_recycle --
-- /proc/sys/net/netfilter/nf_conntrack_max --
262144
-- /proc/sys/net/ipv4/tcp_low_latency --
0
`
	for _, test := range []struct {
		name   string
		expect Expectation
		want   string // the message; empty if nothing is wrong
		value  string // that the remedy sets
	}{
		{"equal", Expectation{Key: "net.core.somaxconn", Want: []Condition{{In: []string{"128"}}}}, "", ""},
		{"equal in another notation", Expectation{Key: "net.core.somaxconn", Want: []Condition{{In: []string{"0x80"}}}}, "", ""},
		{"not equal", Expectation{Key: "net.core.somaxconn", Want: []Condition{{In: []string{"4096"}}}}, "128, expected 4096", "4096"},
		{"a word", Expectation{Key: "net.ipv4.tcp_congestion_control", Want: []Condition{{In: []string{"bbr", "cubic"}}}}, "", ""},
		{"another word", Expectation{Key: "net.ipv4.tcp_congestion_control", Want: []Condition{{In: []string{"bbr", "reno"}}}}, "cubic, expected bbr or reno", "bbr"},
		{"a word where a number is due", Expectation{Key: "net.ipv4.tcp_congestion_control", Want: []Condition{{Min: number(1)}}}, "cubic, expected at least 1", ""},
		{"the least", Expectation{Key: "net.core.somaxconn", Want: []Condition{{Min: number(128)}}}, "", ""},
		{"below it, with a reason", Expectation{Key: "net.core.somaxconn", Want: []Condition{{Min: number(4096)}}, Why: "busy listeners"}, "128, expected at least 4096: busy listeners", "4096"},
		{"above the most", Expectation{Key: "net.core.somaxconn", Want: []Condition{{Min: number(1), Max: number(100)}}}, "128, expected 1 to 100", "100"},
		{"enough for the memory", Expectation{Key: "net.netfilter.nf_conntrack_max", Want: []Condition{{MinPerGiB: number(32768)}}}, "", ""},
		{"too little for the memory", Expectation{Key: "net.netfilter.nf_conntrack_max", Want: []Condition{{MinPerGiB: number(40000)}}}, "262144, expected at least 40000 for each GiB of memory", "312500"},
		{"fields", Expectation{Key: "net.ipv4.tcp_rmem", Want: []Condition{{}, {}, {Min: number(6291456)}}}, "", ""},
		{"a field", Expectation{Key: "net.ipv4.tcp_rmem", Want: []Condition{{}, {}, {Min: number(16777216)}}}, "4096 131072 6291456, expected [_; _; at least 16777216]", "4096 131072 16777216"},
		{"another number of fields", Expectation{Key: "net.ipv4.tcp_rmem", Want: []Condition{{}, {}}}, "4096 131072 6291456, expected [_; _]", ""},
		{"all of the value", Expectation{Key: "net.ipv4.tcp_rmem", Want: []Condition{{In: []string{"4096 131072 6291456"}}}}, "", ""},
		{"absent", Expectation{Key: "net.ipv4.tcp_tw_recycle", Absent: true}, "", ""},
		{"not absent", Expectation{Key: "net.ipv4.tcp_low_latency", Absent: true}, "0, expected absent", ""},
		{"missing", Expectation{Key: "net.ipv4.tcp_tw_recycle", Want: []Condition{{In: []string{"0"}}}}, "", ""},
		{"missing, and that fails", Expectation{Key: "net.ipv4.tcp_tw_recycle", Want: []Condition{{In: []string{"0"}}}, Missing: Fail}, "this kernel does not have it, expected 0", ""},
		{"the larger of all and its own", Expectation{Key: "net.ipv4.conf.*.rp_filter", Want: []Condition{{In: []string{"1", "2"}}}}, "", ""},
		{"each interface", Expectation{Key: "net.ipv4.conf.*.rp_filter", Want: []Condition{{In: []string{"0", "2"}}}}, "eth0: 1, expected 0 or 2; CIS, Lynis and dev-sec ask for 1", "0"},
		{"what a guide asks for", Expectation{Key: "net.ipv4.conf.*.rp_filter", Want: []Condition{{In: []string{"1"}}}},
			"eth0.100: 2, expected 1; CIS, Lynis and dev-sec ask for 1, and on a host with two networks it drops packets whose way back is the other", "1"},
		{"martians", Expectation{Key: "net.ipv4.conf.*.log_martians", Want: []Condition{{In: []string{"0"}}}}, "eth0: 1, expected 0; CIS and dev-sec ask for 1", "0"},
		{"the smaller of all and its own", Expectation{Key: "net.ipv4.conf.*.accept_source_route", Want: []Condition{{In: []string{"0"}}}}, "", ""},
		{"its own alone", Expectation{Key: "net.ipv4.conf.eth0/100.rp_filter", Want: []Condition{{In: []string{"1"}}}}, "", ""},
		{"only where there are two networks", Expectation{Key: "net.core.somaxconn", Want: []Condition{{In: []string{"4096"}}}, Multihomed: true}, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.expect.Severity, test.expect.Origin = High, "policy.yaml:7"
			v := Judge([]*Rule{byName(t, "sysctl-policy")}, &Settings{Expect: []Expectation{test.expect}}, snapshot(t, host))[0]
			if test.want == "" {
				if len(v.Findings) > 0 {
					t.Errorf("found %q", says(v))
				}
				return
			}
			if len(v.Findings) != 1 {
				t.Fatalf("%s: found %q", v.Outcome, says(v))
			}
			f := v.Findings[0]
			if f.Message != test.want || f.Severity != High || f.Kind != AtRisk || f.Subject != test.expect.Key || f.Expected != "policy.yaml:7" || len(f.Evidence) == 0 {
				t.Errorf("got  %s (%s)\nwant %s", f, f.Expected, test.want)
			}
			set := ""
			for _, s := range f.Steps {
				set = s.Value
			}
			if set != test.value {
				t.Errorf("the remedy sets %q, want %q", set, test.value)
			}
		})
	}
}

// TestAllows judges what a file sets, of which no host is known.
func TestAllows(t *testing.T) {
	for _, test := range []struct {
		expect    Expectation
		value     string
		ok, known bool
	}{
		{Expectation{Want: []Condition{{Min: number(4)}}}, " 4 ", true, true},
		{Expectation{Want: []Condition{{Min: number(4)}}}, "3", false, true},
		{Expectation{Want: []Condition{{}, {In: []string{"2"}}}}, "1\t2", true, true},
		{Expectation{Want: []Condition{{MinPerGiB: number(4)}}}, "3", true, false},
		{Expectation{Absent: true}, "0", false, true},
	} {
		if ok, known := test.expect.Allows(test.value); known != test.known || known && ok != test.ok {
			t.Errorf("%v of %q: %v, %v", test.expect, test.value, ok, known)
		}
	}
}

// TestExpectationsUnread never calls what was not read as it should be.
func TestExpectationsUnread(t *testing.T) {
	for _, e := range []Expectation{
		{Key: "net.core.somaxconn", Want: []Condition{{In: []string{"1"}}}, Missing: Fail},
		{Key: "net.ipv4.conf.*.rp_filter", Want: []Condition{{In: []string{"1"}}}},
		{Key: "net.ipv4.tcp_rmem", Absent: true},
	} {
		v := Judge([]*Rule{byName(t, "sysctl-policy")}, &Settings{Expect: []Expectation{e}}, snapshot(t, "-- denied "+strings.TrimSuffix(e.reads()[0].ID(), " ")+" --\n"))[0]
		if v.Outcome != NotChecked || len(v.Missing) != 1 {
			t.Errorf("%s: %s, missing %v", e.Key, v.Outcome, v.Missing)
		}
	}
	two := Expectation{Key: "net.core.somaxconn", Want: []Condition{{In: []string{"1"}}}, Multihomed: true}
	v := Judge([]*Rule{byName(t, "sysctl-policy")}, &Settings{Expect: []Expectation{two}}, snapshot(t, "-- /proc/sys/net/core/somaxconn --\n2\n"))[0]
	if v.Outcome != NotChecked {
		t.Errorf("nobody knows how many networks there are, and the verdict is %s", v.Outcome)
	}
}

// TestInterfaceByName has one interface that is an exception from all.
func TestInterfaceByName(t *testing.T) {
	expect := []Expectation{
		{Key: "net.ipv4.conf.*.rp_filter", Want: []Condition{{In: []string{"1"}}}, Severity: High},
		{Key: "net.ipv4.conf.eth1/7.rp_filter", Want: []Condition{{In: []string{"2"}}}, Severity: High},
	}
	s := snapshot(t, "-- /proc/sys/net/ipv4/conf/*/rp_filter --\nall 0\neth0 1\neth1.7 2\n-- /proc/sys/net/ipv4/conf/eth1.7/rp_filter --\n2\n")
	if v := Judge([]*Rule{byName(t, "sysctl-policy")}, &Settings{Expect: expect}, s)[0]; v.Outcome != Clean {
		t.Errorf("%s: %q", v.Outcome, says(v))
	}
}

// TestManyInterfaces keeps the finding short where there are thousands.
func TestManyInterfaces(t *testing.T) {
	var b strings.Builder
	b.WriteString("-- /proc/sys/net/ipv4/conf/*/rp_filter --\n")
	for i := range 2000 {
		fmt.Fprintf(&b, "veth%d 0\n", i)
	}
	expect := []Expectation{{Key: "net.ipv4.conf.*.rp_filter", Want: []Condition{{In: []string{"2"}}}, Severity: Low}}
	f := Judge([]*Rule{byName(t, "sysctl-policy")}, &Settings{Expect: expect}, snapshot(t, b.String()))[0].Findings[0]
	if !strings.Contains(f.Message, "veth7 and 1992 more: 0, expected 2") || len(f.Evidence) != 8 || len(f.Steps) != 8 {
		t.Errorf("%s: %d facts, %d steps", f, len(f.Evidence), len(f.Steps))
	}
}

// TestSettings has a policy switch a rule off, which still explains its counters, and say how
// severe another is.
func TestSettings(t *testing.T) {
	s := snapshot(t, `
-- first /proc/net/netstat --
TcpExt: ListenOverflows ListenDrops
TcpExt: 0 0
-- first /proc/net/snmp --
Tcp: PassiveOpens
Tcp: 0
-- /proc/net/netstat --
TcpExt: ListenOverflows ListenDrops
TcpExt: 900 1000
-- /proc/net/snmp --
Tcp: PassiveOpens
Tcp: 1000
`)
	rules := slices.DeleteFunc(Catalogue(), func(r *Rule) bool { return r.ID != "FD601" && r.ID != "FD605" })
	counts := func(settings *Settings) (said []string) {
		for _, v := range Judge(rules, settings, s) {
			for _, f := range v.Findings {
				said = append(said, fmt.Sprintf("%s %v %d", f.Rule, f.Severity, f.Loss.Count))
			}
		}
		return said
	}
	if got, want := counts(nil), []string{"FD601 high 900", "FD605 medium 100"}; !slices.Equal(got, want) {
		t.Errorf("without a policy: %q, want %q", got, want)
	}
	settings := &Settings{Off: map[string]bool{"FD601": true}, Severity: map[string]Severity{"FD605": Critical}}
	if got, want := counts(settings), []string{"FD605 critical 100"}; !slices.Equal(got, want) {
		t.Errorf("with one: %q, want %q", got, want)
	}
}

// TestPolicyScript reads what a policy names, once.
func TestPolicyScript(t *testing.T) {
	expect := []Expectation{
		{Key: "net.core.somaxconn", Want: []Condition{{Min: number(4096)}}},
		{Key: "net.ipv6.conf.*.accept_ra", Want: []Condition{{In: []string{"0"}}}},
		{Key: "net.netfilter.nf_conntrack_count", Want: []Condition{{Max: number(9)}}},
	}
	script := probe.Script(Sections(Catalogue(), expect...)...)
	for _, path := range []string{"/proc/sys/net/core/somaxconn", "/proc/sys/net/ipv6/conf/*/accept_ra"} {
		if n := strings.Count(script, "'"+path+"'"); n != 1 {
			t.Errorf("%s is read %d times", path, n)
		}
	}
	if n := strings.Count(script, "'/proc/sys/net/netfilter/nf_conntrack_count'"); n != 1 {
		t.Errorf("a sysctl of both samples is read %d times in a pass", n)
	}
	if without := probe.Script(Sections([]*Rule{byName(t, "accept-queue-overflow")}, expect...)...); strings.Contains(without, "accept_ra") {
		t.Error("the policy's sysctls are read for no rule")
	}
}
