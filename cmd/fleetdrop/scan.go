package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/probe/remote"
	"github.com/fleetdrop/fleetdrop/report"
	"github.com/fleetdrop/fleetdrop/report/run"
)

// load are the flags that say how hard a scan is on the network and on the controller.
type load struct {
	rate        rateFlag
	concurrency int
	perJump     int
	window      time.Duration
	since       string
	host        time.Duration
	deadline    time.Duration
	sudo        string
	legacy      bool
	askPassword bool
}

const maxWindow = 10 * time.Minute

func (l *load) flags(f *pflag.FlagSet) {
	l.rate = 100
	f.Var(&l.rate, "rate", "new connections a second; the gentle knob")
	f.IntVarP(&l.concurrency, "concurrency", "c", 1000, "hosts in flight, those asleep in their window included")
	f.IntVar(&l.perJump, "per-jump", 8, "handshakes at once through one bastion")
	f.DurationVar(&l.window, "window", 10*time.Second, "the time between the two samples; 0 takes one sample")
	f.StringVar(&l.since, "since", "", "last: wait for no window, and say what was lost since the last run of these hosts")
	f.DurationVar(&l.host, "host-timeout", 60*time.Second, "for one host, on top of the window")
	f.DurationVar(&l.deadline, "deadline", 0, "end the scan after this time, and report what was gathered")
	f.StringVar(&l.sudo, "sudo", "none", "none, or auto: sudo -n for dmesg, iptables-save and nft")
	f.BoolVar(&l.legacy, "legacy-algorithms", false, "accept algorithms that OpenSSH no longer offers")
	f.BoolVar(&l.askPassword, "ask-password", false, "ask for one password, sent only to hosts whose key is known")
}

func (l *load) check() error {
	switch {
	case l.window < 0 || l.window > maxWindow:
		return fmt.Errorf("--window %v: want 0 to %v", l.window, maxWindow)
	case l.concurrency < 1:
		return fmt.Errorf("--concurrency %d: want 1 or more", l.concurrency)
	case l.perJump < 1:
		return fmt.Errorf("--per-jump %d: want 1 or more", l.perJump)
	case l.host <= 0:
		return fmt.Errorf("--host-timeout %v: want more than 0", l.host)
	case l.deadline < 0:
		return fmt.Errorf("--deadline %v: want 0 (none) or more", l.deadline)
	case l.sudo != "none" && l.sudo != "auto":
		return fmt.Errorf("--sudo %s: want none or auto", l.sudo)
	}
	return nil
}

// A scan is what the flags of scan say.
type scan struct {
	who
	load
	chosen
	judging
	output
	progressMode string
	runs         string
	keepCaptures bool
	plan         run.Plan
	part         string // of the hosts: "3/8"; empty for all of them
}

func newScan(c *console) *cobra.Command {
	var s scan
	cmd := &cobra.Command{
		Use:   "scan [-i FILE]... [HOST]...",
		Short: "Find where hosts lose packets, over SSH",
		Long: `Connect to hosts over SSH, run one read-only script on each, judge, rank, and save the
run. HOST is what you would give to ssh. Host keys are checked, always.

Exit codes: 0 done · 1 findings at or above --fail-on or --fail-on-loss · 2 usage or
inventory: nothing was contacted · 3 more hosts failed than --max-failed allows · 4 no host
was reached · 130 interrupted: what was gathered is saved and reported.`,
		Example: `  fleetdrop scan web-17
  fleetdrop scan -i hosts.txt --report html=fleet.html
  fleetdrop scan -i hosts.txt -l '@db,!db-03' --window 60s`,
		RunE: func(cmd *cobra.Command, args []string) error {
			rules, err := s.rules()
			if err != nil {
				return err
			}
			if err := s.judging.load(c, s.runs); err != nil {
				return err
			}
			return s.start(cmd, c, args, rules)
		},
	}
	f := cmd.Flags()
	s.who.flags(f)
	s.load.flags(f)
	s.chosen.flags(f)
	s.judging.flags(f)
	s.output.flags(f)
	s.keepFlags(f)
	return cmd
}

