package remote

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/fleetdrop/fleetdrop/inventory"
)

// hostKeyOrder is OpenSSH's. The order of x/crypto kills the child of a dropbear that
// has only an ed25519 key, and makes a host that is known by one key look changed.
var hostKeyOrder = []string{
	ssh.CertAlgoED25519v01,
	ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
	ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01,
	ssh.KeyAlgoED25519,
	ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
	ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
}

// legacyHostKeys come last where the user allows them.
var legacyHostKeys = []string{ssh.CertAlgoRSAv01, ssh.KeyAlgoRSA}

// A trust is what the scan knows of host keys: the files, each read once, and the keys
// that it added.
type trust struct {
	policy HostKeyPolicy
	files  []string // instead of the endpoints' own
	legacy bool
	warn   func(string)

	mu     sync.RWMutex // guards the maps and what they hold
	read   map[string]*knownHosts
	warned map[string]bool

	writing sync.Mutex          // held while a key is added, so that the files are locked by one
	added   map[string][]string // "NAME FINGERPRINT" by file
}

func newTrust(f *Fleet) *trust {
	return &trust{
		policy: f.HostKeys, files: f.KnownHosts, legacy: f.LegacyAlgorithms, warn: f.warn,
		read: map[string]*knownHosts{}, warned: map[string]bool{}, added: map[string][]string{},
	}
}

// once warns of a thing the first time.
func (t *trust) once(text string) {
	t.mu.Lock()
	first := !t.warned[text]
	t.warned[text] = true
	t.mu.Unlock()
	if first {
		t.warn(text)
	}
}

// userFiles are the files of an endpoint to which a new key may be added, too.
func (t *trust) userFiles(e *inventory.Endpoint) []string {
	switch {
	case t.files != nil:
		return t.files
	case e.UserKnownHostsFiles != nil:
		return slices.DeleteFunc(slices.Clone(e.UserKnownHostsFiles), func(path string) bool { return path == "none" })
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return nil
	}
	return []string{filepath.Join(home, ".ssh/known_hosts"), filepath.Join(home, ".ssh/known_hosts2")}
}

func (t *trust) globalFiles(e *inventory.Endpoint) []string {
	switch {
	case t.files != nil:
		return nil
	case e.GlobalKnownHostsFiles != nil:
		return slices.DeleteFunc(slices.Clone(e.GlobalKnownHostsFiles), func(path string) bool { return path == "none" })
	}
	return []string{"/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"}
}

