//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

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
		name:  "no-protocol",
		title: "2,000 packets of a protocol of IP that nothing takes",
		want:  []expectation{dropping("FD503", drop.Low, "InUnknownProtos")},
		setup: noProtocol,
	}, {
		name:  "no-route",
		title: "2,000 datagrams that the host sends to where no route leads",
		want:  []expectation{dropping("FD504", drop.Medium, "IPv4")},
		setup: func(h *host) (provoke, error) { return noRoute(h, 4) },
	}, {
		name:  "no-route-v6",
		title: "the same over IPv6, on a host that is not meant to have it: its programs are told at once",
		want:  []expectation{{"FD504", drop.Note, drop.Info, "IPv6"}},
		setup: func(h *host) (provoke, error) { return noRoute(h, 6) },
	}, {
		name:  "mtu-black-hole",
		title: "a connection whose large segments are lost on the way, and nobody says so",
		want:  []expectation{{"FD706", drop.AtRisk, drop.Low, ""}},
		tools: []string{"iptables"},
		setup: blackHole,
	}, {
		name:  "mtu-router",
		title: "4,000 datagrams to forward, each second one larger than the next link takes, and not to be cut",
		want:  []expectation{dropping("FD507", drop.Medium, "IPv4")},
		setup: mtuRouter,
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

// noProtocol sends packets of a protocol that is nobody's but for experiments (RFC 3692).
func noProtocol(h *host) (provoke, error) {
	return func(context.Context) ([]toll, error) {
		const count, experiment = 2000, 253
		alien := h.framed(packet(peerAddr(4), h.ipv4(), experiment, make([]byte, 64)))
		if err := h.sendFrames(slices.Repeat([][]byte{alien}, count)...); err != nil {
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

// noRoute lets the host send to an address that no route leads to.
func noRoute(h *host, family int) (provoke, error) {
	to := netip.MustParseAddrPort("10.97.1.1:9000")
	if family == 6 {
		to = netip.MustParseAddrPort("[fd97::1]:9000")
	}
	return func(context.Context) ([]toll, error) {
		const count = 2000
		sent, err := burst(h.ns, to, count, 100)
		if err != nil || family == 6 {
			return []toll{{Rule: "FD504", Sent: count, Unit: "datagrams"}}, err
		}
		return []toll{{Rule: "FD504", Sent: count, Lost: count - sent, Unit: "datagrams", Exact: true}}, nil
	}, nil
}

// router lets the host forward what a stranger sends by the first link to the peer's end of the second one, where
// the socket that is returned reads it, at that address.
func router(h *host) (*socket, netip.AddrPort, error) {
	err := errors.Join(h.secondLink(), h.ns.sysctl("net.ipv4.ip_forward=1"), h.ns.ip(knownStranger))
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	to := netip.AddrPortFrom(h.secondPeer(4), uint16(9000+h.number))
	reader, err := udpServer(h.peer(), 4, to.Port(), plenty)
	if err != nil {
		return nil, to, err
	}
	h.onClose(reader.close)
	return reader, to, heard(h.ns, to, reader) // so the neighbour is known
}

// mtuRouter has a second link that takes no more than 1,000 bytes.
func mtuRouter(h *host) (provoke, error) {
	reader, to, err := router(h)
	if err == nil {
		err = h.ns.ip("link set eth1 mtu 1000")
	}
	if err != nil {
		return nil, err
	}
	src, dst := strangerAddr, to.Addr()
	return func(context.Context) ([]toll, error) {
		reader.drain()
		const count, dontFragment = 4000, 0x4000
		var pair [][]byte
		for _, size := range []int{100, 1400} {
			pair = append(pair, h.framed(ipv4(src, dst, protoUDP, 0, dontFragment, udp(src, dst, 5000, to.Port(), make([]byte, size), false))))
		}
		if err := h.sendFrames(slices.Repeat(pair, count/2)...); err != nil {
			return nil, err
		}
		return []toll{{Rule: "FD507", Sent: count, Lost: count - settled(reader), Unit: "datagrams", Exact: true}}, nil
	}, nil
}

// blackHole puts a router behind the host, whose way on takes smaller packets than the host
// believes, and a firewall on it that keeps the message back.
func blackHole(h *host) (provoke, error) {
	router, far := netns(string(h.ns)+"-r"), netns(string(h.ns)+"-f")
	for _, n := range []netns{router, far} {
		if err := h.lab.namespace(n); err != nil {
			return nil, err
		}
	}
	const target = "10.101.0.2"
	if err := router.ip(
		fmt.Sprintf("link add r0 type veth peer name eth1 netns %s", h.ns),
		fmt.Sprintf("link add r1 type veth peer name eth0 netns %s", far),
		fmt.Sprintf("addr add %v/24 dev r0", h.secondPeer(4)), "addr add 10.101.0.1/24 dev r1",
		"link set r0 up", "link set r1 mtu 1200 up",
	); err != nil {
		return nil, err
	}
	err := errors.Join(
		far.ip("addr add "+target+"/24 dev eth0", "link set eth0 up", "route add default via 10.101.0.1"),
		h.ns.ip(fmt.Sprintf("addr add %v/24 dev eth1", h.secondAddr(4)), "link set eth1 up",
			fmt.Sprintf("route add 10.101.0.0/24 via %v", h.secondPeer(4))),
		router.sysctl("net.ipv4.ip_forward=1"),
		router.words("iptables -A OUTPUT -p icmp --icmp-type fragmentation-needed -j DROP"),
	)
	if err != nil {
		return nil, err
	}
	server, err := tcpServer(far, 4, 8080, 16)
	if err != nil {
		return nil, err
	}
	h.onClose(server.close)
	return func(ctx context.Context) ([]toll, error) {
		client, err := connect(h.ns, netip.MustParseAddrPort(target+":8080"))
		if err != nil {
			return nil, err
		}
		defer client.reset()
		if !client.connected(5 * time.Second) {
			return nil, errors.New("small segments do not pass either")
		}
		sent, err := unix.Write(client.fd, make([]byte, 20000))
		if err != nil {
			return nil, err
		}
		if err := wait(ctx, 3*time.Second); err != nil { // timers run out: after 0.2 s, 0.4 s, 0.8 s ...
			return nil, err
		}
		got := 0
		for _, s := range server.accept() {
			got += s.read()
			s.reset()
		}
		return []toll{{Sent: sent, Lost: sent - got, Unit: "bytes"}}, nil
	}, nil
}
