package kernel

import (
	"net"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/procfs"
)

// The rows of 2.6.18 have two cells more than titles, and no drops.
const (
	udp4 = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            \n" +
		"16157: 0B00630A:2328 00000000:0000 07 00000000:00001D40 00:00000000 00000000     0        0 254431 2 000000008fa89230 991      \n" +
		"  512: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 11 2 000000008fa89231 0        \n"
	udp6 = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n" +
		" 4190: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 77 2 ffff9a0c 12\n"
	udp2618 = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n" +
		"  68: 00000000:0044 00000000:0000 07 00000000:00000200 00:00000000 00000000     0        0 6241 2 e7e4c040\n"
)

func TestUDP(t *testing.T) {
	for text, want := range map[string][]UDPSocket{
		udp4: {
			{Local: "0B00630A:2328", Inode: "254431", Queued: 0x1d40, Drops: 991},
			{Local: "00000000:0044", Inode: "11"},
		},
		udp6:    {{Local: "00000000000000000000000001000000:0035", Inode: "77", Drops: 12}},
		udp2618: {{Local: "00000000:0044", Inode: "6241", Queued: 0x200}},
	} {
		if got, err := parseUDP(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v, got %+v, want %+v", err, got, want)
		}
	}
	for _, text := range []string{
		"", "hello\n", "sl local_address\n",
		strings.Replace(udp4, "991", "-1", 1),
		strings.Replace(udp4, ":2328", "", 1),
		strings.Replace(udp4, ":00001D40", ":zz", 1),
		strings.Replace(udp4, "0B00630A", "XX00630A", 1),
		strings.Replace(udp4, "0B00630A", "0B0063", 1),
		strings.Replace(udp4, "991      \n", "\n", 1),
	} {
		if got, err := parseUDP(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func TestUDPAddress(t *testing.T) {
	for _, test := range []struct{ local, arch, want string }{
		{"0B00630A:2328", "x86_64", "10.99.0.11:9000"},
		{"0A63000B:2328", "s390x", "10.99.0.11:9000"},
		{"0B00630A:2328", "mips", "0B00630A:9000"},
		{"0B00630A:2328", "", "0B00630A:9000"},
		{"00000000:2328", "", "0.0.0.0:9000"},
		{"00000000000000000000000000000000:0035", "", "[::]:53"},
		{"00000000000000000000000001000000:0035", "aarch64", "[::1]:53"},
		{"00000000000000000000000000000001:0035", "ppc64", "[::1]:53"},
		{"B80D0120000000000000000001000000:0035", "x86_64", "[2001:db8::1]:53"},
		{"0000000000000000FFFF00000100007F:0035", "x86_64", "[::ffff:127.0.0.1]:53"},
	} {
		if got := (UDPSocket{Local: test.local}).Address(test.arch); got != test.want {
			t.Errorf("%s on %q: got %s, want %s", test.local, test.arch, got, test.want)
		}
	}
}

// TestUDPKeep holds the rows of a file against what leaves the host.
func TestUDPKeep(t *testing.T) {
	keep := regexp.MustCompile(UDP.Keep)
	for text, want := range map[string]int{udp4: 2, udp6: 2, udp2618: 2} {
		kept := 0
		for line := range strings.Lines(text) {
			if keep.MatchString(strings.ToLower(strings.TrimSuffix(line, "\n"))) {
				kept++
			}
		}
		if kept != want {
			t.Errorf("%d lines of %q leave the host, want %d", kept, text, want)
		}
	}
}

// TestUDPProcfs reads the recordings, and a socket of IPv6, as prometheus/procfs does.
func TestUDPProcfs(t *testing.T) {
	texts := recorded(t, UDP.ID())
	texts["by hand"] = udp4
	rows := 0
	for name, text := range texts {
		want, err := procFS(t, "net/udp", text).NetUDP()
		rows += len(want)
		compareUDP(t, name, text, want, err)
	}
	if rows < 5 {
		t.Errorf("only %d sockets were compared", rows)
	}
	want, err := procFS(t, "net/udp6", udp6).NetUDP6()
	compareUDP(t, "IPv6", udp6, want, err)
}

func compareUDP(t *testing.T, name, text string, want procfs.NetUDP, bad error) {
	t.Helper()
	got, err := parseUDP(text)
	if err != nil || bad != nil || len(got) != len(want) {
		t.Errorf("%s: %v, %d sockets; procfs has %d, %v", name, err, len(got), len(want), bad)
		return
	}
	for i, w := range want {
		address := net.JoinHostPort(w.LocalAddr.String(), strconv.FormatUint(w.LocalPort, 10))
		u := got[i]
		if u.Address("x86_64") != address || u.Queued != w.RxQueue || u.Drops != *w.Drops || u.Inode != strconv.FormatUint(w.Inode, 10) {
			t.Errorf("%s: %+v at %s, procfs has %+v", name, u, u.Address("x86_64"), *w)
		}
	}
}

func FuzzUDP(f *testing.F) {
	for _, text := range []string{udp4, udp6, udp2618} {
		f.Add(text, "x86_64")
	}
	f.Fuzz(func(t *testing.T, text, arch string) {
		all, err := parseUDP(text)
		namesLine(t, text, err)
		for _, u := range all {
			if got := u.Address(arch); !strings.Contains(got, ":") {
				t.Errorf("%q is at %q", u.Local, got)
			}
		}
	})
}
