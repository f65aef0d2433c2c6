package remote

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"golang.org/x/crypto/ssh"
)

// An Error says why a host was not read, or not to the end. Its Code is a contract: it
// stands in JSON and JUnit, and never depends on the words of a library or a server.
//
//	dns                     the name was not found
//	refused, unreachable    the address does not take connections
//	timeout@STAGE           the stage did not end within its limit
//	not-ssh                 something else answers on the port
//	closed-early            the server hung up before the key exchange: MaxStartups, a penalty, a firewall
//	algo                    no algorithm in common
//	protocol                what came after the banner is not SSH
//	hostkey-unknown, hostkey-mismatch, hostkey-revoked, hostkey-ca
//	                        the host is not proven to be the one that was meant
//	auth/no-key, auth/denied, auth/too-many-keys, auth/agent, auth/passphrase, auth/mfa
//	                        the login was refused
//	jump:CODE               one of these, at a host on the way
//	jump:lost               the connection to a host on the way ended
//	jump-forwarding-denied  a host on the way does not forward
//	session                 the server opens no session
//	no-shell                the login has no shell that takes commands
//	forced-command          something else than the script ran
//	lost                    the connection ended before the script began
//	partial/lost, partial/killed, partial/output-cap, partial/timeout@run, partial/interrupted
//	                        the script began and did not end; the capture holds what came
//	interrupted, skipped    the scan was cancelled while the host connected, or before
//	config                  the endpoint cannot be used as it is configured
//	internal                a defect of fleetdrop
type Error struct {
	Code    string
	Stage   Stage
	Message string // one line; may hold text that the host sent: escape it
	Hint    string // the next step, or ""

	retry bool // trying again may help, and harms nobody
}

func (e *Error) Error() string { return e.Message }

// maxMessage bounds what a server can put into a message.
const maxMessage = 400

