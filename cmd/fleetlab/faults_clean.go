//go:build linux

package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// cleanFaults are hosts that lose nothing, though some look as if they did.
func cleanFaults() []fault {
	return []fault{{
		name:  "clean",
		title: "200 datagrams and 20 connections, all of them served",
		setup: func(h *host) (provoke, error) { return serve(h, 200, 20) },
	}, {
		name:  "clean-busy",
		title: "30,000 datagrams and 500 connections, all of them served",
		setup: func(h *host) (provoke, error) { return serve(h, 30000, 500) },
	}, {
		name:  "lldp",
		title: "30 LLDP frames, which nobody on the host listens to",
		want:  []expectation{{"FD105", drop.Note, drop.Info, "eth0"}},
		setup: func(h *host) (provoke, error) { return unhandled(h, etherLLDP, 30) },
	}, {
		name:  "unknown-protocol",
		title: "200 frames of an EtherType that nobody handles",
		want:  []expectation{{"FD105", drop.Note, drop.Info, "eth0"}},
		setup: func(h *host) (provoke, error) { return unhandled(h, etherLocal, 200) },
	}, {
		name:  "strict-one-network",
		title: "a strict reverse path filter on a host with one network",
		setup: func(h *host) (provoke, error) {
			if err := strict(h); err != nil {
				return nil, err
			}
			return serve(h, 200, 20)
		},
	}, {
		name:  "strict-containers",
		title: "a strict reverse path filter on a host with a bridge of containers, as Docker makes it",
		tools: []string{"iptables"},
		setup: strictContainers,
	}, {
		name:  "large",
		title: "2,000 sockets and 200 interfaces, and one of the sockets is not read",
		want:  []expectation{dropping("FD711", drop.High, "0.0.0.0:9000")},
		setup: large,
	}}
}

// serve lets the host take datagrams and connections, and lose none.
func serve(h *host, datagrams, connections int) (provoke, error) {
	reader, err := udpServer(h.ns, 4, 9000, plenty)
	if err != nil {
		return nil, err
	}
	h.onClose(reader.close)
	server, err := tcpServer(h.ns, 4, 8080, 512)
	if err != nil {
		return nil, err
	}
	h.onClose(server.close)
	return func(context.Context) ([]toll, error) {
		reader.drain()
		sent, err := burst(h.peer(), netip.AddrPortFrom(h.ipv4(), 9000), datagrams, 200)
		if err != nil {
			return nil, err
		}
		served, err := serveConnections(h, server, connections)
		if err != nil {
			return nil, err
		}
		if lost := sent + connections - settled(reader) - served; lost != 0 {
			return nil, fmt.Errorf("the lab's own clean traffic lost %d", lost)
		}
		return []toll{{Sent: sent + connections, Unit: "datagrams and connections"}}, nil
	}, nil
}

// settled drains a socket until nothing comes any more, and counts.
func settled(s *socket) (count int) {
	for quiet := 0; quiet < 3; quiet++ {
		if n := s.drain(); n > 0 {
			count, quiet = count+n, -1
		}
		time.Sleep(50 * time.Millisecond)
	}
	return count
}

// unhandled sends frames that are counted as dropped, and that nobody misses.
func unhandled(h *host, ether uint16, count int) (provoke, error) {
	return func(context.Context) ([]toll, error) {
		noise := frame(h.mac(), macOf(peerNumber), ether, make([]byte, 60))
		if err := h.sendFrames(slices.Repeat([][]byte{noise}, count)...); err != nil {
			return nil, err
		}
		return []toll{{Rule: "FD105", Sent: count, Unit: "frames"}}, nil
	}, nil
}

// strict turns the reverse path filter on.
func strict(h *host) error {
	return h.ns.sysctl("net.ipv4.conf.all.rp_filter=1", "net.ipv4.conf.default.rp_filter=1", "net.ipv4.conf.eth0.rp_filter=1")
}

// strictContainers is a host as Docker leaves it: a bridge with a network of its own, two
// interfaces of containers, forwarding, rules of NAT and a policy that forwards nothing else.
func strictContainers(h *host) (provoke, error) {
	if err := strict(h); err != nil {
		return nil, err
	}
	lines := []string{
		fmt.Sprintf("route add default via %v", peerAddr(4)),
		"link add docker0 type bridge", "addr add 172.17.0.1/16 dev docker0", "link set docker0 up",
	}
	for i := range 2 {
		lines = append(lines,
			fmt.Sprintf("link add veth%d type veth peer name c%d", i, i),
			fmt.Sprintf("link set veth%d master docker0", i),
			fmt.Sprintf("link set veth%d up", i), fmt.Sprintf("link set c%d up", i))
	}
	if err := h.ns.ip(lines...); err != nil {
		return nil, err
	}
	if err := h.ns.sysctl("net.ipv4.ip_forward=1"); err != nil {
		return nil, err
	}
	for _, rule := range []string{
		"-t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE",
		"-P FORWARD DROP",
		"-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
		"-A FORWARD -i docker0 ! -o docker0 -j ACCEPT",
	} {
		if err := h.ns.words("iptables " + rule); err != nil {
			return nil, err
		}
	}
	return serve(h, 200, 20)
}

// large is a host with very much of everything.
func large(h *host) (provoke, error) {
	var lines []string
	for i := range 100 {
		lines = append(lines, fmt.Sprintf("link add a%d type veth peer name b%d", i, i), fmt.Sprintf("link set a%d up", i), fmt.Sprintf("link set b%d up", i))
	}
	if err := h.ns.sysctl("net.ipv6.conf.default.disable_ipv6=1"); err != nil { // or each of them says hello
		return nil, err
	}
	if err := h.ns.ip(lines...); err != nil {
		return nil, err
	}
	err := h.ns.do(func() error {
		for i := range 2000 {
			kind := unix.SOCK_DGRAM
			if i%2 == 0 {
				kind = unix.SOCK_STREAM
			}
			fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			h.onClose(func() { unix.Close(fd) })
			if err := unix.Bind(fd, &unix.SockaddrInet4{Port: 20000 + i}); err != nil {
				return err
			}
			if kind == unix.SOCK_STREAM {
				if err := unix.Listen(fd, 16); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return udpBuffer(h, 4, 4096, 500, 500)
}
