package inventory

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// An entry is one host as the inventory has it.
type entry struct {
	name   string
	groups []string
	origin Origin

	user, addr, port, jump said
	keys                   []said
}

// said is a value and where it was said; empty for what nobody said.
type said struct {
	value  string
	origin Origin
}

const (
	maxFile = 64 << 20 // bytes of one hosts file
	maxLine = 4 << 10  // bytes of one line
)

// A reader gathers entries, the same host only once.
type reader struct {
	*problems
	max      int
	entries  []entry
	index    map[string]int // of an entry, by name
	expanded uint64         // names made, repeated ones included
	full     bool
	keyFiles map[string]error // key files that were looked for
}

// read returns the hosts that the options name, in the order in which they do.
func read(o Options, p *problems) []entry {
	r := &reader{
		problems: p,
		max:      cmp.Or(o.MaxHosts, DefaultMaxHosts),
		index:    map[string]int{},
		keyFiles: map[string]error{},
	}
	for i, name := range o.Files {
		if slices.Contains(o.Files[:i], name) {
			p.fail(&Error{Origin: Origin{File: name}, Message: "the file is given twice", Hint: "give it once"})
			continue
		}
		r.file(name, o.Stdin)
	}
	for i, arg := range o.Hosts {
		at := Origin{argument, i + 1}
		n := len(r.entries)
		if before := len(p.errors); !r.line(arg, at) && len(r.entries) == n && len(p.errors) == before {
			p.fail(&Error{Origin: at, Message: fmt.Sprintf("%s names no host", quote(arg)), Hint: "name a host, or leave it out"})
		}
	}
	if len(o.Files)+len(o.Hosts) == 0 {
		p.fail(&Error{Message: "no hosts", Hint: "name some, as in fleetdrop scan web-17, or give a file with -i"})
	}
	return r.entries
}

