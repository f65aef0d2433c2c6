package main

import (
	"context"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/report"
)

// TestScanMemory scans 1,000 hosts with five findings each over SSH. When the reports are written,
// what ranks them is in memory, some 4 KB of each; a whole host takes 11 KB.
func TestScanMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	const n, most = 1000, 8 << 10
	hosts, _ := serve(t, n)
	s := &scan{load: load{rate: 1e5, concurrency: 16, perJump: 8, host: time.Minute, sudo: "none"}, runs: t.TempDir(), progressMode: "none"}
	s.output = output{format: "table", path: "-", color: "never", top: 20, quiet: true}
	live := func() int64 {
		runtime.GC()
		runtime.GC() // what is in a pool is gone only then
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before, each := live(), int64(0)
	s.output.table = func(_ io.Writer, r *report.Report, _ report.Options) error {
		each = (live() - before) / n
		if r.Status.Scanned != n {
			t.Errorf("%d hosts scanned", r.Status.Scanned)
		}
		return nil
	}
	if err := s.run(context.Background(), &console{strings.NewReader(""), io.Discard, io.Discard}, nil, []string{"hosts.txt"}, hosts, drop.Catalogue()); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes of each host", each)
	if each < 1 || each > most {
		t.Errorf("%d bytes of each host are in memory, want %d at most", each, most)
	}
}

// TestCollectSeldom holds much and lets it go again: the limit follows, so that a process
// that needs the memory does not collect without end.
func TestCollectSeldom(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	before := debug.SetMemoryLimit(-1)
	stop := collectSeldom()
	defer stop()
	limit := func(want func(int64) bool) int64 {
		for range 100 {
			runtime.GC()
			if got := debug.SetMemoryLimit(-1); want(got) {
				return got
			}
			time.Sleep(10 * time.Millisecond) // cleanups have a goroutine of their own
		}
		return debug.SetMemoryLimit(-1)
	}
	if got := limit(func(n int64) bool { return n == ease }); got != ease {
		t.Errorf("the limit of a small process is %d", got)
	}
	const much = 200 << 20
	held := make([]byte, much)
	if got := limit(func(n int64) bool { return n >= fit(much) }); got < fit(much) || got > 2*much {
		t.Errorf("the limit of a process that holds %d is %d", much, got)
	}
	runtime.KeepAlive(held)
	if got := limit(func(n int64) bool { return n == ease }); got != ease {
		t.Errorf("the limit stays at %d", got)
	}
	stop()
	if got := debug.SetMemoryLimit(-1); got != before {
		t.Errorf("afterwards the limit is %d, it was %d", got, before)
	}
	t.Setenv("GOMEMLIMIT", "1GiB")
	defer collectSeldom()()
	if got := debug.SetMemoryLimit(-1); got != before {
		t.Errorf("the user's limit has become %d", got)
	}
}
