//go:build linux

package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"
)

// TestWatch finds the sleep that is as long as the window, in the namespace of its host, and
// no other.
func TestWatch(t *testing.T) {
	mine := namespaceOf(os.Getpid(), "pid")
	if mine == "" {
		t.Skip("no /proc here tells namespaces")
	}
	here, elsewhere := &host{pidns: mine}, &host{pidns: "pid:[0]"}
	var sleeps []process
	for _, long := range []string{"77.5", "78.5"} {
		sleep := exec.Command("sleep", long)
		if err := sleep.Start(); err != nil {
			t.Skip(err)
		}
		t.Cleanup(func() {
			_ = sleep.Process.Kill()
			_ = sleep.Wait()
		})
		p, err := processOf(sleep.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		sleeps = append(sleeps, p)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	w := watchHosts(ctx, []*host{here, elsewhere}, 78500*time.Millisecond)
	if found, err := w.open(ctx, here); err != nil || found != sleeps[1] {
		t.Errorf("found %v (%v), want %v", found, err, sleeps[1])
	}
	ended := errors.New("the scan ended")
	inner, end := context.WithCancelCause(ctx)
	end(ended)
	if _, err := w.open(inner, elsewhere); !errors.Is(err, ended) {
		t.Errorf("a host that does not sleep: %v, want %v", err, ended)
	}
}
