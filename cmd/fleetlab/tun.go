//go:build linux

package main

import (
	"context"
	"errors"
	"net/netip"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"
)

// A tun is an interface whose packets this program reads. It is gone when it is closed.
type tun struct{ fd int }

// openTun makes tun0 in the namespace.
func openTun(n netns) (*tun, error) {
	_ = exec.Command("modprobe", "-q", "tun").Run() // where it is built in, or not there at all, it fails
	t := &tun{fd: -1}
	err := n.do(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) {
			return lacking{"not on this kernel: the driver tun"}
		}
		if err != nil {
			return err
		}
		request, err := unix.NewIfreq("tun0")
		if err == nil {
			request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
			err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
		}
		if err != nil {
			unix.Close(fd)
			return err
		}
		t.fd = fd
		return nil
	})
	return t, err
}

func (t *tun) close() { unix.Close(t.fd) }

// drain reads all packets that wait, and counts them.
func (t *tun) drain() (count int) {
	buffer := make([]byte, 65536)
	for {
		_, err := unix.Read(t.fd, buffer)
		switch {
		case err == nil:
			count++
		case !errors.Is(err, unix.EINTR):
			return count
		}
	}
}

// unreadTun sends datagrams to a tun that is not read meanwhile: it holds 500.
func unreadTun(h *host) (provoke, error) {
	t, err := openTun(h.ns)
	if err != nil {
		return nil, err
	}
	h.onClose(t.close)
	err = errors.Join(
		h.ns.sysctl("net.ipv6.conf.tun0.disable_ipv6=1"), // it would speak unasked
		h.ns.ip("addr add 10.101.0.1/24 dev tun0", "link set tun0 up"),
	)
	if err != nil {
		return nil, err
	}
	return func(context.Context) ([]toll, error) {
		t.drain()
		sent, err := burst(h.ns, netip.MustParseAddrPort("10.101.0.2:9000"), 2000, 100)
		if err != nil {
			return nil, err
		}
		time.Sleep(50 * time.Millisecond) // what waits in its qdisc comes
		return []toll{{Rule: "FD903", Sent: sent, Lost: sent - t.drain(), Unit: "datagrams", Exact: true}}, nil
	}, nil
}
