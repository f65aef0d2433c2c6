//go:build linux

package main

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// TestChecksum: a packet that is whole sums up to nothing, a broken one does not.
func TestChecksum(t *testing.T) {
	for _, family := range []int{4, 6} {
		src, dst := peerAddr(family), ipv4Of(firstHost)
		if family == 6 {
			dst = ipv6Of(firstHost)
		}
		for _, size := range []int{0, 1, 99, 100} {
			data := make([]byte, size)
			for i := range data {
				data[i] = byte(i * 7)
			}
			for _, broken := range []bool{false, true} {
				datagram := udp(src, dst, 5000, 9000, data, broken)
				segment := tcp(src, dst, 5000, 9000, 1, 2, flagSYN, []byte{2, 4, 5, 0xb4}, data, broken)
				if sum := checksum(pseudo(src, dst, protoUDP, len(datagram)), datagram); (sum == 0) == broken {
					t.Errorf("IPv%d, %d bytes of UDP: %#x, broken %v", family, size, sum, broken)
				}
				if sum := checksum(pseudo(src, dst, protoTCP, len(segment)), segment); (sum == 0) == broken {
					t.Errorf("IPv%d, %d bytes of TCP: %#x, broken %v", family, size, sum, broken)
				}
			}
		}
	}
	if header := ipv4(ipv4Of(1), ipv4Of(2), protoUDP, 7, 0, []byte("x"))[:20]; checksum(0, header) != 0 {
		t.Error("the sum of an IPv4 header is wrong")
	}
}

// TestFragments: two fragments hold the whole.
func TestFragments(t *testing.T) {
	payload := udp(ipv4Of(2), ipv4Of(10), 1, 2, make([]byte, 1592), false)
	for _, at := range []struct {
		src, dst netip.Addr
		header   int
	}{{ipv4Of(2), ipv4Of(10), 20}, {ipv6Of(2), ipv6Of(10), 48}} {
		parts := fragments(at.src, at.dst, protoUDP, 1, payload, 1200)
		if len(parts[0]) != at.header+1200 || len(parts[1]) != at.header+400 {
			t.Errorf("%v: %d and %d bytes", at.src, len(parts[0]), len(parts[1]))
		}
	}
}

// TestDrain counts the datagrams that wait.
func TestDrain(t *testing.T) {
	var fds [2]int
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	s := &socket{fds[1]}
	defer s.close()
	for range 3 {
		if _, err := unix.Write(fds[0], []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.drain(); n != 3 {
		t.Errorf("drained %d datagrams of 3", n)
	}
	if n := s.drain(); n != 0 {
		t.Errorf("drained %d datagrams of none", n)
	}
}
