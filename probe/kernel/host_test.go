package kernel

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/fleetdrop/fleetdrop/probe"
)

const (
	sockstat = "sockets: used 5\nTCP: inuse 2 orphan 0 tw 0 alloc 67 mem -1\nUDP: inuse 1 mem 0\nFRAG: inuse 3 memory 4096\n"
	meminfo  = "MemTotal:       32900000 kB\nHugePages_Total:       0\nActive(anon):  12 kB\n"
	routes   = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n" +
		"eth0\t00000000\t0100630A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n" +
		"eth0\t0000630A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
	rules     = "0:\tfrom all lookup local\n32766:\tfrom all lookup main\n32767:\tfrom all lookup default\n"
	addresses = "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n" +
		"2: eth0    inet 10.99.0.23/24 brd 10.99.0.255 scope global dynamic eth0\\       valid_lft 8sec\n" +
		"7: tun0    inet 10.8.0.6 peer 10.8.0.5/32 scope global tun0\n"
)

func TestHostTables(t *testing.T) {
	for _, test := range []struct {
		stats      *probe.Stats
		text       string
		row, field string
		want       uint64
	}{
		{Sockstat, sockstat, "sockets", "used", 5},
		{Sockstat, sockstat, "TCP", "alloc", 67},
		{Sockstat, sockstat, "TCP", "mem", 0},
		{Sockstat, sockstat, "FRAG", "memory", 4096},
		{Meminfo, meminfo, "", "MemTotal", 32900000},
		{Meminfo, meminfo, "", "Active(anon)", 12},
	} {
		table, err := test.stats.Parse(test.text)
		if got, ok := table.Row(test.row).Get(test.field); err != nil || !ok || got != test.want {
			t.Errorf("%s %s %s: got %d, %v, %v", test.stats.ID(), test.row, test.field, got, ok, err)
		}
	}
	for text, stats := range map[string]*probe.Stats{
		"TCP inuse 2\n": Sockstat, "TCP: inuse\n": Sockstat, "TCP: inuse many\n": Sockstat6,
		"MemTotal 7 kB\n": Meminfo, "MemTotal: many kB\n": Meminfo,
	} {
		if table, err := stats.Parse(text); err == nil {
			t.Errorf("%s: %q is %v", stats.ID(), text, table)
		}
	}
}

