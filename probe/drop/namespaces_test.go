//go:build linux

package drop

import (
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fleetdrop/fleetdrop/probe"
)

// TestNamespaces provokes losses in a network namespace of its own, on loopback, and has
// the real script read the real kernel: the right rule must name the loss, and a host that
// loses nothing, or no longer, must not be blamed.
func TestNamespaces(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root for a network namespace")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip(err)
	}
	for _, test := range []struct {
		name    string
		tool    string // that it takes
		provoke func(t *testing.T)
		want    []string // rules that find a loss that goes on
	}{
		{"clean", "", traffic, nil},
		{"nobody accepts", "", overflowAcceptQueue, []string{"FD601"}},
		{"nobody reads", "", overflowReceiveBuffer, []string{"FD711"}},
		{"nobody listens", "", sendToNoPort, nil},
		{"a firewall rule", "iptables", hitFirewallRule, []string{"FD401"}},
		{"a firewall rule that does not count", "nft", hitSilentRule, []string{"FD406"}},
		{"no route", "", sendToNowhere, []string{"FD504"}},
		{"nobody reads a raw socket", "", overflowRawSocket, []string{"FD802"}},
		{"a socket's own filter", "", sendToFilter, []string{"FD715"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(test.tool); test.tool != "" && err != nil {
				t.Skip(err)
			}
			for _, id := range test.want {
				if !slices.ContainsFunc(Catalogue(), func(r *Rule) bool { return r.ID == id }) {
					t.Fatalf("the catalogue has no %s", id)
				}
			}
			inNamespace(t, func() {
				during := judgeHere(t, func() { traffic(t); test.provoke(t) })
				after := judgeHere(t, func() { traffic(t) })
				if got := lossy(during); !slices.Equal(got, test.want) {
					t.Errorf("while it goes on: %v, want %v: %v", got, test.want, everything(during))
				}
				if got := lossy(after); len(got) > 0 {
					t.Errorf("when it is over: %v", everything(after))
				}
			})
		})
	}
}

// lossy returns the rules that say that something is being lost; not in the namespaces of the
// tests beside this one.
func lossy(verdicts []Verdict) (ids []string) {
	for _, v := range verdicts {
		if slices.ContainsFunc(v.Findings, func(f Finding) bool { return f.Kind == Dropping && f.Netns == nil }) {
			ids = append(ids, v.Rule)
		}
	}
	return ids
}

func everything(verdicts []Verdict) (said []string) {
	for _, v := range verdicts {
		for _, f := range v.Findings {
			said = append(said, f.Rule+" "+f.String())
		}
	}
	return said
}

// inNamespace runs f on a thread in a network namespace of its own, with a /sys that shows
// it. The thread ends with f, and the namespace with the thread.
func inNamespace(t *testing.T, f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked, so that the thread is not used again
		if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS); err != nil {
			t.Errorf("unshare: %v", err)
			return
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			t.Errorf("mount --make-rprivate /: %v", err)
			return
		}
		if err := unix.Mount("sysfs", "/sys", "sysfs", 0, ""); err != nil {
			t.Errorf("mount /sys: %v", err)
			return
		}
		if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
			t.Errorf("ip link set lo up: %v %s", err, out)
			return
		}
		f()
	}()
	<-done
}

// judgeHere samples this host twice, with the loss in between.
func judgeHere(t *testing.T, between func()) []Verdict {
	const nonce = "0123456789abcdef"
	cmd := exec.Command("sh", "-s", nonce, "3")
	cmd.Stdin = strings.NewReader(probe.Script(Sections(Catalogue())...))
	var out strings.Builder
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return nil
	}
	time.Sleep(1500 * time.Millisecond) // the first sample takes a fraction of that
	between()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
		return nil
	}
	c, err := probe.ParseOutput(out.String(), nonce)
	if err != nil {
		t.Error(err)
		return nil
	}
	return Judge(Catalogue(), nil, probe.NewSnapshot(c))
}

