package remote

import (
	"sync"
	"time"
)

// progress is where the hosts of a scan are.
type progress struct {
	mu sync.Mutex
	Progress
}

func (p *progress) now() Progress {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.Progress
}

// begin says how many hosts there are.
func (p *progress) begin(hosts int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Progress = Progress{Hosts: hosts, Waiting: hosts}
}

// move takes one host from one count to another.
func (p *progress) move(from, to *int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*from--
	*to++
}

// sampling says that a host's script was started.
func (p *progress) sampling(windowEnd time.Time) {
	p.move(&p.Connecting, &p.Sampling)
	p.mu.Lock()
	defer p.mu.Unlock()
	if windowEnd.After(p.WindowEnd) {
		p.WindowEnd = windowEnd
	}
}
