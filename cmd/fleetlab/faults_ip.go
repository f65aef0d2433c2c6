//go:build linux

package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// ipFaults are those of the IP layer.
func ipFaults() []fault {
	return []fault{{
		name:  "wrong-address",
		title: "2,000 packets for an address that the host does not have",
		want:  []expectation{dropping("FD503", drop.Low, "")},
		setup: func(h *host) (provoke, error) { return wrongAddress(h, 4) },
	}, {
		name:  "wrong-address-v6",
		title: "the same over IPv6",
		want:  []expectation{dropping("FD503", drop.Low, "")},
		setup: func(h *host) (provoke, error) { return wrongAddress(h, 6) },
	}, {
		name:  "bad-header",
		title: "4,000 packets, each second one with a wrong checksum of its IP header",
		want:  []expectation{dropping("FD503", drop.Low, "")},
		setup: badHeader,
	}, {
		name:  "reverse-path",
		title: "400 packets, each second one by an interface that is not the way back",
		want:  []expectation{dropping("FD501", drop.High, "")},
		setup: reversePath,
	}, {
		name:  "fragments",
		title: "100 datagrams, each second one with a fragment that never comes",
		want:  []expectation{dropping("FD505", drop.Medium, "")},
		setup: func(h *host) (provoke, error) { return lostFragments(h, 4) },
	}, {
		name:  "fragments-v6",
		title: "the same over IPv6",
		want:  []expectation{dropping("FD505", drop.Medium, "")},
		setup: func(h *host) (provoke, error) { return lostFragments(h, 6) },
	}}
}

// wrongAddress sends packets to the host's hardware whose address of IP is not the host's.
func wrongAddress(h *host, family int) (provoke, error) {
	src, dst := peerAddr(family), netip.MustParseAddr("10.97.1.1")
	if family == 6 {
		dst = netip.MustParseAddr("fd97::1")
	}
	return func(context.Context) ([]toll, error) {
		const count = 2000
		stray := h.framed(packet(src, dst, protoUDP, udp(src, dst, 5000, 9000, []byte("x"), false)))
		if err := h.sendFrames(slices.Repeat([][]byte{stray}, count)...); err != nil {
			return nil, err
		}
		return []toll{{Rule: "FD503", Sent: count, Lost: count, Unit: "packets", Exact: true}}, nil
	}, nil
}

// badHeader sends packets whose IP header is broken, each second one.
func badHeader(h *host) (provoke, error) {
	reader, err := udpServer(h.ns, 4, 9000, plenty)
	if err != nil {
		return nil, err
	}
	h.onClose(reader.close)
	src, dst := peerAddr(4), h.ipv4()
	good := packet(src, dst, protoUDP, udp(src, dst, 5000, 9000, make([]byte, 64), false))
	bad := append([]byte(nil), good...)
	bad[10] ^= 0x55
	return func(context.Context) ([]toll, error) {
		reader.drain()
		const count = 4000
		if err := h.sendFrames(slices.Repeat([][]byte{h.framed(good), h.framed(bad)}, count/2)...); err != nil {
			return nil, err
		}
		return []toll{{Rule: "FD503", Sent: count, Lost: count - settled(reader), Unit: "packets", Exact: true}}, nil
	}, nil
}

// reversePath sends packets by one interface whose sources are behind another.
func reversePath(h *host) (provoke, error) {
	if err := h.secondLink(); err != nil {
		return nil, err
	}
	if err := strict(h); err != nil {
		return nil, err
	}
	reader, err := udpServer(h.ns, 4, 9000, plenty)
	if err != nil {
		return nil, err
	}
	h.onClose(reader.close)
	return func(context.Context) ([]toll, error) {
		reader.drain()
		const count = 400
		var pair [][]byte
		for _, src := range []netip.Addr{peerAddr(4), h.secondPeer(4)} {
			pair = append(pair, h.framed(packet(src, h.ipv4(), protoUDP, udp(src, h.ipv4(), 5000, 9000, make([]byte, 64), false))))
		}
		if err := h.sendFrames(slices.Repeat(pair, count/2)...); err != nil {
			return nil, err
		}
		return []toll{{Rule: "FD501", Sent: count, Lost: count - settled(reader), Unit: "packets", Exact: true}}, nil
	}, nil
}

// lostFragments sends datagrams in two fragments, and leaves out the last one of each second
// datagram.
func lostFragments(h *host, family int) (provoke, error) {
	setting := "net.ipv4.ipfrag_time=1"
	if family == 6 {
		setting = "net.ipv6.ip6frag_time=1"
	}
	if err := h.ns.sysctl(setting); err != nil {
		return nil, err
	}
	reader, err := udpServer(h.ns, family, 9000, plenty)
	if err != nil {
		return nil, err
	}
	h.onClose(reader.close)
	src, dst := peerAddr(family), h.addr(family)
	id := uint16(0)
	return func(context.Context) ([]toll, error) {
		reader.drain()
		const count = 100
		datagram := udp(src, dst, 5000, 9000, make([]byte, 1592), false)
		var frames [][]byte
		for i := range count {
			id++
			parts := fragments(src, dst, protoUDP, id, datagram, 1200)
			frames = append(frames, h.framed(parts[0]))
			if i%2 == 1 {
				frames = append(frames, h.framed(parts[1]))
			}
		}
		if err := h.sendFrames(frames...); err != nil {
			return nil, err
		}
		got := settled(reader)
		if got == 0 {
			return nil, fmt.Errorf("no datagram was put together")
		}
		time.Sleep(1600 * time.Millisecond) // until the kernel gives them up
		return []toll{{Rule: "FD505", Sent: count, Lost: count - got, Unit: "datagrams", Exact: true}}, nil
	}, nil
}
