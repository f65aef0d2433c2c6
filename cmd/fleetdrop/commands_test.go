package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write the expected outputs of testdata again")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"fleetdrop": main, "replay": replayed, "deaf": deaf})
}

// deaf has 40 clients knock at a listener that lets nobody in.
func deaf() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer l.Close()
	var knocking sync.WaitGroup
	for range 40 {
		knocking.Go(func() {
			if c, err := net.DialTimeout("tcp", l.Addr().String(), 300*time.Millisecond); err == nil {
				defer c.Close()
				time.Sleep(300 * time.Millisecond)
			}
		})
	}
	knocking.Wait()
}

// TestCommands runs testdata/*.txtar: the commands as a person types them, their exit codes
// and what they print on both streams. They see no home, no agent and no ssh_config of the
// person who runs the tests.
func TestCommands(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "netns": netns},
		Condition:           condition,
		Setup: func(e *testscript.Env) error {
			home := e.Getenv("WORK") + "/home"
			e.Setenv("HOME", home)
			e.Setenv("SSH_AUTH_SOCK", "")
			return os.MkdirAll(home, 0o700)
		},
	})
}

// condition knows [root]: network namespaces may be made.
func condition(name string) (bool, error) {
	if name != "root" {
		return false, fmt.Errorf("no condition %q", name)
	}
	return mayUnshare(), nil
}

var mayUnshare = sync.OnceValue(func() bool {
	probe := fmt.Sprintf("fleetdrop-%d-probe", os.Getpid())
	if os.Getuid() != 0 || exec.Command("ip", "netns", "add", probe).Run() != nil {
		return false
	}
	return exec.Command("ip", "netns", "delete", probe).Run() == nil
})

// netns is the command "netns VARIABLE": it makes a network namespace for the time of the script,
// and puts its name into the variable.
func netns(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: netns VARIABLE")
	}
	name := fmt.Sprintf("fleetdrop-%d-%s-%s", os.Getpid(), ts.Name(), args[0]) // scripts run at the same time
	ts.Check(ts.Exec("ip", "netns", "add", name))
	ts.Defer(func() { exec.Command("ip", "netns", "delete", name).Run() })
	ts.Check(ts.Exec("ip", "-n", name, "link", "set", "lo", "up"))
	ts.Setenv(args[0], name)
}

// exits is the command "exits CODE PROGRAM ARG...": it runs a program and fails on any other
// exit code. Its streams are there for stdout and stderr as exec's are.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		got = failed.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