func TestRoutes(t *testing.T) {
	got, err := Routes.Parse(routes)
	want := []Route{
		{"eth0", netip.MustParsePrefix("0.0.0.0/0"), netip.MustParseAddr("10.99.0.1"), 3, 100},
		{"eth0", netip.MustParsePrefix("10.99.0.0/24"), netip.MustParseAddr("0.0.0.0"), 1, 0},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, got %v", err, got)
	}
	if got, err := Routes.Parse(""); err != nil || len(got) > 0 {
		t.Errorf("without a table: %v, got %v", err, got)
	}
	for _, text := range []string{"hello\n", routes + "eth0\t0\n", routes + "eth0\t0\t0\t1\t0\t0\t0\t00FF00FF\t0\t0\t0\n"} {
		if got, err := Routes.Parse(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

// TestRoutesProcfs reads the routes as prometheus/procfs does.
func TestRoutesProcfs(t *testing.T) {
	want, err := procFS(t, "net/route", routes).NetRoute()
	if err != nil {
		t.Fatal(err)
	}
	got, _ := Routes.Parse(routes)
	if len(got) != len(want) {
		t.Fatalf("%d routes, procfs has %d", len(got), len(want))
	}
	for i, w := range want {
		g := got[i]
		bits, _ := maskBits(w.Mask)
		if g.Interface != w.Iface || g.Prefix.Addr() != ipv4(w.Destination) || g.Gateway != ipv4(w.Gateway) ||
			g.Flags != uint64(w.Flags) || g.Metric != uint64(w.Metric) || g.Prefix.Bits() != bits {
			t.Errorf("got %v, procfs has %v", g, w)
		}
	}
}

func TestRules(t *testing.T) {
	if n, err := Rules.Parse(rules); n != 3 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := Rules.Parse("ip: RTNETLINK answers: Operation not supported\n"); err == nil {
		t.Errorf("an error is %d rules", n)
	}
}

func TestAddresses(t *testing.T) {
	got, err := Addresses.Parse(addresses)
	want := []Address{
		{"lo", netip.MustParsePrefix("127.0.0.1/8"), "host"},
		{"eth0", netip.MustParsePrefix("10.99.0.23/24"), "global"},
		{"tun0", netip.MustParsePrefix("10.8.0.6/32"), "global"},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, got %v", err, got)
	}
	for _, text := range []string{"2: eth0 inet\n", "2: eth0 inet6 ::1/128 scope host\n", "2: eth0 inet 10.0.0.300/8 scope host\n"} {
		if got, err := Addresses.Parse(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

// TestSockstatProcfs reads the recordings as prometheus/procfs does.
func TestSockstatProcfs(t *testing.T) {
	for name, text := range recorded(t, Sockstat.ID()) {
		table, err := Sockstat.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		want, err := procFS(t, "net/sockstat", text).NetSockstat()
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := table.Row("sockets").Get("used"); got != uint64(*want.Used) {
			t.Errorf("%s: %d sockets, procfs says %d", name, got, *want.Used)
		}
		for _, p := range want.Protocols {
			row := table.Row(p.Protocol)
			for field, n := range map[string]*int{
				"inuse": &p.InUse, "orphan": p.Orphan, "tw": p.TW, "alloc": p.Alloc, "mem": p.Mem, "memory": p.Memory,
			} {
				if got, ok := row.Get(field); ok != (n != nil) || ok && got != uint64(*n) {
					t.Errorf("%s: %s %s is %d, %v", name, p.Protocol, field, got, ok)
				}
			}
		}
	}
}

// TestMeminfoProcfs reads a file of this kernel as prometheus/procfs does.
func TestMeminfoProcfs(t *testing.T) {
	want, err := procFS(t, "meminfo", meminfo).Meminfo()
	if err != nil {
		t.Fatal(err)
	}
	table, err := Meminfo.Parse(meminfo)
	if err != nil {
		t.Fatal(err)
	}
	v := reflect.ValueOf(want)
	for field, of := range map[string]string{"MemTotal": "MemTotal", "Active(anon)": "ActiveAnon", "HugePages_Total": "HugePagesTotal"} {
		n := v.FieldByName(of).Interface().(*uint64)
		if got, ok := table.Row("").Get(field); !ok || got != *n {
			t.Errorf("%s is %d, procfs says %d", field, got, *n)
		}
	}
}

func FuzzSockstat(f *testing.F) { fuzzTable(f, Sockstat, sockstat) }
func FuzzMeminfo(f *testing.F)  { fuzzTable(f, Meminfo, meminfo) }

func FuzzRoutes(f *testing.F) {
	fuzzParser(f, Routes.Parse, nil, routes)
}

func FuzzRules(f *testing.F) {
	fuzzParser(f, Rules.Parse, nil, rules)
}

func FuzzAddresses(f *testing.F) {
	fuzzParser(f, Addresses.Parse, nil, addresses)
}

func TestStrict(t *testing.T) {
	for text, want := range map[string][]string{
		"all 0\ndefault 1\neth0 1\neth1 0\neth2 2\nlo 1\n": {"eth0"},
		"all 1\ndefault 0\neth0 0\neth1 1\neth2 2\nlo 0\n": {"eth0", "eth1"},
		"all 2\ndefault 1\neth0 1\nlo 1\n":                 nil,
	} {
		values, err := ReversePath.Parse(text)
		if got := Strict(values); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func FuzzDefaultRoutes6(f *testing.F) {
	fuzzParser(f, DefaultRoutes6.Parse, nil,
		"00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00450003     eth0\n")
}

func TestDefaultRoutes6(t *testing.T) {
	const any, via = "00000000000000000000000000000000", "fe800000000000000000000000000001"
	got, err := DefaultRoutes6.Parse("" +
		any + " 00 " + any + " 00 " + via + " 00000400 00000001 00000000 00450003     eth0\n" +
		any + " 00 " + any + " 00 " + any + " 00000400 00000001 00000000 00000201     dum0\n" + // unreachable
		any + " 00 " + any + " 00 " + any + " ffffffff 00000001 00000000 00200200       lo\n")
	if want := []string{"eth0"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, want %q: %v", got, want, err)
	}
	for _, text := range []string{"\n", "0 0\n", any + " 00 " + any + " 00 " + via + " 00000400 00000001 00000000 xx     eth0\n"} {
		if got, err := DefaultRoutes6.Parse(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}
