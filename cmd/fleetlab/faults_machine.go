//go:build linux

package main

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// machineFaults change a sysctl of the whole machine, for a second or so. They run alone.
func machineFaults() []fault {
	return []fault{{
		name:    "backlog",
		title:   "1,200 datagrams at once for a backlog of 5 (net.core.netdev_max_backlog)",
		want:    []expectation{dropping("FD301", drop.High, "")},
		machine: true,
		tools:   []string{"ethtool"},
		setup:   backlog,
	}, {
		name:    "time-squeeze",
		title:   "500 datagrams with a budget of 1 (net.core.netdev_budget): all of them arrive",
		want:    []expectation{{"FD303", drop.AtRisk, drop.Low, ""}},
		machine: true,
		setup:   timeSqueeze,
	}, {
		name:    "conntrack-full",
		title:   "600 connections for a conntrack table of 300",
		want:    []expectation{dropping("FD402", drop.Critical, "")},
		machine: true,
		tools:   []string{"iptables"},
		setup:   conntrackFull,
	}, {
		name:    "conntrack-near-limit",
		title:   "280 connections held open in a conntrack table of 300",
		want:    []expectation{{"FD403", drop.AtRisk, drop.High, ""}},
		also:    []string{"FD405"},
		machine: true,
		lasting: true,
		tools:   []string{"iptables"},
		setup:   conntrackNear,
	}, {
		name:    "udp-memory",
		title:   "800 datagrams for four sockets that are not read, with little memory for all UDP (net.ipv4.udp_mem)",
		want:    []expectation{dropping("FD714", drop.High, "")},
		machine: true,
		setup:   udpMemory,
	}}
}

