package remote

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/fleetdrop/fleetdrop/probe"
)

const (
	// command is what every login shell understands; the script comes on its standard
	// input, which has no limit of length.
	command = "sh -s"

	maxOutput = 4 << 20   // bytes of a host's standard output
	maxNoise  = 256 << 10 // bytes before the script's first line
	maxErrors = 64 << 10  // bytes of its standard error
	maxHeld   = 256 << 20 // bytes of output of all hosts that are in flight
	killDelay = 500 * time.Millisecond
)

// A run is the script running on a host.
type run struct {
	scan    *scan
	link    *link
	session *ssh.Session
	stdin   io.WriteCloser
	stdout  io.Reader
	stderr  excerpt
	nonce   string

	output                  // what came so far
	begun       bool        // the script's first line has come
	done        bool        // its last line has come
	full        bool        // a cap was reached
	flooded     atomic.Bool // that of the standard error was reached
	interrupted atomic.Bool
	silent      chan struct{} // closed at the end of the standard error
}

// read runs the script and returns what it printed. With an error the capture is what
// came until then, or nil. started is called when the script runs.
func (s *scan) read(l *link, started func()) (*probe.Capture, int64, *Error) {
	r := &run{scan: s, link: l, nonce: nonce(), silent: make(chan struct{})}
	if err := r.start(); err != nil {
		return nil, 0, err
	}
	started()
	l.mu.Lock()
	l.ending = func() { r.end(killDelay) }
	l.mu.Unlock()
	defer context.AfterFunc(s.soft, func() {
		r.interrupted.Store(true)
		r.end(s.fleet.Grace)
	})()
	r.spare = &s.blocks
	err := r.receive()
	text := r.take()
	s.held.Add(int64(-len(text)))
	if !r.begun {
		return nil, int64(len(text)), r.failure(err, text)
	}
	capture, parseErr := probe.ParseOutput(text, r.nonce)
	if capture == nil {
		return nil, int64(len(text)), &Error{Code: "forced-command", Stage: Run, Message: bounded(parseErr.Error())}
	}
	if r.done && parseErr == nil {
		return capture, int64(len(text)), nil
	}
	return capture, int64(len(text)), r.partial(err)
}

