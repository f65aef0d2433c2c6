package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/probe/remote/replay"
	"github.com/fleetdrop/fleetdrop/testdata"
)

// BenchmarkScan scans b.N recorded hosts of 50 KB, such as with "-benchtime 1000x": over SSH
// on loopback, with as many connections a second as there can be and no window; judged,
// ranked, saved and reported. The servers are another process.
func BenchmarkScan(b *testing.B) {
	scanRecorded(b, load{rate: 1e5, concurrency: 64})
}

// BenchmarkWindow is the same with the default load: 100 connections a second, at most 1,000
// hosts in flight, nearly all of them asleep in a window of 10 s.
func BenchmarkWindow(b *testing.B) {
	scanRecorded(b, load{rate: 100, concurrency: 1000, window: 10 * time.Second})
}

func scanRecorded(b *testing.B, l load) {
	hosts := serve(b, b.N)
	c := &console{strings.NewReader(""), io.Discard, io.Discard}
	l.perJump, l.host, l.sudo = 8, time.Minute, "none"
	s := &scan{load: l, runs: b.TempDir(), progressMode: "none"}
	s.output = output{format: "json", path: "-", color: "never", top: 20}
	before := usage()
	b.ResetTimer()
	if err := s.run(context.Background(), c, nil, []string{"hosts.txt"}, hosts, drop.Catalogue()); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	after := usage()
	b.ReportMetric(float64(cpu(after)-cpu(before))/float64(time.Millisecond)/float64(b.N), "CPU-ms/host")
	b.ReportMetric(float64(after.Maxrss)/1024, "MiB")
}

// serve starts a process that plays the hosts. It ends with the benchmark.
func serve(b *testing.B, n int) (hosts []inventory.Host) {
	cmd := exec.Command(os.Args[0])
	cmd.Args = []string{"replay", b.TempDir(), strconv.Itoa(n)}
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	if err := json.NewDecoder(stdout).Decode(&hosts); err != nil {
		b.Fatal(err)
	}
	return hosts
}

// replayed is that process: it plays recorded hosts until its standard input ends.
func replayed() {
	n, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	capture, err := testdata.Recording("vm-e1000/after-syndrop")
	if err != nil {
		panic(err)
	}
	hosts := make([]replay.Host, n)
	for i := range hosts {
		hosts[i] = replay.Host{Name: fmt.Sprintf("web-%05d", i), Capture: capture}
	}
	fleet, err := replay.Start(os.Args[1], hosts)
	if err != nil {
		panic(err)
	}
	defer fleet.Close()
	if err := json.NewEncoder(os.Stdout).Encode(fleet.Hosts()); err != nil {
		panic(err)
	}
	io.Copy(io.Discard, os.Stdin)
}

func usage() (u syscall.Rusage) {
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail for oneself
	return u
}

func cpu(u syscall.Rusage) time.Duration {
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
