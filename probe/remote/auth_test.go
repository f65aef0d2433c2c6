package remote_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe/remote"
)

func hello(ch ssh.Channel, nonce string) {
	begin(ch, nonce)
	fmt.Fprintf(ch, "-- %s end --\n", nonce)
	exit(ch, 0)
}

// TestPassword sends a password once, and only to a host that was known before.
func TestPassword(t *testing.T) {
	var tries atomic.Int32
	check := func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
		tries.Add(1)
		if string(password) != "secret" {
			return nil, errors.New("no")
		}
		return nil, nil
	}
	ask := func(questions []string, echos []bool) func(ssh.ConnMetadata, ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		return func(c ssh.ConnMetadata, challenge ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			answers, err := challenge("", "", questions, echos)
			if err != nil || len(answers) != 1 {
				return nil, errors.New("no answer")
			}
			return check(c, []byte(answers[0]))
		}
	}
	for _, test := range []struct {
		name, password, code string
		tries                int32
		server               func(*pair)
		endpoint             func(*inventory.Endpoint)
	}{
		{"right", "secret", "ok", 1, func(p *pair) { p.serverConfig.PasswordCallback = check }, nil},
		{"wrong", "guess", "auth/denied", 1, func(p *pair) { p.serverConfig.PasswordCallback = check }, nil},
		{"one hidden question", "secret", "ok", 1, func(p *pair) {
			p.serverConfig.KeyboardInteractiveCallback = ask([]string{"Password: "}, []bool{false})
		}, nil},
		{"a question that shows the answer", "secret", "auth/denied", 0, func(p *pair) {
			p.serverConfig.KeyboardInteractiveCallback = ask([]string{"Name: "}, []bool{true})
		}, nil},
		{"two questions", "secret", "auth/denied", 0, func(p *pair) {
			p.serverConfig.KeyboardInteractiveCallback = ask([]string{"Password: ", "Code: "}, []bool{false, false})
		}, nil},
		{"a host that is new", "secret", "auth/no-key", 0, func(p *pair) { p.serverConfig.PasswordCallback = check },
			func(e *inventory.Endpoint) {
				e.UserKnownHostsFiles, e.StrictHostKeyChecking = []string{t.TempDir() + "/new"}, "accept-new"
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPair(t)
			p.serverConfig.PublicKeyCallback = nil
			test.server(p)
			e := p.endpoint(p.shell(t, hello))
			e.IdentityFiles = []string{}
			if test.endpoint != nil {
				test.endpoint(&e)
			}
			tries.Store(0)
			r := one(t, t.Context(), &remote.Fleet{Password: func() (string, error) { return test.password, nil }}, e)
			if code(r) != test.code || tries.Load() != test.tries {
				t.Errorf("%s after %d tries: %v", code(r), tries.Load(), r.Err)
			}
			if r.Err != nil && strings.Contains(r.Err.Message, test.password) {
				t.Errorf("the message has the password: %v", r.Err)
			}
		})
	}
}

// TestSecondFactor says so where a key is not enough.
func TestSecondFactor(t *testing.T) {
	p := newPair(t)
	p.serverConfig.PublicKeyCallback = func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
		return nil, &ssh.PartialSuccessError{Next: ssh.ServerAuthCallbacks{
			KeyboardInteractiveCallback: func(ssh.ConnMetadata, ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
				return nil, errors.New("no")
			},
		}}
	}
	if r := one(t, t.Context(), &remote.Fleet{}, p.endpoint(p.shell(t, hello))); code(r) != "auth/mfa" {
		t.Errorf("%s: %v", code(r), r.Err)
	}
}

// TestHandshakesAtOnce opens no more than a few connections at once to one address, and
// no more than the rate allows to all.
func TestHandshakesAtOnce(t *testing.T) {
	p := newPair(t)
	var now, most atomic.Int32
	slow := p.serverConfig.PublicKeyCallback
	p.serverConfig.PublicKeyCallback = func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(20 * time.Millisecond)
		now.Add(-1)
		return slow(c, key)
	}
	e := p.endpoint(p.shell(t, hello))
	var hosts []inventory.Host
	for i := range 30 {
		hosts = append(hosts, inventory.Host{Name: fmt.Sprint(i), Endpoint: e})
	}
	for name, r := range scan(t, t.Context(), &remote.Fleet{Rate: 1000}, hosts) {
		if r.Err != nil {
			t.Errorf("%s: %v", name, r.Err)
		}
	}
	if m := most.Load(); m < 2 || m > 4 {
		t.Errorf("%d handshakes at once", m)
	}
	began := time.Now()
	scan(t, t.Context(), &remote.Fleet{Rate: 20}, hosts)
	if took := time.Since(began); took < time.Second {
		t.Errorf("30 connections within %v, at a rate of 20/s", took)
	}
}

