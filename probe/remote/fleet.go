// Package remote reads hosts over SSH: one connection, one session and one script each.
// A host that cannot be read is a result with an error, never a stop: every stage of
// every connection has a time limit, every byte that a host sends counts against a cap.
//
// Host keys are always checked. Nothing is asked of a person once connections are made.
package remote

import (
	"context"
	mrand "math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe"
)

// A Fleet says how hosts are read. The zero value of each field means its default. A
// Fleet is for one Scan.
type Fleet struct {
	Script  string        // what each host runs, as probe.Script returns it
	Window  time.Duration // between the two samples; 0: one sample
	Sudo    bool          // allow the script "sudo -n" for its tools
	Version string        // of fleetdrop, beside the script's hash in the captures' headers

	Rate           float64       // new connections a second; 0: 100
	Concurrency    int           // hosts in flight, sleeping ones included; 0: 1000; lowered to what RLIMIT_NOFILE allows
	PerJump        int           // handshakes at once through one bastion; 0: 8
	ConnectTimeout time.Duration // for TCP, banner and key exchange together; an endpoint's own goes first; 0: 10 s
	HostTimeout    time.Duration // for one host on top of Window, time in the queue not counted; 0: 60 s
	Grace          time.Duration // for the scripts to end when the scan is cancelled; 0: 2 s

	HostKeys         HostKeyPolicy
	KnownHosts       []string // files to use instead of the endpoints' UserKnownHostsFiles
	LegacyAlgorithms bool     // also SHA-1 and other algorithms that OpenSSH no longer offers

	// Passphrase is asked before the first connection for a key file that is encrypted
	// and that no agent holds, at most three times a file. Without it, or if it returns
	// an error, the file is not used.
	Passphrase func(file string) ([]byte, error)

	// Password is asked once, before the first connection. It is sent, once a host, to
	// hosts that allow it and whose key was known before. Nil: no passwords.
	Password func() (string, error)

	// Warn is told what concerns more than one host: a line of known_hosts that cannot be
	// read, a lowered Concurrency, keys that were added. It may be called from several
	// goroutines. Nil: nobody is told.
	Warn func(text string)

	// Abort, once closed, ends a cancelled scan without Grace.
	Abort <-chan struct{}

	progress progress
}

// A HostKeyPolicy says what to do with a host whose key is not known. A key that is not
// the known one is always an error.
type HostKeyPolicy string

// The policies.
const (
	AsConfigured HostKeyPolicy = ""           // what StrictHostKeyChecking of each endpoint says; "no" is taken as accept-new
	Strict       HostKeyPolicy = "strict"     // an error
	AcceptNew    HostKeyPolicy = "accept-new" // trust the key and add it to the first of the user's known_hosts files
)

// A Result is what became of one host.
type Result struct {
	Host    inventory.Host
	Capture *probe.Capture // nil if the script's output did not begin
	Err     *Error         // nil if the host was read to the end
	Cost    Cost
}

// A Cost is what reading one host took.
type Cost struct {
	Connect time.Duration // from the first packet to the login, time in the queue not counted
	Script  time.Duration // from starting the script to its end, without the window
	Bytes   int64         // that the script printed
}

// Progress counts the hosts of a scan by where they are.
type Progress struct {
	Hosts      int
	Waiting    int       // for a slot, or for their turn
	Connecting int       // up to the start of the script
	Sampling   int       // running the script, for most of the time asleep
	Done       int       // read to the end
	Partial    int       // read in part
	Failed     int       // not read
	WindowEnd  time.Time // when the last window that has begun ends; zero if none has
}

// Progress may be called at any time, from any goroutine.
func (f *Fleet) Progress() Progress { return f.progress.now() }

// Scan reads the hosts, in a random order, and calls done with each result as soon as
// it is there. done is called from the goroutine that called Scan, once for each host
// whatever happens; while it runs, no more than Concurrency hosts are held back.
//
// When the context is cancelled, no more hosts are started; those whose script runs get
// Grace to end it. Scan then returns the context's error. Any other error means that
// nothing was contacted and done was not called.
func (f *Fleet) Scan(ctx context.Context, hosts []inventory.Host, done func(Result)) error {
	s, err := f.prepare(ctx, hosts)
	if err != nil {
		return err
	}
	defer s.close()
	f.progress.begin(len(hosts))
	results := make(chan Result)
	go func() {
		defer close(results)
		var group errgroup.Group
		group.SetLimit(s.fleet.Concurrency)
		for _, i := range mrand.Perm(len(hosts)) { // one rack's hosts stand side by side
			if s.soft.Err() != nil {
				results <- s.skip(hosts[i])
				continue
			}
			group.Go(func() error {
				results <- s.host(hosts[i])
				return nil
			})
		}
		group.Wait()
	}()
	for r := range results {
		done(r)
	}
	s.trust.report()
	return ctx.Err()
}

func (f *Fleet) warn(text string) {
	if f.Warn != nil {
		f.Warn(text)
	}
}
