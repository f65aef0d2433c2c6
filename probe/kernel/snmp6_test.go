package kernel

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/testdata"
	"github.com/prometheus/procfs"
)

const snmp6 = "Ip6InReceives                   \t1\nIp6InDiscards                   \t18446744073709551615\n" +
	"Icmp6InMsgs                     \t1\nIcmp6OutType143                 \t4\n" +
	"Udp6InErrors                    \t3\nUdpLite6InErrors                \t2\n"

// procFS is a /proc of one file, for comparing with what others make of it.
func procFS(t testing.TB, path, text string) procfs.FS {
	t.Helper()
	file := filepath.Join(t.TempDir(), path)
	root := strings.TrimSuffix(file, path)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	fs, err := procfs.NewFS(root)
	if err != nil {
		t.Fatal(err)
	}
	return fs
}

// recorded returns every text of a section that the recordings hold.
func recorded(t testing.TB, section string) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, name := range testdata.Recordings() {
		c, err := testdata.Recording(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, out := range c.Outputs {
			if out.Section == section && out.State == probe.Known {
				texts[name] = out.Text
			}
		}
	}
	if len(texts) == 0 {
		t.Fatalf("no recording holds %s", section)
	}
	return texts
}

func TestSNMP6(t *testing.T) {
	for _, test := range []struct {
		row, field string
		want       uint64
	}{
		{"Ip6", "InDiscards", 1<<64 - 1},
		{"Icmp6", "OutType143", 4},
		{"Udp6", "InErrors", 3},
		{"UdpLite6", "InErrors", 2},
	} {
		table, err := SNMP6.Parse(snmp6)
		if got, ok := table.Row(test.row).Get(test.field); err != nil || !ok || got != test.want {
			t.Errorf("%s %s: got %d, %v, %v", test.row, test.field, got, ok, err)
		}
	}
	for _, text := range []string{
		"Ip6InReceives many\n", "Ip6InReceives\t\n", "InReceives\t1\n", "Ip6\t1\n",
		"Ip6A\t1\nUdp6A\t1\nIp6B\t1\n",
	} {
		if table, err := SNMP6.Parse(text); err == nil {
			t.Errorf("%q is %v", text, table)
		}
	}
}

// TestSNMP6Procfs reads the recordings as prometheus/procfs does.
func TestSNMP6Procfs(t *testing.T) {
	for name, text := range recorded(t, SNMP6.ID()) {
		table, err := SNMP6.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		proc, err := procFS(t, "1/net/snmp6", text).Proc(1)
		if err != nil {
			t.Fatal(err)
		}
		want, err := proc.Snmp6()
		if err != nil {
			t.Fatal(err)
		}
		compared := 0
		for _, row := range []struct {
			name string
			of   any
		}{{"Ip6", want.Ip6}, {"Icmp6", want.Icmp6}, {"Udp6", want.Udp6}, {"UdpLite6", want.UdpLite6}} {
			v := reflect.ValueOf(row.of)
			for i := range v.NumField() {
				n, ok := v.Field(i).Interface().(*float64)
				if !ok || n == nil {
					continue
				}
				compared++
				field := v.Type().Field(i).Name
				if got, ok := table.Row(row.name).Get(field); !ok || float64(got) != *n {
					t.Errorf("%s: %s%s is %d, procfs says %v", name, row.name, field, got, *n)
				}
			}
		}
		if compared < 70 {
			t.Errorf("%s: only %d numbers compared", name, compared)
		}
	}
}

func FuzzSNMP6(f *testing.F) { fuzzTable(f, SNMP6, snmp6) }
