package inventory

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// An sshConfig is what the files of ssh_config(5) say, before it is asked about a host.
// It tells which hosts they cannot tell apart, and which line a value comes from.
type sshConfig struct {
	files      []string // as ssh reads them, Includes too, in that order
	conditions []condition
	directives []directive

	private string // the user's own file, which nobody else may write

	doubts []*Error // lines that only ssh understands
	opaque bool     // such a line may tell hosts apart
}

// A condition is a line Host or Match.
type condition struct {
	at       Origin
	kind     conditionKind
	patterns []string // of a Host line
}

type conditionKind int

const (
	hostLine   conditionKind = iota
	matchAll                 // Match all
	matchFinal               // Match final all: not in the first pass, always in the second
	matchOther               // only ssh knows
)

// A directive is one line that says something, where all its conditions hold.
type directive struct {
	at         Origin
	keyword    string // in lower case
	text       string // the rest of the line
	args       []string
	conditions []int // into sshConfig.conditions
}

const (
	maxConfigFiles = 1000
	maxConfigFile  = 4 << 20
	maxConfigDepth = 16 // OpenSSH's READCONF_MAX_DEPTH
)

// systemConfig is where OpenSSH keeps the system's ssh_config, on most systems.
const systemConfig = "/etc/ssh/ssh_config"

// readSSHConfig reads the files that ssh -F file reads. A file that does not exist is
// an error only where the user named it.
func readSSHConfig(file string) (*sshConfig, *Error) {
	c := &sshConfig{}
	if strings.EqualFold(file, "none") {
		return c, nil
	}
	home, err := homeDir()
	if err != nil {
		return nil, &Error{Message: err.Error(), Hint: "give an ssh_config with -F, or -F none"}
	}
	sshDir := filepath.Join(home, ".ssh")
	if file != "" {
		if err := c.read(file, sshDir, nil, 0); err != nil {
			return nil, unreadable(Origin{File: file}, err)
		}
		return c, nil
	}
	c.private = filepath.Join(sshDir, "config")
	for _, f := range []struct{ name, dir string }{{c.private, sshDir}, {systemConfig, filepath.Dir(systemConfig)}} {
		if err := c.read(f.name, f.dir, nil, 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, unreadable(Origin{File: f.name}, err)
		}
	}
	return c, nil
}

