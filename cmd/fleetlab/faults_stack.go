//go:build linux

package main

import (
	"fmt"
	"os/exec"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// stackFaults are losses of one interface that those above it count once more, or seem to: a
// bond, a VLAN, a bridge. Each is reported once, of the lowest.
func stackFaults() []fault {
	return []fault{{
		name:  "bridge",
		title: "1,000 datagrams, each second one in a frame larger than the port of a bridge takes; the others come in twice, as the bridge counts them",
		want:  []expectation{dropping("FD107", drop.Medium, "eth1")},
		setup: bridgeReceives,
	}, {
		name:  "bond",
		title: "1,000 datagrams, each second one in a frame larger than a member of a bond takes; the bond counts them too",
		want:  []expectation{dropping("FD107", drop.Medium, "eth1")},
		setup: bondReceives,
	}, {
		name:  "bond-send",
		title: "400 datagrams sent by a bond, each second one larger than the other end of its member's cable takes; the bond counts them too",
		want:  []expectation{dropping("FD903", drop.Medium, "eth1")},
		setup: bondSends,
	}, {
		name:  "vlan",
		title: "300 datagrams sent in a VLAN, and a token bucket below lets few of them out; the VLAN counts them as dropped too",
		want:  []expectation{dropping("FD901", drop.Medium, "eth1")},
		tools: []string{"tc"},
		setup: vlanSends,
	}, {
		name:  "vlan-bridge",
		title: "400 datagrams sent by a bridge over a VLAN over a bond, each second one larger than the cable takes; the bond counts them too",
		want:  []expectation{dropping("FD903", drop.Medium, "eth1")},
		setup: stackSends,
	}}
}

// made says which driver this kernel lacks, if that is why ip could not make a link of a kind.
func made(driver string, err error) error {
	if err != nil && (strings.Contains(err.Error(), "Unknown device type") || strings.Contains(err.Error(), "not supported")) {
		return lacking{"not on this kernel: the driver " + driver}
	}
	return err
}

// bond puts the second interface and one without a cable under a bond.
func bond(h *host) error {
	// The module makes a bond0 in the machine's first namespace if it is not told otherwise. Where
	// bonding is built in, or not there at all, modprobe fails, and the next command tells.
	_ = exec.Command("modprobe", "-q", "bonding", "max_bonds=0").Run()
	if err := made("bonding", h.ns.ip("link add bond0 type bond mode active-backup miimon 100")); err != nil {
		return err
	}
	return h.ns.ip(
		"link add eth2 type veth peer name unplugged",
		"link set eth1 down", "link set eth1 master bond0", "link set eth2 master bond0", "link set bond0 up",
	)
}

// vlan makes VLAN 7 of an interface of the host. Its name does not say whose it is.
func vlan(h *host, lower string) error {
	return made("8021q", h.ns.ip("link add link "+lower+" name vlan7 type vlan id 7", "link set vlan7 up"))
}

// peerVLAN takes the peer's address of the cable into that VLAN.
func peerVLAN(h *host) error {
	port := h.secondPort()
	return made("8021q", h.peer().ip(
		fmt.Sprintf("link add link %s name %s.7 type vlan id 7", port, port),
		"addr flush dev "+port, fmt.Sprintf("addr add %v/24 dev %s.7", h.secondPeer(4), port),
		fmt.Sprintf("link set %s.7 up", port),
	))
}

// moveAddress gives the host's address of the cable to an interface above it.
func moveAddress(h *host, to string) error {
	return h.ns.ip("addr flush dev eth1", fmt.Sprintf("addr add %v/24 dev %s", h.secondAddr(4), to))
}

// bonded puts the second interface under a bond, which has its address then.
func bonded(h *host) error {
	return inOrder(h.secondLink, func() error { return bond(h) }, func() error { return moveAddress(h, "bond0") })
}

// inOrder takes steps until one fails.
func inOrder(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// bridgeReceives lets the port of a bridge take less than its neighbour sends.
func bridgeReceives(h *host) (provoke, error) {
	if err := inOrder(h.secondLink, func() error { return bridged(h) }); err != nil {
		return nil, err
	}
	return takesLess(h, "eth1", h.secondAddr(4))
}

// bondReceives lets a bond take less than its neighbour sends.
func bondReceives(h *host) (provoke, error) {
	if err := bonded(h); err != nil {
		return nil, err
	}
	return takesLess(h, "bond0", h.secondAddr(4))
}

// bondSends sends by a bond what the peer's end of the cable does not take, each second time.
func bondSends(h *host) (provoke, error) {
	if err := bonded(h); err != nil {
		return nil, err
	}
	return narrow(h)
}

// vlanSends sends in a VLAN by a token bucket of the interface below.
func vlanSends(h *host) (provoke, error) {
	err := inOrder(h.secondLink, func() error { return vlan(h, "eth1") }, func() error { return peerVLAN(h) },
		func() error { return moveAddress(h, "vlan7") })
	if err != nil {
		return nil, err
	}
	return slowly(h, 4)
}

// stackSends sends by a bridge over a VLAN over a bond.
func stackSends(h *host) (provoke, error) {
	err := inOrder(h.secondLink, func() error { return bond(h) }, func() error { return vlan(h, "bond0") }, func() error { return peerVLAN(h) },
		func() error {
			return h.ns.ip("link add br1 type bridge forward_delay 0 mcast_snooping 0", "link set vlan7 master br1", "link set br1 up")
		},
		func() error { return moveAddress(h, "br1") })
	if err != nil {
		return nil, err
	}
	return narrow(h)
}