func (r *reader) file(name string, stdin io.Reader) {
	at := Origin{File: name}
	text, err := readAll(name, stdin)
	if err != nil {
		r.fail(unreadable(at, err))
		return
	}
	switch {
	case bytes.HasPrefix(text, []byte{0xff, 0xfe}), bytes.HasPrefix(text, []byte{0xfe, 0xff}):
		r.fail(&Error{Origin: at, Message: fmt.Sprintf("not UTF-8 text (starts with %02X %02X: UTF-16?)", text[0], text[1]),
			Hint: "save it as UTF-8"})
		return
	case len(text) > maxFile:
		r.fail(&Error{Origin: at, Message: fmt.Sprintf("more than %d MiB", maxFile>>20), Hint: "is it a hosts file?"})
		return
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if e := otherFormat(at, text); e != nil {
		r.fail(e)
		return
	}
	found := false
	before := len(r.errors)
	for line := range bytes.Lines(text) {
		at.Line++
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if r.line(string(line), at) {
			found = true
		}
		if r.full || len(r.errors)-before > 1000 {
			return
		}
	}
	if found || len(r.errors) > before {
		return
	}
	message := "no hosts found (empty file)"
	if at.Line > 0 {
		message = fmt.Sprintf("no hosts found (%s, all empty or comments)", plural(at.Line, "line"))
	}
	r.fail(&Error{Origin: Origin{File: name}, Message: message, Hint: "write one host a line"})
}

// line reads one line, and says whether it is more than a comment.
func (r *reader) line(text string, at Origin) bool {
	fail := func(column int, message, hint string) {
		r.fail(&Error{Origin: at, Column: column + 1, Message: message, Hint: hint})
	}
	if len(text) > maxLine {
		r.fail(&Error{Origin: at, Message: fmt.Sprintf("line is longer than %d bytes", maxLine), Hint: "write one host or range a line"})
		return true
	}
	if i, what := unprintable(text); what != "" {
		fail(i, what, "remove it, or save the file as plain UTF-8 text")
		return true
	}
	words := fields(text)
	if len(words) == 0 {
		return false
	}
	if isSection(words[0].text) {
		fail(words[0].at, fmt.Sprintf("%s is a section of an Ansible inventory, which is not understood yet", quote(words[0].text)),
			"write group=… after each host; or "+fromAnsible(at.File))
		return true
	}
	terms, err := parseHost(words[0].text)
	if err != nil {
		fail(words[0].at+err.at, err.message, err.hint)
		return true
	}
	e := entry{origin: at}
	for i, w := range words[1:] {
		if err := r.setting(&e, w.text, words[0].text, i); err != nil {
			fail(w.at+err.at, err.message, err.hint)
			return true
		}
	}
	var count uint64
	for _, t := range terms {
		count = saturate(count, t.host.count(), count+t.host.count())
	}
	if count > uint64(r.max) {
		fail(words[0].at, fmt.Sprintf("expands to %s hosts, the limit is %s", counted(count), thousands(uint64(r.max))),
			"check the range, or raise --max-hosts")
		return true
	}
	// A file of a thousand lines that all name the same hosts ends too.
	if r.expanded += count; r.expanded > 10*uint64(r.max) {
		fail(words[0].at, fmt.Sprintf("the ranges up to here name %s hosts, most of them again and again", thousands(r.expanded)),
			"name each host once, or raise --max-hosts")
		r.full = true
		return true
	}
	addresses := combine(terms)
	if len(addresses) == 0 {
		fail(words[0].at, fmt.Sprintf("%s leaves no host", quote(words[0].text)), "leave the line out")
		return true
	}
	if e.addr.value != "" && len(addresses) > 1 {
		r.fail(&Error{Origin: at, Message: fmt.Sprintf("addr= gives one address to %d hosts", len(addresses)), Hint: "write one host a line"})
		return true
	}
	for _, a := range addresses {
		if err := checkName(a.name); err != nil {
			fail(words[0].at, err.message, err.hint)
			return true
		}
		one := e
		one.name = a.name
		for _, s := range []struct {
			into      *said
			key, have string
		}{{&one.user, "user", a.user}, {&one.port, "port", a.port}} {
			if s.have == "" {
				continue
			}
			if s.into.value != "" && s.into.value != s.have {
				r.fail(&Error{Origin: at, Message: fmt.Sprintf("%s= contradicts %s", s.key, quote(words[0].text)), Hint: "give one of the two"})
				return true
			}
			*s.into = said{s.have, at}
		}
		r.add(one)
		if r.full {
			break
		}
	}
	return true
}

// add takes a host in, or what is new of one that is there.
func (r *reader) add(e entry) {
	i, twice := r.index[e.name]
	if !twice {
		if len(r.entries) == r.max {
			r.fail(&Error{Origin: e.origin, Message: fmt.Sprintf("more than %s hosts", thousands(uint64(r.max))), Hint: "raise --max-hosts"})
			r.full = true
			return
		}
		r.index[e.name] = len(r.entries)
		r.entries = append(r.entries, e)
		return
	}
	have := &r.entries[i]
	have.groups = append(slices.Clip(have.groups), e.groups...)
	for _, s := range []struct {
		key  string
		a, b *said
	}{
		{"user", &have.user, &e.user}, {"addr", &have.addr, &e.addr},
		{"port", &have.port, &e.port}, {"jump", &have.jump, &e.jump},
	} {
		if s.a.value == "" {
			*s.a = *s.b
		}
		if s.b.value != "" && s.a.value != s.b.value {
			r.contradiction(e, s.key, *s.b, *s.a)
		}
	}
	if len(have.keys) == 0 {
		have.keys = e.keys
	}
	if len(e.keys) > 0 && !slices.EqualFunc(have.keys, e.keys, func(a, b said) bool { return a.value == b.value }) {
		r.contradiction(e, "key", e.keys[0], have.keys[0])
	}
}

func (r *reader) contradiction(e entry, key string, now, before said) {
	r.fail(&Error{
		Origin:  now.origin,
		Message: fmt.Sprintf("%s %s=%s contradicts %v, which has %s=%s", e.name, key, clip(now.value), before.origin, key, clip(before.value)),
		Hint:    "keep one of the two",
	})
}

// settingNames are the keys that ours have in Ansible and elsewhere.
var settingNames = map[string]string{
	"ansible_host": "addr", "ansible_ssh_host": "addr", "address": "addr", "hostname": "addr", "ip": "addr",
	"ansible_port": "port", "ansible_ssh_port": "port",
	"ansible_user": "user", "ansible_ssh_user": "user", "login": "user",
	"ansible_ssh_private_key_file": "key", "identity": "key", "identityfile": "key",
	"groups": "group", "proxyjump": "jump", "proxy": "jump",
}

const knownSettings = "user, port, addr, jump, key, group"

// setting reads a word key=value.
func (r *reader) setting(e *entry, word, host string, nth int) *syntaxError {
	key, value, ok := strings.Cut(word, "=")
	if !ok {
		hint := fmt.Sprintf("a login name is written %s@%s, or user=%s", clip(word), clip(host), clip(word))
		if _, err := netip.ParseAddr(host); err == nil {
			hint = fmt.Sprintf("a name for an address is written %s addr=%s", clip(word), host)
		}
		return wrong(0, fmt.Sprintf("%s: expected key=value (%s)", quote(word), knownSettings), hint)
	}
	at := len(key) + 1
	if strings.ContainsAny(value, `"'`) {
		return wrong(at, "quotes are not understood", "write "+key+"=… without them; a value has no spaces")
	}
	if value == "" {
		return wrong(at, key+"= has no value", "give one, or leave it out")
	}
	var into *said
	switch key {
	case "user":
		into = &e.user
		if err := checkUser(value); err != nil {
			err.at += at
			return err
		}
	case "port":
		into = &e.port
		if err := checkPort(value); err != nil {
			err.at += at
			return err
		}
		value = strings.TrimLeft(value, "0")
	case "addr":
		into = &e.addr
		value = strings.TrimSuffix(strings.TrimPrefix(value, "["), "]")
		if err := checkName(value); err != nil && !isIPv6(value) {
			err.at += at
			return err
		}
	case "jump":
		into = &e.jump
		if _, err := parseJump(value); err != nil {
			err.at += at
			return err
		}
	case "key":
		path, err := r.keyFile(value, e.origin)
		if err != nil {
			return wrong(at, err.Error(), "check the name")
		}
		e.keys = append(e.keys, said{path, e.origin})
		return nil
	case "group":
		for name := range strings.SplitSeq(value, ",") {
			if err := checkGroup(name); err != nil {
				err.at += at
				return err
			}
			e.groups = append(e.groups, name)
		}
		return nil
	default:
		hint := "known are " + knownSettings
		if ours := settingNames[strings.ToLower(key)]; ours != "" {
			hint = "here it is " + ours + "="
		}
		return wrong(0, fmt.Sprintf("unknown key %s", quote(key)), hint)
	}
	if into.value != "" {
		return wrong(0, key+"= is there twice", "keep one")
	}
	*into = said{value, e.origin}
	return nil
}

// keyFile makes the name of a key file absolute: a relative one begins at its hosts file,
// so that the file means the same wherever it is read from.
func (r *reader) keyFile(name string, at Origin) (string, error) {
	path, err := absolute(name, at)
	if err != nil {
		return "", err
	}
	err, asked := r.keyFiles[path]
	if !asked {
		if _, e := os.Stat(path); e != nil {
			err = fmt.Errorf("key file %s: %s", quote(path), unreadable(Origin{}, e).Message)
		}
		r.keyFiles[path] = err
	}
	return path, err
}

func absolute(name string, at Origin) (string, error) {
	if name == "~" || strings.HasPrefix(name, "~/") {
		home, err := homeDir()
		return filepath.Join(home, strings.TrimPrefix(name, "~")), err
	}
	if strings.HasPrefix(name, "~") {
		login, rest, _ := strings.Cut(name[1:], "/")
		u, err := user.Lookup(login)
		if err != nil {
			return "", fmt.Errorf("no user %s on this machine", quote(login))
		}
		return filepath.Join(u.HomeDir, rest), nil
	}
	if !filepath.IsAbs(name) && at.Line > 0 && at.File != argument && at.File != "-" {
		name = filepath.Join(filepath.Dir(at.File), name)
	}
	return filepath.Abs(name)
}

// homeDir is the home directory that OpenSSH uses: the account's, whatever HOME says.
func homeDir() (string, error) {
	u, err := user.Current()
	if err != nil {
		return "", fmt.Errorf("the home directory is unknown: %w", err)
	}
	return u.HomeDir, nil
}

type word struct {
	text string
	at   int
}

// fields splits a line at spaces and tabs, up to a word that begins a comment.
func fields(line string) (words []word) {
	for i := 0; i < len(line); {
		if line[i] == ' ' || line[i] == '\t' {
			i++
			continue
		}
		if line[i] == '#' || line[i] == ';' {
			break
		}
		end := strings.IndexAny(line[i:], " \t")
		if end < 0 {
			end = len(line) - i
		}
		words = append(words, word{line[i : i+end], i})
		i += end
	}
	return words
}

// unprintable returns the first character that does not show what it does.
func unprintable(s string) (at int, what string) {
	for i, c := range s {
		switch {
		case c == utf8.RuneError && !strings.HasPrefix(s[i:], "\ufffd"):
			return i, fmt.Sprintf("not UTF-8 text (byte %02X)", s[i])
		case c == 0:
			return i, "a NUL byte"
		case c == '\t':
		case unicode.IsControl(c):
			return i, fmt.Sprintf("control character U+%04X", c)
		case unicode.Is(unicode.Cf, c), unicode.Is(unicode.Zl, c), unicode.Is(unicode.Zp, c):
			return i, fmt.Sprintf("invisible character U+%04X", c)
		}
	}
	return 0, ""
}
