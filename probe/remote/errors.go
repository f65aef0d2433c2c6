package remote

import (
	"strings"
	"unicode/utf8"
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
