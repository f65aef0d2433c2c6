package main

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write the expected outputs of testdata again")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"fleetdrop": main, "replay": replayed})
}

// TestCommands runs testdata/*.txtar: the commands as a person types them, their exit codes
// and what they print on both streams. They see no home, no agent and no ssh_config of the
// person who runs the tests.
func TestCommands(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Setup: func(e *testscript.Env) error {
			home := e.Getenv("WORK") + "/home"
			e.Setenv("HOME", home)
			e.Setenv("SSH_AUTH_SOCK", "")
			return os.MkdirAll(home, 0o700)
		},
	})
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
