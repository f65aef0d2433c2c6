//go:build linux

package main

import (
	"fmt"
	"net/netip"
)

// secondLink gives the host another interface, eth1, with a cable of its own to the peer. No
// SSH goes by it, so all that is counted there is the fault's.
func (h *host) secondLink() error {
	port := h.secondPort()
	if err := h.peer().ip(
		fmt.Sprintf("link add %s type veth peer name eth1 netns %s", port, h.ns),
		fmt.Sprintf("addr add %v/24 dev %s", h.secondPeer(4), port),
		fmt.Sprintf("addr add %v/64 dev %s nodad", h.secondPeer(6), port),
		fmt.Sprintf("link set %s up", port),
	); err != nil {
		return err
	}
	return h.ns.ip(
		fmt.Sprintf("addr add %v/24 dev eth1", h.secondAddr(4)),
		fmt.Sprintf("addr add %v/64 dev eth1 nodad", h.secondAddr(6)),
		"link set eth1 up",
	)
}

// secondPort is the peer's end of the cable.
func (h *host) secondPort() string { return fmt.Sprintf("h%d", h.number) }

// secondAddr is the host's address there, secondPeer the peer's.
func (h *host) secondAddr(family int) netip.Addr { return h.second(family, 1) }
func (h *host) secondPeer(family int) netip.Addr { return h.second(family, 2) }

func (h *host) second(family int, last byte) netip.Addr {
	if family == 6 {
		return netip.AddrFrom16([16]byte{0: 0xfd, 1: 0x98, 7: byte(h.number), 15: last})
	}
	return netip.AddrFrom4([4]byte{10, 100, byte(h.number), last})
}
