//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// tcpFaults are those of open TCP connections.
func tcpFaults() []fault {
	return []fault{{
		name:  "paws",
		title: "150 segments whose timestamps are of another clock, after 10 good ones",
		want:  []expectation{dropping("FD701", drop.Medium, "")},
		setup: func(h *host) (provoke, error) {
			return segments(h, 10, 150, func(s *stranger, data []byte) error {
				return s.send(flagPSH|flagACK, data, segment{clock: 1000})
			}, "FD701")
		},
	}, {
		name:  "tcp-checksum",
		title: "100 segments with a wrong checksum, after 100 good ones",
		want:  []expectation{dropping("FD704", drop.Medium, "")},
		setup: func(h *host) (provoke, error) {
			return segments(h, 100, 100, func(s *stranger, data []byte) error {
				return s.send(flagPSH|flagACK, data, segment{broken: true})
			}, "FD704")
		},
	}, {
		name:  "tcp-header",
		title: "400 SYNs, each second one with a header that is too short",
		want:  []expectation{dropping("FD707", drop.Low, "InErrs")},
		setup: shortHeader,
	}, {
		name:  "time-wait",
		title: "200 connections that the host closes, with a tcp_max_tw_buckets of 50",
		want:  []expectation{{"FD705", drop.AtRisk, drop.Low, ""}},
		setup: timeWait,
	}}
}

// shortHeader sends SYNs to a port that nobody listens to: who is well is refused.
func shortHeader(h *host) (provoke, error) {
	if err := h.ns.ip(knownStranger); err != nil {
		return nil, err
	}
	return func(context.Context) ([]toll, error) {
		const count = 400
		w, err := openWire(h.peer(), etherIPv4)
		if err != nil {
			return nil, err
		}
		defer w.close()
		for i := range count {
			syn := tcp(strangerAddr, h.ipv4(), uint16(2000+i), 8099, 1, 0, flagSYN, nil, nil, false)
			if i%2 == 0 {
				// The sum of all words stays: what is taken here is added there.
				syn[12], syn[18] = 4<<4, syn[18]+1<<4
			}
			if err := w.send(h.framed(packet(strangerAddr, h.ipv4(), protoTCP, syn))); err != nil {
				return nil, err
			}
		}
		refused := map[uint16]bool{}
		err = w.receive(500*time.Millisecond, func(b []byte) bool {
			if len(b) >= 54 && b[23] == protoTCP && binary.BigEndian.Uint16(b[34:]) == 8099 {
				refused[binary.BigEndian.Uint16(b[36:])] = true
			}
			return len(refused) == count
		})
		return []toll{{Rule: "FD707", Sent: count, Lost: count - len(refused), Unit: "segments", Exact: true}}, err
	}, nil
}

// timeWait has the host close connections first, more than it keeps in TIME_WAIT.
func timeWait(h *host) (provoke, error) {
	if err := h.ns.sysctl("net.ipv4.tcp_max_tw_buckets=50"); err != nil {
		return nil, err
	}
	server, err := tcpServer(h.ns, 4, 8080, 512)
	if err != nil {
		return nil, err
	}
	h.onClose(server.close)
	return func(context.Context) ([]toll, error) {
		const count = 200
		made := 0
		for range count {
			client, err := connect(h.peer(), netip.AddrPortFrom(h.ipv4(), 8080))
			if err != nil {
				return nil, err
			}
			if client.connected(5 * time.Second) {
				made++
			}
			for _, s := range server.accept() {
				s.close()
			}
			client.ended(5 * time.Second)
			client.close()
		}
		return []toll{{Sent: count, Lost: count - made, Unit: "connections"}}, nil
	}, nil
}

// strangerAddr is an address in the lab's network that is nobody's, and knownStranger makes
// a host believe that the peer has it.
var (
	strangerAddr  = ipv4Of(250)
	knownStranger = fmt.Sprintf("neigh replace %v lladdr %v dev eth0 nud permanent", strangerAddr, macOf(peerNumber))
)

