//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// A lab is a switch, with a controller and a peer that sends, and hosts that receive:
//
//	controller ─┐
//	            ├─ switch ─┬─ host
//	      peer ─┘          └─ host ...
type lab struct {
	name   string
	dir    string
	ledger *ledger
	hosts  []*host
}

// Addresses and names of hardware in the lab. Hosts are numbered from firstHost.
const (
	controllerNumber = 1
	peerNumber       = 2
	firstHost        = 10
	mostHosts        = 200
)

func ipv4Of(number int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 99, 0, byte(number)})
}

func ipv6Of(number int) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfd, 1: 0x99, 15: byte(number)})
}

func macOf(number int) mac { return mac{2, 0xfd, 0, 0, 0, byte(number)} }

// lacking is the error of a fault that this machine cannot have.
type lacking struct{ why string }

func (l lacking) Error() string { return l.why }

// openLab takes the lab of that name over, and clears what a killed one left.
func openLab(c *console, name string) (*lab, error) {
	dir, err := labDir(name)
	if err != nil {
		return nil, err
	}
	for again := true; ; again = false {
		l, err := openLedger(dir)
		if err != nil {
			return nil, err
		}
		left := l.left()
		if len(left) == 0 {
			return &lab{name: name, dir: dir, ledger: l}, nil
		}
		fmt.Fprintf(c.stderr, "a lab was killed here: %d things that it made are taken back first\n", len(left))
		if err := l.close(); err != nil || !again {
			return nil, err
		}
	}
}

func (l *lab) controller() netns { return netns(l.name + "-ctl") }
func (l *lab) peer() netns       { return netns(l.name + "-peer") }
func (l *lab) path(elements ...string) string {
	return filepath.Join(append([]string{l.dir}, elements...)...)
}

// up builds the network, and a host for each fault.
func (l *lab) up(ctx context.Context, faults []fault) error {
	if len(faults) > mostHosts {
		return fmt.Errorf("%d hosts are more than a lab has room for (%d)", len(faults), mostHosts)
	}
	if err := l.keygen("id"); err != nil {
		return err
	}
	if err := l.keepMachineSysctl("net.core.netdev_max_backlog", plentyOfBacklog); err != nil {
		return err
	}
	if _, err := os.Stat(netnsDir); errors.Is(err, fs.ErrNotExist) {
		if err := l.ledger.add(change{Folder: netnsDir}); err != nil { // ip will make it
			return err
		}
	}
	for _, n := range []netns{l.controller(), l.peer()} {
		if err := l.namespace(n); err != nil {
			return err
		}
	}
	if err := l.controller().ip(
		"link add br0 type bridge forward_delay 0 mcast_snooping 0",
		fmt.Sprintf("addr add %v/24 dev br0", ipv4Of(controllerNumber)),
		fmt.Sprintf("addr add %v/64 dev br0 nodad", ipv6Of(controllerNumber)),
		"link set br0 up",
	); err != nil {
		return err
	}
	// Where tcp_diag is a module, fleetdrop asks ss only if somebody asked before. Somebody does.
	if err := l.controller().words("ss -Hltn"); err != nil {
		return err
	}
	// The switch is a switch: it does not look into packets, and throws none of them away.
	for _, table := range []string{"iptables", "ip6tables", "arptables"} {
		if err := l.controller().sysctl("net.bridge.bridge-nf-call-" + table + "=0"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := l.plug(l.peer(), peerNumber); err != nil {
		return err
	}
	for i, f := range faults {
		l.hosts = append(l.hosts, &host{lab: l, number: firstHost + i, fault: f, ns: netns(l.name + "-" + f.name)})
	}
	// One after the other holds the kernel's lock of all links the least.
	for _, h := range l.hosts {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := h.up(); err != nil {
			return fmt.Errorf("%s: %w", h.fault.name, err)
		}
	}
	var ready errgroup.Group
	for _, h := range l.hosts {
		ready.Go(func() error { return h.ready(ctx) })
	}
	return errors.Join(ready.Wait(), l.inventory())
}

// down takes everything back.
func (l *lab) down() error {
	for _, h := range l.hosts {
		h.close()
	}
	return l.ledger.close()
}

// namespace makes a network namespace.
func (l *lab) namespace(n netns) error {
	if _, err := os.Lstat(n.path()); err == nil {
		return fmt.Errorf("there is a network namespace %s already, and it is not of this lab; choose another --name", n)
	}
	if err := l.ledger.add(change{Namespace: string(n)}); err != nil {
		return err
	}
	if out, err := exec.Command("ip", "netns", "add", string(n)).CombinedOutput(); err != nil {
		return fmt.Errorf("ip netns add %s: %w: %s", n, err, strings.TrimSpace(string(out)))
	}
	return n.ip("link set lo up")
}

// plug connects a namespace with the switch.
func (l *lab) plug(n netns, number int) error {
	port := fmt.Sprintf("p%d", number)
	if err := l.controller().ip(
		fmt.Sprintf("link add %s type veth peer name eth0 address %v netns %s", port, macOf(number), n),
		fmt.Sprintf("link set %s master br0", port),
		fmt.Sprintf("link set %s up", port),
	); err != nil {
		return err
	}
	return n.ip(
		fmt.Sprintf("addr add %v/24 dev eth0", ipv4Of(number)),
		fmt.Sprintf("addr add %v/64 dev eth0 nodad", ipv6Of(number)),
		"link set eth0 up",
	)
}

// keygen makes an SSH key without a passphrase.
func (l *lab) keygen(path ...string) error {
	file := l.path(path...)
	out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", l.name, "-f", file).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ssh-keygen: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// inventory writes what fleetdrop needs to reach the hosts by their names.
func (l *lab) inventory() error {
	var hosts, config, known strings.Builder
	for _, h := range l.hosts {
		key, err := os.ReadFile(l.path(h.fault.name, "hostkey.pub"))
		if err != nil {
			return err
		}
		fmt.Fprintf(&hosts, "%-24s group=%-20s # %s\n", h.fault.name, h.fault.group(), h.fault.title)
		fmt.Fprintf(&config, "Host %s\n  HostName %v\n  User %s\n", h.fault.name, h.ipv4(), h.fault.login())
		fmt.Fprintf(&known, "%v %s", h.ipv4(), key)
	}
	fmt.Fprintf(&config, "Host *\n  IdentityFile %s\n  IdentitiesOnly yes\n  UserKnownHostsFile %s\n  GlobalKnownHostsFile /dev/null\n",
		l.path("id"), l.path("known_hosts"))
	for name, text := range map[string]string{"hosts.txt": hosts.String(), "ssh_config": config.String(), "known_hosts": known.String()} {
		if err := os.WriteFile(l.path(name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// wait sleeps, unless the context ends before.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
