//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A process is named by its number and its start, for numbers are used again.
type process struct {
	PID     int    `json:"pid"`
	Started uint64 `json:"started"` // ticks since boot, as field 22 of /proc/PID/stat has it
}

// processOf returns the process that has that number now.
func processOf(pid int) (process, error) {
	p, _, err := stat(pid)
	return p, err
}

// stat returns also the letter of the process's state.
func stat(pid int) (p process, state string, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, "", err
	}
	// The name, in parentheses, may hold anything.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 20 {
		return process{}, "", os.ErrProcessDone
	}
	started, err := strconv.ParseUint(fields[19], 10, 64)
	return process{pid, started}, fields[0], err
}

// lives says whether it is there, and no zombie. One of several threads may seem to be a
// zombie in the moment of its exec.
func (p process) lives() bool {
	now, state, err := stat(p.PID)
	return err == nil && now == p && state != "Z"
}

// kill ends the process, and returns when it is gone. One that took over its number is left
// alone.
func (p process) kill() error {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	} else if err != nil {
		return err
	}
	defer unix.Close(fd)
	if now, err := processOf(p.PID); err != nil || now != p {
		return nil
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	for range 500 {
		if !p.lives() {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("process %d does not end", p.PID)
}

// processes calls yield for the number of each process of the machine.
func processes(yield func(pid int) bool) {
	dir, err := os.Open("/proc")
	if err != nil {
		return
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && !yield(pid) {
			return
		}
	}
}

// namespaceOf returns which namespace of that kind ("net", "pid") a process is in.
func namespaceOf(pid int, kind string) string {
	name, _ := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "ns", kind))
	return name
}
