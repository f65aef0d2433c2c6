//go:build linux

// Fleetlab is a lab of hosts that really lose packets: network namespaces, each with a real
// sshd and one cause of loss, which is provoked while fleetdrop looks. Sender and receiver
// count, so what was really lost is known, and fleetdrop can be held against it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	os.Exit(fleetlab(os.Args[1:], os.Stdout, os.Stderr))
}

// The exit codes.
const (
	exitMiss        = 1   // fleetdrop said something else than the truth
	exitUsage       = 2   // a flag, a package that is missing, a lab that could not be built
	exitInterrupted = 130 // everything was put back
)

// An exitCode is how a command ends without a word more.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// A console is what a command writes to.
type console struct{ stdout, stderr io.Writer }

// fleetlab is the whole program: arguments and streams in, the exit code out.
func fleetlab(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	root := newRoot(&console{stdout, stderr})
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var code exitCode
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "fleetlab: interrupted; the machine is as it was")
		return exitInterrupted
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintln(stderr, "fleetlab: "+line)
	}
	return exitUsage
}

func newRoot(c *console) *cobra.Command {
	root := &cobra.Command{
		Use:   "fleetlab",
		Short: "Hosts that really lose packets, to hold fleetdrop against",
		Long: `Fleetlab makes hosts on this machine: network namespaces, each with a real sshd, a host
key and a hostname of its own, and one real cause of packet loss. Sender and receiver count,
so what was lost is known. No packet leaves the namespaces, and everything is put back.
It needs root.`,
		Example: `  fleetlab run                          every fault, and what fleetdrop says of it
  fleetlab run --only accept-queue      one of them
  fleetlab hold --secs 300              hosts that go on losing packets, to scan by hand
  fleetlab down                         put back what a killed lab left`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return fmt.Errorf("there is no command %q; \"fleetlab --help\" lists them", args[0])
		},
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newList(c), newRun(c), newHold(c), newDown(c), newInit())
	return root
}

// nameFlag is the flag of the commands that a lab is made, or taken down, by.
func nameFlag(cmd *cobra.Command, name *string) {
	cmd.Flags().StringVar(name, "name", "fleetlab", "the lab's name; labs of different names can stand side by side")
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%q is one argument too many: %s", args[0], cmd.UseLine())
	}
	return nil
}
