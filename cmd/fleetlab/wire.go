//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// A wire is a packet socket: it sends frames that the kernel did not make, and sees those
// that come. It receives its protocol only, so that it is no tap that hides what nobody
// handles.
type wire struct{ fd int }

// openWire opens a wire at eth0 of the namespace.
func openWire(n netns, ether uint16) (*wire, error) {
	w := &wire{fd: -1}
	err := n.do(func() error {
		protocol := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, ether))
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		index, err := interfaceIndex(fd, "eth0")
		if err == nil {
			err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 32<<20)
		}
		if err == nil {
			err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: protocol, Ifindex: index})
		}
		if err != nil {
			unix.Close(fd)
			return err
		}
		w.fd = fd
		return nil
	})
	return w, err
}

func interfaceIndex(fd int, name string) (int, error) {
	request, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, request); err != nil {
		return 0, err
	}
	return int(request.Uint32()), nil
}

func (w *wire) close() { unix.Close(w.fd) }

// send sends frames, and waits where the way out is full.
func (w *wire) send(frames ...[]byte) error {
	for _, f := range frames {
		for {
			_, err := unix.Write(w.fd, f)
			if errors.Is(err, unix.ENOBUFS) {
				time.Sleep(time.Millisecond)
				continue
			}
			if err != nil {
				return err
			}
			break
		}
	}
	return nil
}

// receive hands frames to seen until it is content, or none has come for so long.
func (w *wire) receive(quiet time.Duration, seen func(frame []byte) (content bool)) error {
	buffer := make([]byte, 65536)
	for {
		poll := []unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLIN}}
		n, err := unix.Poll(poll, int(quiet.Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil || n == 0:
			return err
		}
		n, _, err = unix.Recvfrom(w.fd, buffer, unix.MSG_DONTWAIT)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			continue
		} else if err != nil {
			return err
		}
		if seen(buffer[:n]) {
			return nil
		}
	}
}