// traffic is what a host does that loses nothing: connections that are accepted, datagrams
// that are read.
func traffic(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Error(err)
		return
	}
	defer l.Close()
	for range 200 {
		client, err := net.Dial("tcp4", l.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		server, err := l.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		server.Close()
		client.Close()
	}
}

func overflowAcceptQueue(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Error(err)
		return
	}
	defer unix.Close(fd)
	at := &unix.SockaddrInet4{Port: 8081, Addr: [4]byte{127, 0, 0, 1}}
	if err := unix.Bind(fd, at); err != nil {
		t.Error(err)
	}
	if err := unix.Listen(fd, 1); err != nil {
		t.Error(err)
	}
	for range 30 {
		client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer unix.Close(client)
		unix.Connect(client, at) // EINPROGRESS, and for most of them for ever
	}
	time.Sleep(time.Second) // the sockets must be there for the second sample
}

func overflowReceiveBuffer(t *testing.T) {
	server, err := net.ListenPacket("udp4", "127.0.0.1:9000")
	if err != nil {
		t.Error(err)
		return
	}
	if err := server.(*net.UDPConn).SetReadBuffer(8 << 10); err != nil {
		t.Error(err)
	}
	t.Cleanup(func() { server.Close() })
	send(t, "127.0.0.1:9000", 2000)
}

func sendToNoPort(t *testing.T) { send(t, "127.0.0.1:9001", 2000) }

func hitFirewallRule(t *testing.T) {
	out, err := exec.Command("iptables", "-A", "INPUT", "-p", "udp", "--dport", "9002", "-j", "DROP").CombinedOutput()
	if err != nil {
		t.Errorf("iptables: %v %s", err, out)
		return
	}
	send(t, "127.0.0.1:9002", 2000)
}

func hitSilentRule(t *testing.T) {
	for _, command := range []string{
		"add table inet t", "add chain inet t in { type filter hook input priority 0; }", "add rule inet t in udp dport 9003 drop",
	} {
		if out, err := exec.Command("nft", command).CombinedOutput(); err != nil {
			t.Errorf("nft %s: %v %s", command, err, out)
			return
		}
	}
	send(t, "127.0.0.1:9003", 2000)
}

func sendToNowhere(t *testing.T) {
	client, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Error(err)
		return
	}
	defer client.Close()
	nowhere := &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 9}
	for range 2000 {
		client.WriteTo([]byte("x"), nowhere) // ENETUNREACH
	}
}

func overflowRawSocket(t *testing.T) {
	const protocol = 253 // for experiments: nobody else speaks it
	server, err := net.ListenPacket("ip4:253", "127.0.0.1")
	if err != nil {
		t.Error(err)
		return
	}
	t.Cleanup(func() { server.Close() })
	if err := server.(*net.IPConn).SetReadBuffer(8 << 10); err != nil {
		t.Error(err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		t.Error(err)
		return
	}
	defer unix.Close(fd)
	for range 2000 {
		if err := unix.Sendto(fd, make([]byte, 500), 0, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			t.Error(err)
			return
		}
	}
}

func sendToFilter(t *testing.T) {
	server, err := net.ListenPacket("udp4", "127.0.0.1:9004")
	if err != nil {
		t.Error(err)
		return
	}
	t.Cleanup(func() { server.Close() })
	none := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K} // takes 0 bytes of each packet
	raw, err := server.(*net.UDPConn).SyscallConn()
	if err != nil {
		t.Error(err)
		return
	}
	raw.Control(func(fd uintptr) {
		if err := unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &none}); err != nil {
			t.Error(err)
		}
	})
	send(t, "127.0.0.1:9004", 2000)
}

func send(t *testing.T, address string, datagrams int) {
	client, err := net.Dial("udp4", address)
	if err != nil {
		t.Error(err)
		return
	}
	defer client.Close()
	for range datagrams {
		client.Write(make([]byte, 500)) // ECONNREFUSED where nobody listens
	}
}
