package remote

import (
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// A proxy is a ProxyCommand (ssh_config(5)) as a connection.
type proxy struct {
	io.Reader
	io.WriteCloser
	cmd    *exec.Cmd
	closed sync.Once
	errors excerpt
	ended  chan struct{}
}

// startProxy runs the command as ssh does, in a process group of its own.
func startProxy(command string) (*proxy, error) {
	p := &proxy{cmd: exec.Command("/bin/sh", "-c", "exec "+command), ended: make(chan struct{})}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Stderr = &p.errors
	p.cmd.WaitDelay = time.Second // a grandchild may hold its standard error
	in, childIn, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	childOut, out, err := os.Pipe()
	if err != nil {
		in.Close()
		childIn.Close()
		return nil, err
	}
	p.cmd.Stdin, p.cmd.Stdout = in, out
	p.Reader, p.WriteCloser = childOut, childIn
	err = p.cmd.Start()
	in.Close()
	out.Close()
	if err != nil {
		childIn.Close()
		childOut.Close()
		return nil, err
	}
	go func() {
		p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// complaint returns what the command printed on its standard error. One that has closed
// its output is about to end, and may still be saying why.
func (p *proxy) complaint() string {
	select {
	case <-p.ended:
	case <-time.After(200 * time.Millisecond):
	}
	return p.errors.String()
}

// Close ends the command and what it started.
func (p *proxy) Close() error {
	p.closed.Do(func() {
		p.WriteCloser.Close()
		p.Reader.(io.Closer).Close()
		select {
		case <-p.ended:
		default:
			syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
			go func() {
				select {
				case <-p.ended:
				case <-time.After(time.Second):
					syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
				}
			}()
		}
	})
	return nil
}

func (p *proxy) LocalAddr() net.Addr              { return proxyAddr{} }
func (p *proxy) RemoteAddr() net.Addr             { return proxyAddr{} }
func (p *proxy) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (p *proxy) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (p *proxy) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

type proxyAddr struct{}

func (proxyAddr) Network() string { return "proxy" }
func (proxyAddr) String() string  { return "ProxyCommand" }

// An excerpt keeps the beginning of what is written to it.
type excerpt struct {
	mu   sync.Mutex
	text []byte
}

const maxExcerpt = 1 << 10

func (e *excerpt) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.text = append(e.text, p[:min(len(p), maxExcerpt-len(e.text))]...)
	return len(p), nil
}

func (e *excerpt) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return bounded(string(e.text))
}
