package remote_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/remote"
	"github.com/fleetdrop/fleetdrop/probe/remote/replay"
)

// serveUntilEnd plays hosts in a process of its own, so that a benchmark counts only
// the controller's work, until its standard input ends. It prints the inventory.
func serveUntilEnd(dir string) {
	var n int
	fmt.Sscan(os.Getenv("FLEETDROP_TEST_HOSTS"), &n)
	text, err := os.ReadFile(dir + "/capture")
	if err != nil {
		panic(err)
	}
	c, err := probe.ParseCapture(string(text))
	if err != nil {
		panic(err)
	}
	hosts := make([]replay.Host, n)
	for i := range hosts {
		hosts[i] = replay.Host{Name: fmt.Sprintf("host-%05d", i), Capture: c}
	}
	f, err := replay.Start(dir, hosts)
	if err != nil {
		panic(err)
	}
	json.NewEncoder(os.Stdout).Encode(f.Hosts())
	io.Copy(io.Discard, os.Stdin)
	f.Close()
}

// serve starts another process that plays n hosts.
func serve(b *testing.B, n int) (hosts []inventory.Host) {
	b.Helper()
	dir := b.TempDir()
	write(b, dir+"/capture", recorded(b, "x").String())
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "FLEETDROP_TEST_SERVE="+dir, fmt.Sprintf("FLEETDROP_TEST_HOSTS=%d", n))
	cmd.Stderr = os.Stderr
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&hosts); err != nil {
		b.Fatal(err)
	}
	return hosts
}

func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkScan reads b.N hosts of 50 KB with one sample each, such as with
// "-benchtime 1000x", and tells what it cost the controller.
func BenchmarkScan(b *testing.B) {
	hosts := serve(b, b.N)
	fleet := &remote.Fleet{Script: probe.Script(), Rate: 1e6, Concurrency: 256}
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu()
	scanned(b, fleet, hosts)
	b.ReportMetric(float64((cpu()-before).Microseconds())/1000/float64(b.N), "CPU-ms/host")
}

// BenchmarkInFlight has b.N hosts sleep in their window at once and tells the memory of
// the process, at its highest. "-benchtime 1000x".
func BenchmarkInFlight(b *testing.B) {
	hosts := serve(b, b.N)
	fleet := &remote.Fleet{Script: probe.Script(), Rate: 300, Concurrency: b.N, Window: 3 * time.Second}
	b.ResetTimer()
	scanned(b, fleet, hosts)
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip(err)
	}
	for line := range strings.Lines(string(status)) {
		var kb float64
		if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kb); n == 1 {
			b.ReportMetric(kb/1024, "MiB")
		}
	}
}

func scanned(b *testing.B, fleet *remote.Fleet, hosts []inventory.Host) {
	err := fleet.Scan(b.Context(), hosts, func(r remote.Result) {
		if r.Err != nil {
			b.Errorf("%s: %s %v", r.Host.Name, r.Err.Code, r.Err)
		}
	})
	if err != nil {
		b.Fatal(err)
	}
}
