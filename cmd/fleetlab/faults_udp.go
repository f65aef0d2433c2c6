//go:build linux

package main

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// udpFaults are those of UDP sockets, over IPv4 and over IPv6, which the kernel counts apart.
func udpFaults() []fault {
	buffer := []expectation{dropping("FD711", drop.High, "0.0.0.0:9000")}
	return []fault{{
		name:  "udp-buffer",
		title: "1,000 datagrams for a socket with a small receive buffer that is not read",
		cause: "udp-buffer",
		want:  buffer,
		setup: func(h *host) (provoke, error) { return udpBuffer(h, 4, 4096, 1000, 0) },
	}, {
		name:  "udp-buffer-medium",
		title: "the same, among datagrams for a socket that is read: 1 in 5",
		cause: "udp-buffer",
		want:  buffer,
		setup: func(h *host) (provoke, error) { return udpBuffer(h, 4, 4096, 209, 800) },
	}, {
		name:  "udp-buffer-weak",
		title: "the same: 1 in 50",
		cause: "udp-buffer",
		want:  buffer,
		setup: func(h *host) (provoke, error) { return udpBuffer(h, 4, 4096, 29, 980) },
	}, {
		name:  "udp-buffer-v6",
		title: "1,000 datagrams over IPv6 for a socket that is not read",
		want:  []expectation{dropping("FD711", drop.High, "[::]:9000")},
		setup: func(h *host) (provoke, error) { return udpBuffer(h, 6, 4096, 1000, 0) },
	}, {
		name:  "udp-buffer-default",
		title: "1,000 datagrams for a socket with the buffer that the host gives",
		want:  []expectation{dropping("FD711", drop.High, "0.0.0.0:9000"), {"FD801", drop.AtRisk, drop.Medium, "0.0.0.0:9000"}},
		setup: udpDefault,
	}, {
		name:  "udp-buffer-past",
		title: "991 datagrams were lost before the scan, and none in its window",
		want:  []expectation{{"FD711", drop.Dropped, drop.Medium, "0.0.0.0:9000"}},
		past:  true,
		setup: func(h *host) (provoke, error) { return udpBuffer(h, 4, 4096, 1000, 0) },
	}, {
		name:    "udp-buffer-busybox",
		title:   "1,000 datagrams for a socket that is not read, on a host that has BusyBox only",
		want:    buffer,
		busybox: true,
		setup:   func(h *host) (provoke, error) { return udpBuffer(h, 4, 4096, 1000, 0) },
	}, {
		name:  "udp-checksum",
		title: "400 datagrams, each second one with a wrong checksum",
		want:  []expectation{dropping("FD712", drop.Medium, "")},
		setup: func(h *host) (provoke, error) { return udpChecksum(h, 4) },
	}, {
		name:  "udp-checksum-v6",
		title: "the same over IPv6",
		want:  []expectation{dropping("FD712", drop.Medium, "")},
		setup: func(h *host) (provoke, error) { return udpChecksum(h, 6) },
	}, {
		name:  "udp-no-port",
		title: "200 datagrams for a port that nobody listens to",
		want:  []expectation{{"FD713", drop.Note, drop.Info, ""}},
		setup: func(h *host) (provoke, error) { return udpNoPort(h, 4) },
	}, {
		name:  "udp-no-port-v6",
		title: "the same over IPv6",
		want:  []expectation{{"FD713", drop.Note, drop.Info, ""}},
		setup: func(h *host) (provoke, error) { return udpNoPort(h, 6) },
	}, {
		name:  "udp-filter",
		title: "400 datagrams for a socket whose own filter drops each second one",
		want:  []expectation{dropping("FD715", drop.Low, "0.0.0.0:9000")},
		setup: udpFilter,
	}, {
		name:  "two-causes",
		title: "a full accept queue and a full receive buffer on one host",
		want:  []expectation{dropping("FD601", drop.High, ":8081"), dropping("FD711", drop.High, "0.0.0.0:9000")},
		setup: twoCauses,
	}}
}

