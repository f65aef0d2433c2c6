//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fleetdrop/fleetdrop/report"
)

// A scanner runs fleetdrop as anybody would, from the lab's controller.
type scanner struct {
	lab       *lab
	fleetdrop string // the program
	runs      string // where fleetdrop keeps its runs, with captures; empty for none
}

// most is how many faults are provoked at once.
const most = 6

var errWindowClosed = errors.New("the window closed before the fault was done")

// A look is what a scan says of one host, and what was true.
type look struct {
	host  *host
	tolls []toll
	said  *report.Host
	err   error // errWindowClosed, lacking, or what the fault failed with
}

// provoked scans the hosts, and provokes each one's fault in its window.
func (s *scanner) provoked(ctx context.Context, hosts []*host, window time.Duration) ([]look, error) {
	looks := make([]look, len(hosts))
	for i, h := range hosts {
		looks[i].host = h
		if h.fault.past {
			looks[i].tolls, looks[i].err = h.provoke(ctx)
		}
	}
	inner, end := context.WithCancelCause(ctx)
	defer end(nil)
	watch := watchHosts(inner, hosts, window)
	var all errgroup.Group
	slots := make(chan struct{}, most)
	for i, h := range hosts {
		if h.fault.past {
			continue
		}
		all.Go(func() error {
			l := &looks[i]
			var asleep process
			if asleep, l.err = watch.open(inner, h); l.err != nil {
				return nil
			}
			slots <- struct{}{}
			defer func() { <-slots }()
			l.tolls, l.err = h.provoke(inner)
			if l.err == nil && !asleep.lives() && !h.fault.lasting {
				l.err = errWindowClosed
			}
			return nil
		})
	}
	said, err := s.scan(ctx, hosts, window)
	end(errors.New("fleetdrop ended before it had taken a sample"))
	_ = all.Wait() // none of them returns an error
	if err != nil {
		return nil, err
	}
	for i := range looks {
		looks[i].said = said[looks[i].host.fault.name]
	}
	return looks, nil
}

// scan runs fleetdrop over the hosts, and returns what its report says of each.
func (s *scanner) scan(ctx context.Context, hosts []*host, window time.Duration) (map[string]*report.Host, error) {
	args := []string{"scan", "-F", s.lab.path("ssh_config"), "-i", s.lab.path("hosts.txt"), "-l", names(hosts),
		"--window", window.String(), "--host-timeout", "3m", "--connect-timeout", "60s", "--rate", "10/s",
		"-f", "json", "-o", "-", "--max-failed", "100%", "--progress", "none", "-q"}
	if s.runs == "" {
		args = append(args, "--runs", "none")
	} else {
		args = append(args, "--runs", s.runs, "--keep-captures")
	}
	cmd := exec.CommandContext(ctx, s.fleetdrop, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "FLEETDROP_") && !strings.HasPrefix(variable, "SSH_") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := s.lab.controller().do(cmd.Run); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%s: %w: %s", s.fleetdrop, err, strings.TrimSpace(stderr.String()))
	}
	var r report.Report
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		return nil, fmt.Errorf("the report of fleetdrop: %w", err)
	}
	said := map[string]*report.Host{}
	for i := range r.Hosts {
		said[r.Hosts[i].Name] = &r.Hosts[i]
	}
	return said, nil
}

func names(hosts []*host) string {
	var list []string
	for _, h := range hosts {
		list = append(list, h.fault.name)
	}
	return strings.Join(list, ",")
}