// bounded makes one line of at most maxMessage bytes of a text that may be a server's.
func bounded(text string) string {
	text = strings.TrimSpace(strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ").Replace(text[:min(len(text), 4*maxMessage)]))
	if len(text) <= maxMessage {
		return text
	}
	cut := maxMessage
	for cut > maxMessage-utf8.UTFMax && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// failure makes an Error of what stopped a link from being made.
func (l *link) failure(err error) *Error {
	interrupted := l.ctx.Err() != nil
	stage := l.watch.now()
	if expired := l.watch.end(); expired != "" {
		return timeout(expired, l)
	}
	var own *Error
	var dns *net.DNSError
	var channel *ssh.OpenChannelError
	var algorithms *ssh.AlgorithmNegotiationError
	e := &Error{Stage: stage, Message: bounded(err.Error())}
	switch {
	case l.check.verdict != nil:
		return l.check.verdict
	case interrupted:
		e.Code, e.Message = "interrupted", "the scan was interrupted while the host connected"
	case ended(err) && l.dragged():
		return lostJump(l.via, stage)
	case errors.As(err, &own):
		return own
	case errors.As(err, &dns):
		e.Code, e.Stage, e.Hint = "dns", DNS, "is the name right? HostName in ssh_config gives another one"
		e.retry = dns.IsTemporary
		if dns.IsTimeout {
			e.Code = "timeout@dns"
		}
	case errors.As(err, &channel):
		e.forwarding(channel, l)
	case errors.As(err, &algorithms):
		e.Code, e.Hint = "algo", "update the server, or --legacy-algorithms"
		e.Message = bounded(fmt.Sprintf("no algorithm for %s in common: the server has %.200s, allowed here are %s", algorithms.What,
			strings.Join(algorithms.RequestedAlgorithms, ", "), strings.Join(algorithms.SupportedAlgorithms, ", ")))
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Code, e.Hint = "refused", "is sshd running there, and is the port right?"
	case errors.Is(err, syscall.ETIMEDOUT):
		e.Code, e.Hint, e.retry = "timeout@tcp", "no answer from the address: a firewall, or the host is down", true
	case stage == TCP || stage == DNS:
		e.Code, e.Hint, e.retry = "unreachable", "is there a route to the address?", true
	case stage == Banner:
		e.banner(err, l)
	case stage == Kex && ended(err):
		e.Code, e.Hint, e.retry = "closed-early", closedHint, true
		e.Message = "the server hung up during the key exchange"
	case stage == Kex:
		e.Code, e.Hint = "protocol", "something between here and the host changes the bytes, or it is not an SSH server"
	case stage == Auth && ended(err):
		e.Code, e.retry = "lost", true
		e.Message = "the connection ended during the login"
	case stage == Auth:
		return l.login.failure(err)
	default:
		e.Code, e.retry = "lost", true
	}
	if p, ok := l.conn.(*proxy); ok {
		if said := p.complaint(); said != "" {
			e.Message = bounded(e.Message + "; ProxyCommand says: " + said)
		}
	}
	return e
}

const closedHint = "MaxStartups or a penalty of sshd, fail2ban, hosts.deny: scan with a lower --rate"

// lostJump says that a bastion is gone. A new connection to it is tried once.
func lostJump(via *link, stage Stage) *Error {
	return &Error{Code: "jump:lost", Stage: stage, Message: "the connection to " + via.endpoint.Address() + " on the way ended", retry: true}
}

// banner explains why no version came.
func (e *Error) banner(err error, l *link) {
	said := l.begin.first()
	refused := strings.HasPrefix(said, "Exceeded MaxStartups") || strings.HasPrefix(said, "Not allowed at this time")
	switch {
	case ended(err) && (said == "" || refused):
		e.Code, e.Hint, e.retry = "closed-early", closedHint, true
		e.Message = "the server hung up before it said anything"
		if refused {
			e.Message = "the server hung up: " + said
		}
	default:
		e.Code, e.Hint = "not-ssh", "is the port right?"
		e.Message = "what answers is not an SSH 2.0 server: " + said
	}
	if _, ok := l.conn.(*proxy); ok {
		e.retry = false
	}
}

// forwarding explains why a bastion did not connect to the next host. The reasons are
// the words of its C library, in English unless sshd runs under another locale.
func (e *Error) forwarding(refusal *ssh.OpenChannelError, l *link) {
	e.Message = bounded(fmt.Sprintf("%s does not connect to %s: %s", l.via.endpoint.Address(), l.endpoint.Address(), refusal.Message))
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(refusal.Message, w) })
	}
	switch {
	case refusal.Reason == ssh.Prohibited || refusal.Reason == ssh.UnknownChannelType:
		e.Code, e.Hint = "jump-forwarding-denied", "AllowTcpForwarding and PermitOpen in sshd_config of "+l.via.endpoint.Address()
	case has("Connection refused"):
		e.Code, e.Hint = "refused", "is sshd running there, and is the port right?"
	case has("Name or service not known", "name resolution", "No address associated"):
		e.Code, e.Stage, e.Hint = "dns", DNS, "the host on the way looks up the name"
	case has("timed out"):
		e.Code, e.retry = "timeout@tcp", true
	default:
		e.Code, e.retry = "unreachable", true
	}
}

// timeout says which stage took too long, and what to do about it.
func timeout(stage Stage, l *link) *Error {
	e := &Error{Code: "timeout@" + string(stage), Stage: stage, retry: stage == TCP || stage == Banner}
	switch stage {
	case DNS:
		e.Message, e.Hint = "the name server did not answer within 5 s", "is the name server of this machine up?"
	case TCP:
		e.Message = fmt.Sprintf("no connection within %v", l.connect)
		e.Hint = "a firewall, or the host is down; --connect-timeout"
	case Banner:
		e.Message = fmt.Sprintf("connected, but no SSH banner within %v", l.connect)
		if said := l.begin.first(); said != "" {
			e.Message = bounded(e.Message + "; it says: " + said)
		}
		e.Hint = "the host is overloaded or hangs; --connect-timeout"
	case Kex:
		e.Message = fmt.Sprintf("the key exchange did not end within %v", l.connect)
		e.Hint = "a path that drops large packets (MTU), or a host that hangs"
	case Auth:
		e.Message, e.Hint = "the server did not answer the login", "PAM or a directory that hangs on the host"
	default:
		e.Message = fmt.Sprintf("the host did not answer in stage %s", stage)
		e.Hint = "the host hangs; --host-timeout"
	}
	return e
}

// ended says that the other side closed the connection.
func ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed)
}
