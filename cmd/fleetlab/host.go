//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// A host is a network namespace with an sshd, in namespaces of its own for processes, mounts
// and the hostname: who logs in sees this host and nothing of the machine's.
type host struct {
	lab    *lab
	number int
	fault  fault
	ns     netns
	init   process       // sshd, the first of the host's processes
	pidns  string        // as /proc/PID/ns/pid names it
	ended  chan struct{} // closed when sshd has ended; nil before it was started

	provoke provoke // what setup returned

	mu      sync.Mutex
	closers []func()
}

func (h *host) ipv4() netip.Addr { return ipv4Of(h.number) }
func (h *host) ipv6() netip.Addr { return ipv6Of(h.number) }
func (h *host) mac() mac         { return macOf(h.number) }

// addr is the host's address of a family: 4 or 6.
func (h *host) addr(family int) netip.Addr {
	if family == 6 {
		return h.ipv6()
	}
	return h.ipv4()
}

// peerAddr is that of the peer.
func peerAddr(family int) netip.Addr {
	if family == 6 {
		return ipv6Of(peerNumber)
	}
	return ipv4Of(peerNumber)
}

// peer is where the packets for the host come from.
func (h *host) peer() netns { return h.lab.peer() }

// onClose lets fn run when the lab goes down.
func (h *host) onClose(fn func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closers = append(h.closers, fn)
}

func (h *host) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, fn := range h.closers {
		fn()
	}
	h.closers = nil
}

// setup prepares the host for its fault.
func (h *host) setup() (err error) {
	h.provoke, err = h.fault.setup(h)
	return err
}

// up makes the namespace, plugs it in, and starts sshd.
func (h *host) up() error {
	if err := h.lab.namespace(h.ns); err != nil {
		return err
	}
	if err := h.lab.plug(h.ns, h.number); err != nil {
		return err
	}
	dir := h.lab.path(h.fault.name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if err := h.lab.keygen(h.fault.name, "hostkey"); err != nil {
		return err
	}
	config := fmt.Sprintf(`ListenAddress %v
HostKey %s/hostkey
AuthorizedKeysFile %s/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PidFile none
UseDNS no
MaxStartups 50
`, h.ipv4(), dir, dir)
	key, err := os.ReadFile(h.lab.path("id.pub"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(dir+"/authorized_keys", key, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(dir+"/sshd_config", []byte(config), 0o644); err != nil {
		return err
	}
	log, err := os.Create(dir + "/sshd.log")
	if err != nil {
		return err
	}
	defer log.Close()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	args := []string{"init", "--host", h.fault.name, "--dir", dir}
	if h.fault.busybox {
		args = append(args, "--busybox")
	}
	sshd := exec.Command(self, args...)
	sshd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	sshd.Stdout, sshd.Stderr = log, log
	sshd.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
	}
	if err := h.ns.do(sshd.Start); err != nil {
		return err
	}
	// It is not waited for before this, so it is there, as a zombie at least.
	if h.init, err = processOf(sshd.Process.Pid); err != nil {
		return err
	}
	h.ended = make(chan struct{})
	go func() {
		_ = sshd.Wait() // it is killed in the end
		close(h.ended)
	}()
	h.pidns = namespaceOf(h.init.PID, "pid")
	return h.lab.ledger.add(change{Process: h.init})
}

// ready waits until the host's sshd takes connections.
func (h *host) ready(ctx context.Context) error {
	address := netip.AddrPortFrom(h.ipv4(), 22).String()
	for range 200 {
		err := h.lab.controller().do(func() error {
			conn, err := net.DialTimeout("tcp4", address, time.Second)
			if err == nil {
				conn.Close()
			}
			return err
		})
		if err == nil {
			return nil
		}
		select {
		case <-h.ended:
			return fmt.Errorf("%s: sshd ended: %s", h.fault.name, h.log())
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s: sshd takes no connection: %s", h.fault.name, h.log())
}

// log is what sshd said.
func (h *host) log() string {
	text, _ := os.ReadFile(h.lab.path(h.fault.name, "sshd.log"))
	return string(text)
}

// framed is a frame of the peer for the host.
func (h *host) framed(packet []byte) []byte {
	ether := uint16(etherIPv4)
	if packet[0]>>4 == 6 {
		ether = etherIPv6
	}
	return frame(h.mac(), macOf(peerNumber), ether, packet)
}

// sendFrames sends frames from the peer.
func (h *host) sendFrames(frames ...[]byte) error {
	w, err := openWire(h.peer(), etherLocal)
	if err != nil {
		return err
	}
	defer w.close()
	return w.send(frames...)
}
