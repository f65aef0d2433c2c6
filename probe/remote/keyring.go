package remote

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/fleetdrop/fleetdrop/inventory"
)

// A keyring holds what the controller can log in with. All of it is read, and all
// passphrases are asked, before the first connection.
type keyring struct {
	legacy   bool
	warn     func(string)
	password string // "" for none
	files    map[string]*keyFile
	agents   map[string]*agentSocket // by path
	sets     map[string]*keySet      // by identities
	slow     sync.Once
}

// A keySet is what an endpoint is offered.
type keySet struct {
	offers     []offer
	complaints []string // why files that are named are not among the offers
	locked     bool     // one of them because it is encrypted
}

// A keyFile is a file that an IdentityFile names.
type keyFile struct {
	path      string
	public    ssh.PublicKey
	cert      *ssh.Certificate // of the file PATH-cert.pub
	signer    ssh.Signer       // nil if only the public key is there, or the file is encrypted
	encrypted []byte           // the file
	err       error            // why it cannot be used
}

// An offer is one key to try. It is one of a file or one of an agent.
type offer struct {
	name   string // "ED25519 SHA256:… of /home/ada/.ssh/id_ed25519"
	public ssh.PublicKey
	cert   *ssh.Certificate // offered instead of the key
	signer ssh.Signer
	agent  *agentSocket
}

func newKeyring(f *Fleet) *keyring {
	return &keyring{
		legacy: f.LegacyAlgorithms, warn: f.warn,
		files: map[string]*keyFile{}, agents: map[string]*agentSocket{}, sets: map[string]*keySet{},
	}
}

// defaultIdentities are ssh's own (ssh_config(5), IdentityFile). Those that end in _sk
// need a hardware key, which only an agent can ask.
func defaultIdentities() (paths []string) {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil
	}
	for _, name := range []string{"id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_xmss", "id_dsa"} {
		paths = append(paths, filepath.Join(home, ".ssh", name))
	}
	return paths
}

// identities is what decides which keys an endpoint is offered.
func identities(e *inventory.Endpoint) string {
	return fmt.Sprintf("%q %q %t %q %q", e.IdentityFiles, e.CertificateFiles, e.IdentitiesOnly, e.IdentityAgent, e.PubkeyAlgorithms)
}

