package remote

import (
	"cmp"
	"context"
	"io"
	"net"
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
	l.check = s.trust.check(l.ctx, e)
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
		// The bastion looks up the name.
		l.watch.enter(TCP, l.connect)
		conn, err = l.via.DialContext(l.ctx, "tcp", l.endpoint.Address())
		if err == nil {
			conn = newForwarded(conn)
		}
	case l.endpoint.ProxyCommand != "" && l.endpoint.ProxyCommand != "none":
		l.watch.enter(TCP, l.connect)
		conn, err = startProxy(l.endpoint.ProxyCommand)
	default:
		l.watch.enter(DNS, dnsLimit)
		var connecting sync.Once
		dialer := net.Dialer{ControlContext: func(context.Context, string, string, syscall.RawConn) error {
			connecting.Do(func() { l.watch.enter(TCP, l.connect) }) // there are addresses
			return nil
		}}
		if l.endpoint.BindAddress != "" {
			dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(l.endpoint.BindAddress)}
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

// handshake makes an SSH connection of it.
func (l *link) handshake(s *scan) error {
	until := time.Now().Add(l.connect)
	l.watch.enter(Banner, l.connect)
	l.begin = &preamble{Conn: l.conn, banner: func() { l.watch.enter(Kex, time.Until(until)) }}
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
	known, insecure := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()
	for _, a := range []struct {
		word                    string
		use                     *[]string
		asked, known, forbidden []string
	}{
		{"KexAlgorithms", &config.KeyExchanges, l.endpoint.KexAlgorithms, known.KeyExchanges, insecure.KeyExchanges},
		{"Ciphers", &config.Ciphers, l.endpoint.Ciphers, known.Ciphers, insecure.Ciphers},
		{"MACs", &config.MACs, l.endpoint.MACs, known.MACs, insecure.MACs},
		{"HostKeyAlgorithms", &config.HostKeyAlgorithms, config.HostKeyAlgorithms, nil, nil},
	} {
		switch {
		case a.asked == nil && s.fleet.LegacyAlgorithms:
			*a.use = append(slices.Clone(a.known), a.forbidden...)
		case a.asked == nil:
			*a.use = a.known
		case a.known != nil:
			*a.use = slices.DeleteFunc(slices.Clone(a.asked), func(name string) bool {
				return !slices.Contains(a.known, name) && !slices.Contains(a.forbidden, name)
			})
		}
		if len(*a.use) == 0 { // to x/crypto that would mean its defaults
			return &Error{Code: "config", Stage: Kex, Message: "none of the " + a.word + " of " + l.endpoint.Alias + " is known here",
				Hint: "remove the line from ssh_config, or add an algorithm to it"}
		}
	}
	conn, channels, requests, err := ssh.NewClientConn(l.begin, l.endpoint.Address(), config)
	if err != nil {
		return err
	}
	l.Client = ssh.NewClient(conn, channels, requests)
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