// udpDefault takes the buffer that net.core.rmem_default gives, where a host can know that.
func udpDefault(h *host) (provoke, error) {
	err := h.ns.do(func() error {
		_, err := readSysctl("net.core.rmem_default")
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, lacking{"this kernel shows net.core.rmem_default in its first network namespace only"}
	}
	if err != nil {
		return nil, err
	}
	return udpBuffer(h, 4, 0, 1000, 0)
}

// udpBuffer sends datagrams to a socket that is not read, and good ones to one that is.
func udpBuffer(h *host, family, size, bad, good int) (provoke, error) {
	return udpBufferAt(h, h.ns, h.peer(), h.addr(family), size, bad, good)
}

// udpBufferAt does so in any namespace of the host, from any other.
func udpBufferAt(h *host, at, from netns, to netip.Addr, size, bad, good int) (provoke, error) {
	family := 4
	if to.Is6() {
		family = 6
	}
	stuck, err := udpServer(at, family, 9000, size)
	if err != nil {
		return nil, err
	}
	h.onClose(stuck.close)
	reader, err := udpServer(at, family, 9001, plenty)
	if err != nil {
		return nil, err
	}
	h.onClose(reader.close)
	return func(context.Context) ([]toll, error) {
		stuck.drain()
		reader.drain()
		sent := 0
		for _, part := range []struct {
			port  uint16
			count int
		}{{9001, good}, {9000, bad}} {
			n, err := burst(from, netip.AddrPortFrom(to, part.port), part.count, 100)
			if err != nil {
				return nil, err
			}
			sent += n
		}
		got := settled(reader)
		queued, err := stuck.waiting()
		if err != nil {
			return nil, err
		}
		got += queued
		return []toll{{Rule: "FD711", Sent: sent, Lost: sent - got, Unit: "datagrams", Exact: true}}, nil
	}, nil
}

// udpChecksum sends datagrams that arrive broken, each second one.
func udpChecksum(h *host, family int) (provoke, error) {
	reader, err := udpServer(h.ns, family, 9000, plenty)
	if err != nil {
		return nil, err
	}
	h.onClose(reader.close)
	src, dst := peerAddr(family), h.addr(family)
	return func(context.Context) ([]toll, error) {
		reader.drain()
		const count = 400
		var frames [][]byte
		for i := range count {
			frames = append(frames, h.framed(packet(src, dst, protoUDP, udp(src, dst, 5000, 9000, make([]byte, 64), i%2 == 0))))
		}
		if err := h.sendFrames(frames...); err != nil {
			return nil, err
		}
		return []toll{{Rule: "FD712", Sent: count, Lost: count - settled(reader), Unit: "datagrams", Exact: true}}, nil
	}, nil
}

// udpNoPort sends datagrams that nobody waits for. Nothing is lost that anybody misses.
func udpNoPort(h *host, family int) (provoke, error) {
	return func(context.Context) ([]toll, error) {
		sent, err := burst(h.peer(), netip.AddrPortFrom(h.addr(family), 9999), 200, 100)
		return []toll{{Rule: "FD713", Sent: sent, Unit: "datagrams"}}, err
	}, nil
}

// udpFilter puts a filter on the socket that drops what begins with a 1.
func udpFilter(h *host) (provoke, error) {
	const header = 8
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: header},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0xffff},
	}
	reader, err := udpServer(h.ns, 4, 9000, plenty)
	if err != nil {
		return nil, err
	}
	h.onClose(reader.close)
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.SetsockoptSockFprog(reader.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program); err != nil {
		return nil, err
	}
	to := netip.AddrPortFrom(h.ipv4(), 9000)
	return func(context.Context) ([]toll, error) {
		reader.drain()
		sender, err := udpClient(h.peer(), to.Addr())
		if err != nil {
			return nil, err
		}
		defer sender.close()
		const count = 400
		for i := range count {
			if _, err := sender.sendTo(to, []byte{byte(i % 2)}); err != nil {
				return nil, err
			}
		}
		return []toll{{Rule: "FD715", Sent: count, Lost: count - settled(reader), Unit: "datagrams", Exact: true}}, nil
	}, nil
}

// twoCauses loses connections and datagrams.
func twoCauses(h *host) (provoke, error) {
	queue, err := acceptFull(h, 100, 20, 0)
	if err != nil {
		return nil, err
	}
	buffer, err := udpBuffer(h, 4, 4096, 500, 500)
	if err != nil {
		return nil, err
	}
	return both(queue, buffer), nil
}

// both provokes one fault after the other.
func both(a, b provoke) provoke {
	return func(ctx context.Context) ([]toll, error) {
		first, err := a(ctx)
		if err != nil {
			return nil, err
		}
		second, err := b(ctx)
		return append(first, second...), err
	}
}
