package kernel

import (
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/fleetdrop/fleetdrop/probe"
)

// TestNetstatProcfs reads the recordings as prometheus/procfs does, which keeps the counters that
// its authors have named, as fields of structs.
func TestNetstatProcfs(t *testing.T) {
	for name, text := range recorded(t, Netstat.ID()) {
		table, err := Netstat.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		self, err := procFS(t, "1/net/netstat", text).Proc(1)
		if err != nil {
			t.Fatal(err)
		}
		want, err := self.Netstat()
		if err != nil {
			t.Fatal(err)
		}
		if n := sameRows(t, name, table, want); n < 100 {
			t.Errorf("%s: only %d counters compared", name, n)
		}
	}
}

func TestSNMPProcfs(t *testing.T) {
	for name, text := range recorded(t, SNMP.ID()) {
		table, err := SNMP.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		self, err := procFS(t, "1/net/snmp", text).Proc(1)
		if err != nil {
			t.Fatal(err)
		}
		want, err := self.Snmp()
		if err != nil {
			t.Fatal(err)
		}
		if n := sameRows(t, name, table, want); n < 60 {
			t.Errorf("%s: only %d counters compared", name, n)
		}
	}
}

// sameRows compares a table with a struct of rows, each a struct of *float64, and returns how
// many cells both have.
func sameRows(t *testing.T, name string, table probe.Table, rows any) (compared int) {
	t.Helper()
	v := reflect.ValueOf(rows)
	for i := range v.NumField() {
		row := v.Type().Field(i).Name
		if v.Field(i).Kind() != reflect.Struct {
			continue // the number of the process
		}
		for j := range v.Field(i).NumField() {
			field := v.Field(i).Type().Field(j).Name
			want, ok := v.Field(i).Field(j).Interface().(*float64)
			if !ok || want == nil || *want < 0 { // MaxConn is -1
				continue
			}
			if got, ok := table.Row(row).Get(field); !ok || float64(got) != *want {
				t.Errorf("%s: %s %s is %d, procfs says %.0f", name, row, field, got, *want)
			}
			compared++
		}
	}
	return compared
}

// TestTCPProcfs reads the listeners of the recordings as prometheus/procfs does.
func TestTCPProcfs(t *testing.T) {
	for name, text := range recorded(t, TCP.ID()) {
		got, err := TCP.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		//lint:ignore SA1019 it parses the file, which is what is to be compared
		all, err := procFS(t, "net/tcp", text).NetTCP()
		if err != nil || len(all) != len(got) {
			t.Fatalf("%s: %v, %d listeners, procfs has %d", name, err, len(got), len(all))
		}
		for i, w := range all {
			want := w.LocalAddr.String() + ":" + strconv.FormatUint(w.LocalPort, 10)
			if address := got[i].Address("x86_64"); address != want || got[i].Queued != w.RxQueue || w.St != 10 {
				t.Errorf("%s: %s has %d, procfs says %s has %d", name, address, got[i].Queued, want, w.RxQueue)
			}
		}
	}
}

// TestTitledKernels parses rows of 2.6.32, which has no counter of memory errors and no
// MPTcpExt, and of 4.0, which has PAWSPassive: what a kernel does not have is absent.
func TestTitledKernels(t *testing.T) {
	for text, want := range map[string]map[string]bool{
		"TcpExt: PAWSPassive PAWSActive PAWSEstab ListenOverflows ListenDrops\nTcpExt: 1 2 3 4 5\n": {
			"TcpExt PAWSPassive": true, "TcpExt ListenDrops": true, "TcpExt PAWSOldAck": false, "TcpExt TCPReqQFullDrop": false, "MPTcpExt X": false,
		},
		"Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors\nUdp: 1 2 3 4 5 6\n" +
			"UdpLite: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors\nUdpLite: 0 0 0 0 0 0\n": {
			"Udp RcvbufErrors": true, "UdpLite RcvbufErrors": true, "Udp InCsumErrors": false, "Udp MemErrors": false,
		},
		"Icmp: InMsgs\nIcmp: 4\nIcmpMsg: InType3 OutType3\nIcmpMsg: 1 18446744073709551615\nTcp: RtoAlgorithm MaxConn InCsumErrors\nTcp: 1 -1 0\n": {
			"IcmpMsg OutType3": true, "Tcp InCsumErrors": true, "Udp InErrors": false,
		},
	} {
		table, err := SNMP.Parse(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		for cell, known := range want {
			row, field, _ := strings.Cut(cell, " ")
			if _, ok := table.Row(row).Get(field); ok != known {
				t.Errorf("%q: %s is there: %v", text, cell, ok)
			}
		}
	}
}
