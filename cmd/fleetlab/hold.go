//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

// A hold is what the flags of hold say.
type hold struct {
	name    string
	only    []string
	seconds int
}

func newHold(c *console) *cobra.Command {
	var h hold
	cmd := &cobra.Command{
		Use:   "hold",
		Short: "Hosts that go on losing packets, to scan by hand",
		Long: `Bring a host up for each fault, print the hosts file and how to scan them, and provoke the
faults again and again. Faults of the whole machine are held only where --only names them.`,
		Example: `  fleetlab hold --secs 300 --only accept-queue,udp-buffer`,
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return h.run(cmd.Context(), c) },
	}
	nameFlag(cmd, &h.name)
	cmd.Flags().StringSliceVar(&h.only, "only", nil, "these faults or causes, parted by commas")
	cmd.Flags().IntVar(&h.seconds, "secs", 60, "for how long")
	return cmd
}

func (h *hold) run(ctx context.Context, c *console) (err error) {
	faults, err := chosen(h.only)
	if err != nil {
		return err
	}
	if h.seconds < 1 {
		return fmt.Errorf("--secs %d: want 1 or more", h.seconds)
	}
	if len(h.only) == 0 {
		faults = slices.DeleteFunc(faults, func(f fault) bool { return f.machine })
	}
	if err := checkNeeds(faults); err != nil {
		return err
	}
	l, err := openLab(c, h.name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.down()) }()
	if err := l.up(ctx, faults); err != nil {
		return err
	}
	for _, host := range l.hosts {
		var lacks lacking
		if err := host.setup(); errors.As(err, &lacks) {
			fmt.Fprintf(c.stderr, "%s: %v\n", host.fault.name, err)
		} else if err != nil {
			return err
		}
	}
	hosts, err := os.ReadFile(l.path("hosts.txt"))
	if err != nil {
		return err
	}
	program, err := findFleetdrop("")
	if err != nil {
		program = "fleetdrop"
	}
	fmt.Fprintf(c.stdout, "# For %d s. Scan them from the lab's controller, in another terminal:\n", h.seconds)
	fmt.Fprintf(c.stdout, "# ip netns exec %s %s scan -F %s -i %s\n", l.controller(), program, l.path("ssh_config"), l.path("hosts.txt"))
	fmt.Fprintf(c.stdout, "%s", hosts)

	ctx, cancel := context.WithTimeout(ctx, time.Duration(h.seconds)*time.Second)
	defer cancel()
	var all errgroup.Group
	slots := make(chan struct{}, most)
	troubles := make(chan error)
	for _, host := range l.hosts {
		all.Go(func() error {
			host.hold(ctx, slots, troubles)
			return nil
		})
	}
	go func() {
		_ = all.Wait() // none of them returns an error
		close(troubles)
	}()
	for err := range troubles {
		fmt.Fprintln(c.stderr, "fleetlab:", err)
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil
	}
	return ctx.Err()
}

// hold provokes the host's fault again and again until the context ends; one of the past only
// once. It takes one of the slots for that, so a machine with many hosts keeps some breath. A
// host that is in trouble says so once and goes on: somebody may be trying something on it.
func (h *host) hold(ctx context.Context, slots chan struct{}, troubles chan<- error) {
	if h.provoke == nil {
		return
	}
	well := true
	for again := true; again && ctx.Err() == nil; again = !h.fault.past && wait(ctx, 500*time.Millisecond) == nil {
		if !h.fault.lasting { // that one would keep it
			slots <- struct{}{}
		}
		_, err := h.provoke(ctx)
		if !h.fault.lasting {
			<-slots
		}
		if err != nil && ctx.Err() == nil && well {
			troubles <- fmt.Errorf("%s: %w", h.fault.name, err)
		}
		well = well && err == nil
	}
}
