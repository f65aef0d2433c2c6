//go:build linux

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// A run is what the flags of run say.
type run struct {
	name      string
	only      []string
	repeat    int
	window    time.Duration
	format    string
	fleetdrop string
	keep      string
	docs      string
}

func newRun(c *console) *cobra.Command {
	var r run
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Provoke faults while fleetdrop looks, and hold what it says against the truth",
		Long: `Bring a host up for each fault, scan them all with fleetdrop over SSH, provoke each fault
between the two samples of its host, and compare diagnosis and loss with what sender and
receiver counted. Then stop all faults and scan once more: nothing may be dropping.

Exit codes: 0 fleetdrop was right · 1 it was not · 2 the lab cannot be built here · 130
interrupted. The machine is as it was in each case.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return r.run(cmd.Context(), c) },
	}
	f := cmd.Flags()
	nameFlag(cmd, &r.name)
	f.StringSliceVar(&r.only, "only", nil, "these faults or causes, parted by commas; all of them by default")
	f.IntVar(&r.repeat, "repeat", 1, "how many times")
	f.DurationVar(&r.window, "window", 20*time.Second, "the time between the two samples; longer is tried where it was too short")
	f.StringVarP(&r.format, "format", "f", "table", "table or json")
	f.StringVar(&r.fleetdrop, "fleetdrop", "", "the fleetdrop to run; by default the one beside fleetlab, or in PATH")
	f.StringVar(&r.keep, "keep", "", "let fleetdrop save its runs in this folder, with what the hosts said")
	f.StringVar(&r.docs, "docs", "", "write the measure to this page, docs/lab.md")
	return cmd
}

// An account is what run says: each run's rows, and the measure of all of them.
type account struct {
	Schema  string   `json:"schema"`
	Kernel  string   `json:"kernel"`
	Runs    [][]row  `json:"runs"`
	Orders  []string `json:"orders"`  // hosts that stand in the wrong order, in words
	Stopped []string `json:"stopped"` // findings of loss after all faults were stopped, in words
	Measure measure  `json:"measure"`
}

func (r *run) run(ctx context.Context, c *console) error {
	faults, err := chosen(r.only)
	if err != nil {
		return err
	}
	switch {
	case r.repeat < 1:
		return fmt.Errorf("--repeat %d: want 1 or more", r.repeat)
	case r.window < 2*time.Second || r.window > time.Minute:
		return fmt.Errorf("--window %v: want 2s to 1m", r.window)
	case r.format != "table" && r.format != "json":
		return fmt.Errorf("--format %s: want table or json", r.format)
	}
	program, err := findFleetdrop(r.fleetdrop)
	if err := errors.Join(checkNeeds(faults), err); err != nil {
		return err
	}
	said := account{Schema: "fleetlab.run/v1", Kernel: kernelRelease(), Orders: []string{}, Stopped: []string{}}
	for i := range r.repeat {
		if r.repeat > 1 {
			fmt.Fprintf(c.stderr, "run %d of %d\n", i+1, r.repeat)
		}
		rows, stopped, err := r.once(ctx, c, program, faults)
		if err != nil {
			if r.format == "table" && len(rows) > 0 {
				printRun(c.stdout, rows) // what was seen before it failed
			}
			return err
		}
		m, orders := measured(rows)
		m.Stopped, m.StillLosing = stopped.hosts, len(stopped.losing)
		said.Runs = append(said.Runs, rows)
		said.Orders, said.Stopped = append(said.Orders, orders...), append(said.Stopped, stopped.losing...)
		said.Measure = said.Measure.plus(m)
		if r.format == "table" {
			printRun(c.stdout, rows)
		}
	}
	if r.format == "json" {
		e := json.NewEncoder(c.stdout)
		e.SetIndent("", " ")
		if err := e.Encode(said); err != nil {
			return err
		}
	} else {
		printMeasure(c.stdout, said)
	}
	if r.docs != "" {
		if err := writeDocs(r.docs, said); err != nil {
			return err
		}
	}
	if !said.good() {
		return exitCode(exitMiss)
	}
	return nil
}

func (a account) good() bool {
	for _, rows := range a.Runs {
		if slices.ContainsFunc(rows, func(r row) bool { return len(r.Miss) > 0 }) {
			return false
		}
	}
	return a.Measure.good()
}

// once builds the lab, goes through all faults, and takes it down.
func (r *run) once(ctx context.Context, c *console, program string, faults []fault) (rows []row, s stopped, err error) {
	l, err := openLab(c, r.name)
	if err != nil {
		return nil, s, err
	}
	defer func() { err = errors.Join(err, l.down()) }()
	began := time.Now()
	if err := l.up(ctx, faults); err != nil {
		return nil, s, err
	}
	fmt.Fprintf(c.stderr, "%s with sshd: up after %.1f s\n", plural(len(l.hosts)), time.Since(began).Seconds())
	scanner := &scanner{lab: l, fleetdrop: program, runs: r.keep}
	looks, err := r.look(ctx, c, scanner)
	if err != nil {
		return nil, s, err
	}
	rank(looks)
	for _, l := range looks {
		row := judge(l)
		if l.said != nil && l.said.Risk != nil && l.err == nil {
			row.Rank = l.said.Risk.Rank
		}
		rows = append(rows, row)
	}
	fmt.Fprintln(c.stderr, "all faults are stopped, and the hosts looked at once more")
	s, err = r.stopped(ctx, scanner)
	return rows, s, err
}

// look provokes all faults: those of single hosts together, those of the machine one by one.
func (r *run) look(ctx context.Context, c *console, s *scanner) ([]look, error) {
	var alone, fleet []*host
	looks := map[*host]look{}
	for _, h := range s.lab.hosts {
		if err := h.setup(); err != nil {
			looks[h] = look{host: h, err: err}
		} else if h.fault.machine {
			alone = append(alone, h)
		} else {
			fleet = append(fleet, h)
		}
	}
	rounds := [][]*host{fleet}
	for _, h := range alone {
		rounds = append(rounds, []*host{h})
	}
	for _, hosts := range rounds {
		window := r.window
		if len(hosts) == 1 {
			window = max((window / 3).Truncate(time.Second), 5*time.Second)
		}
		// Where a window closed too early, a longer one is tried.
		for tries := 0; tries < 3 && len(hosts) > 0; tries++ {
			fmt.Fprintf(c.stderr, "fleetdrop looks at %s for %v\n", plural(len(hosts)), window)
			found, err := s.provoked(ctx, hosts, window)
			if err != nil {
				return nil, err
			}
			hosts = nil
			for _, l := range found {
				looks[l.host] = l
				if errors.Is(l.err, errWindowClosed) {
					hosts = append(hosts, l.host)
				}
			}
			window *= 2
		}
	}
	var all []look
	for _, h := range s.lab.hosts {
		all = append(all, looks[h])
	}
	return all, nil
}

// rank ranks hosts of several scans as one report would: by the class, then the score.
func rank(looks []look) {
	var known []look
	for _, l := range looks {
		if l.said != nil && l.said.Risk != nil {
			known = append(known, l)
		}
	}
	slices.SortStableFunc(known, func(a, b look) int {
		x, y := a.said.Risk, b.said.Risk
		return cmp.Or(cmp.Compare(y.Score, x.Score), cmp.Compare(x.Rank, y.Rank))
	})
	for i, l := range known {
		l.said.Risk.Rank = i + 1
	}
}

// stopped is what a scan says when all faults were stopped.
type stopped struct {
	hosts  int
	losing []string
}

func (r *run) stopped(ctx context.Context, s *scanner) (stopped, error) {
	said, err := s.scan(ctx, s.lab.hosts, 5*time.Second)
	if err != nil {
		return stopped{}, err
	}
	out := stopped{hosts: len(s.lab.hosts)}
	for _, h := range s.lab.hosts {
		if said[h.fault.name] == nil || said[h.fault.name].Risk == nil {
			out.losing = append(out.losing, h.fault.name+": was not reached")
			continue
		}
		for _, f := range said[h.fault.name].Findings {
			if f.Kind == drop.Dropping && f.Scope != drop.Machine {
				out.losing = append(out.losing, h.fault.name+": "+describe(f)+": "+f.Message)
			}
		}
	}
	return out, nil
}

func plural(n int) string {
	if n == 1 {
		return "1 host"
	}
	return fmt.Sprintf("%d hosts", n)
}

// kernelRelease is "6.1.0 (amd64)".
func kernelRelease() string {
	text, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	release, _, _ := strings.Cut(strings.TrimSpace(string(text)), "-")
	return release + " (" + runtime.GOARCH + ")"
}
