// Package replay is a fleet of SSH servers on loopback that answer as recorded hosts
// did: for the demo, for tests and for benchmarks of the controller. The servers are
// real: they have keys, they refuse logins without the right one, they read the script
// and sleep as long as it would.
package replay

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe"
)

// A Host is one host to be played.
type Host struct {
	Name    string
	Groups  []string
	Capture *probe.Capture // what its script prints
	Fault   Fault
}

// A Fault is what is wrong with a host, so that it cannot be read.
type Fault int

// The faults.
const (
	None     Fault = iota
	Silent         // it takes connections and never says a word
	WrongKey       // its host key is not the one that known_hosts has
)

// A Fleet is a set of running servers.
type Fleet struct {
	hosts     []inventory.Host
	listeners []net.Listener
	end       context.CancelFunc
	running   sync.WaitGroup
}

// Start starts a server for each host, each with a host key and an address of its own
// on loopback. It writes to the directory what a controller needs: a private key
// "id_ed25519" that may log in, and "known_hosts".
func Start(dir string, hosts []Host) (*Fleet, error) {
	login, err := newKey()
	if err != nil {
		return nil, err
	}
	identity := filepath.Join(dir, "id_ed25519")
	if err := os.WriteFile(identity, pem.EncodeToMemory(login.pem), 0o600); err != nil {
		return nil, err
	}
	knownHosts := filepath.Join(dir, "known_hosts")
	var known strings.Builder
	ctx, end := context.WithCancel(context.Background())
	f := &Fleet{end: end}
	for i, h := range hosts {
		key, err := newKey()
		if err == nil {
			err = f.start(ctx, i, h, key, login)
		}
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("%s: %w", h.Name, err)
		}
		e := inventory.Endpoint{
			Alias: h.Name, User: "demo", IdentityFiles: []string{identity}, IdentitiesOnly: true, IdentityAgent: "none",
			UserKnownHostsFiles: []string{knownHosts}, GlobalKnownHostsFiles: []string{}, StrictHostKeyChecking: "yes",
		}
		address := f.listeners[i].Addr().(*net.TCPAddr)
		e.Hostname, e.Port = address.IP.String(), address.Port
		f.hosts = append(f.hosts, inventory.Host{Name: h.Name, Groups: h.Groups, Endpoint: e})
		if h.Fault == WrongKey {
			if key, err = newKey(); err != nil {
				f.Close()
				return nil, err
			}
		}
		fmt.Fprintf(&known, "[%s]:%d %s", e.Hostname, e.Port, ssh.MarshalAuthorizedKey(key.signer.PublicKey()))
	}
	if err := os.WriteFile(knownHosts, []byte(known.String()), 0o600); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Hosts returns the fleet as an inventory, ready to be scanned.
func (f *Fleet) Hosts() []inventory.Host { return f.hosts }

// Close ends all servers and their connections.
func (f *Fleet) Close() {
	f.end()
	for _, l := range f.listeners {
		l.Close()
	}
	f.running.Wait()
}

type key struct {
	signer ssh.Signer
	pem    *pem.Block
}

func newKey() (key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return key{}, err
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return key{}, err
	}
	block, err := ssh.MarshalPrivateKey(private, "fleetdrop demo")
	return key{signer, block}, err
}

// start listens for host number i.
func (f *Fleet) start(ctx context.Context, i int, h Host, hostKey, login key) error {
	address := "127.0.0.1:0"
	if runtime.GOOS == "linux" { // where all of 127.0.0.0/8 is loopback
		address = fmt.Sprintf("127.%d.%d.%d:0", 1+i/250/250%250, i/250%250, 1+i%250)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	f.listeners = append(f.listeners, l)
	config := &ssh.ServerConfig{
		ServerVersion: "SSH-2.0-fleetdrop-replay",
		PublicKeyCallback: func(_ ssh.ConnMetadata, offered ssh.PublicKey) (*ssh.Permissions, error) {
			if string(offered.Marshal()) != string(login.signer.PublicKey().Marshal()) {
				return nil, errors.New("not the key of this fleet")
			}
			return nil, nil
		},
	}
	config.AddHostKey(hostKey.signer)
	f.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			f.running.Go(func() {
				defer context.AfterFunc(ctx, func() { conn.Close() })()
				defer conn.Close()
				if h.Fault == Silent {
					io.Copy(io.Discard, conn) // until the controller gives up
					return
				}
				serve(ctx, conn, config, h)
			})
		}
	})
	return nil
}

// serve answers one connection.
func serve(ctx context.Context, conn net.Conn, config *ssh.ServerConfig, h Host) {
	server, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for c := range channels {
		if c.ChannelType() != "session" {
			c.Reject(ssh.UnknownChannelType, "only sessions")
			continue
		}
		channel, requests, err := c.Accept()
		if err != nil {
			return
		}
		go session(ctx, server, channel, requests, h)
	}
}

// session answers the request to run a shell, once.
func session(ctx context.Context, server ssh.Conn, channel ssh.Channel, requests <-chan *ssh.Request, h Host) {
	defer channel.Close()
	for r := range requests {
		if r.Type != "exec" {
			r.Reply(false, nil)
			continue
		}
		r.Reply(true, nil)
		go func() { // such as a signal; the script's end ends them
			for r := range requests {
				r.Reply(false, nil)
			}
		}()
		var status struct{ Status uint32 }
		if err := play(ctx, channel, h.Capture); err != nil {
			fmt.Fprintln(channel.Stderr(), err)
			status.Status = 2
		}
		channel.SendRequest("exit-status", false, ssh.Marshal(&status))
		return
	}
}

// play does what the script would: first samples, window, last samples, and then waits
// for the end of its standard input.
func play(ctx context.Context, channel ssh.Channel, c *probe.Capture) error {
	stdin := bufio.NewReader(channel)
	line, err := stdin.ReadString('\n')
	if err != nil {
		return err
	}
	words := strings.Fields(line)
	if len(words) < 5 || words[0] != "set" || words[1] != "--" || words[4] != "live" {
		return fmt.Errorf("not the line of a controller: %q", line)
	}
	seconds, err := strconv.ParseFloat(words[3], 64)
	if err != nil || seconds < 0 {
		return fmt.Errorf("not a window: %q", words[3])
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		io.Copy(io.Discard, stdin) // the script
		cancel()
		close(ended)
	}()
	first, last := halves(c, words[2])
	if err := print(channel, first); err != nil {
		return err
	}
	select {
	case <-time.After(time.Duration(seconds * float64(time.Second))):
	case <-ctx.Done():
		return nil
	}
	if err := print(channel, last); err != nil {
		return err
	}
	<-ended
	return nil
}

// print writes in pieces, as the buffered output of awk reaches sshd.
func print(w io.Writer, text string) error {
	for len(text) > 0 {
		n, err := io.WriteString(w, text[:min(len(text), 8<<10)])
		if err != nil {
			return err
		}
		text = text[n:]
	}
	return nil
}

// halves returns what the script prints before the window and after it.
func halves(c *probe.Capture, nonce string) (first, last string) {
	all := c.Output(nonce)
	marker := "\n-- " + nonce + " "
	for from := 0; ; {
		i := strings.Index(all[from:], marker)
		if i < 0 {
			return "", all
		}
		from += i + len(marker)
		if !strings.HasPrefix(all[from:], "first ") {
			cut := from - len(marker) + 1
			return all[:cut], all[cut:]
		}
	}
}
