//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// listenFaults are those of the SYN queue and the accept queue.
func listenFaults() []fault {
	full := []expectation{dropping("FD601", drop.High, ":8081")}
	return []fault{{
		name:  "accept-queue",
		title: "30 clients connect, and the application does not accept",
		want:  full,
		setup: func(h *host) (provoke, error) { return acceptQueue(h, 4) },
	}, {
		name:  "accept-queue-v6",
		title: "the same over IPv6",
		want:  full,
		setup: func(h *host) (provoke, error) { return acceptQueue(h, 6) },
	}, {
		name:  "accept-queue-weak",
		title: "12 of 600 connections meet a full accept queue",
		cause: "accept-queue",
		want:  full,
		setup: func(h *host) (provoke, error) { return acceptFull(h, 12, 588, 0) },
	}, {
		name:  "accept-queue-medium",
		title: "120 of 600 connections meet a full accept queue",
		cause: "accept-queue",
		want:  full,
		setup: func(h *host) (provoke, error) { return acceptFull(h, 120, 480, 0) },
	}, {
		name:  "accept-queue-strong",
		title: "540 of 600 connections meet a full accept queue",
		cause: "accept-queue",
		want:  full,
		setup: func(h *host) (provoke, error) { return acceptFull(h, 540, 60, 0) },
	}, {
		name:  "accept-queue-small",
		title: "40 small overflows, one after the other, among 200 connections",
		want:  full,
		setup: func(h *host) (provoke, error) { return acceptFull(h, 40, 200, 50*time.Millisecond) },
	}, {
		name:  "accept-queue-user",
		title: "30 clients connect, and the application does not accept; the login is not root",
		want:  full,
		user:  login,
		setup: func(h *host) (provoke, error) { return acceptQueue(h, 4) },
	}, {
		name:  "syn-queue",
		title: "300 SYNs for a listen(2) backlog of 8, without SYN cookies",
		want:  []expectation{dropping("FD602", drop.High, ":8082")},
		also:  []string{"FD604"},
		setup: func(h *host) (provoke, error) { return synQueue(h, 0, 8, 256) },
	}, {
		name:  "syn-backlog",
		title: "300 SYNs for a tcp_max_syn_backlog of 16, without SYN cookies, over before the second sample",
		want:  []expectation{dropping("FD602", drop.Medium, ":8082")},
		also:  []string{"FD604"},
		tools: []string{"ss"},
		setup: synBacklog,
	}, {
		name:  "syn-cookies",
		title: "300 SYNs for a listen(2) backlog of 16, all answered with cookies",
		want:  []expectation{{"FD603", drop.AtRisk, drop.Medium, ""}},
		setup: func(h *host) (provoke, error) { return synQueue(h, 1, 16, 16) },
	}, {
		name:  "listen-no-route",
		title: "200 SYNs of clients to whom there is no way back",
		want:  []expectation{dropping("FD605", drop.Medium, ":8083")},
		setup: noWayBack,
	}}
}

// acceptQueue has clients that connect, and try again, to an application that is stuck.
func acceptQueue(h *host, family int) (provoke, error) {
	listener, err := tcpServer(h.ns, family, 8081, 1)
	if err != nil {
		return nil, err
	}
	h.onClose(listener.close)
	return func(context.Context) ([]toll, error) {
		lost, err := turnedAway(h.peer(), netip.AddrPortFrom(h.addr(family), 8081), listener, 30)
		return []toll{{Rule: "FD601", Sent: 30, Lost: lost, Unit: "connections"}}, err
	}, nil
}

// turnedAway has so many clients connect, and returns how many have no connection after a
// while. The listener accepts none of them.
func turnedAway(from netns, to netip.AddrPort, listener *socket, count int) (lost int, _ error) {
	for _, s := range listener.accept() { // of the round before
		s.close()
	}
	var clients []*socket
	for range count {
		client, err := connect(from, to)
		if err != nil {
			return 0, err
		}
		defer client.close()
		clients = append(clients, client)
	}
	time.Sleep(1500 * time.Millisecond)
	for _, client := range clients {
		if !client.connected(0) {
			lost++
		}
	}
	return lost, nil
}

// acceptFull sends SYNs, which nobody repeats, to a listener whose accept queue is full, and
// has good connections to another one.
func acceptFull(h *host, bad, good int, gap time.Duration) (provoke, error) {
	stuck, err := tcpServer(h.ns, 4, 8081, 1)
	if err != nil {
		return nil, err
	}
	h.onClose(stuck.close)
	server, err := tcpServer(h.ns, 4, 8080, 512)
	if err != nil {
		return nil, err
	}
	h.onClose(server.close)
	// A backlog of 1 holds two.
	for range 2 {
		client, err := connect(h.peer(), netip.AddrPortFrom(h.ipv4(), 8081))
		if err != nil {
			return nil, err
		}
		h.onClose(client.close)
		if !client.connected(5 * time.Second) {
			return nil, fmt.Errorf("the accept queue has no room for two")
		}
	}
	round := 0
	return func(context.Context) ([]toll, error) {
		round++
		served, err := serveConnections(h, server, good)
		if err != nil {
			return nil, err
		}
		answered, err := synFlood(h, 8081, bad, round, gap)
		if err != nil {
			return nil, err
		}
		return []toll{{Rule: "FD601", Sent: good + bad, Lost: good - served + bad - answered, Unit: "SYNs", Exact: true}}, nil
	}, nil
}