// lookup returns the lines of a file about a name. The file is read once.
func (t *trust) lookup(path, name string) []*knownKey {
	t.mu.RLock()
	k := t.read[path]
	if k != nil {
		defer t.mu.RUnlock()
		return k.lookup(name)
	}
	t.mu.RUnlock()
	k = t.load(path)
	for _, bad := range k.bad {
		t.once(bad)
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return k.lookup(name)
}

func (t *trust) load(path string) *knownHosts {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.read[path] == nil {
		k, err := readKnownHosts(path)
		if err != nil {
			k = newKnownHosts()
			k.bad = []string{bounded(err.Error())}
		}
		t.read[path] = k
	}
	return t.read[path]
}

// A hostCheck judges the host key of one connection. x/crypto gives back an error of
// its own making, so the verdict is kept here.
type hostCheck struct {
	trust    *trust
	endpoint *inventory.Endpoint
	indirect bool // through a bastion or a ProxyCommand
	ctx      context.Context
	name     string      // in known_hosts
	lines    []*knownKey // about that name
	noPort   []*knownKey // about the host without its port, if there are none about name
	known    bool        // the key was known before: a password may be sent
	accepted string      // the key that was judged good, in wire format
	verdict  *Error      // why the key was refused
}

// check prepares for judging the key of an endpoint.
func (t *trust) check(ctx context.Context, e *inventory.Endpoint, indirect bool) *hostCheck {
	c := &hostCheck{trust: t, endpoint: e, indirect: indirect, ctx: ctx, name: hostPort(e.Hostname, e.Port)}
	if e.HostKeyAlias != "" {
		c.name = strings.ToLower(e.HostKeyAlias)
	}
	c.lines = c.lookup(c.name)
	if bare := strings.ToLower(e.Hostname); len(c.lines) == 0 && e.HostKeyAlias == "" && bare != c.name {
		c.noPort = c.lookup(bare)
	}
	c.lines = append(c.lines, c.command("ORDER", nil)...)
	return c
}

func (c *hostCheck) lookup(name string) (lines []*knownKey) {
	for _, path := range append(c.trust.userFiles(c.endpoint), c.trust.globalFiles(c.endpoint)...) {
		lines = append(lines, c.trust.lookup(path, name)...)
	}
	return lines
}

// command asks KnownHostsCommand (ssh_config(5)), which is words, not a shell's line.
func (c *hostCheck) command(reason string, key ssh.PublicKey) []*knownKey {
	words := strings.Fields(c.endpoint.KnownHostsCommand)
	if len(words) == 0 || words[0] == "none" {
		return nil
	}
	keyType, blob, print := "NONE", "NONE", "NONE"
	if key != nil {
		keyType, blob = key.Type(), base64.StdEncoding.EncodeToString(key.Marshal())
		print = ssh.FingerprintSHA256(key)
	}
	tokens := strings.NewReplacer("%%", "%", "%H", c.name, "%I", reason, "%t", keyType, "%K", blob, "%f", print,
		"%k", cmp.Or(c.endpoint.HostKeyAlias, c.endpoint.Alias))
	for i := range words {
		words[i] = tokens.Replace(words[i])
	}
	ctx, cancel := context.WithTimeout(c.ctx, 5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		c.trust.once(fmt.Sprintf("KnownHostsCommand %s: %v", words[0], err))
		return nil
	}
	known, err := parseKnownHosts("KnownHostsCommand", bytes.NewReader(out))
	if err != nil {
		return nil
	}
	return known.lookup(c.name)
}

// algorithms returns what to ask the server for: first the types of the keys that are
// known, then all others, so that an unknown host is unknown and not without a common
// algorithm.
func (c *hostCheck) algorithms() []string {
	all := hostKeyOrder
	if c.trust.legacy {
		all = append(slices.Clone(all), legacyHostKeys...)
	}
	if c.endpoint.HostKeyAlgorithms != nil {
		// Those that OpenSSH has and x/crypto has not are left out.
		all = slices.DeleteFunc(slices.Clone(c.endpoint.HostKeyAlgorithms), func(a string) bool {
			return !slices.Contains(hostKeyOrder, a) && !slices.Contains(legacyHostKeys, a)
		})
	}
	var first, last []string
	for _, algorithm := range all {
		if c.knows(algorithm) {
			first = append(first, algorithm)
		} else {
			last = append(last, algorithm)
		}
	}
	return append(first, last...)
}

// knows says that a line could prove a key that is used with the algorithm.
func (c *hostCheck) knows(algorithm string) bool {
	certificate := strings.Contains(algorithm, "-cert-")
	for _, k := range append(slices.Clip(c.lines), c.noPort...) {
		switch {
		case k.marker == "@cert-authority" && certificate:
			return true
		case k.marker == "" && keyName(k.key.Type()) == keyName(algorithm) &&
			(keyName(algorithm) != "ECDSA" || strings.HasPrefix(algorithm, k.key.Type())):
			return true
		}
	}
	return false
}

// accept is called for the key exchange, and for later ones of the same connection, in
// which the key must stay the same.
func (c *hostCheck) accept(key ssh.PublicKey) *Error {
	blob := string(key.Marshal())
	switch {
	case c.accepted == "":
		c.verdict = c.judge(key)
	case c.accepted != blob:
		c.verdict = refuse("hostkey-mismatch", "", "the host key of %s changed during the connection", c.name)
	}
	if c.verdict == nil {
		c.accepted = blob
	}
	return c.verdict
}

// judge returns why a key is not the host's, as OpenSSH would: a certificate without a
// known authority counts as the key that it is for; a line without the port can prove a
// key, but not that it changed.
func (c *hostCheck) judge(key ssh.PublicKey) *Error {
	lines := append(slices.Clip(c.lines), c.command("HOSTNAME", key)...)
	if err := c.revoked(key, append(slices.Clip(lines), c.noPort...)); err != nil {
		return err
	}
	if cert, ok := key.(*ssh.Certificate); ok {
		for _, k := range append(slices.Clip(lines), c.noPort...) {
			if k.marker == "@cert-authority" && k.blob == string(cert.SignatureKey.Marshal()) {
				return c.certificate(cert, k)
			}
		}
		key = cert.Key
	}
	blob := string(key.Marshal())
	var others []*knownKey
	for _, k := range lines {
		if k.marker != "" {
			continue
		}
		if k.blob == blob {
			c.known = true
			return nil
		}
		others = append(others, k)
	}
	for _, k := range c.noPort {
		if k.marker == "" && k.blob == blob {
			c.known = true
			return nil
		}
	}
	if len(others) > 0 {
		return c.mismatch(key, others)
	}
	return c.unknown(key)
}

func refuse(code, hint, format string, args ...any) *Error {
	return &Error{Code: code, Stage: Kex, Message: bounded(fmt.Sprintf(format, args...)), Hint: hint}
}

func (c *hostCheck) mismatch(key ssh.PublicKey, others []*knownKey) *Error {
	var known []string
	for _, k := range others {
		known = append(known, fmt.Sprintf("%s (%s)", fingerprint(k.key), k.place))
	}
	file, _, _ := strings.Cut(others[0].place, ":")
	return refuse("hostkey-mismatch",
		fmt.Sprintf("find out why; only if the host was made anew: ssh-keygen -R '%s' -f %s", c.name, file),
		"the host key of %s has changed: it has %s, known is %s", c.name, fingerprint(key), strings.Join(known, ", "))
}

// unknown refuses the key, or adds it where the user wants that.
func (c *hostCheck) unknown(key ssh.PublicKey) *Error {
	accept := c.trust.policy == AcceptNew
	if c.trust.policy == AsConfigured {
		switch c.endpoint.StrictHostKeyChecking {
		case "accept-new":
			accept = true
		case "no", "off":
			accept = true
			c.trust.once("StrictHostKeyChecking no is taken as accept-new: a changed host key stays an error")
		}
	}
	if !accept {
		return refuse("hostkey-unknown", c.howToTrust(), "the host key of %s is not known: %s", c.name, fingerprint(key))
	}
	return c.trust.add(c, key)
}

// howToTrust is the next step with a host that is new.
func (c *hostCheck) howToTrust() string {
	files := c.trust.userFiles(c.endpoint)
	if c.indirect || c.endpoint.HostKeyAlias != "" || len(files) == 0 {
		return fmt.Sprintf("compare the fingerprint, then connect once with ssh %s; or scan with --host-key accept-new", c.endpoint.Alias)
	}
	port := ""
	if c.endpoint.Port != 22 {
		port = fmt.Sprintf("-p %d ", c.endpoint.Port)
	}
	return fmt.Sprintf("compare the fingerprint, then: ssh-keyscan %s%s >> %s; or scan with --host-key accept-new", port, c.endpoint.Hostname, files[0])
}

// certificate judges a certificate that a known authority signed.
func (c *hostCheck) certificate(cert *ssh.Certificate, authority *knownKey) *Error {
	principal := strings.ToLower(cmp.Or(c.endpoint.HostKeyAlias, c.endpoint.Hostname))
	var err error
	if cert.CertType == ssh.HostCert {
		err = (&ssh.CertChecker{}).CheckCert(principal, cert)
	} else {
		err = errors.New("it is not a host's")
	}
	if err != nil {
		return refuse("hostkey-ca", "let the authority of "+authority.place+" sign a new certificate for the host",
			"the certificate of %s (%q, serial %d) is not valid for it: %v", c.name, cert.KeyId, cert.Serial, err)
	}
	c.known = true
	return nil
}

// revoked looks at @revoked lines and at the file RevokedHostKeys. A certificate is
// revoked with its key or with its authority.
func (c *hostCheck) revoked(key ssh.PublicKey, lines []*knownKey) *Error {
	blobs := []string{string(key.Marshal())}
	if cert, ok := key.(*ssh.Certificate); ok {
		blobs = append(blobs, string(cert.Key.Marshal()), string(cert.SignatureKey.Marshal()))
	}
	for _, k := range lines {
		if k.marker == "@revoked" && slices.Contains(blobs, k.blob) {
			return refuse("hostkey-revoked", "give the host a new key", "the host key of %s is revoked: %s (%s)", c.name, fingerprint(key), k.place)
		}
	}
	path := c.endpoint.RevokedHostKeys
	if path == "" || path == "none" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return refuse("hostkey-revoked", "RevokedHostKeys must name a file that can be read", "no host key can be trusted: %v", err)
	}
	if bytes.HasPrefix(text, []byte("SSHKRL\n")) {
		return refuse("hostkey-revoked", "give RevokedHostKeys a text file with a public key on each line",
			"no host key can be trusted: %s is a binary revocation list, which cannot be read here", path)
	}
	for n, line := range bytes.Split(text, []byte("\n")) {
		if k, _, _, _, err := ssh.ParseAuthorizedKey(line); err == nil && slices.Contains(blobs, string(k.Marshal())) {
			return refuse("hostkey-revoked", "give the host a new key", "the host key of %s is revoked: %s (%s:%d)", c.name, fingerprint(key), path, n+1)
		}
	}
	return nil
}
