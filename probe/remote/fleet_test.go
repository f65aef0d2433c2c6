package remote_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/remote"
	"github.com/fleetdrop/fleetdrop/probe/remote/replay"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("FLEETDROP_TEST_SERVE"); dir != "" {
		serveUntilEnd(dir)
		return
	}
	if address := os.Getenv("FLEETDROP_TEST_PROXY"); address != "" {
		proxy(address)
		return
	}
	goleak.VerifyTestMain(m)
}

// proxy joins the standard streams with a connection, as a ProxyCommand does.
func proxy(address string) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go io.Copy(conn, os.Stdin)
	io.Copy(os.Stdout, conn)
}

// recorded is the capture of a host of about 50 KB.
func recorded(t testing.TB, name string) *probe.Capture {
	t.Helper()
	c, err := probe.ParseCapture("fleetdrop capture v1\nhost: " + name + "\nscript: sha256:1234\n" +
		"-- first /proc/uptime --\n100.00 100.00\n-- first /proc/net/netstat --\n" + strings.Repeat("TcpExt: ListenOverflows 17\n", 900) +
		"-- /proc/uptime --\n101.00 101.00\n-- /proc/net/netstat --\n" + strings.Repeat("TcpExt: ListenOverflows 18\n", 900) +
		"-- denied dmesg --\nno\n")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// start plays hosts for the time of the test.
func start(t testing.TB, hosts ...replay.Host) *replay.Fleet {
	t.Helper()
	f, err := replay.Start(t.TempDir(), hosts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// scan returns the results by the names of the hosts.
func scan(t testing.TB, ctx context.Context, f *remote.Fleet, hosts []inventory.Host) map[string]remote.Result {
	t.Helper()
	if f.Script == "" {
		f.Script = "# nothing\n"
	}
	if f.Warn == nil {
		f.Warn = func(text string) { t.Log("warning:", text) }
	}
	results := map[string]remote.Result{}
	err := f.Scan(ctx, hosts, func(r remote.Result) {
		if _, twice := results[r.Host.Name]; twice {
			t.Errorf("%s: two results", r.Host.Name)
		}
		results[r.Host.Name] = r
	})
	if err != ctx.Err() {
		t.Fatal(err)
	}
	if len(results) != len(hosts) {
		t.Errorf("%d results for %d hosts", len(results), len(hosts))
	}
	p := f.Progress()
	if p.Done+p.Partial+p.Failed != len(hosts) || p.Waiting != 0 || p.Connecting != 0 || p.Sampling != 0 {
		t.Errorf("in the end %+v", p)
	}
	return results
}

func code(r remote.Result) string {
	if r.Err == nil {
		return "ok"
	}
	return r.Err.Code
}

// TestScan reads hosts that are well, one that never speaks and one with another key.
func TestScan(t *testing.T) {
	hosts := []replay.Host{
		{Name: "silent", Fault: replay.Silent},
		{Name: "changed", Fault: replay.WrongKey, Capture: recorded(t, "x")},
	}
	for i := range 20 {
		hosts = append(hosts, replay.Host{Name: fmt.Sprintf("web-%02d", i), Capture: recorded(t, "what the host calls itself")})
	}
	served := start(t, hosts...)
	fleet := &remote.Fleet{Window: 200 * time.Millisecond, ConnectTimeout: 500 * time.Millisecond, Rate: 1000, Version: "0.1.0"}
	began := time.Now()
	results := scan(t, t.Context(), fleet, served.Hosts())
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v: hosts wait for each other", took)
	}
	for name, r := range results {
		want := map[string]string{"silent": "timeout@banner", "changed": "hostkey-mismatch"}[name]
		if want == "" {
			want = "ok"
		}
		if code(r) != want {
			t.Errorf("%s: %s (%v), want %s", name, code(r), r.Err, want)
			continue
		}
		if want != "ok" {
			if r.Err.Hint == "" || r.Capture != nil {
				t.Errorf("%s: %+v", name, r.Err)
			}
			continue
		}
		c := recorded(t, name)
		c.Set("script", "0.1.0 sha256:1234")
		if got := r.Capture.String(); got != c.String() {
			t.Errorf("%s: the capture is\n%.300s", name, got)
		}
		if r.Cost.Connect <= 0 || r.Cost.Connect > 5*time.Second || r.Cost.Script > 2*time.Second || r.Cost.Bytes < 40_000 {
			t.Errorf("%s: cost %+v", name, r.Cost)
		}
	}
	if end := fleet.Progress().WindowEnd; end.Before(began) || end.After(time.Now()) {
		t.Errorf("the last window ended at %v", end)
	}
}

// TestOpenFiles lowers the number of hosts in flight to what the limit allows, and says so.
func TestOpenFiles(t *testing.T) {
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Skip(err)
	}
	var hosts []replay.Host
	for i := range 30 {
		hosts = append(hosts, replay.Host{Name: fmt.Sprint(i), Capture: recorded(t, "x")})
	}
	served := start(t, hosts...)
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	low := before
	low.Cur = uint64(len(open) + 64 + 10)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
		t.Skip(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before)
	var warned []string
	fleet := &remote.Fleet{Rate: 1000, Warn: func(text string) { warned = append(warned, text) }}
	for name, r := range scan(t, t.Context(), fleet, served.Hosts()) {
		if r.Err != nil {
			t.Errorf("%s: %v", name, r.Err)
		}
	}
	if len(warned) != 1 || !strings.Contains(warned[0], "instead of 30") || !strings.Contains(warned[0], "ulimit -n") {
		t.Errorf("warned %q", warned)
	}
}
