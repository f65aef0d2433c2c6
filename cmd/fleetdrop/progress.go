package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/fleetdrop/fleetdrop/probe/remote"
	"github.com/fleetdrop/fleetdrop/report"
)

// progress shows on the standard error how far a scan is: one line that is written again
// and again on a terminal, plain lines anywhere else.
type progress struct {
	c     *console
	fleet *remote.Fleet
	mode  string // bar, plain or none
	width int
	began time.Time

	mu    sync.Mutex // held while something is written
	shown bool       // the line of the bar stands there
	told  int        // hosts that the last plain line spoke of
	at    time.Time  // of the last plain line

	ended chan struct{}
	gone  sync.WaitGroup
}

func checkProgress(mode string) error {
	switch mode {
	case "auto", "bar", "plain", "none":
		return nil
	}
	return fmt.Errorf("--progress %s: want auto, bar, plain or none", mode)
}

func newProgress(c *console, mode string, quiet bool, fleet *remote.Fleet) *progress {
	p := &progress{c: c, fleet: fleet, mode: mode, width: 80, ended: make(chan struct{})}
	file, ok := c.stderr.(*os.File)
	tty := ok && term.IsTerminal(int(file.Fd()))
	switch {
	case mode != "auto":
	case quiet:
		p.mode = "none"
	case tty && os.Getenv("TERM") != "dumb" && os.Getenv("CI") == "":
		p.mode = "bar"
	default:
		p.mode = "plain"
	}
	if tty {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			p.width = width
		}
	}
	return p
}

func (p *progress) start() {
	p.began, p.at = time.Now(), time.Now()
	if p.mode == "none" {
		return
	}
	p.gone.Go(func() {
		every := time.NewTicker(200 * time.Millisecond)
		defer every.Stop()
		for {
			select {
			case <-every.C:
				p.tick()
			case <-p.ended:
				return
			}
		}
	})
}

// stop ends it, and leaves no line of it.
func (p *progress) stop() {
	close(p.ended)
	p.gone.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

// done tells of a host that could not be read, where there is no bar to count it.
func (p *progress) done(h *report.Host) {
	if p.mode != "plain" || h.Error == nil {
		return
	}
	p.line(fmt.Sprintf("host=%s %s code=%s", report.Visible(h.Name), h.Outcome, report.Visible(h.Error.Code)))
}

// warn tells what concerns more than one host.
func (p *progress) warn(text string) { p.line("warning: " + report.Visible(text)) }

func (p *progress) line(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	fmt.Fprintln(p.c.stderr, "fleetdrop: "+text)
}

func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.c.stderr, "\r\x1b[K")
		p.shown = false
	}
}

func (p *progress) tick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.fleet.Progress()
	if p.mode == "bar" {
		fmt.Fprint(p.c.stderr, "\r\x1b[K"+barOf(now, time.Now(), p.width-1))
		p.shown = true
		return
	}
	ended := now.Done + now.Partial + now.Failed
	if ended-p.told >= max(1, now.Hosts/10) && ended < now.Hosts || time.Since(p.at) >= 10*time.Second {
		fmt.Fprintf(p.c.stderr, "%s %s\n", time.Now().Format(time.TimeOnly), stateOf(now, time.Now()))
		p.told, p.at = ended, time.Now()
	}
}

// stateOf says where the hosts are.
func stateOf(p remote.Progress, at time.Time) string {
	parts := []string{fmt.Sprintf("%d of %d hosts", p.Done+p.Partial, p.Hosts)}
	if p.Failed > 0 {
		parts = append(parts, fmt.Sprintf("%d failed", p.Failed))
	}
	if p.Waiting > 0 {
		parts = append(parts, fmt.Sprintf("%d waiting", p.Waiting))
	}
	if p.Connecting > 0 {
		parts = append(parts, fmt.Sprintf("%d connecting", p.Connecting))
	}
	if left := p.WindowEnd.Sub(at); p.Sampling > 0 && left > 0 {
		parts = append(parts, fmt.Sprintf("%d sampling, %.0f s left", p.Sampling, left.Round(time.Second).Seconds()))
	} else if p.Sampling > 0 {
		parts = append(parts, fmt.Sprintf("%d answering", p.Sampling))
	}
	return strings.Join(parts, ", ")
}

// barOf is the line on a terminal of that width.
func barOf(p remote.Progress, at time.Time, width int) string {
	text := stateOf(p, at)
	const least = 10
	if room := width - len(text) - 3; room >= least && p.Hosts > 1 {
		room = min(room, 30)
		full := room * (p.Done + p.Partial + p.Failed) / p.Hosts
		text = "[" + strings.Repeat("=", full) + strings.Repeat(" ", room-full) + "] " + text
	}
	return text[:min(len(text), max(width, 0))]
}