// read reads one file; relative Includes begin in dir, and the conditions are those of
// the line that includes it.
func (c *sshConfig) read(name, dir string, outer []int, depth int) error {
	if depth > maxConfigDepth || len(c.files) >= maxConfigFiles {
		return errors.New("too many files include each other")
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if name == c.private && info.Mode().Perm()&0o022 != 0 {
		c.opaque = true // as ssh does, for the user's own file
		c.doubts = append(c.doubts, &Error{Origin: Origin{File: name}, Message: "others may write to it", Hint: "chmod go-w " + name})
	}
	if info.Size() > maxConfigFile {
		return fmt.Errorf("more than %d MiB", maxConfigFile>>20)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	c.files = append(c.files, name)
	at := Origin{File: name}
	holds := outer
	for line := range bytes.Lines(text) {
		at.Line++
		d, err := parseDirective(string(line))
		if err != nil {
			c.doubt(at, err.Error())
			continue
		}
		if d.keyword == "" {
			continue
		}
		d.at, d.conditions = at, holds
		switch d.keyword {
		case "host", "match":
			holds = append(slices.Clone(outer), len(c.conditions))
			c.conditions = append(c.conditions, c.condition(d))
		case "include":
			if err := c.include(d, dir, depth); err != nil {
				return err
			}
		case "canonicalizehostname":
			if len(d.args) != 1 || d.args[0] != "no" {
				c.doubt(at, "CanonicalizeHostname asks the DNS")
			}
		}
		c.directives = append(c.directives, d)
	}
	return nil
}

// doubt notes a line that only ssh understands, and that may tell hosts apart.
func (c *sshConfig) doubt(at Origin, message string) {
	c.opaque = true
	c.refuse(at, message)
}

func (c *sshConfig) refuse(at Origin, message string) {
	c.doubts = append(c.doubts, &Error{Origin: at, Message: message + ": not supported without OpenSSH's ssh in PATH",
		Hint: "install it, or use -F none"})
}

func (c *sshConfig) condition(d directive) condition {
	w := condition{at: d.at, patterns: d.args}
	if d.keyword == "host" {
		if strings.ContainsAny(d.text, `"'\`) {
			c.doubt(d.at, "quotes in a Host line")
			w.kind = matchOther
		}
		return w
	}
	switch words := strings.ToLower(strings.Join(d.args, " ")); words {
	case "all":
		w.kind = matchAll
	case "final all", "final":
		w.kind = matchFinal
		c.refuse(d.at, "Match "+words)
	default:
		w.kind = matchOther
		c.doubt(d.at, quotable("Match "+d.text))
	}
	return w
}

func (c *sshConfig) include(d directive, dir string, depth int) error {
	if strings.ContainsAny(d.text, `"'\%$`) {
		c.doubt(d.at, quotable("Include "+d.text))
		return nil
	}
	for _, pattern := range d.args {
		if strings.HasPrefix(pattern, "~") {
			var err error
			if pattern, err = absolute(pattern, Origin{}); err != nil {
				return err
			}
		} else if !filepath.IsAbs(pattern) {
			pattern = filepath.Join(dir, pattern)
		}
		names, err := filepath.Glob(pattern)
		if err != nil || strings.ContainsAny(pattern, "[]{}") {
			c.doubt(d.at, quotable("Include "+d.text))
			continue
		}
		for _, name := range names {
			if err := c.read(name, dir, d.conditions, depth+1); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("line %d includes %s: %w", d.at.Line, quote(name), err)
			}
		}
	}
	return nil
}

// parseDirective splits a line like OpenSSH's process_config_line (readconf.c) and
// argv_split (misc.c): keyword, white space or one "=", words with quotes.
func parseDirective(line string) (d directive, err error) {
	line = strings.TrimRight(line, " \t\r\n\f")
	line = strings.TrimLeft(line, " \t")
	if line == "" || line[0] == '#' {
		return d, nil
	}
	end := strings.IndexAny(line, " \t=\"")
	if end < 0 {
		end = len(line)
	}
	d.keyword = strings.ToLower(line[:end])
	rest := strings.TrimLeft(line[end:], " \t")
	if after, ok := strings.CutPrefix(rest, "="); ok {
		rest = strings.TrimLeft(after, " \t")
	}
	d.text = rest
	if d.args, err = splitArgs(rest); err != nil {
		return directive{}, err
	}
	if len(d.args) == 0 {
		return directive{}, fmt.Errorf("%s without a value", quote(line[:end]))
	}
	return d, nil
}

func splitArgs(s string) (args []string, err error) {
	for i := 0; i < len(s); i++ {
		if s[i] == ' ' || s[i] == '\t' {
			continue
		}
		if s[i] == '#' {
			break
		}
		var word []byte
		var quoted byte
		for ; i < len(s); i++ {
			switch ch := s[i]; {
			case ch == '\\' && i+1 < len(s) && (strings.IndexByte(`'"\`, s[i+1]) >= 0 || quoted == 0 && s[i+1] == ' '):
				i++
				word = append(word, s[i])
				continue
			case quoted == 0 && (ch == ' ' || ch == '\t'):
			case quoted == 0 && (ch == '"' || ch == '\''):
				quoted = ch
				continue
			case ch == quoted && quoted != 0:
				quoted = 0
				continue
			default:
				word = append(word, ch)
				continue
			}
			break
		}
		if quoted != 0 {
			return nil, errors.New("a quote is not closed")
		}
		args = append(args, string(word))
	}
	return args, nil
}

// matchHost says what a Host line says of a name, as OpenSSH does: no pattern with "!"
// matches, and one without does.
func matchHost(name string, patterns []string) bool {
	found := false
	for _, p := range patterns {
		p, negated := strings.CutPrefix(p, "!")
		if !matchPattern(name, p) {
			continue
		}
		if negated {
			return false
		}
		found = true
	}
	return found
}

// holding says which conditions hold for a name, in the first pass or in the final one.
// A condition that only ssh knows is taken not to hold.
func (c *sshConfig) holding(name string, final bool) []bool {
	holds := make([]bool, len(c.conditions))
	for i, w := range c.conditions {
		switch w.kind {
		case hostLine:
			holds[i] = matchHost(name, w.patterns)
		case matchAll:
			holds[i] = true
		case matchFinal:
			holds[i] = final
		}
	}
	return holds
}

// applies says that a directive counts where these conditions hold.
func (d *directive) applies(holds []bool) bool {
	for _, i := range d.conditions {
		if !holds[i] {
			return false
		}
	}
	return true
}

// first returns the directive that decides a keyword, nil if there is none.
func (c *sshConfig) first(keyword string, holds []bool) *directive {
	for i := range c.directives {
		if d := &c.directives[i]; d.keyword == keyword && d.applies(holds) {
			return d
		}
	}
	return nil
}
