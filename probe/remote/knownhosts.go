package remote

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha1" // what hashed lines of known_hosts use; it hides names, it secures nothing
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
)

// A knownHosts is what a known_hosts file says (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).
// A line that cannot be read is left out, as OpenSSH does, and does not cost the others.
type knownHosts struct {
	exact    map[string][]*knownKey // lines that name hosts without a pattern, by name
	patterns []*knownKey            // lines with a star, a question mark, an exclamation mark or a hash
	bad      []string               // "FILE:17: why it was left out"
	size     int64                  // bytes
}

func newKnownHosts() *knownHosts { return &knownHosts{exact: map[string][]*knownKey{}} }

// A knownKey is one line.
type knownKey struct {
	marker string // "", "@cert-authority" or "@revoked"
	hosts  string // as the line has it
	hashed *hashed
	key    ssh.PublicKey
	blob   string // the key in wire format
	place  string // "FILE:17"
}

// maxName is longer than any host with its port: a name of the DNS has at most 253 bytes.
const maxName = 288

// maxKnownHostsLine is longer than any key; OpenSSH has no limit of its own.
const maxKnownHostsLine = 64 << 10

// readKnownHosts reads a file. One that does not exist is empty.
func readKnownHosts(path string) (*knownHosts, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return newKnownHosts(), nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parseKnownHosts(path, f)
}

func parseKnownHosts(name string, r io.Reader) (*knownHosts, error) {
	k := newKnownHosts()
	lines := bufio.NewReader(r)
	for n := 1; ; n++ {
		line, size, err := readLine(lines)
		k.size += size
		if line == nil {
			if err == io.EOF {
				err = nil
			}
			return k, err
		}
		place := fmt.Sprintf("%s:%d", name, n)
		if err := k.add(string(line), place); err != nil {
			k.bad = append(k.bad, fmt.Sprintf("%s: ignored (%v)", place, err))
		}
	}
}

// readLine returns one line, of which no more than a bit over maxKnownHostsLine is kept,
// and its size; nil at the end.
func readLine(r *bufio.Reader) (line []byte, size int64, err error) {
	for {
		part, err := r.ReadSlice('\n')
		size += int64(len(part))
		if len(part) > 0 && len(line) <= maxKnownHostsLine {
			line = append(line, part...)
		}
		if err != bufio.ErrBufferFull {
			return line, size, err
		}
	}
}

// add takes in one line.
func (k *knownHosts) add(line, place string) error {
	if len(line) > maxKnownHostsLine {
		return errors.New("the line is too long")
	}
	words := strings.Fields(line)
	if len(words) == 0 || words[0][0] == '#' {
		return nil
	}
	key := &knownKey{place: place}
	if words[0][0] == '@' {
		key.marker, words = words[0], words[1:]
		if key.marker != "@cert-authority" && key.marker != "@revoked" {
			return fmt.Errorf("unknown marker %q", key.marker)
		}
	}
	if len(words) < 3 {
		return errors.New("not a line HOSTS TYPE KEY")
	}
	blob, err := base64.StdEncoding.DecodeString(words[2])
	if err != nil {
		return errors.New("the key is not base64")
	}
	key.hosts, key.blob = words[0], string(blob)
	if key.key, err = ssh.ParsePublicKey(blob); err != nil {
		return errors.New("not a key of a known type")
	}
	if key.key.Type() != words[1] {
		return fmt.Errorf("the key is %s, the line says %s", key.key.Type(), bounded(words[1]))
	}
	if strings.HasPrefix(key.hosts, "|") {
		if key.hashed = parseHashed(key.hosts); key.hashed == nil {
			return errors.New("not a hashed name")
		}
	}
	if strings.ContainsAny(key.hosts, "*?!|") {
		k.patterns = append(k.patterns, key)
		return nil
	}
	for name := range strings.SplitSeq(strings.ToLower(key.hosts), ",") {
		k.exact[name] = append(k.exact[name], key)
	}
	return nil
}

