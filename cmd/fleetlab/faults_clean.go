//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"time"
)

// cleanFaults are hosts that lose nothing.
func cleanFaults() []fault {
	return []fault{{
		name:  "clean",
		title: "200 datagrams and 20 connections, all of them served",
		setup: func(h *host) (provoke, error) { return serve(h, 200, 20) },
	}}
}

// serve lets the host take datagrams and connections, and lose none.
func serve(h *host, datagrams, connections int) (provoke, error) {
	server, err := udpServer(h.ns, 4, 9000, plenty)
	if err != nil {
		return nil, err
	}
	h.onClose(server.close)
	listener, err := tcpServer(h.ns, 4, 8080, 512)
	if err != nil {
		return nil, err
	}
	h.onClose(listener.close)
	return func() ([]toll, error) {
		server.drain()
		sent, err := burst(h.peer(), netip.AddrPortFrom(h.ipv4(), 9000), datagrams, 200)
		if err != nil {
			return nil, err
		}
		served := 0
		for range connections {
			client, err := connect(h.peer(), netip.AddrPortFrom(h.ipv4(), 8080))
			if err != nil {
				return nil, err
			}
			if client.connected(2 * time.Second) {
				served++
			}
			for _, s := range listener.accept() {
				s.close()
			}
			client.close()
		}
		got := settled(server)
		if lost := sent + connections - got - served; lost != 0 {
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
