package inventory

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
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

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func readAll(name string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	if in == nil {
		return nil, errors.New("there is no standard input")
	}
	return io.ReadAll(io.LimitReader(in, maxFile+1))
}

// unreadable says why a file cannot be read, and what to do.
func unreadable(at Origin, err error) *Error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &Error{Origin: at, Message: "no such file", Hint: "check the name"}
	case errors.Is(err, fs.ErrPermission):
		return &Error{Origin: at, Message: "permission denied", Hint: "make it readable for this user"}
	case errors.Is(err, syscall.EISDIR):
		return &Error{Origin: at, Message: "is a directory", Hint: "give a file; for an Ansible inventory: " + fromAnsible(at.File)}
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return &Error{Origin: at, Message: err.Error(), Hint: "give another file"}
}

// fromAnsible is the command that makes a hosts file of an Ansible inventory.
func fromAnsible(file string) string {
	if file == "-" {
		file = "INVENTORY"
	}
	if strings.ContainsFunc(file, func(c rune) bool { return !strings.ContainsRune("/._-+", c) && !isAlnum(c) }) {
		file = strconv.Quote(file)
	}
	return "ansible all -i " + file + " --list-hosts | tail -n +2 | fleetdrop hosts -i -"
}

func isAlnum(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// otherFormat recognises files that are inventories of another kind by the first line
// that says something, so that they give one error and not one for each line.
func otherFormat(at Origin, text []byte) *Error {
	for line := range bytes.Lines(text) {
		at.Line++
		line = bytes.TrimSpace(line)
		s := string(line[:min(len(line), maxLine)])
		what := ""
		switch first, _, _ := strings.Cut(s, " "); {
		case at.Line == 1 && strings.HasPrefix(s, "#!"):
			return &Error{Origin: at, Message: "a script, not a hosts file",
				Hint: "run it, and give what it prints with -i -; for a dynamic Ansible inventory: " + fromAnsible(at.File)}
		case s == "", s[0] == '#', s[0] == ';':
			continue
		case first == "{", strings.HasPrefix(s, `{"`), s == "[", s == "[{", strings.HasPrefix(s, `[{"`), strings.HasPrefix(s, `["`):
			what = "JSON, which is not understood yet"
		case first == "---", first == "-", strings.HasSuffix(first, ":"):
			what = "YAML, which is not understood yet"
		case isSection(first):
			what = fmt.Sprintf("%s is a section of an Ansible inventory, which is not understood yet", quote(first))
		default:
			return nil
		}
		return &Error{Origin: at, Message: what, Hint: "write one host a line, with group=…; or " + fromAnsible(at.File)}
	}
	return nil
}

// isSection says that a word is the title of a section: [web], [web:vars].
func isSection(s string) bool {
	return len(s) > 2 && s[0] == '[' && s[len(s)-1] == ']' && unicode.IsLetter(rune(s[1])) &&
		!strings.ContainsAny(s[1:len(s)-1], "[]") && !isIPv6(s[1:len(s)-1])
}

func isIPv6(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is6()
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

// parseHost parses [user@]host[:port] where host is a node set.
func parseHost(s string) (terms []term, _ *syntaxError) {
	if scheme, rest, ok := strings.Cut(s, "://"); ok && !strings.EqualFold(scheme, "ssh") {
		host, _, _ := strings.Cut(rest, "/")
		return nil, wrong(0, fmt.Sprintf("%s looks like a URL", quote(s)), "write "+clip(host))
	}
	start, depth, operator := 0, 0, byte(',')
	for i := 0; i <= len(s); i++ {
		if i < len(s) {
			switch c := s[i]; {
			case c == '[':
				depth++
			case c == ']':
				depth--
			}
			if depth > 0 || !strings.ContainsRune(",!&^", rune(s[i])) {
				continue
			}
		}
		if i == start {
			switch {
			case s == "":
				return nil, wrong(0, "no host", "name one")
			case start == 0:
				return nil, wrong(0, fmt.Sprintf("nothing before %s", quote(s[:1])), "begin with a host")
			}
			return nil, wrong(start-1, fmt.Sprintf("nothing after %s", quote(s[start-1:start])), "take it away, or write a host after it without a space")
		}
		t, err := parseTerm(s[start:i])
		if err != nil {
			err.at += start
			return nil, err
		}
		t.operator, t.at = operator, start
		terms = append(terms, t)
		if i < len(s) {
			operator = s[i]
		}
		start = i + 1
	}
	return terms, nil
}

func parseTerm(s string) (t term, _ *syntaxError) {
	if strings.HasPrefix(s, "@") {
		return t, wrong(0, fmt.Sprintf("%s: groups of ClusterShell are not understood yet", quote(s)),
			"nodeset -e "+clip(s)+" prints its hosts; --limit takes groups given with group=")
	}
	user, host, port, at, err := splitAddress(s)
	if err != nil {
		return t, err
	}
	t.user, t.port = user, port
	if isIPv6(host) {
		t.host = pattern{{literal: host}}
		return t, nil
	}
	if t.host, err = parsePattern(host); err != nil {
		err.at += at
		return t, err
	}
	if len(t.host) > 0 && strings.HasPrefix(t.host[0].literal, "-") {
		return t, wrong(at, fmt.Sprintf("%s is not a host name", quote(host)), "a name does not begin with -")
	}
	for _, p := range t.host {
		if err := checkChars(p.literal, host); err != nil {
			err.at += at
			return t, err
		}
	}
	return t, nil
}

// splitAddress splits [ssh://][user@]host[:port]; a host in brackets loses them, and at
// is where it begins.
func splitAddress(s string) (user, host, port string, at int, _ *syntaxError) {
	host = s
	if len(host) > 6 && strings.EqualFold(host[:6], "ssh://") {
		host, at = strings.TrimSuffix(host[6:], "/"), 6
	}
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		user = host[:i]
		if err := checkUser(user); err != nil {
			err.at += at
			return "", "", "", 0, err
		}
		host, at = host[i+1:], at+i+1
	}
	if host == "" {
		return "", "", "", 0, wrong(at, fmt.Sprintf("%s has no host", quote(s)), "write user@host")
	}
	hasPort := false
	if inner, rest, ok := strings.Cut(strings.TrimPrefix(host, "["), "]"); host[0] == '[' && ok && isIPv6(inner) {
		if port, hasPort = strings.CutPrefix(rest, ":"); rest != "" && !hasPort {
			return "", "", "", 0, wrong(at+len(inner)+2, fmt.Sprintf("%s after an address", quote(rest)), "write [2001:db8::1]:22")
		}
		host = inner
	} else if !isIPv6(host) {
		// A colon within brackets is for the parser of ranges to blame.
		colon := strings.LastIndexByte(host, ':')
		if colon > strings.LastIndexByte(host, ']') {
			host, port, hasPort = host[:colon], host[colon+1:], true
			if outer := strings.IndexByte(host, ':'); outer >= 0 && !strings.Contains(host, "[") {
				return "", "", "", 0, wrong(at, fmt.Sprintf("%s is not an IPv6 address", quote(host+":"+port)), "write host:port, or [2001:db8::1]:22")
			}
		}
	}
	if hasPort {
		if err := checkPort(port); err != nil {
			err.at += at + len(s) - at - len(port)
			return "", "", "", 0, err
		}
		port = strings.TrimLeft(port, "0")
	}
	return user, host, port, at, nil
}

// parseJump parses what ssh -J takes: hops parted by commas, the nearest first, or none.
func parseJump(s string) (hops []address, _ *syntaxError) {
	if strings.EqualFold(s, "none") {
		return nil, nil
	}
	at := 0
	for hop := range strings.SplitSeq(s, ",") {
		user, host, port, i, err := splitAddress(hop)
		if err == nil && !isIPv6(host) {
			if err = checkName(host); err != nil {
				err.at += i
			}
		}
		if err != nil {
			err.at += at
			return nil, err
		}
		hops = append(hops, address{user, host, port})
		at += len(hop) + 1
	}
	return hops, nil
}

func checkPort(s string) *syntaxError {
	if n, ok := number(s); !ok || n < 1 || n > 65535 {
		return wrong(0, fmt.Sprintf("port %s is not 1-65535", quote(s)), "give the port of sshd")
	}
	return nil
}

// checkUser refuses what OpenSSH refuses as a login name, and what could be taken for an option.
func checkUser(s string) *syntaxError {
	if s == "" {
		return wrong(0, "the login name is empty", "write user@host, or host alone")
	}
	if s[0] == '-' || strings.ContainsAny(s, "'`\"\\;&<>|(){}[]$%,!#*?/ \t") {
		return wrong(0, fmt.Sprintf("%s is not a login name", quote(s)), "check the spelling")
	}
	return nil
}

func checkGroup(s string) *syntaxError {
	bad := func(c rune) bool { return !isAlnum(c) && !strings.ContainsRune("._-+:=/", c) }
	if s == "" || s[0] == '-' || strings.ContainsFunc(s, bad) {
		return wrong(0, fmt.Sprintf("%s is not a group name", quote(s)), "use letters, digits and ._-+:=/")
	}
	return nil
}

// checkChars refuses characters that no host name has; those of a shell would be an attack
// on commands that ssh_config builds from the name.
func checkChars(s, whole string) *syntaxError {
	for i, c := range s {
		if isAlnum(c) || strings.ContainsRune("._-", c) {
			continue
		}
		message := fmt.Sprintf("%s is not a host name: it contains %s", quote(whole), quote(string(c)))
		switch {
		case c == '*' || c == '?':
			return wrong(i, message, "name the hosts; a glob is for --limit")
		case c == '/':
			return wrong(i, message, "networks are not expanded; write a range such as 10.0.0.[1-254]")
		case c == '=':
			return wrong(i, message, "the host comes first, key=value after it")
		case c >= utf8.RuneSelf:
			return wrong(i, message, "write its ASCII form (xn--…)")
		}
		return wrong(i, message, "use letters, digits, dots, - and _")
	}
	return nil
}

// checkName refuses what cannot be the name or the address of a host.
func checkName(s string) *syntaxError {
	if isIPv6(s) {
		if _, zone, ok := strings.Cut(s, "%"); ok {
			return checkChars(zone, s)
		}
		return nil
	}
	if err := checkChars(s, s); err != nil {
		return err
	}
	no := func(why, hint string) *syntaxError {
		return wrong(0, fmt.Sprintf("%s is not a host name: %s", quote(s), why), hint)
	}
	if s == "" || s[0] == '-' {
		return no("it is empty or begins with -", "check the spelling")
	}
	if len(s) > 253 {
		return no("longer than 253 characters", "use an alias of ssh_config")
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		if label == "" || len(label) > 63 {
			return no("the parts between dots have 1 to 63 characters", "check the spelling")
		}
	}
	if _, err := netip.ParseAddr(s); err != nil && strings.Contains(s, ".") && strings.Trim(s, "0123456789.") == "" {
		return no("it is no IPv4 address either", "write 10.0.0.1, numbers below 256 without leading zeros")
	}
	return nil
}

// counted is a count that may have been too large to make.
func counted(n uint64) string {
	if n == math.MaxUint64 {
		return "more than " + thousands(n)
	}
	return thousands(n)
}

// thousands writes 100000 as 100,000.
func thousands(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
