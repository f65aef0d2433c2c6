package remote_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/remote"
)

// An sshd is a real one on loopback, for the user who runs the test.
type sshd struct {
	*pair
	user string
	port int
	log  *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func needs(t testing.TB, program string) string {
	t.Helper()
	for _, dir := range []string{"", "/usr/sbin/", "/sbin/"} {
		if path, err := exec.LookPath(dir + program); err == nil {
			return path
		}
	}
	t.Skip(program + " is not installed")
	return ""
}

// freePort is a port that nobody listened on a moment ago.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// startSSHD starts a server with the pair's host key and login, and more lines of
// configuration.
func startSSHD(t testing.TB, lines ...string) *sshd {
	t.Helper()
	program := needs(t, "sshd")
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if u.Uid == "0" {
		if _, err := os.Stat("/run/sshd"); err != nil {
			t.Skip("sshd wants /run/sshd, which a package's service makes")
		}
	}
	s := &sshd{pair: newPair(t), user: u.Username, port: freePort(t), log: &lockedBuffer{}}
	_, hostPrivate := newSignerFrom(t, s.dir, "host_ed25519", ed25519Key)
	s.host, _ = ssh.ParsePrivateKey(hostPrivate)
	s.pair.known = write(t, filepath.Join(s.dir, "known_hosts"), "* "+string(ssh.MarshalAuthorizedKey(s.host.PublicKey())))
	write(t, filepath.Join(s.dir, "authorized"), string(ssh.MarshalAuthorizedKey(s.login.PublicKey())))
	config := fmt.Sprintf("Port %d\nListenAddress 127.0.0.1\nHostKey %s\nAuthorizedKeysFile %s\nPidFile none\nStrictModes no\nUsePAM no\n"+
		"PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nLogLevel VERBOSE\n%s\n",
		s.port, filepath.Join(s.dir, "host_ed25519"), filepath.Join(s.dir, "authorized"),
		strings.ReplaceAll(strings.Join(lines, "\n"), "DIR", s.dir))
	path := filepath.Join(s.dir, "sshd_config")
	// New servers turn away an address after refused logins, which tests provoke.
	if exec.Command(program, "-t", "-f", write(t, path, config+"PerSourcePenalties no\n")).Run() != nil {
		write(t, path, config)
	}
	cmd := exec.Command(program, "-D", "-e", "-f", path)
	cmd.Stderr = s.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("sshd:\n%s", s.log)
		}
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
		if err == nil {
			conn.Close()
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("sshd does not listen: %v\n%s", err, s.log)
		}
	}
}

func (s *sshd) endpoint() inventory.Endpoint {
	e := s.pair.endpoint(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: s.port})
	e.User = s.user
	return e
}

func ed25519Key() (any, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}
func ecdsaKey() (any, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }
func rsaKey() (any, error)   { return rsa.GenerateKey(rand.Reader, 2048) }

// newSignerFrom makes a key and writes it to a file, and the public one beside it.
func newSignerFrom(t testing.TB, dir, name string, generate func() (any, error)) (ssh.Signer, []byte) {
	t.Helper()
	key, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "test")
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(block)
	write(t, filepath.Join(dir, name), string(text))
	write(t, filepath.Join(dir, name+".pub"), string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	return signer, text
}

// TestSSHD reads a real host with a real script.
func TestSSHD(t *testing.T) {
	s := startSSHD(t)
	fleet := &remote.Fleet{Script: probe.Script(), Window: 300 * time.Millisecond}
	r := one(t, t.Context(), fleet, s.endpoint())
	if r.Err != nil {
		t.Fatalf("%s: %v", r.Err.Code, r.Err)
	}
	samples := 0
	for _, out := range r.Capture.Outputs {
		if out.Section == "/proc/uptime" && out.State == probe.Known {
			samples++
		}
	}
	if samples != 2 || r.Capture.Get("host") != "h" || r.Capture.Get("window") != "0.3s" {
		t.Errorf("the capture is\n%s", r.Capture)
	}
	// The log has the end of the connection a moment later.
	for deadline := time.Now().Add(5 * time.Second); !strings.Contains(s.log.String(), "Closing connection to"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no end in\n%s", s.log)
		}
	}
	if n := strings.Count(s.log.String(), "Accepted publickey"); n != 1 || strings.Count(s.log.String(), "Starting session") != 1 {
		t.Errorf("%d logins", n)
	}
}