// segments has one connection, sends good segments of 10 bytes and then bad ones, which the
// rule counts.
func segments(h *host, good, bad int, sendBad func(*stranger, []byte) error, rule string) (provoke, error) {
	server, err := tcpServer(h.ns, 4, 8080, 16)
	if err != nil {
		return nil, err
	}
	h.onClose(server.close)
	if err := h.ns.ip(knownStranger); err != nil {
		return nil, err
	}
	port := uint16(20000)
	return func(context.Context) ([]toll, error) {
		port++
		s, err := openStranger(h, port, 8080)
		if err != nil {
			return nil, err
		}
		defer s.wire.close()
		data := []byte("0123456789")
		for range good {
			if err := s.send(flagPSH|flagACK, data, segment{}); err != nil {
				return nil, err
			}
			s.seq += uint32(len(data))
		}
		for range bad {
			if err := sendBad(s, data); err != nil {
				return nil, err
			}
		}
		time.Sleep(200 * time.Millisecond)
		got := 0
		for _, taken := range server.accept() {
			got += taken.read() / len(data)
			taken.reset()
		}
		return []toll{{Rule: rule, Sent: good + bad, Lost: good + bad - got, Unit: "segments", Exact: true}}, nil
	}, nil
}

// A stranger is a TCP client without a kernel, so it can send what no kernel sends.
type stranger struct {
	wire         *wire
	host         *host
	sport, dport uint16
	seq, ack     uint32
	clock, echo  uint32 // its timestamp, and the last one of the host
}

// A segment is what is special about one.
type segment struct {
	clock  uint32 // its timestamp; that of the stranger if 0
	broken bool
}

// openStranger does the handshake of a connection with timestamps.
func openStranger(h *host, sport, dport uint16) (*stranger, error) {
	w, err := openWire(h.peer(), etherIPv4)
	if err != nil {
		return nil, err
	}
	s := &stranger{wire: w, host: h, sport: sport, dport: dport, seq: uint32(sport) << 8, clock: 2000000}
	err = s.handshake()
	if err != nil {
		w.close()
	}
	return s, err
}

func (s *stranger) handshake() error {
	if err := s.emit(flagSYN, []byte{2, 4, 5, 0xb4}, nil, segment{}); err != nil {
		return err
	}
	s.seq++
	answered := false
	err := s.wire.receive(2*time.Second, func(b []byte) bool {
		if len(b) < 54 || b[23] != protoTCP || b[47]&(flagSYN|flagACK) != flagSYN|flagACK ||
			binary.BigEndian.Uint16(b[34:]) != s.dport || binary.BigEndian.Uint16(b[36:]) != s.sport {
			return false
		}
		answered = true
		s.ack = binary.BigEndian.Uint32(b[38:]) + 1
		s.echo = timestamp(b[54:min(len(b), 34+int(b[46]>>4)*4)])
		return true
	})
	if err == nil && !answered {
		err = errors.New("the host answers no SYN")
	}
	if err != nil {
		return err
	}
	s.clock++
	return s.send(flagACK, nil, segment{})
}

// timestamp is the one among TCP options.
func timestamp(options []byte) uint32 {
	for len(options) > 1 {
		switch kind, size := options[0], int(options[1]); {
		case kind == 0:
			return 0
		case kind == 1:
			options = options[1:]
		case size < 2 || size > len(options):
			return 0
		case kind == 8 && size == 10:
			return binary.BigEndian.Uint32(options[2:])
		default:
			options = options[size:]
		}
	}
	return 0
}

func (s *stranger) send(flags byte, data []byte, special segment) error {
	return s.emit(flags, nil, data, special)
}

func (s *stranger) emit(flags byte, options, data []byte, special segment) error {
	clock := s.clock
	if special.clock != 0 {
		clock = special.clock
	}
	options = append(options, 1, 1, 8, 10)
	options = binary.BigEndian.AppendUint32(options, clock)
	options = binary.BigEndian.AppendUint32(options, s.echo)
	src, dst := strangerAddr, s.host.ipv4()
	t := tcp(src, dst, s.sport, s.dport, s.seq, s.ack, flags, options, data, special.broken)
	return s.wire.send(s.host.framed(packet(src, dst, protoTCP, t)))
}