// lookup returns the lines that are about a name, which is in lower case and, with a
// port other than 22, of the form "[host]:port".
func (k *knownHosts) lookup(name string) []*knownKey {
	found := k.exact[name]
	found = found[:len(found):len(found)]
	for _, key := range k.patterns {
		if key.matches(name) {
			found = append(found, key)
		}
	}
	return found
}

func (k *knownKey) matches(name string) bool {
	if k.hashed != nil {
		return k.hashed.matches(name)
	}
	return matchList(k.hosts, name)
}

// A hashed is a name as HashKnownHosts writes it (ssh_config(5)): "|1|SALT|HASH", the
// hash being the HMAC-SHA1 of the name with the salt as the key.
type hashed struct{ salt, hash [sha1.Size]byte }

func parseHashed(text string) *hashed {
	rest, ok := strings.CutPrefix(text, "|1|")
	salt, hash, parted := strings.Cut(rest, "|")
	s, saltErr := base64.StdEncoding.DecodeString(salt)
	h, hashErr := base64.StdEncoding.DecodeString(hash)
	if !ok || !parted || saltErr != nil || hashErr != nil || len(s) != sha1.Size || len(h) != sha1.Size {
		return nil
	}
	return &hashed{[sha1.Size]byte(s), [sha1.Size]byte(h)}
}

// matches computes the HMAC by hand: each host is looked for in each hashed line, and
// crypto/hmac would allocate nine times for each of them.
func (h *hashed) matches(name string) bool {
	var inner [sha1.BlockSize + maxName]byte
	var outer [sha1.BlockSize + sha1.Size]byte
	if len(name) > maxName {
		return false
	}
	for i := range sha1.BlockSize {
		inner[i], outer[i] = 0x36, 0x5c
	}
	for i, b := range h.salt {
		inner[i] ^= b
		outer[i] ^= b
	}
	copy(inner[sha1.BlockSize:], name)
	sum := sha1.Sum(inner[:sha1.BlockSize+len(name)])
	copy(outer[sha1.BlockSize:], sum[:])
	return sha1.Sum(outer[:]) == h.hash
}

// hashName makes what matches recognizes.
func hashName(name string, salt []byte) string {
	mac := hmac.New(sha1.New, salt)
	io.WriteString(mac, name)
	return "|1|" + base64.StdEncoding.EncodeToString(salt) + "|" + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// matchList says that one pattern of a list matches the name and that none with an
// exclamation mark does (ssh_config(5), PATTERNS).
func matchList(list, name string) (matched bool) {
	for pattern := range strings.SplitSeq(strings.ToLower(list), ",") {
		pattern, negated := strings.CutPrefix(pattern, "!")
		if !matchPattern(pattern, name) {
			continue
		}
		if negated {
			return false
		}
		matched = true
	}
	return matched
}

// matchPattern knows the star and the question mark. It goes back only to the last star,
// so no pattern makes it slow.
func matchPattern(pattern, name string) bool {
	p, n, star, from := 0, 0, -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
		case star >= 0:
			from++
			p, n = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// hostPort is how known_hosts names a host: with its port only where that is not 22.
func hostPort(host string, port int) string {
	host = strings.ToLower(host)
	if port == 0 || port == 22 {
		return host
	}
	return "[" + host + "]:" + strconv.Itoa(port)
}

// fingerprint is a key as people compare it: "ED25519 SHA256:…".
func fingerprint(key ssh.PublicKey) string {
	return keyName(key.Type()) + " " + ssh.FingerprintSHA256(plain(key))
}

// plain returns the key that a certificate is for.
func plain(key ssh.PublicKey) ssh.PublicKey {
	if cert, ok := key.(*ssh.Certificate); ok {
		return cert.Key
	}
	return key
}

// keyName is the type of a key as ssh-keygen prints it.
func keyName(keyType string) string {
	upper := strings.ToUpper(keyType)
	for _, name := range []string{"ED25519", "ECDSA", "RSA", "DSA"} {
		if strings.Contains(upper, name) || name == "DSA" && strings.Contains(keyType, "dss") {
			return name
		}
	}
	return keyType
}