// TestRekey has the server ask for new keys in the middle of the output.
func TestRekey(t *testing.T) {
	s := startSSHD(t, "RekeyLimit 16K")
	numbers := &probe.Section[string]{Read: probe.Read{Command: "seq 1 9000"}, Parse: func(text string) (string, error) { return text, nil }}
	r := one(t, t.Context(), &remote.Fleet{Script: probe.Script(numbers)}, s.endpoint())
	if r.Err != nil {
		t.Fatalf("%s: %v", r.Err.Code, r.Err)
	}
	for _, out := range r.Capture.Outputs {
		if out.Section == "seq 1 9000" && strings.HasSuffix(out.Text, "\n9000\n") {
			return
		}
	}
	t.Errorf("the capture is\n%.500s", r.Capture)
}

// A testAgent holds keys; of some it only says that it does.
type testAgent struct {
	agent.Agent
	refuse bool
}

func (a testAgent) Sign(key ssh.PublicKey, data []byte) (*ssh.Signature, error) {
	if a.refuse {
		return nil, errors.New("no")
	}
	return a.Agent.Sign(key, data)
}

func (a testAgent) SignWithFlags(key ssh.PublicKey, data []byte, flags agent.SignatureFlags) (*ssh.Signature, error) {
	if a.refuse {
		return nil, errors.New("no")
	}
	return a.Agent.(agent.ExtendedAgent).SignWithFlags(key, data, flags)
}

func (a testAgent) Extension(string, []byte) ([]byte, error) {
	return nil, agent.ErrExtensionUnsupported
}

// serveAgent serves keys on a socket.
func serveAgent(t testing.TB, refuse bool, keys ...any) string {
	t.Helper()
	ring := agent.NewKeyring()
	for _, key := range keys {
		if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "agent")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				agent.ServeAgent(testAgent{ring, refuse}, conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		running.Wait()
	})
	return path
}

func rawKey(t testing.TB, text []byte) any {
	t.Helper()
	key, err := ssh.ParseRawPrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	if p, ok := key.(*ed25519.PrivateKey); ok {
		return *p
	}
	return key
}

