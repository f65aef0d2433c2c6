//go:build linux

package main

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// conntrackRace lets two hosts begin a connection at the same moment, again and again, with
// one source port and to one server, through a router that masquerades them. Each time the
// first gets its port at the router; where the second was asked for before that was entered
// in the table, it gets the same one, and its packet is dropped.
func conntrackRace(h *host) (provoke, error) {
	cpus, err := twoCPUs()
	if err != nil {
		return nil, err
	}
	reader, to, err := router(h)
	if err == nil {
		err = h.ns.words("iptables -t nat -A POSTROUTING -o eth1 -j MASQUERADE")
	}
	if err != nil {
		return nil, err
	}
	dst, port := to.Addr(), to.Port()
	var wires [2]*wire
	for i := range wires {
		if wires[i], err = openWire(h.peer(), etherLocal); err != nil {
			return nil, err
		}
		h.onClose(wires[i].close)
	}
	// No port is asked for again while its connection is remembered, which is for half a minute.
	next := uint16(1024)
	return func(context.Context) ([]toll, error) {
		reader.drain()
		const pairs = 4000
		first := next
		if next += pairs; next > 60000 {
			next = 1024
		}
		err := together(cpus, pairs, func(side, i int) error {
			src := [2]netip.Addr{peerAddr(4), strangerAddr}[side]
			return wires[side].send(h.framed(packet(src, dst, protoUDP, udp(src, dst, first+uint16(i), port, []byte("x"), false))))
		})
		if err != nil {
			return nil, err
		}
		return []toll{{Rule: "FD404", Sent: 2 * pairs, Lost: 2*pairs - settled(reader), Unit: "datagrams", Exact: true}}, nil
	}, nil
}

// twoCPUs returns two of the CPUs that this process may run on.
func twoCPUs() ([2]int, error) {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return [2]int{}, err
	}
	if allowed.Count() < 2 {
		return [2]int{}, lacking{"two CPUs are needed, for what happens at the same moment"}
	}
	var two [2]int
	for cpu, found := 0, 0; found < 2; cpu++ {
		if allowed.IsSet(cpu) {
			two[found] = cpu
			found++
		}
	}
	return two, nil
}

// together calls fn so many times on each of two CPUs, each time at the same moment.
func together(cpus [2]int, times int, fn func(side, i int) error) error {
	var arrived atomic.Int64
	var failed [2]error
	var both sync.WaitGroup
	for side, cpu := range cpus {
		both.Go(func() {
			runtime.LockOSThread() // for good: the thread ends, and what it may run on with it
			var only unix.CPUSet
			only.Set(cpu)
			failed[side] = unix.SchedSetaffinity(0, &only)
			for i := range times {
				arrived.Add(1)
				for arrived.Load() < int64(2*(i+1)) {
					// A wait in the kernel would end on one of them later than on the other.
				}
				if failed[side] == nil {
					failed[side] = fn(side, i)
				}
			}
		})
	}
	both.Wait()
	return errors.Join(failed[:]...)
}
