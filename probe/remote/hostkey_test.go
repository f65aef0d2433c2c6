package remote_test

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/remote"
)

// openSSH is ssh's own verdict on a host key, in our words.
func openSSH(t *testing.T, s *sshd, known string, options ...string) string {
	t.Helper()
	args := []string{"-F", "none", "-v", "-o", "UserKnownHostsFile=" + known, "-o", "GlobalKnownHostsFile=none", "-o", "StrictHostKeyChecking=yes",
		"-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "IdentityFile=none", "-o", "IdentityAgent=none", "-o", "KexAlgorithms=curve25519-sha256",
		"-p", fmt.Sprint(s.port), "-l", s.user}
	for _, o := range options {
		args = append(args, "-o", o)
	}
	out, _ := exec.Command("ssh", append(args, "127.0.0.1", "true")...).CombinedOutput()
	said := string(out)
	switch {
	case strings.Contains(said, "Permission denied"): // it came to the login
		return "ok"
	case strings.Contains(said, "REVOKED HOST KEY"), strings.Contains(said, "revoked by file"), strings.Contains(said, "in revoked keys file"), strings.Contains(said, "is revoked"):
		return "hostkey-revoked"
	case strings.Contains(said, "HOST IDENTIFICATION HAS CHANGED"):
		return "hostkey-mismatch"
	case strings.Contains(said, "Certificate invalid"):
		return "hostkey-ca"
	case strings.Contains(said, "host key is known for"), strings.Contains(said, "no matching host key type"):
		return "hostkey-unknown"
	}
	t.Fatalf("ssh says\n%s", said)
	return ""
}