// TestLogin logs in to a real sshd in the ways that people do.
func TestLogin(t *testing.T) {
	ca, _ := newSigner(t)
	s := startSSHD(t, "TrustedUserCAKeys DIR/ca.pub", "MaxAuthTries 6")
	write(t, filepath.Join(s.dir, "ca.pub"), string(ssh.MarshalAuthorizedKey(ca.PublicKey())))
	good := rawKey(t, s.loginPrivate)
	var junk []any
	for range 7 {
		key, _ := ed25519Key()
		junk = append(junk, key)
	}
	onlyPublic := write(t, filepath.Join(t.TempDir(), "id.pub"), string(ssh.MarshalAuthorizedKey(s.login.PublicKey())))
	stranger := t.TempDir()
	newSignerFrom(t, stranger, "id", ed25519Key)

	block, err := ssh.MarshalPrivateKeyWithPassphrase(good.(ed25519.PrivateKey), "test", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	locked := write(t, filepath.Join(t.TempDir(), "locked"), string(pem.EncodeToMemory(block)))

	certified := t.TempDir()
	certKey, _ := newSignerFrom(t, certified, "id", rsaKey)
	cert := &ssh.Certificate{
		Key: certKey.PublicKey(), CertType: ssh.UserCert, KeyId: "test", ValidPrincipals: []string{s.user},
		ValidBefore: ssh.CertTimeInfinity, Permissions: ssh.Permissions{Extensions: map[string]string{"permit-pty": ""}},
	}
	if err := cert.SignCert(rand.Reader, ca); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(certified, "id-cert.pub"), string(ssh.MarshalAuthorizedKey(cert)))

	for _, test := range []struct {
		name, code string
		endpoint   func(*inventory.Endpoint)
		passphrase []string
	}{
		{"a key file", "ok", func(*inventory.Endpoint) {}, nil},
		{"the agent", "ok", func(e *inventory.Endpoint) {
			e.IdentityFiles, e.IdentitiesOnly, e.IdentityAgent = []string{}, false, serveAgent(t, false, good)
		}, nil},
		{"the key that is named, of an agent with many", "ok", func(e *inventory.Endpoint) {
			e.IdentityFiles, e.IdentityAgent = []string{onlyPublic}, serveAgent(t, false, append(junk[:7:7], good)...)
		}, nil},
		{"the name without .pub of a key that only the agent has", "ok", func(e *inventory.Endpoint) {
			e.IdentityFiles, e.IdentityAgent = []string{strings.TrimSuffix(onlyPublic, ".pub")}, serveAgent(t, false, good)
		}, nil},
		{"named keys go first without IdentitiesOnly, too", "ok", func(e *inventory.Endpoint) {
			e.IdentityFiles, e.IdentityAgent, e.IdentitiesOnly = []string{onlyPublic}, serveAgent(t, false, append(junk[:7:7], good)...), false
		}, nil},
		{"too many keys of an agent", "auth/too-many-keys", func(e *inventory.Endpoint) {
			e.IdentityFiles, e.IdentityAgent, e.IdentitiesOnly = []string{}, serveAgent(t, false, append(junk[:7:7], good)...), false
		}, nil},
		{"an agent that refuses, then a file", "ok", func(e *inventory.Endpoint) {
			e.IdentityFiles = []string{filepath.Join(certified, "id"), e.IdentityFiles[0]}
			e.IdentityAgent, e.IdentitiesOnly = serveAgent(t, true, junk[0]), false
		}, nil},
		{"an agent that refuses to sign", "auth/agent", func(e *inventory.Endpoint) {
			e.IdentityFiles, e.IdentityAgent = []string{onlyPublic}, serveAgent(t, true, good)
		}, nil},
		{"an agent that is not there", "ok", func(e *inventory.Endpoint) { e.IdentityAgent, e.IdentitiesOnly = "/nonexistent/agent", false }, nil},
		{"a certificate", "ok", func(e *inventory.Endpoint) { e.IdentityFiles = []string{filepath.Join(certified, "id")} }, nil},
		{"a certificate that is named", "ok", func(e *inventory.Endpoint) {
			dir := t.TempDir()
			for _, name := range []string{"id", "id-cert.pub"} {
				text, _ := os.ReadFile(filepath.Join(certified, name))
				write(t, filepath.Join(dir, strings.Replace(name, "-cert", ".certificate", 1)), string(text))
			}
			e.IdentityFiles, e.CertificateFiles = []string{filepath.Join(dir, "id")}, []string{filepath.Join(dir, "id.certificate.pub")}
		}, nil},
		{"a stranger", "auth/denied", func(e *inventory.Endpoint) { e.IdentityFiles = []string{filepath.Join(stranger, "id")} }, nil},
		{"no key", "auth/no-key", func(e *inventory.Endpoint) { e.IdentityFiles = []string{"/nonexistent/id"} }, nil},
		{"a public key without its private one", "auth/no-key", func(e *inventory.Endpoint) { e.IdentityFiles = []string{onlyPublic} }, nil},
		{"an encrypted key, nobody to ask", "auth/passphrase", func(e *inventory.Endpoint) { e.IdentityFiles = []string{locked} }, nil},
		{"an encrypted key", "ok", func(e *inventory.Endpoint) { e.IdentityFiles = []string{locked} }, []string{"wrong", "secret"}},
		{"an encrypted key that the agent has", "ok", func(e *inventory.Endpoint) {
			e.IdentityFiles, e.IdentityAgent = []string{locked}, serveAgent(t, false, good)
		}, []string{}},
		{"three wrong passphrases", "auth/passphrase", func(e *inventory.Endpoint) { e.IdentityFiles = []string{locked} }, []string{"a", "b", "c"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := s.endpoint()
			test.endpoint(&e)
			fleet := &remote.Fleet{Script: probe.Script()}
			if words := test.passphrase; words != nil {
				fleet.Passphrase = func(file string) ([]byte, error) {
					if file != locked || len(words) == 0 {
						t.Errorf("asked for %s", file)
						return nil, errors.New("no more")
					}
					word := words[0]
					words = words[1:]
					return []byte(word), nil
				}
				defer func() {
					if len(words) > 0 {
						t.Errorf("not asked for %q", words)
					}
				}()
			}
			r := one(t, t.Context(), fleet, e)
			if code(r) != test.code {
				t.Errorf("%s, want %s: %v", code(r), test.code, r.Err)
			} else if r.Err != nil {
				t.Logf("%v\n%s", r.Err, r.Err.Hint)
			}
		})
	}
}

