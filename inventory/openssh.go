package inventory

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A request asks how to reach one SSH server.
type request struct {
	alias string
	addr  string // instead of ssh_config's HostName
	user  string
	port  string
	jump  string   // as ssh -J has it, or "none"
	keys  []string // absolute paths, offered before those of ssh_config

	from Origin // the line that asks
}

// answers are what ssh_config says to a request.
type answers struct {
	hostname, port string
	// values are those of all other keywords in lower case, as ssh -G prints them. Hosts
	// that ssh_config does not tell apart share the map.
	values map[string][]string
}

func (a answers) first(keyword string) string {
	if v := a.values[keyword]; len(v) > 0 {
		return v[0]
	}
	return ""
}

const (
	askLimit    = 10 * time.Second // for one ssh -G, which takes 4 ms on a quiet machine
	askParallel = 8
	maxAnswer   = 1 << 20
)

// openSSH is an installed ssh.
type openSSH struct {
	path     string
	config   []string // -F FILE, where one was given
	defaults answers  // what it says without any file
	limit    time.Duration
}

// findOpenSSH returns the ssh in PATH, nil if there is none that knows -G. One that does
// not answer in time is an error: without it the same files could be read differently.
func findOpenSSH(ctx context.Context, file string) (*openSSH, error) {
	path, err := exec.LookPath("ssh")
	if err != nil {
		return nil, nil
	}
	s := &openSSH{path: path, config: []string{"-F", "none"}, limit: askLimit}
	a, _, err := s.ask(ctx, request{alias: "localhost"})
	switch {
	case errors.Is(err, errLate) || ctx.Err() != nil:
		return nil, err
	case err != nil || a.hostname != "localhost":
		return nil, nil
	}
	s.defaults = a
	s.config = nil
	if file != "" {
		s.config = []string{"-F", file}
	}
	return s, nil
}

// errLate is within the error of an ssh that did not answer in time.
var errLate = errors.New("late")

// arguments are those of ssh -G. Names cannot be taken for options: they are checked when
// they are read, and stand after "--".
func (s *openSSH) arguments(q request) []string {
	args := append([]string{"-G", "-T", "-v"}, s.config...)
	if q.addr != "" {
		args = append(args, "-o", "HostName="+strings.ReplaceAll(q.addr, "%", "%%"))
	}
	if q.port != "" {
		args = append(args, "-p", q.port)
	}
	if q.user != "" {
		args = append(args, "-l", q.user)
	}
	if q.jump != "" {
		args = append(args, "-o", "ProxyJump="+q.jump)
	}
	for _, key := range q.keys {
		args = append(args, "-o", "IdentityFile="+quoteArgument(key))
	}
	return append(args, "--", q.alias)
}

// quoteArgument writes a path such that ssh_config's own parser reads it back, and no
// percent sign in it is a token.
func quoteArgument(path string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%").Replace(path) + `"`
}

// ask runs ssh -G. The files are those that it read.
func (s *openSSH) ask(ctx context.Context, q request) (a answers, files []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	stdout, stderr, err := s.run(ctx, s.arguments(q))
	for line := range strings.Lines(stderr) {
		if _, file, ok := strings.Cut(strings.TrimSpace(line), "Reading configuration data "); ok {
			files = append(files, file)
		}
	}
	switch {
	case ctx.Err() == context.DeadlineExceeded:
		return a, files, &Error{Origin: q.from, Message: fmt.Sprintf("ssh -G %s did not answer in %v", q.alias, s.limit),
			Hint: "a Match exec or CanonicalizeHostname of ssh_config takes long; try it by hand, or use -F none", cause: errLate}
	case ctx.Err() != nil:
		return a, files, ctx.Err()
	case err != nil:
		return a, files, refused(q, stderr, err)
	}
	a.values = map[string][]string{}
	for line := range strings.Lines(stdout) {
		switch keyword, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " "); keyword {
		case "host":
		case "hostname":
			a.hostname = value
		case "port":
			a.port = value
		default:
			a.values[keyword] = append(a.values[keyword], value)
		}
	}
	return a, files, nil
}

// run runs ssh without standard input, and ends all that it started when the time is over.
func (s *openSSH) run(ctx context.Context, args []string) (stdout, stderr string, err error) {
	cmd := exec.CommandContext(ctx, s.path, args...)
	out, errs := &capped{}, &capped{}
	cmd.Stdout, cmd.Stderr = out, errs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second // for a machine that is busy
	err = cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // ssh is done; a command of Match exec holds on to its output
	}
	if err == nil && out.over {
		err = fmt.Errorf("more than %d bytes of output", maxAnswer)
	}
	return out.String(), errs.String(), err
}

// capped keeps the beginning of what is written to it.
type capped struct {
	bytes.Buffer
	over bool
}

func (c *capped) Write(b []byte) (int, error) {
	room := maxAnswer - c.Len()
	if len(b) > room {
		c.over = true
	}
	c.Buffer.Write(b[:min(len(b), room)])
	return len(b), nil
}

// sshError is how ssh blames a line of a file: "FILE line 3: …", "FILE: line 3: …".
var sshError = regexp.MustCompile(`^(.+?):? line (\d+): (.+)$`)

// refused is what ssh has against its configuration, in its words.
func refused(q request, stderr string, err error) *Error {
	e := &Error{Origin: q.from, Hint: "ssh -G " + q.alias + " shows the same; correct ssh_config, or use -F none"}
	last := ""
	for line := range strings.Lines(stderr) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "debug") || strings.HasPrefix(line, "OpenSSH_") ||
			strings.HasPrefix(line, "Pseudo-terminal") {
			continue
		}
		if m := sshError.FindStringSubmatch(line); m != nil {
			n, _ := strconv.Atoi(m[2])
			e.Origin, e.Message = Origin{m[1], n}, quotable(m[3])
			e.Hint = "correct the line, or use another file with -F"
			return e
		}
		last = line
	}
	if last == "" {
		last = err.Error()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			last = exit.String()
		}
	}
	e.Message = fmt.Sprintf("ssh refuses %s: %s", q.alias, quotable(last))
	return e
}

// substitute turns the answers for one host into those for another that ssh_config does
// not tell apart.
func (a answers) substitute(q request, hostname string) answers {
	a.hostname = hostname
	a.port = cmp.Or(q.port, a.port)
	return a
}

// like says that two answers are the same.
func (a answers) like(b answers) bool {
	return a.hostname == b.hostname && a.port == b.port &&
		maps.EqualFunc(a.values, b.values, func(x, y []string) bool { return slices.Equal(x, y) })
}
