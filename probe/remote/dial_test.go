//go:build linux

package remote_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe/remote"
)

// TestUnreachable has no connection come about, for one reason each.
func TestUnreachable(t *testing.T) {
	p := newPair(t)
	nobody := p.endpoint(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: freePort(t)})
	for _, test := range []struct {
		name, code string
		endpoint   func(*inventory.Endpoint)
	}{
		{"nobody listens", "refused", func(*inventory.Endpoint) {}},
		{"no such name", "dns", func(e *inventory.Endpoint) { e.Hostname = "does not exist" }},
		{"not an address to bind", "config", func(e *inventory.Endpoint) { e.BindAddress = "eth0" }},
		{"an address that is not ours", "unreachable", func(e *inventory.Endpoint) { e.BindAddress = "192.0.2.1" }},
		{"the wrong family", "unreachable", func(e *inventory.Endpoint) { e.AddressFamily = "inet6" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := nobody
			test.endpoint(&e)
			r := one(t, t.Context(), &remote.Fleet{}, e)
			if code(r) != test.code {
				t.Errorf("%s, want %s: %v", code(r), test.code, r.Err)
			}
			if r.Err.Message == "" {
				t.Error("no message")
			}
		})
	}
}

// TestFullQueue meets a listener whose accept queue is full: SYNs are dropped.
func TestFullQueue(t *testing.T) {
	address := fullQueue(t)
	p := newPair(t)
	r := one(t, t.Context(), &remote.Fleet{ConnectTimeout: 300 * time.Millisecond}, p.endpoint(address))
	if code(r) != "timeout@tcp" || r.Err.Stage != remote.TCP {
		t.Errorf("%s: %v", code(r), r.Err)
	}
}

// TestAlgorithms meets a server that is too old, and one that has what is named for it.
func TestAlgorithms(t *testing.T) {
	old := newPair(t)
	old.serverConfig.KeyExchanges = []string{ssh.InsecureKeyExchangeDH14SHA1}
	e := old.endpoint(old.shell(t, hello))
	r := one(t, t.Context(), &remote.Fleet{}, e)
	if code(r) != "algo" || !strings.Contains(r.Err.Message, "curve25519") || !strings.Contains(r.Err.Message, "group14-sha1") {
		t.Errorf("%s: %v", code(r), r.Err)
	}
	if r := one(t, t.Context(), &remote.Fleet{LegacyAlgorithms: true}, e); r.Err != nil {
		t.Errorf("legacy algorithms: %v", r.Err)
	}
	named := e
	named.KexAlgorithms = []string{"sntrup761x25519-sha512@openssh.com", ssh.InsecureKeyExchangeDH14SHA1}
	if r := one(t, t.Context(), &remote.Fleet{}, named); r.Err != nil {
		t.Errorf("named for the host: %v", r.Err)
	}
	named.KexAlgorithms = []string{"sntrup761x25519-sha512@openssh.com"}
	if r := one(t, t.Context(), &remote.Fleet{}, named); code(r) != "config" {
		t.Errorf("only unknown ones: %s %v", code(r), r.Err)
	}
}