// backlog sends so much at once that the queue of a CPU overflows. That takes segmentation in
// software, behind one send: a loop of sends is never faster than the CPU that it runs on.
func backlog(h *host) (provoke, error) {
	if err := h.secondLink(); err != nil {
		return nil, err
	}
	offloads := fmt.Sprintf("ethtool -K %s gso off tso off gro off tx-udp-segmentation off", h.secondPort())
	if err := h.peer().words(offloads); err != nil {
		return nil, err
	}
	reader, err := udpServer(h.ns, 4, 9000, plenty)
	if err != nil {
		return nil, err
	}
	h.onClose(reader.close)
	to := netip.AddrPortFrom(h.secondAddr(4), 9000)
	if err := heard(h.peer(), to, reader); err != nil { // so the neighbour is known
		return nil, err
	}
	return func(context.Context) ([]toll, error) {
		reader.drain()
		const calls, each, size = 20, 60, 200
		sender, err := open(h.peer(), 4, unix.SOCK_DGRAM, option(unix.SOL_UDP, unix.UDP_SEGMENT, size))
		if err != nil {
			return nil, err
		}
		defer sender.close()
		err = h.lab.machineSysctl("net.core.netdev_max_backlog", "5", func() error {
			for range calls {
				if _, err := sender.sendTo(to, make([]byte, each*size)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		// Not exact: other packets of the machine may be lost in that moment too.
		return []toll{{Rule: "FD301", Sent: calls * each, Lost: calls*each - settled(reader), Unit: "datagrams"}}, nil
	}, nil
}

// timeSqueeze lets a CPU stop after each packet. Nothing is lost by that.
func timeSqueeze(h *host) (provoke, error) {
	reader, err := udpServer(h.ns, 4, 9000, plenty)
	if err != nil {
		return nil, err
	}
	h.onClose(reader.close)
	return func(context.Context) ([]toll, error) {
		reader.drain()
		sent := 0
		err := h.lab.machineSysctl("net.core.netdev_budget", "1", func() (err error) {
			sent, err = burst(h.peer(), netip.AddrPortFrom(h.ipv4(), 9000), 500, 100)
			return err
		})
		if err != nil {
			return nil, err
		}
		return []toll{{Sent: sent, Lost: sent - settled(reader), Unit: "datagrams"}}, nil
	}, nil
}

// tracked lets the host track connections, but for those of SSH.
func tracked(h *host) error {
	for _, rule := range []string{
		"-t raw -A PREROUTING -p tcp --dport 22 -j NOTRACK",
		"-t raw -A OUTPUT -p tcp --sport 22 -j NOTRACK",
		"-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
	} {
		if err := h.ns.words("iptables " + rule); err != nil {
			return err
		}
	}
	return nil
}

// conntrackFull opens more connections than the table holds. The limit is one for all
// namespaces, the table is each one's own.
func conntrackFull(h *host) (provoke, error) {
	server, err := trackedServer(h)
	if err != nil {
		return nil, err
	}
	return func(context.Context) ([]toll, error) {
		const count = 600
		made := 0
		err := h.lab.machineSysctl("net.netfilter.nf_conntrack_max", "300", func() error {
			clients, err := connections(h, server, count)
			made = clients.made
			clients.close()
			return err
		})
		// Not exact: who is not answered sends again.
		return []toll{{Rule: "FD402", Sent: count, Lost: count - made, Unit: "connections"}}, err
	}, nil
}

// conntrackNear fills the table as far as it can be without a loss, until the second sample
// is taken: a fill level is seen only while it is there.
func conntrackNear(h *host) (provoke, error) {
	server, err := trackedServer(h)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) ([]toll, error) {
		const count = 280
		made := 0
		err := h.lab.machineSysctl("net.netfilter.nf_conntrack_max", "300", func() error {
			clients, err := connections(h, server, count)
			made = clients.made
			if err == nil {
				<-ctx.Done()
			}
			clients.close()
			return err
		})
		return []toll{{Sent: count, Lost: count - made, Unit: "connections"}}, err
	}, nil
}

func trackedServer(h *host) (*socket, error) {
	if err := tracked(h); err != nil {
		return nil, err
	}
	server, err := tcpServer(h.ns, 4, 8080, 1024)
	if err != nil {
		return nil, err
	}
	h.onClose(server.close)
	return server, nil
}

// Many are both ends of connections that are open at once.
type many struct {
	ends []*socket
	made int
}

// connections opens so many, as far as they can be had.
func connections(h *host, server *socket, count int) (many, error) {
	var m many
	var clients []*socket
	for i := range count {
		client, err := connect(h.peer(), netip.AddrPortFrom(h.ipv4(), 8080))
		if err != nil {
			return m, err
		}
		clients = append(clients, client)
		m.ends = append(m.ends, client)
		if i%20 == 0 {
			m.ends = append(m.ends, server.accept()...)
		}
	}
	time.Sleep(400 * time.Millisecond)
	m.ends = append(m.ends, server.accept()...)
	for _, client := range clients {
		if client.connected(0) {
			m.made++
		}
	}
	return m, nil
}

func (m many) close() {
	for _, s := range m.ends {
		s.reset()
	}
}

// udpMemory has datagrams come for sockets with room, while all UDP sockets of the machine
// together may hold next to nothing.
func udpMemory(h *host) (provoke, error) {
	var readers []*socket
	for i := range 4 {
		s, err := udpServer(h.ns, 4, uint16(9000+i), plenty)
		if err != nil {
			return nil, err
		}
		h.onClose(s.close)
		readers = append(readers, s)
	}
	return func(context.Context) ([]toll, error) {
		sent, got := 0, 0
		for _, s := range readers {
			s.drain()
		}
		err := h.lab.machineSysctl("net.ipv4.udp_mem", "8\t12\t16", func() error {
			for i := range readers {
				n, err := burst(h.peer(), netip.AddrPortFrom(h.ipv4(), uint16(9000+i)), 200, 1000)
				if err != nil {
					return err
				}
				sent += n
			}
			time.Sleep(50 * time.Millisecond) // until all have come
			return nil
		})
		if err != nil {
			return nil, err
		}
		for _, s := range readers {
			got += settled(s)
		}
		return []toll{{Rule: "FD714", Sent: sent, Lost: sent - got, Unit: "datagrams", Exact: true}}, nil
	}, nil
}