// start checks what is left of the flags, reads the inventory, and scans.
func (s *scan) start(cmd *cobra.Command, c *console, args []string, rules []*drop.Rule) error {
	s.windowFrom(cmd, &s.window)
	if err := errors.Join(s.sinceLast(cmd.Flags().Changed("window")), s.check(), checkProgress(s.progressMode)); err != nil {
		return err
	}
	ctx, abort, stop := interrupts(cmd.Context(), c)
	defer stop()
	roster, err := s.who.load(ctx, c, args)
	if err != nil {
		if ctx.Err() != nil {
			return exitCode(report.ExitInterrupted)
		}
		return err
	}
	s.plan.Of = run.Of{Source: s.who.source(args), Inventory: run.Hash(roster.names()...)}
	if s.policy != nil {
		s.plan.Policy = s.policy.Hash
	}
	s.part, s.plan.All = roster.shard.String(), roster.members()
	return s.run(ctx, c, abort, slices.Concat(s.inventory, args), roster.hosts, rules)
}

// sinceLast has the last run take the place of the first sample.
func (s *scan) sinceLast(window bool) error {
	switch {
	case s.since == "":
		return nil
	case s.since != "last":
		return fmt.Errorf("--since %s: want last", s.since)
	case window:
		return errors.New("--since last waits for no --window: give one of them")
	}
	s.window = 0
	return nil
}

func (s *scan) keepFlags(f *pflag.FlagSet) {
	f.StringVar(&s.progressMode, "progress", "auto", "auto, bar, plain or none")
	runsFlag(f, &s.runs)
	f.BoolVar(&s.keepCaptures, "keep-captures", false, "save what the hosts said with the run")
}

// run scans the hosts, and reports.
func (s *scan) run(ctx context.Context, c *console, abort <-chan struct{}, names []string, hosts []inventory.Host, rules []*drop.Rule) error {
	fleet := &remote.Fleet{
		Script: s.script(rules), Window: s.window, Sudo: s.sudo == "auto", Version: version,
		Rate: float64(s.rate), Concurrency: s.concurrency, PerJump: s.perJump,
		ConnectTimeout: s.connect, HostTimeout: s.host,
		HostKeys: remote.HostKeyPolicy(s.hostKey), KnownHosts: s.knownHosts,
		LegacyAlgorithms: s.legacy, Abort: abort,
	}
	ask := prompter{c}
	fleet.Passphrase = ask.passphrase
	if s.askPassword {
		fleet.Password = ask.password
	}
	sinks, err := s.open(c)
	if err != nil {
		return err
	}
	started := time.Now()
	head := headOf(started)
	head.Run.Window, head.Run.Inventory, head.Run.Shard = s.window.Seconds(), names, s.part
	keep, samples, err := s.keep(&head, rules)
	if err != nil {
		return errors.Join(err, discard(sinks))
	}
	defer samples.Close()
	if s.deadline > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.deadline)
		defer cancel()
	}
	shows := newProgress(c, s.progressMode, s.quiet, fleet)
	fleet.Warn = shows.warn
	shelf := shelfOf(keep)
	defer shelf.Close()
	roll := report.NewRoll(shelf.Host)
	alone := 0 // hosts without an earlier sample
	lines := begin(sinks, head, report.Rules(rules), s.Baseline)
	shows.start()
	err = fleet.Scan(ctx, hosts, func(r remote.Result) {
		h, snapshot := s.hostOf(r, rules, samples)
		if snapshot.Ago() == 0 {
			alone++
		}
		shows.done(&h)
		roll.Add(shelf.Add(h), &h)
		lines.host(h)
		if keep != nil {
			sample := snapshot.Sample()
			if sample == nil { // it was not read: what the last run knew is still the last that is known
				sample = samples.Of(h.Name)
			}
			keep.Sample(h.Name, sample)
			if r.Capture != nil {
				keep.Capture(r.Host, r.Capture)
			}
		}
	})
	shows.stop()
	if s.since != "" && alone > 0 {
		shows.warn(fmt.Sprintf("--since last: of %d of %d hosts the last run has no counters of this boot; of them only totals since boot are known", alone, roll.Len()))
	}
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		shows.warn(fmt.Sprintf("the scan ended by --deadline %v; what was gathered is reported", s.deadline))
	}
	if err != nil && ctx.Err() == nil {
		return errors.Join(err, abandon(keep), discard(sinks))
	}
	head.Run.Duration = time.Since(started).Round(10 * time.Millisecond).Seconds()
	head.Run.Interrupted = errors.Is(context.Cause(ctx), errInterrupted)
	result := s.report(head, report.Rules(rules), roll)
	if keep != nil {
		if err := against(result, filepath.Dir(keep.Path()), keep.Last(), func(*report.Host) {}); err != nil {
			shows.warn(err.Error())
		}
	}
	failed := s.finish(c, sinks, result)
	if keep == nil {
		return failed
	}
	keep.Judged(result.Policy)
	if err := keep.Close(head.Run); err != nil {
		fmt.Fprintln(c.stderr, "fleetdrop:", err)
		return exitCode(report.Exit(result.Status.ExitCode, report.ExitUsage))
	}
	if !s.quiet {
		fmt.Fprintf(c.stderr, "saved %s\n", keep.Path())
	}
	return failed
}