// nonce returns 128 bits that no host can have written into a file before.
func nonce() string {
	b := make([]byte, 16)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// start opens the session and sends the script.
func (r *run) start() *Error {
	l := r.link
	l.watch.enter(Session, sessionLimit)
	var err error
	if r.session, err = l.NewSession(); err != nil {
		var refused *ssh.OpenChannelError
		if errors.As(err, &refused) && l.watch.end() == "" {
			return &Error{
				Code: "session", Stage: Session, Message: bounded("the server opens no session: " + refused.Message),
				Hint: "MaxSessions in sshd_config, or a login that is not meant for commands", retry: true,
			}
		}
		return l.failure(err)
	}
	r.stdin, _ = r.session.StdinPipe()
	r.stdout, _ = r.session.StdoutPipe()
	stderr, _ := r.session.StderrPipe()
	l.watch.enter(Exec, sessionLimit)
	if err := r.session.Start(command); err != nil {
		if !ended(err) && l.watch.end() == "" {
			return &Error{Code: "no-shell", Stage: Exec, Message: "the server runs no command for this login", Hint: shellHint}
		}
		return l.failure(err)
	}
	go r.listen(stderr)
	l.watch.enter(Begin, silenceLimit+r.scan.fleet.Window)
	// A write that fails is a connection that ends, which reading finds out.
	text := append(make([]byte, 0, pieceSize), probe.Start(r.nonce, r.scan.fleet.Window, r.scan.fleet.Sudo)...)
	for script := r.scan.script; len(text)+len(script) > 0 && err == nil; text = text[:0] {
		n := min(len(script), pieceSize-len(text))
		text, script = append(text, script[:n]...), script[n:]
		_, err = r.stdin.Write(text)
	}
	return nil
}

// pieceSize is how much of the script is sent at a time, in bytes. With what SSH adds it
// fits into the 4 KiB that x/crypto writes with one system call, and x/crypto keeps two
// buffers as large as the largest write for as long as the session lasts.
const pieceSize = 4000

const shellHint = "the login shell of this user must run commands: getent passwd USER"

// listen reads the standard error, of which only the beginning is of interest.
func (r *run) listen(stderr io.Reader) {
	defer close(r.silent)
	buf, total := make([]byte, 512), 0
	for {
		n, err := stderr.Read(buf)
		r.stderr.Write(buf[:n])
		total += n
		switch {
		case err != nil:
			return
		case total > maxErrors:
			r.flooded.Store(true)
			r.end(killDelay)
			return
		}
	}
}

// receive reads until the script's last line, or until nothing more comes. The standard
// input is kept open so long: its end is what ends the script.
func (r *run) receive() (err error) {
	l := r.link
	begin := []byte("fleetdrop capture v1 " + r.nonce + "\n")
	end := []byte("\n-- " + r.nonce + " end --\n")
	for err == nil && !r.done && !r.full {
		var n int
		n, err = r.readFrom(r.stdout)
		held := r.scan.held.Add(int64(n))
		if !r.begun {
			r.begun = r.latest(n, begin)
			r.full = !r.begun && r.size > maxNoise
		}
		if r.begun {
			l.watch.enter(Run, silenceLimit+r.scan.fleet.Window)
			r.done = r.latest(n, end)
			r.full = !r.done && (r.size > maxOutput || held > maxHeld)
		}
	}
	switch {
	case r.full: // what still comes is not wanted
		r.end(killDelay)
		<-l.ctx.Done()
		return nil
	case r.done:
		l.watch.enter(Drain, drainLimit)
		r.stdin.Close()
	case !errors.Is(err, io.EOF):
		return err
	default: // a child may hold the session open
		l.watch.extend(drainLimit)
	}
	io.Copy(io.Discard, r.stdout)
	err = r.session.Wait()
	<-r.silent
	return err
}

// end ends the script, first by asking. It closes the standard input, which is what the
// script itself watches, and signals, which not every server passes on.
func (r *run) end(after time.Duration) {
	time.AfterFunc(after, r.link.cancel)
	go func() {
		r.session.Signal(ssh.SIGTERM)
		r.stdin.Close()
	}()
}

// failure explains why the script did not begin.
func (r *run) failure(err error, text string) *Error {
	expired := r.link.watch.end()
	e := &Error{Stage: Begin}
	said := bounded(strings.TrimSpace(text[:min(len(text), maxMessage)] + " " + r.stderr.String()))
	var exit *ssh.ExitError
	switch {
	case r.interrupted.Load():
		e.Code, e.Message = "interrupted", "the scan was interrupted before the script began"
	case expired != "":
		e = timeout(expired, r.link)
		e.Message = "the script did not begin; is the login shell waiting for something?"
		if said != "" {
			e.Message = bounded(e.Message + " It says: " + said)
		}
	case r.full || r.flooded.Load():
		e.Code, e.Message = "forced-command", "much text came, and the script's first line was not among it: "+said
		e.Hint = "a forced command or a login shell that prints without end"
	case err != nil && r.link.dragged():
		return lostJump(r.link.via, Begin)
	case errors.As(err, &exit) && exit.ExitStatus() != 0:
		e.Code, e.Message = "no-shell", fmt.Sprintf("the login shell ended with status %d: %s", exit.ExitStatus(), said)
		e.Hint = shellHint
	case err == nil && text != "":
		e.Code, e.Message = "forced-command", "something else than the script ran: "+said
		e.Hint = "command= in authorized_keys, or ForceCommand in sshd_config"
	case err == nil:
		e.Code, e.Message, e.Hint = "no-shell", "the login shell ended without a word", shellHint
	default:
		e.Code, e.Message, e.retry = "lost", "the connection ended before the script began", true
	}
	e.Message = bounded(e.Message)
	return e
}

// partial explains why the script began and did not end.
func (r *run) partial(err error) *Error {
	expired := r.link.watch.end()
	e := &Error{Stage: Run}
	var exit *ssh.ExitError
	switch {
	case r.interrupted.Load():
		e.Code, e.Message = "partial/interrupted", "the scan was interrupted while the script ran"
	case r.full || r.flooded.Load():
		e.Code, e.Message = "partial/output-cap", "the script printed more than the controller takes"
	case expired == Begin || expired == Run:
		e.Code, e.Message = "partial/timeout@run", "the script did not end in time"
		e.Hint = "a tool that hangs on the host; --host-timeout"
	case err != nil && r.link.dragged():
		e.Code, e.Message, e.retry = "partial/lost", lostJump(r.link.via, Run).Message, true
	case errors.As(err, &exit) && (exit.Signal() != "" || exit.ExitStatus() > 128):
		e.Code, e.Message = "partial/killed", fmt.Sprintf("the script was killed (status %d %s)", exit.ExitStatus(), exit.Signal())
	case errors.As(err, &exit) || err == nil:
		e.Code, e.Message = "partial/killed", "the script ended early: "+r.stderr.String()
	default:
		e.Code, e.Message, e.retry = "partial/lost", "the connection ended while the script ran", true
	}
	e.Message = bounded(e.Message)
	return e
}