// TestHostKeys asks OpenSSH and us about the same files.
func TestHostKeys(t *testing.T) {
	needs(t, "ssh")
	keys := t.TempDir()
	names := map[string]ssh.Signer{}
	for name, generate := range map[string]func() (any, error){"ecdsa": ecdsaKey, "rsa": rsaKey, "ca": ed25519Key, "otherEd": ed25519Key, "otherEcdsa": ecdsaKey, "otherRSA": rsaKey} {
		names[name], _ = newSignerFrom(t, keys, name, generate)
	}
	plain := startSSHD(t, "HostKey "+filepath.Join(keys, "ecdsa"), "HostKey "+filepath.Join(keys, "rsa"))
	old := startSSHD(t, "HostKey "+filepath.Join(keys, "rsa"), "HostKeyAlgorithms rsa-sha2-512")

	// sshd reads its files again for each connection, so the certificate may come late.
	certificate := func(kind uint32, until uint64, principals ...string) *sshd {
		s := startSSHD(t, "HostCertificate DIR/host_ed25519-cert.pub")
		cert := &ssh.Certificate{Key: s.host.PublicKey(), CertType: kind, KeyId: "test", ValidPrincipals: principals, ValidBefore: until}
		if err := cert.SignCert(rand.Reader, names["ca"]); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(s.dir, "host_ed25519-cert.pub"), string(ssh.MarshalAuthorizedKey(cert)))
		return s
	}
	certified := certificate(ssh.HostCert, ssh.CertTimeInfinity, "other", "127.0.0.1")

	for _, test := range []struct {
		name     string
		server   *sshd
		known    string // NAME is the host's, KEY:x a key
		options  []string
		endpoint func(*inventory.Endpoint)
	}{
		{name: "nothing", known: ""},
		{name: "ed25519", known: "NAME KEY:ed"},
		{name: "only rsa", known: "NAME KEY:rsa"},
		{name: "only ecdsa", known: "NAME KEY:ecdsa"},
		{name: "hashed", known: "HASH KEY:ed"},
		{name: "hashed rsa", known: "HASH KEY:rsa"},
		{name: "CRLF and a comment", known: "# hello\r\n\r\nNAME KEY:ed some one\r\n"},
		{name: "the last line has no newline", known: "NAME KEY:ed\\"},
		{name: "changed", known: "NAME KEY:otherEd"},
		{name: "changed rsa", known: "NAME KEY:otherRSA"},
		{name: "one type changed, another right", known: "NAME KEY:otherEd\nNAME KEY:rsa"},
		{name: "a better type right, another changed", known: "NAME KEY:otherRSA\nNAME KEY:ed"},
		{name: "two of one type, the second right", known: "NAME KEY:otherEd\nNAME KEY:ed"},
		{name: "a type that the server has not, another that it has not", server: old, known: "NAME KEY:otherEd"},
		{name: "old server", server: old, known: "NAME KEY:rsa"},
		{name: "without the port", known: "127.0.0.1 KEY:ed"},
		{name: "without the port, hashed", known: "HASH0 KEY:ed"},
		{name: "without the port, another key", known: "127.0.0.1 KEY:otherEd"},
		{name: "another port", known: "[127.0.0.1]:1 KEY:ed"},
		{name: "a star", known: "* KEY:ed"},
		{name: "a pattern", known: "127.*,foo KEY:ed"},
		{name: "a question mark", known: "[127.0.0.?]:* KEY:ed"},
		{name: "but not this one", known: "*,!NAME KEY:ed"},
		{name: "but not this one, first", known: "!NAME,* KEY:ed"},
		{name: "a list", known: "a,b,NAME,c KEY:ed"},
		{name: "revoked and known", known: "NAME KEY:ed\n@revoked NAME KEY:ed"},
		{name: "revoked for all", known: "@revoked * KEY:ed\nNAME KEY:ed"},
		{name: "one type revoked, another known", known: "@revoked * KEY:ed\nNAME KEY:rsa"},
		{name: "an authority and a plain host", known: "@cert-authority * KEY:ca"},
		{name: "an authority and the plain key", known: "@cert-authority * KEY:ca\nNAME KEY:ed"},
		{name: "bad lines", known: "garbage\nNAME ssh-nonsense AAAA\nNAME ssh-ed25519 !!!\nNAME 1024 35 12345\n@nonsense NAME KEY:ed\nNAME ssh-dss AAAAB3NzaC1kc3MAAACB\nNAME KEY:ed"},
		{name: "a bad last line", known: "NAME KEY:ed\nNAME ssh-rsa AAAAB3Nza"},
		{name: "a bad line for the host alone", known: "NAME ssh-ed25519 AAAA"},
		{name: "a type that is not the key's", known: "NAME ssh-rsa BLOB:ed"},
		{name: "a line longer than others", known: strings.Repeat("x", 70_000) + " KEY:ed\nNAME KEY:ed"},
		{name: "upper case", known: "[127.0.0.1]:PORT,FOO KEY:ed"},
		{name: "alias", known: "other KEY:ed", options: []string{"HostKeyAlias=Other"}, endpoint: func(e *inventory.Endpoint) { e.HostKeyAlias = "Other" }},
		{name: "alias that is unknown", known: "NAME KEY:ed", options: []string{"HostKeyAlias=other"}, endpoint: func(e *inventory.Endpoint) { e.HostKeyAlias = "other" }},
		{name: "a certificate", server: certified, known: "@cert-authority * KEY:ca"},
		{name: "a certificate without the port", server: certified, known: "@cert-authority 127.0.0.1 KEY:ca"},
		{name: "a certificate of an unknown authority", server: certified, known: "@cert-authority * KEY:otherEd"},
		{name: "an unknown authority, the key known", server: certified, known: "@cert-authority * KEY:otherEd\nNAME KEY:ed"},
		{name: "no authority, the key known", server: certified, known: "NAME KEY:ed"},
		{name: "an authority for others", server: certified, known: "@cert-authority *.example.com KEY:ca"},
		{name: "a revoked authority", server: certified, known: "@cert-authority * KEY:ca\n@revoked * KEY:ca"},
		{name: "a certificate for another host", server: certificate(ssh.HostCert, ssh.CertTimeInfinity, "elsewhere"), known: "@cert-authority * KEY:ca"},
		{name: "a certificate with a pattern", server: certificate(ssh.HostCert, ssh.CertTimeInfinity, "127.*"), known: "@cert-authority * KEY:ca"},
		{name: "a certificate for no host", server: certificate(ssh.HostCert, ssh.CertTimeInfinity), known: "@cert-authority * KEY:ca"},
		{name: "a certificate that is over", server: certificate(ssh.HostCert, 1_000_000, "127.0.0.1"), known: "@cert-authority * KEY:ca"},
		{name: "a certificate and an alias", server: certified, known: "@cert-authority * KEY:ca", options: []string{"HostKeyAlias=other"},
			endpoint: func(e *inventory.Endpoint) { e.HostKeyAlias = "other" }},
		{name: "revoked by a file", known: "NAME KEY:ed", options: []string{"RevokedHostKeys=" + filepath.Join(plain.dir, "host_ed25519.pub")},
			endpoint: func(e *inventory.Endpoint) { e.RevokedHostKeys = filepath.Join(plain.dir, "host_ed25519.pub") }},
		{name: "a file of revoked keys that is not there", known: "NAME KEY:ed", options: []string{"RevokedHostKeys=/nonexistent"},
			endpoint: func(e *inventory.Endpoint) { e.RevokedHostKeys = "/nonexistent" }},
		{name: "KnownHostsCommand", known: "", options: []string{"KnownHostsCommand=/bin/cat " + plain.known},
			endpoint: func(e *inventory.Endpoint) { e.KnownHostsCommand = "/bin/cat " + plain.known }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := test.server
			if s == nil {
				s = plain
			}
			name := fmt.Sprintf("[127.0.0.1]:%d", s.port)
			names["ed"] = s.host
			text := strings.NewReplacer("NAME", name, "PORT", fmt.Sprint(s.port), "HASH0", remote.HashName("127.0.0.1"), "HASH", remote.HashName(name)).Replace(test.known)
			for key, signer := range names {
				line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
				text = strings.ReplaceAll(text, "KEY:"+key+"\n", line+"\n")
				text = strings.ReplaceAll(text, "KEY:"+key+" ", line+" ")
				if rest, ok := strings.CutSuffix(text, "KEY:"+key); ok {
					text = rest + line + "\n"
				}
				if rest, ok := strings.CutSuffix(text, "KEY:"+key+`\`); ok {
					text = rest + line
				}
				text = strings.ReplaceAll(text, "BLOB:"+key, strings.Fields(line)[1])
			}
			known := write(t, filepath.Join(t.TempDir(), "known_hosts"), text)
			e := s.endpoint()
			e.UserKnownHostsFiles, e.IdentityFiles = []string{known}, []string{}
			if test.endpoint != nil {
				test.endpoint(&e)
			}
			want := openSSH(t, s, known, test.options...)
			r := one(t, t.Context(), &remote.Fleet{Script: probe.Script(), Warn: func(string) {}}, e)
			if got := strings.Replace(code(r), "auth/no-key", "ok", 1); got != want {
				t.Errorf("%s, OpenSSH says %s (%v)", got, want, r.Err)
			}
			if want != "ok" && (!strings.Contains(r.Err.Message, "127.0.0.1") && !strings.Contains(r.Err.Message, "other") && !strings.Contains(r.Err.Message, "nonexistent") || r.Err.Hint == "") {
				t.Errorf("%v (%s)", r.Err, r.Err.Hint)
			}
			if after, _ := os.ReadFile(known); string(after) != text {
				t.Error("the file was changed")
			}
		})
	}
}

// TestLookup asks ssh-keygen -F and us which lines are about a host.
func TestLookup(t *testing.T) {
	keygen := needs(t, "ssh-keygen")
	key, _ := newSigner(t)
	line := " " + string(ssh.MarshalAuthorizedKey(key.PublicKey()))
	path := filepath.Join(t.TempDir(), "known_hosts")
	for _, hosts := range []string{
		"web-17", "WEB-17", "web-*", "web-1?", "web-??", "*", "a,web-17", "a,!web-17", "*,!web-*", "!web-17,*", "*7", "web-17*", "w*b*1*", "?eb-17",
		"[web-17]:22", "[web-17]:2222", "[web-17]:*", "[*]:2222", "*:2222", "[WEB-17]:2222", "", "**", "web", "web-170",
		remote.HashName("web-17"), remote.HashName("[web-17]:2222"), remote.HashName("other"),
	} {
		write(t, path, hosts+line)
		for _, name := range []string{"web-17", "[web-17]:2222", "other"} {
			out, _ := exec.Command(keygen, "-F", name, "-f", path).CombinedOutput()
			want := strings.Contains(string(out), "found: line 1")
			if got := remote.Knows(t, path, name); got != want {
				t.Errorf("%q in a line for %q: %t, ssh-keygen -F says %t: %s", name, hosts, got, want, out)
			}
		}
	}
}

// TestAcceptNew adds keys: each once, hashed if so configured, and never in place of one
// that is known.
func TestAcceptNew(t *testing.T) {
	p := newPair(t)
	path := filepath.Join(p.dir, "new", "known_hosts")
	var hosts []inventory.Host
	for i := range 20 {
		e := p.endpoint(p.shell(t, hello))
		e.UserKnownHostsFiles, e.HashKnownHosts = []string{path}, i%2 == 0
		hosts = append(hosts, inventory.Host{Name: fmt.Sprint(i), Endpoint: e})
		hosts = append(hosts, inventory.Host{Name: fmt.Sprint(i, " again"), Endpoint: e})
	}
	var warned []string
	fleet := func() *remote.Fleet {
		return &remote.Fleet{Rate: 1000, HostKeys: remote.AcceptNew, Warn: func(text string) { warned = append(warned, text) }}
	}
	for name, r := range scan(t, t.Context(), fleet(), hosts) {
		if r.Err != nil {
			t.Errorf("%s: %s %v", name, r.Err.Code, r.Err)
		}
	}
	if len(warned) != 1 || !strings.HasPrefix(warned[0], "added 20 host keys to "+path) {
		t.Errorf("warned %q", warned)
	}
	text, err := os.ReadFile(path)
	if err != nil || strings.Count(string(text), "\n") != 20 || strings.Count(string(text), "|1|") != 10 {
		t.Errorf("%v:\n%s", err, text)
	}
	// What was added is known from now on, and a file without a last newline is kept whole.
	write(t, path, strings.TrimSuffix(string(text), "\n"))
	strict := fleet()
	strict.HostKeys = remote.Strict
	extra := p.endpoint(p.shell(t, hello))
	extra.UserKnownHostsFiles, extra.StrictHostKeyChecking = []string{path}, "accept-new"
	for name, r := range scan(t, t.Context(), strict, append(hosts, inventory.Host{Name: "extra", Endpoint: extra})) {
		if want := map[bool]string{true: "hostkey-unknown", false: "ok"}[name == "extra"]; code(r) != want {
			t.Errorf("%s: %s, want %s", name, code(r), want)
		}
	}
	configured := fleet()
	configured.HostKeys = remote.AsConfigured
	if r := one(t, t.Context(), configured, extra); r.Err != nil {
		t.Errorf("%v", r.Err)
	}
	// Now the host has another key.
	p.host, _ = newSigner(t)
	other := newPair(t)
	other.login = p.login
	changed := other.endpoint(other.shell(t, hello))
	changed.IdentityFiles, changed.UserKnownHostsFiles, changed.HostKeyAlias = []string{p.identity}, []string{path}, fmt.Sprintf("[127.0.0.1]:%d", extra.Port)
	if r := one(t, t.Context(), fleet(), changed); code(r) != "hostkey-mismatch" {
		t.Errorf("a changed key: %s", code(r))
	}
	if after, _ := os.ReadFile(path); strings.Count(string(after), "\n") != 21 {
		t.Errorf("the file has now\n%s", after)
	}
}