// forward is a bastion of which the connections can be broken.
func (p *pair) bastion(t testing.TB, opened *atomic.Int32) (address *net.TCPAddr, breakAll func()) {
	conns := make(chan net.Conn, 100)
	address = listen(t, func(conn net.Conn) {
		conns <- conn
		server, channels, requests, err := ssh.NewServerConn(conn, p.serverConfig)
		if err != nil {
			return
		}
		opened.Add(1)
		go ssh.DiscardRequests(requests)
		for c := range channels {
			var to struct {
				Host  string
				Port  uint32
				From  string
				FPort uint32
			}
			if err := ssh.Unmarshal(c.ExtraData(), &to); err != nil {
				t.Error(err)
			}
			out, err := net.Dial("tcp", net.JoinHostPort(to.Host, fmt.Sprint(to.Port)))
			if err != nil {
				c.Reject(ssh.ConnectionFailed, "Connection refused")
				continue
			}
			ch, requests, err := c.Accept()
			if err != nil {
				out.Close()
				return
			}
			go ssh.DiscardRequests(requests)
			go func() {
				copyAll(ch, out)
				out.Close()
			}()
			go func() {
				copyAll(out, ch)
				ch.Close()
				out.Close()
			}()
		}
		server.Wait()
	})
	return address, func() {
		for {
			select {
			case c := <-conns:
				c.Close()
			default:
				return
			}
		}
	}
}

// TestJumpFrozen has a bastion stop answering without closing its connection.
func TestJumpFrozen(t *testing.T) {
	p := newPair(t)
	var opened atomic.Int32
	behind, _ := p.bastion(t, &opened)
	var frozen atomic.Bool
	relay := listen(t, func(conn net.Conn) {
		out, err := net.Dial("tcp", behind.String())
		if err != nil {
			return
		}
		defer out.Close()
		go func() {
			copyAll(out, conn)
			out.Close()
		}()
		buf := make([]byte, 32<<10)
		for {
			n, err := out.Read(buf)
			if err != nil {
				return
			}
			if !frozen.Load() {
				conn.Write(buf[:n])
			}
		}
	})
	target := p.endpoint(p.shell(t, func(ch ssh.Channel, nonce string) {
		begin(ch, nonce)
		time.Sleep(50 * time.Millisecond)
		frozen.Store(true)
	}))
	jump := p.endpoint(relay)
	jump.ServerAliveInterval, jump.ConnectTimeout = 300*time.Millisecond, 300*time.Millisecond
	began := time.Now()
	r := one(t, t.Context(), &remote.Fleet{}, target, jump)
	if took := time.Since(began); code(r) != "partial/lost" || took > 10*time.Second {
		t.Errorf("%s after %v: %v", code(r), took, r.Err)
	}
}

// TestJumpLost breaks the connection to a bastion in the middle of a scan: it is made
// once more, and the hosts behind it are read by that.
func TestJumpLost(t *testing.T) {
	p := newPair(t)
	var opened, begun atomic.Int32
	bastion, breakAll := p.bastion(t, &opened)
	target := p.endpoint(p.shell(t, func(ch ssh.Channel, nonce string) {
		begin(ch, nonce)
		if begun.Add(1) == 10 {
			breakAll()
		}
		time.Sleep(300 * time.Millisecond)
		fmt.Fprintf(ch, "-- %s end --\n", nonce)
		exit(ch, 0)
	}))
	var hosts []inventory.Host
	for i := range 10 {
		hosts = append(hosts, inventory.Host{Name: fmt.Sprint(i), Endpoint: target, Jump: []inventory.Endpoint{p.endpoint(bastion)}})
	}
	again := 0
	for name, r := range scan(t, t.Context(), &remote.Fleet{Rate: 1000}, hosts) {
		switch code(r) {
		case "ok":
		case "partial/lost", "jump:lost": // beyond what a scan may try again
			again++
		default:
			t.Errorf("%s: %s %v", name, code(r), r.Err)
		}
	}
	if again > 2 || opened.Load() != 2 {
		t.Errorf("%d hosts were not read, over %d connections to the bastion", again, opened.Load())
	}
}
