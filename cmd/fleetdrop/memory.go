package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// ease is how much memory the process may take at its ease, in bytes. With 1,000 hosts in
// flight, which hold 120 MiB, and 10,000 judged, which hold 50, the whole of it is to fit into
// 256 MiB, the program included.
const ease = 228 << 20

// fit is the limit for what is in use, in bytes, and what it is to grow by until garbage is
// collected.
func fit(inUse int64) int64 { return max(ease, inUse*4/3) }

// collectSeldom has garbage collected when the heap has grown to five times what is in use,
// as long as the process stays below ease; one that needs more gets a third more than it needs. A
// scan makes much garbage and holds little of it for long, and at twice what is in use, as Go
// does by default, collecting it would take a sixth of its time. Who sets GOGC or GOMEMLIMIT
// knows better.
func collectSeldom() (stop func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	percent, limit := debug.SetGCPercent(400), debug.SetMemoryLimit(-1)
	var mu sync.Mutex
	stopped := false
	var follow func()
	follow = func() {
		mu.Lock()
		defer mu.Unlock()
		if stopped {
			return
		}
		debug.SetMemoryLimit(fit(inUse()))
		// The next collection finds this garbage, and then the limit follows again.
		runtime.AddCleanup(new([64]byte), func(struct{}) { follow() }, struct{}{})
	}
	follow()
	return func() {
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}

// inUse is what the last collection left and the stacks, in bytes.
func inUse() (bytes int64) {
	parts := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(parts)
	for _, p := range parts {
		bytes += int64(p.Value.Uint64())
	}
	return bytes
}
