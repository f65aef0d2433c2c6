package main

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

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
	const much = 160 << 20
	held := make([]byte, much)
	if got := limit(func(n int64) bool { return n >= much*8/5 }); got < much*8/5 || got > 2*much {
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
