//go:build linux

package main

import (
	"context"
	"net/netip"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// nicFaults are those of an interface itself. A veth has no ring and no wire: what those lose
// is known from recordings.
func nicFaults() []fault {
	return []fault{{
		name:  "oversize",
		title: "1,000 datagrams, each second one in a frame larger than the interface takes",
		want:  []expectation{dropping("FD107", drop.Medium, "eth0")},
		setup: oversize,
	}}
}

// oversize lets the host's interface take less than its neighbours send.
func oversize(h *host) (provoke, error) { return takesLess(h, "eth0", h.ipv4()) }

// takesLess lets an interface of the host take frames of 1,400 bytes at most, and has the peer send
// larger ones too, to the address that is reached by it.
func takesLess(h *host, name string, at netip.Addr) (provoke, error) {
	reader, err := udpServer(h.ns, 4, 9000, plenty)
	if err != nil {
		return nil, err
	}
	h.onClose(reader.close)
	to := netip.AddrPortFrom(at, 9000)
	if err := heard(h.peer(), to, reader); err != nil {
		return nil, err
	}
	if err := h.ns.ip("link set " + name + " mtu 1400"); err != nil {
		return nil, err
	}
	return func(context.Context) ([]toll, error) {
		reader.drain()
		sent := 0
		for _, size := range []int{100, 1460} {
			n, err := burst(h.peer(), to, 500, size)
			if err != nil {
				return nil, err
			}
			sent += n
		}
		return []toll{{Rule: "FD107", Sent: sent, Lost: sent - settled(reader), Unit: "datagrams", Exact: true}}, nil
	}, nil
}
