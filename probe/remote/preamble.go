package remote

import (
	"bytes"
	"errors"
	"net"
)

var errVersion = errors.New("it does not speak SSH 2.0")

// A preamble is a connection of which the first lines are looked at: they say when the
// banner has come, and what it is that answers if none comes. It also reads them in one
// go, where x/crypto asks for single bytes.
type preamble struct {
	net.Conn
	banner func() // called when the server's version has come

	seen   []byte // what came before and in the version line, at most maxPreamble
	unread []byte
	line   []byte // the beginning of the present line
	done   bool
}

const maxPreamble = 512

func (p *preamble) Read(b []byte) (int, error) {
	if len(p.unread) == 0 && p.done {
		return p.Conn.Read(b)
	}
	if len(p.unread) == 0 {
		buf := make([]byte, 1024)
		n, err := p.Conn.Read(buf)
		if n == 0 {
			return 0, err
		}
		if err := p.look(buf[:n]); err != nil {
			return 0, err
		}
		p.unread = buf[:n]
	}
	n := copy(b, p.unread)
	if p.unread = p.unread[n:]; len(p.unread) == 0 {
		p.unread = nil // it would be kept as long as the connection
	}
	return n, nil
}

// look watches for the version line.
func (p *preamble) look(text []byte) error {
	if n := maxPreamble - len(p.seen); n > 0 {
		p.seen = append(p.seen, text[:min(n, len(text))]...)
	}
	for len(text) > 0 {
		part, rest, ended := bytes.Cut(text, []byte("\n"))
		if len(p.line) < len("SSH-1.99-") {
			p.line = append(p.line, part[:min(len(part), 16)]...)
		}
		if !ended {
			return nil
		}
		if bytes.HasPrefix(p.line, []byte("SSH-")) {
			if !bytes.HasPrefix(p.line, []byte("SSH-2.0-")) && !bytes.HasPrefix(p.line, []byte("SSH-1.99-")) {
				return errVersion
			}
			p.done = true
			p.banner()
			return nil
		}
		p.line, text = p.line[:0], rest
	}
	return nil
}

// first returns the first line that came, or what came of it.
func (p *preamble) first() string {
	line, _, _ := bytes.Cut(p.seen, []byte("\n"))
	return bounded(string(line))
}
