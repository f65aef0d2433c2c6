package remote

import (
	"sync"
	"time"
)

// A Stage is a part of a host's scan that has its own time limit. Its name is a contract:
// codes and JSON hold it.
type Stage string

// The stages, in the order a host goes through them.
const (
	Queue   Stage = "queue"   // for a slot and for its turn by the rate; has no limit
	Jump    Stage = "jump"    // until the host on the way is connected, which has stages of its own
	DNS     Stage = "dns"     // 5 s
	TCP     Stage = "tcp"     // Fleet.ConnectTimeout for this and the next two together
	Banner  Stage = "banner"  // until the server's first line "SSH-2.0-…"
	Kex     Stage = "kex"     // until the host key was judged
	Auth    Stage = "auth"    // 20 s, begun anew when the server has named its methods; waiting for an agent is not counted
	Session Stage = "session" // 10 s
	Exec    Stage = "exec"    // 10 s
	Begin   Stage = "begin"   // 20 s and the window: a script that prints little prints at its end
	Run     Stage = "run"     // never 20 s and the window without a byte; Fleet.HostTimeout for all of it
	Drain   Stage = "drain"   // 2 s; what was read is complete
)

const (
	dnsLimit     = 5 * time.Second
	authLimit    = 20 * time.Second
	sessionLimit = 10 * time.Second // also that of Exec
	silenceLimit = 20 * time.Second // on top of the window, in Begin and Run
	drainLimit   = 2 * time.Second
)

// A watch ends a stage that takes too long, by closing what it waits for: deadlines
// would not do, a connection through a bastion has none.
type watch struct {
	expire func(Stage) // called at most once, not from the goroutine of the stages

	mu      sync.Mutex
	stage   Stage
	expired Stage // that took too long, or ""
	over    bool
	timer   *time.Timer
	latest  time.Time // for all stages together
}

// enter begins a stage. It may take limit, but no stage may last beyond latest.
func (w *watch) enter(s Stage, limit time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stage = s
	w.arm(limit)
}

// extend begins the time of the present stage anew.
func (w *watch) extend(limit time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.arm(limit)
}

func (w *watch) arm(limit time.Duration) {
	if w.expired != "" || w.over {
		return
	}
	limit = min(limit, time.Until(w.latest))
	if w.timer == nil {
		w.timer = time.AfterFunc(limit, w.fire)
		return
	}
	w.timer.Reset(limit)
}

// pause ends the present stage; the next begins later.
func (w *watch) pause() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
	}
}

// rest is the time that is left for all stages together.
func (w *watch) rest() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Until(w.latest)
}

// end stops watching for good, and says which stage took too long, if one did.
func (w *watch) end() Stage {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	if w.timer != nil {
		w.timer.Stop()
	}
	return w.expired
}

// now returns the present stage.
func (w *watch) now() Stage {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stage
}

func (w *watch) fire() {
	w.mu.Lock()
	first := w.expired == "" && !w.over
	if first {
		w.expired = w.stage
	}
	w.mu.Unlock()
	if first {
		w.expire(w.expired)
	}
}
