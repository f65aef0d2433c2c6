//go:build linux

package main

import (
	"net/netip"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// udpFaults are those of UDP sockets.
func udpFaults() []fault {
	return []fault{{
		name:  "udp-buffer",
		title: "1,000 datagrams for a socket with a small receive buffer that is not read",
		want:  []expectation{dropping("FD711", drop.High, "0.0.0.0:9000")},
		setup: func(h *host) (provoke, error) { return udpBuffer(h, 4, 1000, 0) },
	}}
}

// udpBuffer sends datagrams to a socket that is not read, and good ones to one that is.
func udpBuffer(h *host, family, bad, good int) (provoke, error) {
	stuck, err := udpServer(h.ns, family, 9000, 4096)
	if err != nil {
		return nil, err
	}
	h.onClose(stuck.close)
	reader, err := udpServer(h.ns, family, 9001, plenty)
	if err != nil {
		return nil, err
	}
	h.onClose(reader.close)
	return func() ([]toll, error) {
		stuck.drain()
		reader.drain()
		lost, err := burst(h.peer(), netip.AddrPortFrom(h.addr(family), 9000), bad, 100)
		if err != nil {
			return nil, err
		}
		served, err := burst(h.peer(), netip.AddrPortFrom(h.addr(family), 9001), good, 100)
		if err != nil {
			return nil, err
		}
		sent := lost + served
		got := settled(reader) + stuck.drain()
		return []toll{{Rule: "FD711", Sent: sent, Lost: sent - got, Unit: "datagrams", Exact: true}}, nil
	}, nil
}
