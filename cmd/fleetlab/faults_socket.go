//go:build linux

package main

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// socketFaults are those of sockets that are not of TCP or UDP.
func socketFaults() []fault {
	return []fault{{
		name:  "raw-socket",
		title: "500 pings, and a monitor with a raw socket that does not read",
		want:  []expectation{dropping("FD802", drop.Low, "raw ICMP")},
		setup: rawSocket,
	}}
}

// rawSocket has a watcher that misses what it watches. The pings themselves are answered.
func rawSocket(h *host) (provoke, error) {
	watcher := &socket{}
	err := h.ns.do(func() (err error) {
		watcher.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protoICMP)
		return err
	})
	if err != nil {
		return nil, err
	}
	h.onClose(watcher.close)
	if err := receiveBuffer(16384)(watcher.fd); err != nil {
		return nil, err
	}
	return func(context.Context) ([]toll, error) {
		watcher.drain()
		const count = 500
		var pings [][]byte
		for i := range count {
			pings = append(pings, h.framed(packet(peerAddr(4), h.ipv4(), protoICMP, echo(uint16(i)))))
		}
		if err := h.sendFrames(pings...); err != nil {
			return nil, err
		}
		return []toll{{Rule: "FD802", Sent: count, Lost: count - settled(watcher), Unit: "packets", Exact: true}}, nil
	}, nil
}