// TestJump reads many hosts through one bastion that would take neither many
// connections nor two sessions.
func TestJump(t *testing.T) {
	bastion, target := startSSHD(t, "MaxSessions 1", "MaxStartups 2:100:3"), startSSHD(t, "MaxStartups 100")
	jump, e := bastion.endpoint(), target.endpoint()
	var hosts []inventory.Host
	for i := range 30 {
		hosts = append(hosts, inventory.Host{Name: fmt.Sprint(i), Endpoint: e, Jump: []inventory.Endpoint{jump}})
	}
	fleet := &remote.Fleet{Script: probe.Script(), Window: time.Second, Rate: 1000}
	for name, r := range scan(t, t.Context(), fleet, hosts) {
		if r.Err != nil {
			t.Errorf("%s: %s %v", name, r.Err.Code, r.Err)
		}
	}
	if n := strings.Count(bastion.log.String(), "Accepted publickey"); n != 1 {
		t.Errorf("%d connections to the bastion", n)
	}
}

// TestJumpFails has bastions fail: once for all hosts behind them, under their name.
func TestJumpFails(t *testing.T) {
	target := startSSHD(t)
	closed := startSSHD(t, "AllowTcpForwarding no")
	open := startSSHD(t)
	nobody := open.endpoint()
	nobody.Port = freePort(t)
	unknown := open.endpoint()
	unknown.UserKnownHostsFiles = []string{}
	for _, test := range []struct {
		name, code string
		jump       []inventory.Endpoint
		target     inventory.Endpoint
	}{
		{"two on the way", "ok", []inventory.Endpoint{open.endpoint(), target.endpoint()}, target.endpoint()},
		{"no forwarding", "jump-forwarding-denied", []inventory.Endpoint{closed.endpoint()}, target.endpoint()},
		{"nobody there", "jump:refused", []inventory.Endpoint{nobody}, target.endpoint()},
		{"nobody at the second", "jump:refused", []inventory.Endpoint{open.endpoint(), nobody}, target.endpoint()},
		{"an unknown key", "jump:hostkey-unknown", []inventory.Endpoint{unknown}, target.endpoint()},
		{"nobody behind it", "refused", []inventory.Endpoint{open.endpoint()}, nobody},
	} {
		t.Run(test.name, func(t *testing.T) {
			var hosts []inventory.Host
			for i := range 3 {
				hosts = append(hosts, inventory.Host{Name: fmt.Sprint(i), Endpoint: test.target, Jump: test.jump})
			}
			for _, r := range scan(t, t.Context(), &remote.Fleet{Script: probe.Script(), Rate: 1000}, hosts) {
				if code(r) != test.code {
					t.Errorf("%s, want %s: %v", code(r), test.code, r.Err)
				}
			}
		})
	}
	if n := strings.Count(closed.log.String(), "Accepted publickey"); n > 1 {
		t.Errorf("%d connections to a bastion that does not forward", n)
	}
}

// TestProxyCommand connects through a process.
func TestProxyCommand(t *testing.T) {
	s := startSSHD(t)
	e := s.endpoint()
	for _, test := range []struct{ command, code string }{
		{fmt.Sprintf("env FLEETDROP_TEST_PROXY=127.0.0.1:%d %s", s.port, os.Args[0]), "ok"},
		{"sh -c 'echo no such host >&2; exit 1'", "closed-early"},
		{"sleep 60", "timeout@banner"},
		{"/nonexistent/program", "closed-early"},
	} {
		e.ProxyCommand = test.command
		r := one(t, t.Context(), &remote.Fleet{Script: probe.Script(), ConnectTimeout: time.Second}, e)
		if code(r) != test.code {
			t.Errorf("%s: %s, want %s: %v", test.command, code(r), test.code, r.Err)
		}
		if r.Err != nil && strings.Contains(test.command, "no such host") && !strings.Contains(r.Err.Message, "no such host") {
			t.Errorf("%v", r.Err)
		}
	}
}
