package remote

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/fleetdrop/fleetdrop/inventory"
)

// A pool holds one connection to each bastion, for all the hosts behind it: sessions are
// limited by sshd (MaxSessions), forwarded connections are not; but one connection for
// each host would run into MaxStartups.
type pool struct {
	scan *scan
	mu   sync.Mutex
	hops map[string]*hop // by all that it takes to get there
}

// A hop is a bastion.
type hop struct {
	endpoint *inventory.Endpoint
	via      *hop          // the one before it
	slots    chan struct{} // handshakes through it

	mu     sync.Mutex
	trying *joint // the connection, made or in the making; nil before the first
	tries  int
}

// A joint is a connection that many wait for.
type joint struct {
	made chan struct{} // closed when link or err is there
	link *link
	err  *Error
}

// maxJoints is how often a bastion is connected: once, and once more if it is lost. One
// that cannot be reached is not tried again for the next host.
const maxJoints = 2

// hop returns the last of the bastions.
func (p *pool) hop(jumps []inventory.Endpoint) (last *hop) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := ""
	for i := range jumps {
		e := &jumps[i]
		key += fmt.Sprintf("%q %q %q %s ", e.User, e.Address(), e.ProxyCommand, identities(e))
		h := p.hops[key]
		if h == nil {
			h = &hop{endpoint: e, via: last, slots: make(chan struct{}, p.scan.fleet.PerJump)}
			p.hops[key] = h
		}
		last = h
	}
	return last
}

// link returns the connection to the bastion, and makes it if need be.
func (h *hop) link(s *scan) (*link, *Error) {
	if h == nil {
		return nil, nil
	}
	h.mu.Lock()
	j := h.trying
	if j == nil || j.lost() && h.tries < maxJoints {
		j = &joint{made: make(chan struct{})}
		h.trying, h.tries = j, h.tries+1
		go func() {
			defer close(j.made)
			j.link, j.err = h.dial(s)
		}()
	}
	h.mu.Unlock()
	select {
	case <-j.made:
	case <-s.soft.Done():
		return nil, interrupted(Jump)
	}
	switch {
	case j.err != nil:
		return nil, j.err
	case j.link.lost():
		return nil, lostJump(j.link, Jump)
	}
	return j.link, nil
}

// lost says that the connection was made and has ended since.
func (j *joint) lost() bool {
	select {
	case <-j.made:
		return j.link.lost()
	default:
		return false
	}
}

// dial connects to the bastion. Its failure is that of all hosts behind it.
func (h *hop) dial(s *scan) (l *link, err *Error) {
	s.persist(func() *Error {
		l, err = s.connect(h.endpoint, h.via, nil)
		return err
	})
	if err != nil {
		if strings.HasPrefix(err.Code, "jump") || err.Code == "interrupted" {
			return nil, err // of a hop before this one
		}
		jump := *err
		jump.Code, jump.retry = "jump:"+err.Code, false
		jump.Message = bounded(h.endpoint.Address() + " on the way: " + err.Message)
		return nil, &jump
	}
	ended := make(chan struct{})
	go func() {
		l.Wait()
		close(ended)
		l.close()
	}()
	go l.keepAlive(ended)
	return l, nil
}

// keepAlive notices that a bastion no longer answers: its hosts would wait in vain. It
// asks every 15 s, or every ServerAliveInterval, and waits twice as long. It has a
// goroutine of its own because asking blocks while the answer is missing.
func (l *link) keepAlive(ended <-chan struct{}) {
	interval := cmp.Or(l.endpoint.ServerAliveInterval, 15*time.Second)
	for {
		select {
		case <-ended:
			return
		case <-time.After(interval):
		}
		late := time.AfterFunc(2*interval, l.cancel)
		_, _, err := l.SendRequest("keepalive@openssh.com", true, nil)
		late.Stop()
		if err != nil {
			return
		}
	}
}

// interrupted says that the scan was cancelled before the host was read.
func interrupted(stage Stage) *Error {
	return &Error{Code: "interrupted", Stage: stage, Message: "the scan was interrupted while the host connected"}
}

// A gate lets a few at once do something, and can be narrowed.
type gate chan struct{}

// enter waits for a place.
func (g gate) enter(ctx context.Context) bool {
	select {
	case g <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (g gate) leave() { <-g }

// narrow takes away half of the places that are left, but not the last, as far as they
// are free.
func (g gate) narrow() {
	for range (cap(g) - len(g)) / 2 {
		select {
		case g <- struct{}{}:
		default:
		}
	}
}