// prepare reads the keys for an endpoint.
func (k *keyring) prepare(e *inventory.Endpoint, passphrase func(file string) ([]byte, error)) {
	id := identities(e)
	if k.sets[id] != nil {
		return
	}
	set := &keySet{}
	k.sets[id] = set
	held := k.agent(e)
	var heldKeys []ssh.PublicKey
	if held != nil {
		heldKeys = slices.Clone(held.keys)
	}
	paths := slices.DeleteFunc(slices.Clone(e.IdentityFiles), func(path string) bool { return path == "none" })
	if e.IdentityFiles == nil {
		paths = defaultIdentities()
	}
	var certs []*ssh.Certificate
	for _, path := range e.CertificateFiles {
		if cert := readCertificate(path); cert != nil {
			certs = append(certs, cert)
		}
	}
	var files []*keyFile
	for _, path := range paths {
		f := k.file(path)
		if f.public != nil || f.encrypted != nil {
			files = append(files, f)
			if f.cert != nil {
				certs = append(certs, f.cert)
			}
		} else if !errors.Is(f.err, fs.ErrNotExist) || !slices.Contains(defaultIdentities(), path) {
			set.complaints = append(set.complaints, bounded(f.err.Error()))
		}
	}
	certOf := func(key ssh.PublicKey) *ssh.Certificate {
		i := slices.IndexFunc(certs, func(c *ssh.Certificate) bool { return same(c.Key, key) })
		if i < 0 {
			return nil
		}
		return certs[i]
	}

	var offers []offer
	add := func(o offer) {
		o.name = fingerprint(o.public) + " of " + o.name
		if cert := certOf(o.public); cert != nil {
			with := o
			with.cert, with.name = cert, "certificate "+o.name
			offers = append(offers, with)
		}
		offers = append(offers, o)
	}
	named := func(key ssh.PublicKey) bool {
		return slices.ContainsFunc(files, func(f *keyFile) bool { return f.public != nil && same(f.public, plain(key)) })
	}
	// Certificates that the agent holds go before their keys, too.
	slices.SortStableFunc(heldKeys, func(a, b ssh.PublicKey) int { return isCertificate(b) - isCertificate(a) })
	for _, f := range files {
		for _, key := range heldKeys {
			if f.public != nil && same(plain(key), f.public) {
				add(offer{name: "the agent", public: key, agent: held})
			}
		}
	}
	if !e.IdentitiesOnly {
		for _, key := range heldKeys {
			if !named(key) {
				add(offer{name: "the agent", public: key, agent: held})
			}
		}
	}
	for _, f := range files {
		inAgent := f.public != nil && slices.ContainsFunc(heldKeys, func(key ssh.PublicKey) bool { return same(key, f.public) })
		if inAgent {
			continue
		}
		// An encrypted key that nobody named is worth a question only if there is no other.
		if f.signer == nil && f.encrypted != nil && (e.IdentityFiles != nil && !slices.Contains(defaultIdentities(), f.path) || len(offers) == 0) {
			f.unlock(passphrase)
		}
		switch {
		case f.signer != nil:
			add(offer{name: f.path, public: f.public, signer: f.signer})
		case f.err != nil:
			set.complaints = append(set.complaints, bounded(f.err.Error()))
		case f.encrypted != nil:
			set.locked = true
			set.complaints = append(set.complaints, f.path+" is encrypted")
		default:
			set.complaints = append(set.complaints, f.path+" is only a public key, and no agent has it")
		}
	}
	if e.PubkeyAlgorithms != nil {
		offers = slices.DeleteFunc(offers, func(o offer) bool {
			key := o.public
			if o.cert != nil {
				key = o.cert
			}
			return !slices.ContainsFunc(keyAlgorithms(key.Type()), func(a string) bool { return slices.Contains(e.PubkeyAlgorithms, a) })
		})
	}
	set.offers = offers
}

func isCertificate(key ssh.PublicKey) int {
	if _, ok := key.(*ssh.Certificate); ok {
		return 1
	}
	return 0
}

func same(a, b ssh.PublicKey) bool { return string(a.Marshal()) == string(b.Marshal()) }

// keyAlgorithms returns what a key can be used with.
func keyAlgorithms(keyType string) []string {
	switch keyType {
	case ssh.KeyAlgoRSA:
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA}
	case ssh.CertAlgoRSAv01:
		return []string{ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01, ssh.CertAlgoRSAv01}
	}
	return []string{keyType}
}

// file reads an identity file, once. It may hold a private key, or only the public one
// of a key that an agent has; so may a file beside it with ".pub" in the end.
func (k *keyring) file(path string) *keyFile {
	if f := k.files[path]; f != nil {
		return f
	}
	f := &keyFile{path: path}
	k.files[path] = f
	text, err := os.ReadFile(path)
	var missing *ssh.PassphraseMissingError
	if err == nil {
		f.signer, err = ssh.ParsePrivateKey(text)
	}
	switch {
	case err == nil:
		f.public = f.signer.PublicKey()
	case errors.As(err, &missing):
		f.encrypted, f.public = text, missing.PublicKey
	case text != nil:
		if f.public, _, _, _, _ = ssh.ParseAuthorizedKey(text); f.public == nil {
			f.err = fmt.Errorf("%s is not a key: %w", path, err)
		}
	default:
		f.err = err
	}
	if info, err := os.Stat(path); err == nil && (f.signer != nil || f.encrypted != nil) && info.Mode().Perm()&0o077 != 0 && os.Getuid() != -1 {
		f.err = fmt.Errorf("%s can be read by others (mode %04o): chmod 600 %s", path, info.Mode().Perm(), path)
		f.signer, f.encrypted = nil, nil
	}
	if f.public == nil {
		if text, err := os.ReadFile(path + ".pub"); err == nil {
			f.public, _, _, _, _ = ssh.ParseAuthorizedKey(text)
		}
		if f.public != nil && f.encrypted == nil {
			f.err = nil
		}
	}
	f.cert = readCertificate(path + "-cert.pub")
	return f
}

