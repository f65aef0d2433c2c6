package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/user"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe"
)

// A scan is one Scan while it goes on.
type scan struct {
	fleet    Fleet           // with defaults in place
	script   []byte          // the fleet's
	progress *progress       // the fleet's own
	soft     context.Context // done: nothing new is begun, and scripts are asked to end
	hard     context.Context // done: every connection is closed
	kill     context.CancelFunc
	login    string // the user of this process

	trust   *trust
	keys    *keyring
	pool    *pool
	limiter *rate.Limiter
	gates   sync.Map     // of handshakes at once with one address: string -> gate
	retries atomic.Int64 // that are left
	held    atomic.Int64 // bytes of output in memory
	blocks  sync.Pool    // of outputs
}

const (
	perAddress = 4 // handshakes at once: sshd drops connections beyond 10 (MaxStartups)
	maxTries   = 3
	maxBackoff = 30 * time.Second // no new try of a host after this
)

// prepare reads keys and asks questions. Nothing is contacted yet.
func (f *Fleet) prepare(ctx context.Context, hosts []inventory.Host) (*scan, error) {
	if f.Script == "" {
		return nil, errors.New("remote: there is no script to run")
	}
	if f.Rate < 0 || f.Concurrency < 0 || f.PerJump < 0 || f.Window < 0 {
		return nil, errors.New("remote: rate, concurrency, per-jump and window cannot be negative")
	}
	s := &scan{script: []byte(f.Script), progress: &f.progress, soft: ctx}
	s.fleet = Fleet{
		Version: f.Version, Window: f.Window, Sudo: f.Sudo, LegacyAlgorithms: f.LegacyAlgorithms,
		Rate: cmp.Or(f.Rate, 100), Concurrency: cmp.Or(f.Concurrency, 1000), PerJump: cmp.Or(f.PerJump, 8),
		ConnectTimeout: cmp.Or(f.ConnectTimeout, 10*time.Second), HostTimeout: cmp.Or(f.HostTimeout, time.Minute),
		Grace: cmp.Or(f.Grace, 2*time.Second), Abort: f.Abort,
	}
	s.fleet.Concurrency = f.fit(s.fleet.Concurrency, hosts)
	if u, err := user.Current(); err == nil {
		s.login = u.Username
	}
	s.trust, s.keys, s.pool = newTrust(f), newKeyring(f), &pool{scan: s, hops: map[string]*hop{}}
	s.limiter = rate.NewLimiter(rate.Limit(s.fleet.Rate), max(1, int(s.fleet.Rate/10)))
	s.retries.Store(int64(max(8, len(hosts)/5))) // a dead switch must not double the scan
	s.blocks.New = func() any { return new(block) }
	for i := range hosts {
		s.keys.prepare(&hosts[i].Endpoint, f.Passphrase)
		for j := range hosts[i].Jump {
			s.keys.prepare(&hosts[i].Jump[j], f.Passphrase)
		}
	}
	if f.Password != nil {
		var err error
		if s.keys.password, err = f.Password(); err != nil {
			s.keys.close()
			return nil, err
		}
	}
	s.hard, s.kill = context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		select {
		case <-time.After(s.fleet.Grace + killDelay):
		case <-s.fleet.Abort:
		case <-s.hard.Done():
		}
		s.kill()
	})
	return s, nil
}

func (s *scan) close() {
	s.kill()
	s.keys.close()
}

// A place is where a host is in the counts of a Progress.
type place struct {
	progress *progress
	at       *int
}

func (p *place) move(to *int) {
	p.progress.move(p.at, to)
	p.at = to
}

// skip is the result of a host that was not begun.
func (s *scan) skip(h inventory.Host) Result {
	s.progress.move(&s.progress.Waiting, &s.progress.Failed)
	return Result{Host: h, Err: &Error{Code: "skipped", Stage: Queue, Message: "the scan was interrupted before it came to this host"}}
}