// keep begins to save the run, and looks for the counters of the last one; nil if no run is
// to be kept.
func (s *scan) keep(head *report.Head, rules []*drop.Rule) (*run.Writer, *run.Samples, error) {
	dir, err := runsDir(s.runs)
	if err != nil || dir == "" {
		switch {
		case s.keepCaptures && err == nil:
			err = errors.New("--keep-captures saves with the run, and --runs none keeps no run")
		case s.since != "" && err == nil:
			err = errors.New("--since last needs the last run, and --runs none keeps no run")
		}
		return nil, nil, err
	}
	s.plan.Last, s.plan.Captures = run.Before(dir, s.plan.Of, s.part, ""), s.keepCaptures
	if s.since != "" && s.plan.Last == "" {
		return nil, nil, fmt.Errorf("--since last: no run in %s is of these hosts and files; scan once without it", dir)
	}
	var samples *run.Samples
	if s.plan.Last != "" {
		if samples, err = run.LoadSamples(dir, s.plan.Last); err != nil {
			return nil, nil, fmt.Errorf("the counters of the last run: %w", err)
		}
	}
	if s.since != "" {
		head.Run.Since = s.plan.Last
	}
	w, err := run.Create(dir, *head, report.Rules(rules), s.plan)
	return w, samples, err
}

// abandon removes what was kept of a run, if it was to be.
func abandon(keep *run.Writer) error {
	if keep == nil {
		return nil
	}
	return keep.Abandon()
}

// shelfOf is where hosts lie until they are reported: with the run that is kept, or for no
// longer than that.
func shelfOf(keep *run.Writer) *run.Shelf {
	if keep == nil {
		return run.NewShelf()
	}
	return keep.Shelf()
}

// hostOf judges what came of a host, and returns what it was judged by.
func (s *scan) hostOf(r remote.Result, rules []*drop.Rule, samples *run.Samples) (report.Host, *probe.Snapshot) {
	var failure report.Error
	if r.Err != nil {
		failure = report.Error{Code: r.Err.Code, Stage: string(r.Err.Stage), Message: r.Err.Message, Hint: r.Err.Hint}
	}
	if r.Capture == nil {
		return report.Failed(r.Host, failure), &probe.Snapshot{}
	}
	snapshot := probe.NewSnapshot(r.Capture)
	snapshot.Remember()
	snapshot.Since(samples.Of(r.Host.Name))
	h := s.judge(r.Host, snapshot, rules)
	h.Cost = &report.Cost{
		Connect: milliseconds(r.Cost.Connect), Script: milliseconds(r.Cost.Script), Bytes: r.Cost.Bytes,
	}
	if r.Err != nil {
		h = h.Partial(failure)
	}
	return h, snapshot
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(100*time.Microsecond).Microseconds()) / 1000
}

// A rateFlag is connections a second: 100/s, or 100.
type rateFlag float64

func (r *rateFlag) String() string { return fmt.Sprintf("%g/s", float64(*r)) }
func (r *rateFlag) Type() string   { return "N/s" }

func (r *rateFlag) Set(text string) error {
	var n float64
	var rest string
	got, _ := fmt.Sscanf(text, "%g%s", &n, &rest)
	if got == 0 || rest != "" && rest != "/s" || !(n > 0) || n > 1e6 {
		return errors.New("want connections a second, such as 100/s")
	}
	*r = rateFlag(n)
	return nil
}
