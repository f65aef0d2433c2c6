//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// podFaults are those of network namespaces on a host, as pods and containers have them.
func podFaults() []fault {
	const title = "two pods, of which one does not accept the connections of 30 clients"
	full := []expectation{dropping("FD601", drop.High, "netns of nginx[")}
	return []fault{{
		name:  "pods",
		title: title,
		want:  full,
		setup: podQueue,
	}, {
		name:  "pods-user",
		title: title + "; the login is not root",
		want:  full,
		user:  login,
		setup: podQueue,
	}, {
		name:  "pods-udp",
		title: "two pods, of which one does not read 500 of 1,000 datagrams",
		want:  []expectation{dropping("FD711", drop.High, "netns of nginx[")},
		setup: func(h *host) (provoke, error) {
			pods, err := pods(h)
			if err != nil {
				return nil, err
			}
			return udpBufferAt(h, pods[0], h.ns, podAddr(0), 4096, 500, 500)
		},
	}}
}

// pods gives the host two network namespaces behind a bridge, each with a process of the host
// in it. The second has no IPv6, as Docker makes them.
func pods(h *host) (pods [2]netns, _ error) {
	if err := h.ns.ip(
		"link add cni0 type bridge forward_delay 0 mcast_snooping 0",
		"addr add 10.88.0.1/16 dev cni0", "addr add fd88::1/64 dev cni0 nodad", "link set cni0 up",
	); err != nil {
		return pods, err
	}
	for i, process := range []string{"nginx", "redis"} {
		pod := netns(fmt.Sprintf("%s-%d", h.ns, i))
		pods[i] = pod
		if err := h.lab.namespace(pod); err != nil {
			return pods, err
		}
		if err := h.ns.ip(
			fmt.Sprintf("link add pod%d type veth peer name eth0 netns %s", i, pod),
			fmt.Sprintf("link set pod%d master cni0", i), fmt.Sprintf("link set pod%d up", i),
		); err != nil {
			return pods, err
		}
		if err := errors.Join(
			pod.ip(fmt.Sprintf("addr add %v/16 dev eth0", podAddr(i)), "link set eth0 up", "route add default via 10.88.0.1"),
			pod.sysctl(fmt.Sprintf("net.ipv6.conf.all.disable_ipv6=%d", i)),
			h.start(pod, process),
		); err != nil {
			return pods, err
		}
	}
	return pods, nil
}

// podQueue has clients of two pods: one of them serves its own, and one does not.
func podQueue(h *host) (provoke, error) {
	pods, err := pods(h)
	if err != nil {
		return nil, err
	}
	var listeners []*socket
	for _, pod := range pods {
		listener, err := tcpServer(pod, 4, 8081, 1)
		if err != nil {
			return nil, err
		}
		h.onClose(listener.close)
		listeners = append(listeners, listener)
	}
	return func(context.Context) ([]toll, error) {
		lost, err := turnedAway(h.ns, netip.AddrPortFrom(podAddr(0), 8081), listeners[0], 30)
		if err != nil {
			return nil, err
		}
		for range 10 {
			client, err := connect(h.ns, netip.AddrPortFrom(podAddr(1), 8081))
			if err != nil {
				return nil, err
			}
			if !client.connected(5 * time.Second) {
				return nil, errors.New("the pod that is well does not answer")
			}
			for _, s := range listeners[1].accept() {
				s.reset()
			}
			client.close()
		}
		// All on the bridge are asked for, those too that have no IPv6.
		if err := shout(h.ns); err != nil {
			return nil, err
		}
		return []toll{{Rule: "FD601", Sent: 40, Lost: lost, Unit: "connections"}}, nil
	}, nil
}

// shout sends datagrams over IPv6 to everybody behind the bridge.
func shout(n netns) error {
	return n.do(func() error {
		fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		bridge, err := interfaceIndex(fd, "cni0")
		if err != nil {
			return err
		}
		all := netip.MustParseAddr("ff02::1")
		for range 100 {
			if err := unix.Sendto(fd, []byte("x"), 0, &unix.SockaddrInet6{Port: 9999, ZoneId: uint32(bridge), Addr: all.As16()}); err != nil {
				return err
			}
		}
		return nil
	})
}

func podAddr(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 88, 0, byte(10 + i)}) }

// start starts a process of that name among those of the host, in another network namespace.
// It does nothing, and ends with the host.
func (h *host) start(in netns, name string) error {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		return err
	}
	program := h.lab.path(h.fault.name, name)
	if err := os.Symlink(sleep, program); err != nil {
		return err
	}
	cmd := exec.Command(program, "1000000")
	return in.do(func() error {
		fd, err := unix.Open(fmt.Sprintf("/proc/%d/ns/pid", h.init.PID), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		// It holds for what this thread starts.
		if err := unix.Setns(fd, unix.CLONE_NEWPID); err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		go func() { _ = cmd.Wait() }() // it is killed with the host
		return nil
	})
}
