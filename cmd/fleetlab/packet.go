//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// A mac is the address of an Ethernet interface.
type mac [6]byte

func (m mac) String() string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}

// The numbers of protocols, of IP and of Ethernet.
const (
	protoICMP     = 1
	protoTCP      = 6
	protoUDP      = 17
	protoFragment = 44 // the header of IPv6

	etherIPv4  = 0x0800
	etherIPv6  = 0x86dd
	etherLLDP  = 0x88cc
	etherLocal = 0x88b5 // IEEE: for experiments, so nobody speaks it
)

// The flags of TCP.
const (
	flagSYN = 0x02
	flagPSH = 0x08
	flagACK = 0x10
)

// frame is an Ethernet frame.
func frame(to, from mac, ether uint16, payload []byte) []byte {
	b := make([]byte, 0, 14+len(payload))
	b = append(append(b, to[:]...), from[:]...)
	return append(binary.BigEndian.AppendUint16(b, ether), payload...)
}

// packet is an IP packet of the family of its addresses.
func packet(src, dst netip.Addr, proto byte, payload []byte) []byte {
	if src.Is6() {
		return ipv6(src, dst, proto, payload)
	}
	return ipv4(src, dst, proto, 0, 0, payload)
}

// ipv4 is a packet of IPv4; fragment is the field of that name: flags and offset.
func ipv4(src, dst netip.Addr, proto byte, id, fragment uint16, payload []byte) []byte {
	b := make([]byte, 20, 20+len(payload))
	b[0], b[8], b[9] = 0x45, 64, proto
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(payload)))
	binary.BigEndian.PutUint16(b[4:], id)
	binary.BigEndian.PutUint16(b[6:], fragment)
	copy(b[12:], src.AsSlice())
	copy(b[16:], dst.AsSlice())
	binary.BigEndian.PutUint16(b[10:], checksum(0, b[:20]))
	return append(b, payload...)
}

func ipv6(src, dst netip.Addr, next byte, payload []byte) []byte {
	b := make([]byte, 40, 40+len(payload))
	b[0], b[6], b[7] = 0x60, next, 64
	binary.BigEndian.PutUint16(b[4:], uint16(len(payload)))
	copy(b[8:], src.AsSlice())
	copy(b[24:], dst.AsSlice())
	return append(b, payload...)
}

// fragments parts a payload in two, as routers (IPv4) and senders (IPv6) do. The first part
// is as long as it says, a multiple of 8.
func fragments(src, dst netip.Addr, proto byte, id uint16, payload []byte, first int) [2][]byte {
	parts := [2][]byte{payload[:first], payload[first:]}
	var out [2][]byte
	for i, part := range parts {
		offset, more := uint16(i*first/8), uint16(1-i)
		if src.Is6() {
			header := []byte{proto, 0, 0, 0, 0, 0, 0, 0}
			binary.BigEndian.PutUint16(header[2:], offset<<3|more)
			binary.BigEndian.PutUint32(header[4:], uint32(id))
			out[i] = ipv6(src, dst, protoFragment, append(header, part...))
		} else {
			out[i] = ipv4(src, dst, proto, id, more<<13|offset, part)
		}
	}
	return out
}

// udp is a datagram with its header, and a checksum that is wrong if it is to be broken.
func udp(src, dst netip.Addr, sport, dport uint16, data []byte, broken bool) []byte {
	b := make([]byte, 8, 8+len(data))
	binary.BigEndian.PutUint16(b[0:], sport)
	binary.BigEndian.PutUint16(b[2:], dport)
	binary.BigEndian.PutUint16(b[4:], uint16(8+len(data)))
	b = append(b, data...)
	sum := checksum(pseudo(src, dst, protoUDP, len(b)), b)
	if sum == 0 {
		sum = 0xffff
	}
	if broken {
		sum ^= 0x5555
	}
	binary.BigEndian.PutUint16(b[6:], sum)
	return b
}

// tcp is a segment with its header. Options are padded.
func tcp(src, dst netip.Addr, sport, dport uint16, seq, ack uint32, flags byte, options, data []byte, broken bool) []byte {
	for len(options)%4 != 0 {
		options = append(options, 1)
	}
	b := make([]byte, 20, 20+len(options)+len(data))
	binary.BigEndian.PutUint16(b[0:], sport)
	binary.BigEndian.PutUint16(b[2:], dport)
	binary.BigEndian.PutUint32(b[4:], seq)
	binary.BigEndian.PutUint32(b[8:], ack)
	b[12], b[13] = byte(5+len(options)/4)<<4, flags
	binary.BigEndian.PutUint16(b[14:], 64240)
	b = append(append(b, options...), data...)
	sum := checksum(pseudo(src, dst, protoTCP, len(b)), b)
	if broken {
		sum ^= 0x5555
	}
	binary.BigEndian.PutUint16(b[16:], sum)
	return b
}

// echo is an ICMP message that asks for an answer.
func echo(sequence uint16) []byte {
	b := []byte{8, 0, 0, 0, 0, 1, 0, 0}
	binary.BigEndian.PutUint16(b[6:], sequence)
	binary.BigEndian.PutUint16(b[2:], checksum(0, b))
	return b
}

// checksum is that of RFC 1071, begun with a sum.
func checksum(sum uint32, b []byte) uint16 {
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// pseudo is the sum of the header that UDP and TCP count in though it is not sent.
func pseudo(src, dst netip.Addr, proto byte, length int) uint32 {
	sum := uint32(proto) + uint32(length)
	for _, address := range [][]byte{src.AsSlice(), dst.AsSlice()} {
		for i := 0; i < len(address); i += 2 {
			sum += uint32(address[i])<<8 | uint32(address[i+1])
		}
	}
	return sum
}
