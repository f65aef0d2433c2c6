//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// egressFaults are those of packets on their way out. They go by a second interface, where no
// SSH is in the way.
func egressFaults() []fault {
	return []fault{{
		name:  "qdisc",
		title: "the host sends 300 datagrams, and a token bucket lets few of them out",
		want:  []expectation{dropping("FD901", drop.Medium, "eth1")},
		tools: []string{"tc"},
		setup: func(h *host) (provoke, error) {
			if err := h.secondLink(); err != nil {
				return nil, err
			}
			return slowly(h, 4)
		},
	}, {
		name:  "qdisc-v6",
		title: "the same over IPv6",
		want:  []expectation{dropping("FD901", drop.Medium, "eth1")},
		tools: []string{"tc"},
		setup: func(h *host) (provoke, error) {
			if err := h.secondLink(); err != nil {
				return nil, err
			}
			return slowly(h, 6)
		},
	}, {
		name:  "qdisc-bridge",
		title: "the same on a port of a bridge, which could count the same datagrams twice",
		want:  []expectation{dropping("FD901", drop.Medium, "eth1")},
		tools: []string{"tc"},
		setup: func(h *host) (provoke, error) {
			if err := errors.Join(h.secondLink(), bridged(h)); err != nil {
				return nil, err
			}
			return slowly(h, 4)
		},
	}, {
		name:  "send-mtu",
		title: "400 datagrams sent, each second one larger than the other end of the cable takes",
		want:  []expectation{dropping("FD903", drop.Medium, "eth1")},
		setup: sendMTU,
	}, {
		name:  "tun-unread",
		title: "2,000 datagrams to a tun that holds 500, and its program reads none of them",
		want:  []expectation{dropping("FD903", drop.Medium, "tun0")},
		setup: unreadTun,
	}}
}

// sends lets the host send datagrams to the peer by the second interface, of each of these
// sizes in turn, after prepare has made that hard.
func sends(h *host, family, count int, sizes []int, rule string, prepare func() error) (provoke, error) {
	port := uint16(9000 + h.number)
	to := netip.AddrPortFrom(h.secondPeer(family), port)
	reader, err := udpServer(h.peer(), family, port, plenty)
	if err != nil {
		return nil, err
	}
	h.onClose(reader.close)
	// The neighbour is known before the way is narrow.
	if err := heard(h.ns, to, reader); err != nil {
		return nil, err
	}
	if err := prepare(); err != nil {
		return nil, err
	}
	return inTurn(h.ns, to, reader, count, sizes, rule), nil
}

// inTurn sends datagrams of each of these sizes in turn, which that socket reads, and what it does not get is lost.
func inTurn(from netns, to netip.AddrPort, reader *socket, count int, sizes []int, rule string) provoke {
	return func(context.Context) ([]toll, error) {
		reader.drain()
		sender, err := udpClient(from, to.Addr())
		if err != nil {
			return nil, err
		}
		defer sender.close()
		for i := range count {
			if _, err := sender.sendTo(to, make([]byte, sizes[i%len(sizes)])); err != nil {
				return nil, err
			}
		}
		return []toll{{Rule: rule, Sent: count, Lost: count - settled(reader), Unit: "datagrams", Exact: true}}, nil
	}
}

// slowly sends by a token bucket that holds 10,000 bytes and lets 1 Mbit out in a second.
func slowly(h *host, family int) (provoke, error) {
	return sends(h, family, 300, []int{500}, "FD901", func() error {
		return h.ns.words("tc qdisc replace dev eth1 root tbf rate 1mbit burst 5000 limit 10000")
	})
}

// bridged puts the second interface under a bridge, which has its address then.
func bridged(h *host) error {
	return h.ns.ip(
		"link add br1 type bridge forward_delay 0 mcast_snooping 0",
		"addr flush dev eth1", "link set eth1 master br1",
		fmt.Sprintf("addr add %v/24 dev br1", h.secondAddr(4)), "link set br1 up",
	)
}

// sendMTU sends what the peer's end of the cable does not take, each second time.
func sendMTU(h *host) (provoke, error) {
	if err := h.secondLink(); err != nil {
		return nil, err
	}
	return narrow(h)
}

// narrow sends small and large datagrams in turn, and the peer's end of the cable takes the small ones only.
func narrow(h *host) (provoke, error) {
	return sends(h, 4, 400, []int{100, 1200}, "FD903", func() error {
		return h.peer().ip(fmt.Sprintf("link set %s mtu 1000", h.secondPort()))
	})
}

// heard sends datagrams until the first of them arrives.
func heard(from netns, to netip.AddrPort, at *socket) error {
	for range 50 {
		if _, err := burst(from, to, 1, 10); err != nil {
			return err
		}
		if settled(at) > 0 {
			return nil
		}
	}
	return fmt.Errorf("%s does not reach %v", from, to)
}
