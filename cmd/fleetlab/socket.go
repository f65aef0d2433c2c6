//go:build linux

package main

import (
	"errors"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// A socket is one of the kernel's, in the namespace that it was opened in. None of them
// blocks.
type socket struct{ fd int }

// plenty is a receive buffer that holds all that a fault sends.
const plenty = 64 << 20

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is6() {
		return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	}
	return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
}

func anyAddr(family int) netip.Addr {
	if family == 6 {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

// open makes a socket in the namespace: of kind SOCK_STREAM or SOCK_DGRAM, of that family.
func open(n netns, family, kind int, options ...func(fd int) error) (*socket, error) {
	s := &socket{fd: -1}
	err := n.do(func() error {
		domain := unix.AF_INET
		if family == 6 {
			domain = unix.AF_INET6
		}
		fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return err
		}
		for _, set := range options {
			if err := set(fd); err != nil {
				unix.Close(fd)
				return err
			}
		}
		s.fd = fd
		return nil
	})
	return s, err
}

func option(level, name, value int) func(int) error {
	return func(fd int) error { return unix.SetsockoptInt(fd, level, name, value) }
}

func receiveBuffer(bytes int) func(int) error {
	if bytes == 0 {
		return func(int) error { return nil }
	}
	return option(unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bytes)
}

func bound(a netip.AddrPort) func(int) error {
	return func(fd int) error {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return err
		}
		if a.Addr().Is6() {
			if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
				return err
			}
		}
		return unix.Bind(fd, sockaddr(a))
	}
}

func listening(backlog int) func(int) error {
	return func(fd int) error { return unix.Listen(fd, backlog) }
}

func (s *socket) close() { unix.Close(s.fd) }

// reset closes a connection without a word of farewell.
func (s *socket) reset() {
	_ = unix.SetsockoptLinger(s.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	s.close()
}

// udpServer is a UDP socket at that port, with a receive buffer of so many bytes (0: what
// the host gives).
func udpServer(n netns, family int, port uint16, buffer int) (*socket, error) {
	return open(n, family, unix.SOCK_DGRAM, receiveBuffer(buffer), bound(netip.AddrPortFrom(anyAddr(family), port)))
}

// drain takes all datagrams that wait, and counts them.
func (s *socket) drain() (count int) {
	buffer := make([]byte, 65536)
	for {
		_, _, err := unix.Recvfrom(s.fd, buffer, unix.MSG_DONTWAIT)
		switch {
		case err == nil:
			count++
		case !errors.Is(err, unix.EINTR):
			return count
		}
	}
}

// waiting counts the datagrams that wait, and takes none of them.
func (s *socket) waiting() (count int, _ error) {
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_PEEK_OFF, 0); err != nil {
		return 0, err
	}
	buffer := make([]byte, 65536)
	for {
		_, _, err := unix.Recvfrom(s.fd, buffer, unix.MSG_DONTWAIT|unix.MSG_PEEK)
		switch {
		case err == nil:
			count++
		case !errors.Is(err, unix.EINTR):
			return count, unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_PEEK_OFF, -1)
		}
	}
}

// sendTo sends a datagram; sent says whether the kernel took it.
func (s *socket) sendTo(to netip.AddrPort, data []byte) (sent bool, _ error) {
	for {
		err := unix.Sendto(s.fd, data, 0, sockaddr(to))
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.ECONNREFUSED),
			errors.Is(err, unix.EPERM), errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EHOSTUNREACH), errors.Is(err, unix.EMSGSIZE):
			return false, nil
		default:
			return false, err
		}
	}
}

// burst sends count datagrams of that size from the namespace, and returns how many of them
// the kernel took.
func burst(n netns, to netip.AddrPort, count, size int) (sent int, _ error) {
	s, err := udpClient(n, to.Addr())
	if err != nil {
		return 0, err
	}
	defer s.close()
	data := make([]byte, size)
	for range count {
		ok, err := s.sendTo(to, data)
		if err != nil {
			return sent, err
		}
		if ok {
			sent++
		}
	}
	return sent, nil
}

// udpClient is a socket to send from, to addresses of that family.
func udpClient(n netns, to netip.Addr) (*socket, error) {
	family := 4
	if to.Is6() {
		family = 6
	}
	return open(n, family, unix.SOCK_DGRAM)
}

// tcpServer listens at that port. It accepts nobody by itself.
func tcpServer(n netns, family int, port uint16, backlog int, options ...func(int) error) (*socket, error) {
	options = append(options, bound(netip.AddrPortFrom(anyAddr(family), port)), listening(backlog))
	return open(n, family, unix.SOCK_STREAM, options...)
}

// accept takes all connections that wait.
func (s *socket) accept() (taken []*socket) {
	for {
		fd, _, err := unix.Accept4(s.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch {
		case err == nil:
			taken = append(taken, &socket{fd})
		case !errors.Is(err, unix.EINTR):
			return taken
		}
	}
}

// read takes all bytes that wait, and counts them.
func (s *socket) read() (count int) {
	buffer := make([]byte, 65536)
	for {
		n, err := unix.Read(s.fd, buffer)
		switch {
		case err == nil && n > 0:
			count += n
		case !errors.Is(err, unix.EINTR):
			return count
		}
	}
}

// connect begins a connection.
func connect(n netns, to netip.AddrPort) (*socket, error) {
	family := 4
	if to.Addr().Is6() {
		family = 6
	}
	return open(n, family, unix.SOCK_STREAM, func(fd int) error {
		if err := unix.Connect(fd, sockaddr(to)); err != nil && !errors.Is(err, unix.EINPROGRESS) {
			return err
		}
		return nil
	})
}

// connected says whether the handshake is done, within so long.
func (s *socket) connected(within time.Duration) bool {
	for end := time.Now().Add(within); ; {
		poll := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLOUT}}
		n, err := unix.Poll(poll, int(max(0, time.Until(end)).Milliseconds()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			return false
		}
		failed, err := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_ERROR)
		return err == nil && failed == 0
	}
}

// ended waits until the other end has closed the connection.
func (s *socket) ended(within time.Duration) {
	poll := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLRDHUP}}
	for end := time.Now().Add(within); time.Now().Before(end); {
		if n, err := unix.Poll(poll, 100); n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}
