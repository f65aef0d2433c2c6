package remote_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe/remote"
)

// listen serves connections, each by its own goroutine, until the test ends.
func listen(t testing.TB, serve func(net.Conn)) *net.TCPAddr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
			running.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return l.Addr().(*net.TCPAddr)
}

// A pair is a key to log in with and a host key, with the files that a controller needs.
type pair struct {
	login, host          ssh.Signer
	dir, identity, known string
	serverConfig         *ssh.ServerConfig
	loginPrivate         []byte
}

func newSigner(t testing.TB) (ssh.Signer, []byte) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "test")
	if err != nil {
		t.Fatal(err)
	}
	return signer, pem.EncodeToMemory(block)
}

func write(t testing.TB, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func newPair(t testing.TB) *pair {
	p := &pair{dir: t.TempDir()}
	p.login, p.loginPrivate = newSigner(t)
	p.host, _ = newSigner(t)
	p.identity = write(t, filepath.Join(p.dir, "id"), string(p.loginPrivate))
	p.known = write(t, filepath.Join(p.dir, "known_hosts"), "* "+string(ssh.MarshalAuthorizedKey(p.host.PublicKey())))
	p.serverConfig = &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if !bytes.Equal(key.Marshal(), p.login.PublicKey().Marshal()) {
			return nil, fmt.Errorf("no")
		}
		return nil, nil
	}}
	p.serverConfig.AddHostKey(p.host)
	return p
}

// endpoint is a host at an address that the pair may log in to.
func (p *pair) endpoint(a *net.TCPAddr) inventory.Endpoint {
	return inventory.Endpoint{
		Alias: "h", Hostname: a.IP.String(), Port: a.Port, User: "u",
		IdentityFiles: []string{p.identity}, IdentitiesOnly: true, IdentityAgent: "none",
		UserKnownHostsFiles: []string{p.known}, GlobalKnownHostsFiles: []string{},
	}
}

// shell serves connections whose session runs serve instead of a shell. It gets the
// nonce from the controller's first line.
func (p *pair) shell(t testing.TB, serve func(ch ssh.Channel, nonce string)) *net.TCPAddr {
	return listen(t, func(conn net.Conn) {
		server, channels, requests, err := ssh.NewServerConn(conn, p.serverConfig)
		if err != nil {
			return
		}
		go ssh.DiscardRequests(requests)
		for c := range channels {
			ch, requests, err := c.Accept()
			if err != nil {
				return
			}
			started := make(chan struct{})
			go func() {
				for r := range requests {
					r.Reply(r.Type == "exec", nil)
					if r.Type == "exec" {
						close(started)
					}
				}
			}()
			<-started
			line, _ := bufio.NewReader(ch).ReadString('\n')
			words := strings.Fields(line)
			if len(words) < 5 {
				t.Errorf("the first line is %q", line)
				return
			}
			serve(ch, words[2])
			server.Wait()
		}
	})
}

// exit ends a session as a shell does.
func exit(ch ssh.Channel, status uint32) {
	ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
	ch.Close()
}

func copyAll(to io.Writer, from io.Reader) { io.Copy(to, from) }

func begin(ch io.Writer, nonce string) {
	fmt.Fprintf(ch, "fleetdrop capture v1 %s\n-- %s /proc/uptime --\n1.00 1.00\n", nonce, nonce)
}

// one scans one host.
func one(t testing.TB, ctx context.Context, f *remote.Fleet, e inventory.Endpoint, jump ...inventory.Endpoint) remote.Result {
	t.Helper()
	return scan(t, ctx, f, []inventory.Host{{Name: "h", Endpoint: e, Jump: jump}})["h"]
}