// serveConnections has clients that are accepted at once, and returns how many were.
func serveConnections(h *host, server *socket, count int) (served int, _ error) {
	for range count {
		client, err := connect(h.peer(), netip.AddrPortFrom(h.ipv4(), 8080))
		if err != nil {
			return served, err
		}
		if client.connected(5 * time.Second) {
			served++
		}
		for _, s := range server.accept() {
			s.reset()
		}
		client.reset()
	}
	return served, nil
}

// synQueue has SYNs of strangers that never finish a handshake.
func synQueue(h *host, cookies, backlog, most int) (provoke, error) {
	if err := h.ns.sysctl(
		fmt.Sprintf("net.ipv4.tcp_syncookies=%d", cookies),
		fmt.Sprintf("net.ipv4.tcp_max_syn_backlog=%d", most),
	); err != nil {
		return nil, err
	}
	if err := h.ns.ip(fmt.Sprintf("route add default via %v", peerAddr(4))); err != nil {
		return nil, err
	}
	listener, err := tcpServer(h.ns, 4, 8082, backlog)
	if err != nil {
		return nil, err
	}
	h.onClose(listener.close)
	round := 0
	return func(context.Context) ([]toll, error) {
		round++
		answered, err := synFlood(h, 8082, 300, round, 0)
		if err != nil {
			return nil, err
		}
		if cookies != 0 {
			return []toll{{Sent: 300, Lost: 300 - answered, Unit: "SYNs"}}, nil
		}
		return []toll{{Rule: "FD602", Sent: 300, Lost: 300 - answered, Unit: "SYNs", Exact: true}}, nil
	}, nil
}

// synBacklog has them, and waits until none is half-open any more: then no sample shows that
// the limit was met.
func synBacklog(h *host) (provoke, error) {
	if err := h.ns.sysctl("net.ipv4.tcp_synack_retries=1"); err != nil {
		return nil, err
	}
	flood, err := synQueue(h, 0, 16, 16)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) ([]toll, error) {
		tolls, err := flood(ctx)
		for range 200 {
			left := ""
			if left, err = h.ns.output("", "ss", "-Htn", "state", "syn-recv"); err != nil || left == "" {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		return tolls, err
	}, nil
}

// noWayBack has SYNs of clients that the host has no route to.
func noWayBack(h *host) (provoke, error) {
	listener, err := tcpServer(h.ns, 4, 8083, 512)
	if err != nil {
		return nil, err
	}
	h.onClose(listener.close)
	round := 0
	return func(context.Context) ([]toll, error) {
		round++
		answered, err := synFlood(h, 8083, 200, round, 0)
		if err != nil {
			return nil, err
		}
		return []toll{{Rule: "FD605", Sent: 200, Lost: 200 - answered, Unit: "SYNs", Exact: true}}, nil
	}, nil
}

// synFlood sends SYNs, each from an address and a port of its own that is nobody's, and
// returns how many were answered. Those of another round have other ports.
func synFlood(h *host, port uint16, count, round int, gap time.Duration) (answered int, _ error) {
	w, err := openWire(h.peer(), etherIPv4)
	if err != nil {
		return 0, err
	}
	defer w.close()
	waiting := map[netip.AddrPort]bool{}
	for i := range count {
		src := netip.AddrFrom4([4]byte{10, 98, byte(i/250 + 1), byte(i%250 + 1)})
		sport := uint16(1024 + (round*1000+i)%60000)
		syn := tcp(src, h.ipv4(), sport, port, uint32(1000*i), 0, flagSYN, []byte{2, 4, 5, 0xb4}, nil, false)
		if err := w.send(h.framed(packet(src, h.ipv4(), protoTCP, syn))); err != nil {
			return 0, err
		}
		waiting[netip.AddrPortFrom(src, sport)] = true
		if gap > 0 {
			time.Sleep(gap)
		}
	}
	err = w.receive(500*time.Millisecond, func(b []byte) bool {
		if len(b) >= 54 && b[23] == protoTCP && b[47]&(flagSYN|flagACK) == flagSYN|flagACK &&
			[4]byte(b[26:30]) == h.ipv4().As4() && binary.BigEndian.Uint16(b[34:]) == port {
			to := netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[30:34])), binary.BigEndian.Uint16(b[36:]))
			if waiting[to] {
				delete(waiting, to)
				answered++
			}
		}
		return len(waiting) == 0
	})
	return answered, err
}
