package remote

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// maxKeys is how many keys one connection tries. Servers hang up after six
// (sshd_config(5), MaxAuthTries), and some then refuse the address for a while.
const maxKeys = 5

// A login is how one connection proves who it is. Each key is a method of its own: an
// agent that refuses to sign, or dies, then costs only its own keys.
type login struct {
	keys   *keyring
	set    *keySet
	offers []offer // that are left
	check  *hostCheck
	watch  *watch

	tried     []string // names of keys
	allowed   []string // methods, as the server last said
	refused   error    // what an agent said
	first     bool     // the server has named its methods
	partial   bool     // a method was enough, but not alone
	asked     bool     // the password was sent
	exhausted bool     // there were more keys than maxKeys
}

// next is the AuthCallback of x/crypto.
func (l *login) next(ctx *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	l.allowed = ctx.AllowedMethods
	if !l.first {
		l.first = true
		l.watch.extend(authLimit)
	}
	l.partial = l.partial || len(ctx.PartialSuccessMethods) > 0
	if slices.Contains(l.allowed, "publickey") && len(l.offers) > 0 {
		if len(l.tried) < maxKeys {
			o := l.offers[0]
			l.offers = l.offers[1:]
			signer, err := l.signer(o)
			if err == nil {
				l.tried = append(l.tried, o.name)
				return ssh.PublicKeys(signer), nil
			}
			l.refused = err
			return l.next(ctx)
		}
		l.exhausted = true
	}
	// A password goes only to a host that was known before this scan.
	if l.keys.password == "" || l.asked || !l.check.known {
		return nil, nil
	}
	l.asked = true
	switch {
	case slices.Contains(l.allowed, "password"):
		return ssh.Password(l.keys.password), nil
	case slices.Contains(l.allowed, "keyboard-interactive"):
		return ssh.KeyboardInteractive(l.answer), nil
	}
	return nil, nil
}

// answer gives the password to a single question that hides what is typed, and nothing
// to any other.
func (l *login) answer(_, _ string, questions []string, echos []bool) ([]string, error) {
	switch {
	case len(questions) == 0:
		return nil, nil
	case len(questions) == 1 && !echos[0]:
		return []string{l.keys.password}, nil
	}
	return nil, errors.New("the server asks for more than a password")
}

// signer returns what signs for an offer.
func (l *login) signer(o offer) (ssh.Signer, error) {
	signer := o.signer
	if o.agent != nil {
		signer = &agentSigner{o.agent, o.public, l}
	}
	if algorithmSigner, ok := signer.(ssh.AlgorithmSigner); ok && plain(o.public).Type() == ssh.KeyAlgoRSA && !l.keys.legacy {
		var err error
		signer, err = ssh.NewSignerWithAlgorithms(algorithmSigner, []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256})
		if err != nil {
			return nil, err
		}
	}
	if o.cert != nil {
		return ssh.NewCertSigner(o.cert, signer)
	}
	return signer, nil
}

// An agentSigner lets an agent sign. While it waits, the stage's time stands still.
type agentSigner struct {
	agent  *agentSocket
	public ssh.PublicKey
	login  *login
}

func (s *agentSigner) PublicKey() ssh.PublicKey { return s.public }

func (s *agentSigner) Sign(_ io.Reader, data []byte) (*ssh.Signature, error) {
	return s.SignWithAlgorithm(nil, data, "")
}

func (s *agentSigner) SignWithAlgorithm(_ io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	var flags agent.SignatureFlags
	switch algorithm {
	case ssh.KeyAlgoRSASHA256:
		flags = agent.SignatureFlagRsaSha256
	case ssh.KeyAlgoRSASHA512:
		flags = agent.SignatureFlagRsaSha512
	}
	s.login.watch.extend(s.login.watch.rest())
	signature, err := s.agent.sign(s.public, data, flags)
	s.login.watch.extend(authLimit)
	if err != nil {
		s.login.refused = fmt.Errorf("the agent did not sign with %s: %w", fingerprint(s.public), err)
	}
	return signature, err
}

// failure explains why no method was enough.
func (l *login) failure(err error) *Error {
	e := &Error{Code: "auth/denied", Stage: Auth, Hint: "is the public key in the authorized_keys of this user?"}
	tried := "no key was tried"
	if len(l.tried) > 0 {
		tried = "tried " + strings.Join(l.tried, ", ")
	}
	switch {
	case l.partial:
		e.Code = "auth/mfa"
		e.Hint = "hosts that ask for a second factor cannot be scanned with this login"
	case l.exhausted || strings.Contains(err.Error(), "Too many authentication failures"):
		e.Code = "auth/too-many-keys"
		e.Hint = "name the key: --identity FILE, or IdentityFile and IdentitiesOnly yes in ssh_config"
	case l.refused != nil:
		e.Code = "auth/agent"
		e.Hint = "ssh-add -l; unlock the agent, or name a key file with --identity"
		tried += "; " + l.refused.Error()
	case len(l.tried) == 0 && l.set.locked:
		e.Code = "auth/passphrase"
		e.Hint = "ssh-add the key first"
	case len(l.tried) == 0 && !l.asked:
		e.Code = "auth/no-key"
		e.Hint = "name a key with --identity, start an agent, or --ask-password"
	}
	for _, c := range l.set.complaints {
		tried += "; " + c
	}
	e.Message = bounded(fmt.Sprintf("login as %q refused; the server takes %s; %s",
		l.check.endpoint.User, strings.Join(l.allowed, ", "), tried))
	return e
}
