//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// listenFaults are those of the SYN queue and the accept queue.
func listenFaults() []fault {
	full := dropping("FD601", drop.High, ":8081")
	return []fault{{
		name:  "accept-queue",
		title: "30 clients connect, and the application does not accept",
		want:  []expectation{full},
		setup: func(h *host) (provoke, error) { return acceptQueue(h, 4) },
	}, {
		name:  "syn-queue",
		title: "300 SYNs for a listen(2) backlog of 8, without SYN cookies",
		want:  []expectation{dropping("FD602", drop.High, ":8082")},
		also:  []string{"FD604"},
		setup: func(h *host) (provoke, error) { return synQueue(h, 0, 8, 256) },
	}, {
		name:  "syn-cookies",
		title: "300 SYNs for a listen(2) backlog of 16, all answered with cookies",
		want:  []expectation{{"FD603", drop.AtRisk, drop.Medium, ""}},
		setup: func(h *host) (provoke, error) { return synQueue(h, 1, 16, 16) },
	}}
}

// acceptQueue has clients that connect, and try again, to an application that is stuck.
func acceptQueue(h *host, family int) (provoke, error) {
	listener, err := tcpServer(h.ns, family, 8081, 1)
	if err != nil {
		return nil, err
	}
	h.onClose(listener.close)
	return func() ([]toll, error) {
		for _, s := range listener.accept() {
			s.close()
		}
		const count = 30
		var clients []*socket
		for range count {
			client, err := connect(h.peer(), netip.AddrPortFrom(h.addr(family), 8081))
			if err != nil {
				return nil, err
			}
			defer client.close()
			clients = append(clients, client)
		}
		time.Sleep(1500 * time.Millisecond)
		lost := 0
		for _, client := range clients {
			if !client.connected(0) {
				lost++
			}
		}
		return []toll{{Rule: "FD601", Sent: count, Lost: lost, Unit: "connections"}}, nil
	}, nil
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
	var listener *socket
	h.onClose(func() {
		if listener != nil {
			listener.close()
		}
	})
	round := 0
	return func() (_ []toll, err error) {
		if listener != nil {
			listener.close()
		}
		if listener, err = tcpServer(h.ns, 4, 8082, backlog); err != nil {
			return nil, err
		}
		round++
		answered, err := synFlood(h, 8082, 300, round)
		if err != nil {
			return nil, err
		}
		t := toll{Rule: "FD602", Sent: 300, Lost: 300 - answered, Unit: "SYNs", Exact: true}
		if cookies != 0 {
			t.Rule, t.Exact = "", false
		}
		return []toll{t}, nil
	}, nil
}

// synFlood sends SYNs, each from an address and a port of its own that is nobody's, and
// returns how many were answered.
func synFlood(h *host, port uint16, count, round int) (answered int, _ error) {
	w, err := openWire(h.peer(), etherIPv4)
	if err != nil {
		return 0, err
	}
	defer w.close()
	for i := range count {
		src := netip.AddrFrom4([4]byte{10, 98, byte(i/250 + 1), byte(i%250 + 1)})
		syn := tcp(src, h.ipv4(), uint16(1024+round*100+i), port, uint32(1000*i), 0, flagSYN, []byte{2, 4, 5, 0xb4}, nil, false)
		if err := w.send(frame(h.mac(), macOf(peerNumber), etherIPv4, packet(src, h.ipv4(), protoTCP, syn))); err != nil {
			return 0, err
		}
	}
	seen := map[[4]byte]bool{}
	err = w.receive(500*time.Millisecond, func(b []byte) bool {
		if len(b) >= 54 && b[23] == protoTCP && b[47]&(flagSYN|flagACK) == flagSYN|flagACK &&
			binary.BigEndian.Uint16(b[34:]) == port && [4]byte(b[26:30]) == h.ipv4().As4() {
			seen[[4]byte(b[30:34])] = true
		}
		return len(seen) == count
	})
	return len(seen), err
}