// host reads one host, and tries again where that may help.
func (s *scan) host(h inventory.Host) (best Result) {
	at := &place{s.progress, &s.progress.Waiting}
	defer func() {
		if p := recover(); p != nil {
			best = Result{Host: h, Err: &Error{Code: "internal", Message: bounded(fmt.Sprintf("a defect of fleetdrop: %v: %s", p, debug.Stack()))}}
		}
		switch {
		case best.Err == nil:
			at.move(&s.progress.Done)
		case best.Capture != nil:
			at.move(&s.progress.Partial)
		default:
			at.move(&s.progress.Failed)
		}
	}()
	s.persist(func() *Error {
		r := s.once(h, at)
		if best.Capture == nil || r.Err == nil {
			best = r
		}
		return r.Err
	})
	return best
}

// persist tries up to three times what another try may mend, never what a server could
// take for an attack: a refused login or an unknown key. All tries of a scan together
// are limited.
func (s *scan) persist(try func() *Error) {
	began := time.Now()
	for n := 1; ; n++ {
		err := try()
		limit := 2
		if err != nil && err.Code == "closed-early" {
			limit = maxTries
		}
		if err == nil || !err.retry || n >= limit || time.Since(began) > maxBackoff+s.fleet.Window || s.retries.Add(-1) < 0 {
			return
		}
		wait := time.Duration(rand.Int64N(int64(time.Second/2) << (n - 1))) // full jitter
		select {
		case <-time.After(wait):
		case <-s.soft.Done():
			return
		}
	}
}

// once tries to read a host.
func (s *scan) once(h inventory.Host, at *place) (r Result) {
	r.Host = h
	var began time.Time
	l, err := s.connect(&h.Endpoint, s.pool.hop(h.Jump), func() {
		began = time.Now()
		at.move(&s.progress.Connecting)
	})
	if !began.IsZero() {
		r.Cost.Connect = time.Since(began)
	}
	if r.Err = err; err != nil {
		return r
	}
	defer l.close()
	began = time.Now()
	r.Capture, r.Cost.Bytes, r.Err = s.read(l, func() {
		at.at = &s.progress.Sampling
		s.progress.sampling(time.Now().Add(s.fleet.Window))
	})
	r.Cost.Script = max(0, time.Since(began)-s.fleet.Window)
	if r.Capture != nil {
		s.header(r.Capture, h)
	}
	return r
}

// header completes what the script wrote: the inventory's name is the host's, and the
// hash of the script gets a version beside it.
func (s *scan) header(c *probe.Capture, h inventory.Host) {
	c.Set("host", strings.ReplaceAll(h.Name, "\n", " "))
	if script := c.Get("script"); strings.HasPrefix(script, "sha256:") && s.fleet.Version != "" {
		c.Set("script", s.fleet.Version+" "+script)
	}
}

// connect makes a link when it is its turn: through its bastion, within the limits for
// handshakes through one bastion and with one address, and within the rate.
func (s *scan) connect(e *inventory.Endpoint, via *hop, begin func()) (*link, *Error) {
	endpoint := *e
	endpoint.User = cmp.Or(endpoint.User, s.login)
	endpoint.Port = cmp.Or(endpoint.Port, 22)
	if endpoint.ProxyCommand == "none" {
		endpoint.ProxyCommand = ""
	}
	bastion, err := via.link(s)
	if err != nil {
		return nil, err
	}
	address := endpoint.Address()
	if via != nil {
		address += " via " + via.endpoint.Address()
	}
	if endpoint.ProxyCommand != "" {
		address += " by " + endpoint.ProxyCommand
	}
	handshakes := []gate{}
	if via != nil {
		handshakes = append(handshakes, via.slots)
	}
	own, _ := s.gates.LoadOrStore(address, make(gate, perAddress))
	handshakes = append(handshakes, own.(gate))
	for _, g := range handshakes {
		if !g.enter(s.soft) {
			return nil, interrupted(Queue)
		}
		defer g.leave()
	}
	if s.limiter.Wait(s.soft) != nil {
		return nil, interrupted(Queue)
	}
	if begin != nil {
		begin()
	}
	l, err := s.dial(&endpoint, bastion, time.Now().Add(s.fleet.HostTimeout+s.fleet.Window))
	if err != nil && err.Code == "closed-early" {
		own.(gate).narrow()
	}
	return l, err
}