func readCertificate(path string) *ssh.Certificate {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	key, _, _, _, _ := ssh.ParseAuthorizedKey(text)
	cert, _ := key.(*ssh.Certificate)
	return cert
}

// unlock asks for the passphrase, three times at most.
func (f *keyFile) unlock(passphrase func(file string) ([]byte, error)) {
	for range 3 {
		if passphrase == nil {
			return
		}
		word, err := passphrase(f.path)
		if err != nil {
			return
		}
		if f.signer, err = ssh.ParsePrivateKeyWithPassphrase(f.encrypted, word); err == nil {
			f.public, f.encrypted = f.signer.PublicKey(), nil
			return
		}
		f.signer = nil
	}
}

// An agentSocket is one connection to an agent, for all hosts.
type agentSocket struct {
	path string
	slow func() // called when a signature takes long

	mu     sync.Mutex
	conn   net.Conn
	client agent.ExtendedAgent
	keys   []ssh.PublicKey
}

// agentLimit is for one signature: a person may have to touch a key.
const agentLimit = 30 * time.Second

// agent returns the agent for an endpoint, nil for none.
func (k *keyring) agent(e *inventory.Endpoint) *agentSocket {
	path := e.IdentityAgent
	if path == "" || path == "SSH_AUTH_SOCK" {
		path = os.Getenv("SSH_AUTH_SOCK")
	}
	if path == "" || path == "none" {
		return nil
	}
	a, ok := k.agents[path]
	if !ok {
		a = &agentSocket{path: path, slow: func() {
			k.slow.Do(func() { k.warn("waiting for the agent " + path + " to sign: it may want a confirmation") })
		}}
		k.agents[path] = a
		if err := a.load(); err != nil {
			k.warn(fmt.Sprintf("the agent %s is not used: %v", path, err))
		}
	}
	return a
}

// load learns the keys of the agent.
func (a *agentSocket) load() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.dial(); err != nil {
		return err
	}
	a.conn.SetDeadline(time.Now().Add(agentLimit))
	keys, err := a.client.List()
	if err != nil {
		a.drop()
		return err
	}
	for _, key := range keys {
		if public, err := ssh.ParsePublicKey(key.Blob); err == nil {
			a.keys = append(a.keys, public)
		}
	}
	return nil
}

func (a *agentSocket) dial() error {
	if a.conn != nil {
		return nil
	}
	conn, err := net.DialTimeout("unix", a.path, 5*time.Second)
	if err != nil {
		return err
	}
	a.conn, a.client = conn, agent.NewClient(conn)
	return nil
}

func (a *agentSocket) drop() {
	a.conn.Close()
	a.conn, a.client = nil, nil
}

// sign lets the agent sign. After a failure the next call makes a new connection.
func (a *agentSocket) sign(key ssh.PublicKey, data []byte, flags agent.SignatureFlags) (*ssh.Signature, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.dial(); err != nil {
		return nil, err
	}
	slow := time.AfterFunc(2*time.Second, a.slow)
	defer slow.Stop()
	a.conn.SetDeadline(time.Now().Add(agentLimit))
	signature, err := a.client.SignWithFlags(key, data, flags)
	if err != nil {
		a.drop() // x/crypto does not tell a refusal from a broken connection
	}
	return signature, err
}

// close ends the connections to the agents.
func (k *keyring) close() {
	for _, a := range k.agents {
		a.mu.Lock()
		if a.conn != nil {
			a.drop()
		}
		a.mu.Unlock()
	}
}
