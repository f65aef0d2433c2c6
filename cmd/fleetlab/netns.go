//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// A netns is a network namespace, by the name that ip netns knows it by.
type netns string

// netnsDir is where ip keeps them.
const netnsDir = "/run/netns"

func (n netns) path() string { return filepath.Join(netnsDir, string(n)) }

// do runs fn on a thread that is in the namespace. Sockets that it opens, and commands that
// it starts, belong to the namespace for good. The thread ends with it.
func (n netns) do(fn func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		result <- n.enter(fn)
	}()
	return <-result
}

func (n netns) enter(fn func() error) error {
	fd, err := unix.Open(n.path(), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("namespace %s: %w", n, err)
	}
	defer unix.Close(fd)
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("namespace %s: %w", n, err)
	}
	return fn()
}

// words runs a command in the namespace, whose words are parted by spaces.
func (n netns) words(command string) error {
	words := strings.Fields(command)
	_, err := n.output("", words[0], words[1:]...)
	return err
}

// output runs a command in the namespace with that standard input, and returns what it
// printed.
func (n netns) output(stdin, name string, args ...string) (out string, err error) {
	err = n.do(func() error {
		cmd := exec.Command(name, args...)
		cmd.Stdin = strings.NewReader(stdin)
		// The legacy iptables would leave /run/xtables.lock.
		cmd.Env = append(os.Environ(), "XTABLES_LOCKFILE=/dev/null")
		var stdout, stderr strings.Builder
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := cmd.Run()
		out = stdout.String()
		if err != nil {
			return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
		}
		return nil
	})
	return out, err
}

// ip runs lines of ip -batch in the namespace, with one process.
func (n netns) ip(lines ...string) error {
	_, err := n.output(strings.Join(lines, "\n")+"\n", "ip", "-batch", "-")
	return err
}

// sysctl sets sysctls of the namespace: "net.ipv4.ip_forward=1".
func (n netns) sysctl(settings ...string) error {
	return n.do(func() error {
		for _, s := range settings {
			key, value, _ := strings.Cut(s, "=")
			if err := writeSysctl(key, value); err != nil {
				return err
			}
		}
		return nil
	})
}

// remove ends what runs in the namespace, and deletes it. One that is not there is removed.
func (n netns) remove() error {
	if _, err := os.Stat(n.path()); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	inside := ""
	// One whose making was cut short cannot be entered, and nothing runs in it.
	_ = n.do(func() error {
		inside = namespaceOf(unix.Gettid(), "net")
		return nil
	})
	var failed error
	if inside != "" && inside != namespaceOf(os.Getpid(), "net") {
		processes(func(pid int) bool {
			if p, err := processOf(pid); err == nil && namespaceOf(pid, "net") == inside {
				failed = errors.Join(failed, p.kill())
			}
			return true
		})
	}
	if out, err := exec.Command("ip", "netns", "delete", string(n)).CombinedOutput(); err != nil {
		return errors.Join(failed, fmt.Errorf("ip netns delete %s: %w: %s", n, err, strings.TrimSpace(string(out))))
	}
	return failed
}
