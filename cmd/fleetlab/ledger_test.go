//go:build linux

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLedger writes changes down, is killed, and knows what is left.
func TestLedger(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lab")
	l, err := openLedger(dir)
	if err != nil {
		t.Fatal(err)
	}
	sleep := exec.Command("sleep", "1000")
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- sleep.Wait() }()
	p, err := processOf(sleep.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	changes := []change{{Sysctl: "net.core.lab", Old: "1", New: "2"}, {Process: p}, {Sysctl: "net.core.lab", Old: "1", New: "2"}}
	for _, c := range changes {
		if err := l.add(c); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := openLedger(dir); !errors.Is(err, errInUse) {
		t.Errorf("a lab that runs was taken over: %v", err)
	}

	// It is killed in the middle of a line.
	if _, err := l.file.WriteString(`{"namespace":"fleet`); err != nil {
		t.Fatal(err)
	}
	l.file.Close()
	if l, err = openLedger(dir); err != nil {
		t.Fatal(err)
	}
	want := slices.Clone(changes)
	slices.Reverse(want)
	if diff := cmp.Diff(want, l.left()); diff != "" {
		t.Errorf("after a kill (-made, +known):\n%s", diff)
	}

	// What was taken back is known too, the last of what is the same.
	if err := l.undo(change{Process: p}); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil {
		t.Error("the process was not killed")
	}
	if err := l.add(change{Sysctl: "net.core.lab", Old: "1", New: "2", Done: true}); err != nil {
		t.Fatal(err)
	}
	l.file.Close()
	if l, err = openLedger(dir); err != nil {
		t.Fatal(err)
	}
	if left := l.left(); len(left) != 1 || left[0] != changes[0] {
		t.Errorf("left: %v, want %v", left, changes[0])
	}
	if err := l.add(change{Sysctl: "net.core.lab", Old: "1", New: "2", Done: true}); err != nil {
		t.Fatal(err)
	}
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
}

// TestForeignFolder leaves alone what is not a lab's.
func TestForeignFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "precious"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openLedger(dir); err == nil {
		t.Error("a folder that is no lab's was taken over")
	}
	for _, name := range []string{"", "..", "a/b", "A", "name with spaces", "abcdefghijklmnopqrstuvwxyz"} {
		if dir, err := labDir(name); err == nil {
			t.Errorf("--name %q is the folder %s", name, dir)
		}
	}
}

// TestOtherProcess leaves a process alone that took over the number of one of the lab's.
func TestOtherProcess(t *testing.T) {
	me, err := processOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if !me.lives() {
		t.Error("this process does not live")
	}
	before := process{me.PID, me.Started - 1}
	if before.lives() {
		t.Error("a process that was before lives")
	}
	if err := before.kill(); err != nil { // or this test is dead
		t.Error(err)
	}
}

// TestFolder removes a folder that the lab made, unless somebody put something into it.
func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "theirs")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := change{Folder: dir}
	if err := c.undo(); err != nil {
		t.Error(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatalf("what is not the lab's was removed: %v", err)
	}
	if os.Geteuid() != 0 {
		return // to unmount takes root
	}
	for range 2 { // the second time it is gone
		if err := c.undo(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}
