package kernel

import (
	"slices"
	"testing"
)

const psi = "some avg10=40.62 avg60=17.80 avg300=14.75 total=125322417\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"

func TestPressure(t *testing.T) {
	table, err := CPUPressure.Parse(psi)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		row, field string
		n          uint64
	}{{"some", "avg10", 40}, {"some", "avg60", 17}, {"some", "total", 125322417}, {"full", "total", 7}} {
		if got, ok := table.Row(want.row).Get(want.field); !ok || got != want.n {
			t.Errorf("%s %s is %d, want %d", want.row, want.field, got, want.n)
		}
	}
	for _, text := range []string{"\n", "some\n", "none avg10=1.00 total=7\n", "some avg10=x total=7\n", "some avg10=-1.00\n"} {
		if table, err := CPUPressure.Parse(text); err == nil {
			t.Errorf("%q is %v", text, table)
		}
	}
}

func TestXDP(t *testing.T) {
	for text, want := range map[string][]string{
		"2: eth0: <BROADCAST,UP> mtu 1500 xdp qdisc mq state UP\\    link/ether 02:00:00:00:00:01 \\    prog/xdp id 12 \n": {"eth0"},
		"7: eth1@if6: <BROADCAST,UP> mtu 1500 xdpgeneric/id:3 qdisc noqueue\n":                                             {"eth1"},
		"1: lo: <LOOPBACK,UP> mtu 65536 qdisc noqueue state UNKNOWN\n":                                                     nil,
		"": nil, "no such tool\n": nil,
	} {
		if got, err := XDP.Parse(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q: %v", text, got, want, err)
		}
	}
}

func FuzzPressure(f *testing.F) { fuzzTable(f, CPUPressure, psi) }

func FuzzXDP(f *testing.F) {
	f.Add("2: eth0: <BROADCAST,UP> mtu 1500 xdp qdisc mq\n")
	f.Fuzz(func(_ *testing.T, text string) { _, _ = XDP.Parse(text) })
}
