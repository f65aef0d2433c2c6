package remote

import (
	"crypto/rand"
	"strings"
	"testing"
)

// HashName is a name as HashKnownHosts writes it.
func HashName(name string) string {
	salt := make([]byte, 20)
	rand.Read(salt)
	return hashName(name, salt)
}

// Knows says that a file has a line about a name.
func Knows(t *testing.T, path, name string) bool {
	k, err := readKnownHosts(path)
	if err != nil {
		t.Fatal(err)
	}
	return len(k.lookup(strings.ToLower(name))) > 0
}
