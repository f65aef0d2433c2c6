package kernel

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
)

const (
	tcp4 = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     \n" +
		"   0: 0B00630A:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 227622 1 00000000985b5008 100 0 0 10 0                    \n" +
		"   1: 00000000:1F91 00000000:0000 0A 00000000:00000002 00:00000000 00000000     0        0 227623 1 00000000985b5009 100 0 0 10 0                    \n"
	tcp6 = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n" +
		"   0: 00000000000000000000000001000000:0019 00000000000000000000000000000000:0000 0A 00000000:00000081 00:00000000 00000000     0        0 7712 1 0000000000000000 100 0 0 10 0\n"
	tcpOther = "   2: 0B00630A:0016 0100630A:9C40 01 00000000:00000000 02:000A7214 00000000     0        0 227624 2 00000000985b5010 20 4 31 10 -1                   \n"
)

func TestTCP(t *testing.T) {
	for text, want := range map[string][]TCPListener{
		tcp4:            {{"0B00630A:0016", 0}, {"00000000:1F91", 2}},
		tcp4 + tcpOther: {{"0B00630A:0016", 0}, {"00000000:1F91", 2}},
		tcp6:            {{"00000000000000000000000001000000:0019", 0x81}},
	} {
		if got, err := parseTCP(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v, got %+v, want %+v", err, got, want)
		}
	}
	if got := (TCPListener{Local: "0B00630A:0016"}).Address("x86_64"); got != "10.99.0.11:22" {
		t.Errorf("address %s", got)
	}
	for _, text := range []string{
		"", "hello\n", "sl local_address\n",
		strings.Replace(tcp4, ":1F91", "", 1),
		strings.Replace(tcp4, ":00000002", ":zz", 1),
		strings.Replace(tcp4, "0B00630A", "XX00630A", 1),
		tcp4 + "   2: 0B00630A:0016\n",
	} {
		if got, err := parseTCP(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

// TestTCPHead holds the rows against the pattern that the host goes on by.
func TestTCPHead(t *testing.T) {
	goesOn := regexp.MustCompile(TCP.While)
	for _, line := range strings.Split(strings.TrimSuffix(tcp4+tcp6, "\n"), "\n") {
		if want := !strings.Contains(line, "local_address"); goesOn.MatchString(line) != want {
			t.Errorf("%q: want %v", line, want)
		}
	}
	if goesOn.MatchString(tcpOther) {
		t.Error("reading goes on after a connection")
	}
}

func FuzzTCP(f *testing.F) {
	fuzzParser(f, parseTCP, func(t *testing.T, all []TCPListener) {
		for _, l := range all {
			if l.Address("x86_64") == "" || l.Address("s390x") == "" {
				t.Errorf("%+v has no address", l)
			}
		}
	}, tcp4, tcp6, tcp4+tcpOther)
}
