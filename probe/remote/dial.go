package remote

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/fleetdrop/fleetdrop/inventory"
)

// A link is one SSH connection: to a host, or to a bastion.
type link struct {
	*ssh.Client
	watch    watch
	endpoint *inventory.Endpoint
	via      *link // the bastion's; nil for a direct connection
	connect  time.Duration
	until    time.Time // the end of connect

	ctx    context.Context // done when the connection is to be closed
	cancel context.CancelFunc
	conn   net.Conn
	begin  *preamble
	check  *hostCheck
	login  *login
	closed sync.Once

	ending func() // how to end what runs there; nil until something does
	mu     sync.Mutex
}

// dial connects and logs in; latest is the end of all stages of the link.
func (s *scan) dial(e *inventory.Endpoint, via *link, latest time.Time) (*link, *Error) {
	l := &link{endpoint: e, via: via, connect: cmp.Or(e.ConnectTimeout, s.fleet.ConnectTimeout)}
	l.watch.latest, l.watch.expire = latest, l.expired
	l.ctx, l.cancel = context.WithCancel(s.hard)
	context.AfterFunc(l.ctx, l.close)
	defer context.AfterFunc(s.soft, l.cancel)() // what only connects has nothing to lose
	l.check = s.trust.check(l.ctx, e, via != nil || e.ProxyCommand != "")
	err := l.open()
	if err == nil {
		err = l.handshake(s)
	}
	if err != nil {
		failure := l.failure(err)
		l.close()
		return nil, failure
	}
	return l, nil
}

// open makes the connection that SSH then runs on.
func (l *link) open() (err error) {
	var conn net.Conn
	network := map[string]string{"inet": "tcp4", "inet6": "tcp6"}[l.endpoint.AddressFamily]
	switch {
	case l.via != nil:
		l.connecting() // the bastion looks up the name
		conn, err = l.via.DialContext(l.ctx, "tcp", l.endpoint.Address())
		if err == nil {
			conn = newForwarded(conn)
		}
	case l.endpoint.ProxyCommand != "":
		l.connecting()
		conn, err = startProxy(l.endpoint.ProxyCommand)
	default:
		l.watch.enter(DNS, dnsLimit)
		var first sync.Once
		dialer := net.Dialer{ControlContext: func(context.Context, string, string, syscall.RawConn) error {
			first.Do(l.connecting) // there are addresses
			return nil
		}}
		if bind := l.endpoint.BindAddress; bind != "" {
			ip, err := netip.ParseAddr(bind)
			if err != nil {
				return &Error{Code: "config", Stage: DNS, Message: fmt.Sprintf("BindAddress %q is not an address", bind)}
			}
			dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, 0))
		}
		conn, err = dialer.DialContext(l.ctx, cmp.Or(network, "tcp"), l.endpoint.Address())
	}
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = conn
	if err := l.ctx.Err(); err != nil { // closed while it was made
		conn.Close()
		return err
	}
	return nil
}

// connecting begins the time for TCP, banner and key exchange.
func (l *link) connecting() {
	l.until = time.Now().Add(l.connect)
	l.watch.enter(TCP, l.connect)
}

// handshake makes an SSH connection of it.
func (l *link) handshake(s *scan) error {
	l.watch.enter(Banner, time.Until(l.until))
	l.begin = &preamble{Conn: l.conn, banner: func() { l.watch.enter(Kex, time.Until(l.until)) }}
	set := s.keys.sets[identities(l.endpoint)]
	l.login = &login{keys: s.keys, set: set, offers: set.offers, check: l.check, watch: &l.watch}
	config := &ssh.ClientConfig{
		User:          l.endpoint.User,
		ClientVersion: "SSH-2.0-fleetdrop",
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			first := l.check.accepted == ""
			if err := l.check.accept(key); err != nil {
				return err
			}
			if first {
				l.watch.enter(Auth, authLimit)
			}
			return nil
		},
		HostKeyAlgorithms: l.check.algorithms(),
		AuthCallback:      l.login.next,
		BannerCallback:    func(string) error { return nil },
	}
	if err := s.algorithms(l.endpoint, config); err != nil {
		return err
	}
	conn, channels, requests, err := ssh.NewClientConn(l.begin, l.endpoint.Address(), config)
	if err != nil {
		return err
	}
	l.Client = ssh.NewClient(conn, channels, requests)
	l.watch.pause()
	return nil
}

// algorithms completes a configuration: without SHA-1 and its like unless the endpoint
// names them or the user allows them for all.
func (s *scan) algorithms(e *inventory.Endpoint, config *ssh.ClientConfig) error {
	safe, insecure := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()
	choose := func(asked, safe, insecure []string) []string {
		all := append(slices.Clone(safe), insecure...)
		switch {
		case asked != nil: // OpenSSH's own may name some that x/crypto has not
			return slices.DeleteFunc(slices.Clone(asked), func(name string) bool { return !slices.Contains(all, name) })
		case s.fleet.LegacyAlgorithms:
			return all
		}
		return safe
	}
	config.KeyExchanges = choose(e.KexAlgorithms, safe.KeyExchanges, insecure.KeyExchanges)
	config.Ciphers = choose(e.Ciphers, safe.Ciphers, insecure.Ciphers)
	config.MACs = choose(e.MACs, safe.MACs, insecure.MACs)
	for word, names := range map[string][]string{
		"KexAlgorithms": config.KeyExchanges, "Ciphers": config.Ciphers, "MACs": config.MACs, "HostKeyAlgorithms": config.HostKeyAlgorithms,
	} {
		if len(names) == 0 { // which to x/crypto would mean its defaults
			return &Error{Code: "config", Stage: Kex, Message: "none of the " + word + " of " + e.Alias + " is known here",
				Hint: "remove the line from ssh_config, or add an algorithm to it"}
		}
	}
	return nil
}

// expired is what the watch does.
func (l *link) expired(Stage) {
	l.mu.Lock()
	ending := l.ending
	l.mu.Unlock()
	if ending != nil {
		ending()
		return
	}
	l.cancel()
}

// close ends the connection, in whatever state it is.
func (l *link) close() {
	l.closed.Do(func() {
		l.cancel()
		l.watch.end()
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.conn != nil {
			l.conn.Close()
		}
	})
}

// lost says that the link, or a bastion on its way, has ended by itself.
func (l *link) lost() bool {
	return l != nil && (l.ctx.Err() != nil || l.via.lost())
}

// dragged says that what ended did so because a bastion on its way has: it waits a
// moment, since the bastion's hosts learn of that as soon as the bastion's link does.
func (l *link) dragged() bool {
	if l.via == nil {
		return false
	}
	select {
	case <-l.via.ctx.Done():
		return true
	case <-time.After(200 * time.Millisecond):
		return l.via.lost()
	}
}

// A forwarded connection runs through a bastion. Closing it ends what waits for it at
// once, even if the bastion no longer answers.
type forwarded struct {
	net.Conn
	*io.PipeReader
}

func newForwarded(conn net.Conn) *forwarded {
	r, w := io.Pipe()
	go func() {
		_, err := io.CopyBuffer(w, struct{ io.Reader }{conn}, make([]byte, 8<<10))
		w.CloseWithError(err) // io.EOF for nil
	}()
	return &forwarded{conn, r}
}

func (f *forwarded) Read(p []byte) (int, error) { return f.PipeReader.Read(p) }

func (f *forwarded) Close() error {
	go f.Conn.Close() // it waits where the bastion's connection is stuck
	return f.PipeReader.Close()
}
