//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// A watch tells when fleetdrop's script has taken its first sample on a host: then it
// sleeps, for as long as the window is. No time is guessed, so a machine under load is no
// trouble.
type watch struct {
	window time.Duration

	mu      sync.Mutex
	waiting map[string]chan process // by the host's namespace of processes
}

// watchHosts begins to look at the hosts, until the context ends.
func watchHosts(ctx context.Context, hosts []*host, window time.Duration) *watch {
	w := &watch{window: window, waiting: map[string]chan process{}}
	for _, h := range hosts {
		w.waiting[h.pidns] = make(chan process, 1)
	}
	go func() {
		for wait(ctx, 40*time.Millisecond) == nil && w.look() {
		}
	}()
	return w
}

// look finds the hosts that sleep now. It returns false when all were found once.
func (w *watch) look() (more bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	processes(func(pid int) bool {
		if !w.sleeps(pid) {
			return true
		}
		pidns := namespaceOf(pid, "pid")
		if asleep, ok := w.waiting[pidns]; ok {
			if p, err := processOf(pid); err == nil {
				asleep <- p
				delete(w.waiting, pidns)
			}
		}
		return true
	})
	return len(w.waiting) > 0
}

// sleeps says whether a process is a sleep of the window's length.
func (w *watch) sleeps(pid int) bool {
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil || !bytes.Equal(comm, []byte("sleep\n")) {
		return false
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	words := strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
	return err == nil && words[len(words)-1] == fmt.Sprintf("%g", w.window.Seconds())
}

// open waits until the host's window is open, and returns the process that ends with it.
func (w *watch) open(ctx context.Context, h *host) (process, error) {
	w.mu.Lock()
	asleep, ok := w.waiting[h.pidns]
	w.mu.Unlock()
	if !ok {
		return process{}, fmt.Errorf("%s is not watched", h.fault.name)
	}
	select {
	case p := <-asleep:
		return p, nil
	case <-ctx.Done():
		return process{}, context.Cause(ctx)
	}
}
