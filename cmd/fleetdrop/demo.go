package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/probe/remote/replay"
	"github.com/fleetdrop/fleetdrop/report/run"
	"github.com/fleetdrop/fleetdrop/testdata"
)

func newDemo(c *console) *cobra.Command {
	var s scan
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Scan an embedded fleet of recorded hosts, over SSH on loopback",
		Long: `Scan an embedded fleet of recorded hosts: real SSH servers on loopback answer what real hosts
with real losses once did, and the code of "fleetdrop scan" scans them. It needs no
network and no root, and changes nothing on this machine.

Two of the hosts cannot be scanned, to show what that looks like; that alone does not
make the exit code 3 here.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(s.check(), checkProgress(s.progressMode)); err != nil {
				return err
			}
			dir, err := os.MkdirTemp("", "fleetdrop-demo-")
			if err != nil {
				return err
			}
			defer os.RemoveAll(dir)
			fleet, err := startDemo(dir)
			if err != nil {
				return err
			}
			defer fleet.Close()
			ctx, abort, stop := interrupts(cmd.Context(), c)
			defer stop()
			if !s.quiet {
				fmt.Fprintf(c.stderr, "%d recorded hosts answer on loopback; the window is %v, for hosts that are recorded\n", len(fleet.Hosts()), s.window)
			}
			s.plan.Source = run.Hash("demo")
			return s.run(ctx, c, abort, []string{"demo"}, fleet.Hosts(), drop.Catalogue())
		},
	}
	f := cmd.Flags()
	s.judging.gates.flags(f)
	if err := s.MaxFailed.Set("2"); err != nil {
		panic(err) // it is a number
	}
	f.Lookup("max-failed").DefValue = s.MaxFailed.String()
	s.output.flags(f)
	s.keepFlags(f)
	s.rate, s.concurrency, s.perJump, s.host, s.sudo = 100, 1000, 8, 60*time.Second, "none"
	s.connect = 3 * time.Second
	f.DurationVar(&s.window, "window", time.Second, "the time between the two samples, as the servers play it")
	return cmd
}

// startDemo starts the servers of the embedded fleet.
func startDemo(dir string) (*replay.Fleet, error) {
	members, err := testdata.Fleet()
	if err != nil {
		return nil, err
	}
	faults := map[testdata.Fault]replay.Fault{
		testdata.None: replay.None, testdata.Timeout: replay.Silent, testdata.WrongKey: replay.WrongKey,
	}
	hosts := make([]replay.Host, len(members))
	for i, m := range members {
		hosts[i] = replay.Host{Name: m.Name, Groups: []string{m.Group}, Capture: m.Capture, Fault: faults[m.Fault]}
	}
	return replay.Start(dir, hosts)
}
