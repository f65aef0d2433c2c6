package remote

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// publicKey is a key that is the same for the same number.
func publicKey(tb testing.TB, n int) string {
	tb.Helper()
	private := ed25519.NewKeyFromSeed([]byte(fmt.Sprintf("%032d", n)))
	key, err := ssh.NewPublicKey(private.Public())
	if err != nil {
		tb.Fatal(err)
	}
	return string(ssh.MarshalAuthorizedKey(key))
}

// FuzzKnownHosts has no line of a file stop the others from being read.
func FuzzKnownHosts(f *testing.F) {
	good := "good.example " + publicKey(f, 1)
	f.Add(good)
	f.Add("@revoked *,!a? ssh-rsa AAAA\n|1|AAAA|BBBB " + publicKey(f, 2))
	f.Fuzz(func(t *testing.T, text string) {
		k, err := parseKnownHosts("f", strings.NewReader(text+"\n"+good))
		if err != nil {
			t.Fatal(err)
		}
		if k.size != int64(len(text)+1+len(good)) {
			t.Errorf("%d bytes of %d", k.size, len(text)+1+len(good))
		}
		if len(k.lookup("good.example")) == 0 {
			t.Errorf("the good line is not found in %q", text)
		}
	})
}

// FuzzPattern compares with a matcher that is plain and slow.
func FuzzPattern(f *testing.F) {
	var slow func(p, n string) bool
	slow = func(p, n string) bool {
		switch {
		case p == "":
			return n == ""
		case p[0] == '*':
			return slow(p[1:], n) || n != "" && slow(p, n[1:])
		}
		return n != "" && (p[0] == '?' || p[0] == n[0]) && slow(p[1:], n[1:])
	}
	f.Add("w*b-?7*", "web-17")
	f.Add("*a*a*b", "aaaaaaaaab")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 12 || len(name) > 12 {
			return
		}
		if got, want := matchPattern(pattern, name), slow(pattern, name); got != want {
			t.Errorf("%q, %q: %t", pattern, name, got)
		}
	})
}

// BenchmarkHashedLookup looks for one host among 10,000 hashed ones.
func BenchmarkHashedLookup(b *testing.B) {
	var file bytes.Buffer
	for i := range 10_000 {
		fmt.Fprintf(&file, "%s %s", hashName(fmt.Sprintf("host-%d", i), []byte(fmt.Sprintf("%020d", i))), publicKey(b, i))
	}
	k, err := parseKnownHosts("f", &file)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if len(k.lookup("host-5000")) != 1 {
			b.Fatal("not found")
		}
	}
}