// TestHostile meets servers that misbehave in each stage of a connection.
func TestHostile(t *testing.T) {
	write := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			io.WriteString(c, text)
			io.Copy(io.Discard, c)
		}
	}
	for _, test := range []struct {
		name, code string
		serve      func(net.Conn)
	}{
		{"says nothing", "timeout@banner", write("")},
		{"endless lines", "timeout@banner", func(c net.Conn) {
			for range 1000 {
				if _, err := io.WriteString(c, "x\r\n"); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}},
		{"one byte at a time", "timeout@banner", func(c net.Conn) {
			for range 1000 {
				if _, err := io.WriteString(c, "S"); err != nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
		}},
		{"a flood without a newline", "not-ssh", func(c net.Conn) {
			for {
				if _, err := io.WriteString(c, strings.Repeat("A", 4096)); err != nil {
					return
				}
			}
		}},
		{"a flood of lines", "not-ssh", func(c net.Conn) {
			for {
				if _, err := io.WriteString(c, strings.Repeat("A\n", 2048)); err != nil {
					return
				}
			}
		}},
		{"HTTP", "not-ssh", func(c net.Conn) { io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") }},
		{"SSH 1", "not-ssh", write("SSH-1.5-old\r\n")},
		{"hangs up", "closed-early", func(net.Conn) {}},
		{"MaxStartups", "closed-early", func(c net.Conn) { io.WriteString(c, "Exceeded MaxStartups\r\n") }},
		{"a version, then silence", "timeout@kex", write("SSH-2.0-x\r\n")},
		{"a version, then the end", "closed-early", func(c net.Conn) { io.WriteString(c, "SSH-2.0-x\r\n") }},
		{"a version, then noise", "protocol", write("SSH-2.0-x\r\n" + strings.Repeat("\xff", 4096))},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t)
			began := time.Now()
			const limit = 300 * time.Millisecond
			r := one(t, t.Context(), &remote.Fleet{ConnectTimeout: limit}, p.endpoint(listen(t, test.serve)))
			if code(r) != test.code || r.Capture != nil {
				t.Fatalf("%s, want %s: %v", code(r), test.code, r.Err)
			}
			if r.Err.Message == "" || strings.Contains(r.Err.Message, "\n") || len(r.Err.Message) > 500 {
				t.Errorf("message %q", r.Err.Message)
			}
			// The limit, once more if it was tried again, and the pauses between.
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestHostileShell meets hosts that misbehave when the script runs.
func TestHostileShell(t *testing.T) {
	for _, test := range []struct {
		name, code string
		serve      func(ch ssh.Channel, nonce string)
	}{
		{"noise, then the script", "ok", func(ch ssh.Channel, nonce string) {
			io.WriteString(ch, "Welcome!\n")
			begin(ch, nonce)
			fmt.Fprintf(ch, "-- %s end --\n", nonce)
			exit(ch, 0)
		}},
		{"complete, and never closed", "ok", func(ch ssh.Channel, nonce string) {
			begin(ch, nonce)
			fmt.Fprintf(ch, "-- %s end --\n", nonce)
		}},
		{"in pieces", "ok", func(ch ssh.Channel, nonce string) {
			var b strings.Builder
			begin(&b, nonce)
			fmt.Fprintf(&b, "-- %s end --\n", nonce)
			for _, c := range []byte(b.String()) {
				ch.Write([]byte{c})
			}
			exit(ch, 0)
		}},
		{"another nonce", "forced-command", func(ch ssh.Channel, _ string) {
			begin(ch, strings.Repeat("0", 32))
			fmt.Fprintf(ch, "-- %s end --\n", strings.Repeat("0", 32))
			exit(ch, 0)
		}},
		{"nologin", "no-shell", func(ch ssh.Channel, _ string) {
			io.WriteString(ch, "This account is currently not available.\n")
			exit(ch, 1)
		}},
		{"lost before the script", "lost", func(ch ssh.Channel, _ string) { ch.Close() }},
		{"lost in it", "partial/lost", func(ch ssh.Channel, nonce string) {
			begin(ch, nonce)
			ch.Close()
		}},
		{"killed", "partial/killed", func(ch ssh.Channel, nonce string) {
			begin(ch, nonce)
			ch.SendRequest("exit-signal", false, ssh.Marshal(struct {
				Name string
				Core bool
				A, B string
			}{"KILL", false, "", ""}))
			ch.Close()
		}},
		{"silent after the beginning", "partial/timeout@run", func(ch ssh.Channel, nonce string) { begin(ch, nonce) }},
		{"silent", "timeout@begin", func(ssh.Channel, string) {}},
		{"endless", "partial/output-cap", func(ch ssh.Channel, nonce string) {
			begin(ch, nonce)
			for {
				if _, err := ch.Write(bytes.Repeat([]byte("x\n"), 16<<10)); err != nil {
					return
				}
			}
		}},
		{"endless noise", "forced-command", func(ch ssh.Channel, _ string) {
			for {
				if _, err := ch.Write(bytes.Repeat([]byte("x"), 32<<10)); err != nil {
					return
				}
			}
		}},
		{"endless complaints", "partial/output-cap", func(ch ssh.Channel, nonce string) {
			begin(ch, nonce)
			for {
				if _, err := ch.Stderr().Write(bytes.Repeat([]byte("x"), 32<<10)); err != nil {
					return
				}
			}
		}},
		{"a header that is none", "forced-command", func(ch ssh.Channel, nonce string) {
			fmt.Fprintf(ch, "fleetdrop capture v1 %s\nnot a header\n-- %s end --\n", nonce, nonce)
			exit(ch, 0)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t)
			began := time.Now()
			r := one(t, t.Context(), &remote.Fleet{HostTimeout: 2 * time.Second}, p.endpoint(p.shell(t, test.serve)))
			if code(r) != test.code {
				t.Fatalf("%s, want %s: %v", code(r), test.code, r.Err)
			}
			partial := strings.HasPrefix(test.code, "partial/")
			if (r.Capture != nil) != (partial || test.code == "ok") {
				t.Errorf("capture %v", r.Capture)
			}
			if r.Capture != nil && r.Capture.Outputs[0].Section != "/proc/uptime" {
				t.Errorf("capture %v", r.Capture.Outputs)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestStalls meets servers that no longer answer, or refuse, once the keys are exchanged.
func TestStalls(t *testing.T) {
	accept := func(channels <-chan ssh.NewChannel, answer func(*ssh.Request)) {
		for c := range channels {
			_, requests, err := c.Accept()
			if err != nil {
				return
			}
			for r := range requests {
				answer(r)
			}
		}
	}
	for _, test := range []struct {
		name, code string
		login      func() // called while the server judges the key
		serve      func(<-chan ssh.NewChannel)
	}{
		{"the login is not answered", "timeout@auth", func() { time.Sleep(time.Second) }, nil},
		{"no session is opened", "timeout@session", nil, func(<-chan ssh.NewChannel) { time.Sleep(2 * time.Second) }},
		{"sessions are refused", "session", nil, func(channels <-chan ssh.NewChannel) {
			for c := range channels {
				c.Reject(ssh.Prohibited, "no sessions \x1b[31mhere")
			}
		}},
		{"the command is not answered", "timeout@exec", nil, func(channels <-chan ssh.NewChannel) {
			accept(channels, func(*ssh.Request) {})
		}},
		{"the command is refused", "no-shell", nil, func(channels <-chan ssh.NewChannel) {
			accept(channels, func(r *ssh.Request) { r.Reply(false, nil) })
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t)
			if check := p.serverConfig.PublicKeyCallback; test.login != nil {
				p.serverConfig.PublicKeyCallback = func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
					test.login()
					return check(c, key)
				}
			}
			address := listen(t, func(conn net.Conn) {
				_, channels, requests, err := ssh.NewServerConn(conn, p.serverConfig)
				if err != nil {
					return
				}
				go ssh.DiscardRequests(requests)
				test.serve(channels)
			})
			r := one(t, t.Context(), &remote.Fleet{HostTimeout: 500 * time.Millisecond}, p.endpoint(address))
			if code(r) != test.code {
				t.Errorf("%s, want %s: %v", code(r), test.code, r.Err)
			}
		})
	}
}

// TestInterrupt cancels a scan while one host sleeps, one connects and others wait.
func TestInterrupt(t *testing.T) {
	p := newPair(t)
	var hosts []inventory.Host
	asked := make(chan struct{}, 1)
	sleeping := p.endpoint(p.shell(t, func(ch ssh.Channel, nonce string) {
		begin(ch, nonce)
		asked <- struct{}{}
		io.Copy(io.Discard, ch) // the script ends with its standard input
		exit(ch, 1)
	}))
	hosts = append(hosts, inventory.Host{Name: "sleeping", Endpoint: sleeping})
	silent := p.endpoint(listen(t, func(c net.Conn) { io.Copy(io.Discard, c) }))
	for i := range 5 {
		hosts = append(hosts, inventory.Host{Name: fmt.Sprintf("silent-%d", i), Endpoint: silent})
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	began := time.Now()
	fleet := &remote.Fleet{Window: time.Minute, Grace: 5 * time.Second, Rate: 1000}
	results := scan(t, ctx, fleet, hosts)
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	if r := results["sleeping"]; code(r) != "partial/interrupted" || len(r.Capture.Outputs) != 1 {
		t.Errorf("%s: %+v", code(r), r.Capture)
	}
	for name, r := range results {
		if name != "sleeping" && code(r) != "interrupted" && code(r) != "skipped" {
			t.Errorf("%s: %s", name, code(r))
		}
	}
}

// TestAbort ends a host that does not obey, at once.
func TestAbort(t *testing.T) {
	p := newPair(t)
	ctx, cancel := context.WithCancel(t.Context())
	abort := make(chan struct{})
	e := p.endpoint(p.shell(t, func(ch ssh.Channel, nonce string) {
		begin(ch, nonce)
		cancel()
		time.Sleep(200 * time.Millisecond)
		close(abort)
	}))
	began := time.Now()
	r := one(t, ctx, &remote.Fleet{Window: time.Minute, Grace: 10 * time.Second, Abort: abort}, e)
	if took := time.Since(began); code(r) != "partial/interrupted" || took > 2*time.Second {
		t.Errorf("%s after %v", code(r), took)
	}
}
