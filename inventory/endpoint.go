package inventory

import (
	"cmp"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A machine is what tokens and defaults say of the machine that we run on.
type machine struct {
	user, home, uid, hostname string
}

func thisMachine() (machine, error) {
	u, err := user.Current()
	if err != nil {
		return machine{}, fmt.Errorf("the login name is unknown: %w", err)
	}
	name, err := os.Hostname()
	return machine{u.Username, u.HomeDir, u.Uid, name}, err
}

// endpoint reads the answers to a request; what equals the defaults of ssh is left to
// package remote. It also returns the hops, as ssh -J has them.
func (m machine) endpoint(q request, a, defaults answers) (e Endpoint, jump string, err error) {
	e = Endpoint{
		Alias:                 q.alias,
		Hostname:              a.hostname,
		User:                  a.first("user"),
		IdentitiesOnly:        isYes(a.first("identitiesonly")),
		HostKeyAlias:          a.first("hostkeyalias"),
		KnownHostsCommand:     setting(a.first("knownhostscommand")),
		StrictHostKeyChecking: a.first("stricthostkeychecking"),
		HashKnownHosts:        isYes(a.first("hashknownhosts")),
		AddressFamily:         cmp.Or(a.first("addressfamily"), "any"),
		BindAddress:           a.first("bindaddress"),
	}
	if e.Port, err = strconv.Atoi(a.port); err != nil {
		return e, "", fmt.Errorf("port %s is not a number", quote(a.port))
	}
	switch e.StrictHostKeyChecking {
	case "true":
		e.StrictHostKeyChecking = "yes"
	case "false":
		e.StrictHostKeyChecking = "no"
	}
	for _, s := range []struct {
		into    *time.Duration
		keyword string
	}{{&e.ConnectTimeout, "connecttimeout"}, {&e.ServerAliveInterval, "serveraliveinterval"}} {
		if text := setting(a.first(s.keyword)); text != "" {
			if *s.into, err = seconds(text); err != nil {
				return e, "", fmt.Errorf("%s: %w", s.keyword, err)
			}
		}
	}
	for _, s := range []struct {
		into    *[]string
		keyword string
	}{
		{&e.HostKeyAlgorithms, "hostkeyalgorithms"}, {&e.KexAlgorithms, "kexalgorithms"}, {&e.Ciphers, "ciphers"},
		{&e.MACs, "macs"}, {&e.PubkeyAlgorithms, "pubkeyacceptedalgorithms"},
	} {
		if text := a.first(s.keyword); text != "" && text != defaults.first(s.keyword) {
			*s.into = strings.Split(text, ",")
		}
	}

	t := tokens{machine: m, alias: q.alias, endpoint: &e}
	if command := setting(a.first("proxycommand")); command != "" {
		if e.ProxyCommand, err = t.expand(command, proxyTokens); err != nil {
			return e, "", fmt.Errorf("ProxyCommand: %w", err)
		}
	}
	if jump = setting(a.first("proxyjump")); jump != "" {
		if jump, err = t.expand(jump, proxyTokens); err != nil {
			return e, "", fmt.Errorf("ProxyJump: %w", err)
		}
	}
	for _, s := range []struct {
		into    *[]string
		keyword string
		names   []string
	}{
		{&e.IdentityFiles, "identityfile", a.values["identityfile"]},
		{&e.CertificateFiles, "certificatefile", a.values["certificatefile"]},
		{&e.UserKnownHostsFiles, "userknownhostsfile", fileNames(a.first("userknownhostsfile"))},
		{&e.GlobalKnownHostsFiles, "globalknownhostsfile", fileNames(a.first("globalknownhostsfile"))},
	} {
		if s.names == nil {
			continue
		}
		*s.into = make([]string, 0, len(s.names))
		for _, name := range s.names {
			if name == "none" {
				continue
			}
			path, err := t.path(name)
			if err != nil {
				return e, "", fmt.Errorf("%s: %w", s.keyword, err)
			}
			if !slices.Contains(*s.into, path) {
				*s.into = append(*s.into, path)
			}
		}
	}
	if name := setting(a.first("revokedhostkeys")); name != "" {
		if e.RevokedHostKeys, err = t.path(name); err != nil {
			return e, "", fmt.Errorf("RevokedHostKeys: %w", err)
		}
	}
	switch name := a.first("identityagent"); {
	case name == "", name == "none":
		e.IdentityAgent = name
	case name == "SSH_AUTH_SOCK":
		e.IdentityAgent = cmp.Or(os.Getenv(name), "none")
	case name[0] == '$' && !strings.HasPrefix(name, "${"):
		e.IdentityAgent = cmp.Or(os.Getenv(name[1:]), "none")
	default:
		if e.IdentityAgent, err = t.path(name); err != nil {
			return e, "", fmt.Errorf("IdentityAgent: %w", err)
		}
	}
	return e, jump, nil
}

// setting is a value that may be "none".
func setting(value string) string {
	if strings.EqualFold(value, "none") {
		return ""
	}
	return value
}

func isYes(value string) bool { return value == "yes" || value == "true" }

// fileNames splits file names as ssh -G prints them: parted by spaces, and with theirs as
// they are. A name that does not begin like a path belongs to the one before it.
func fileNames(s string) (names []string) {
	for word := range strings.SplitSeq(s, " ") {
		if len(names) > 0 && (word == "" || !strings.ContainsRune("/~%$", rune(word[0]))) && word != "none" {
			names[len(names)-1] += " " + word
			continue
		}
		if word != "" {
			names = append(names, word)
		}
	}
	return names
}

// seconds parses a time of sshd_config(5): 30, 90s, 1h30m.
func seconds(s string) (total time.Duration, err error) {
	bad := fmt.Errorf("%s is not a time", quote(s))
	for rest := s; ; {
		end := 0
		for end < len(rest) && '0' <= rest[end] && rest[end] <= '9' {
			end++
		}
		n, ok := number(rest[:end])
		if !ok || end == 0 || end > 9 {
			return 0, bad
		}
		unit := time.Second
		if rest = rest[end:]; rest != "" {
			switch rest[0] {
			case 's', 'S':
			case 'm', 'M':
				unit = time.Minute
			case 'h', 'H':
				unit = time.Hour
			case 'd', 'D':
				unit = 24 * time.Hour
			case 'w', 'W':
				unit = 7 * 24 * time.Hour
			default:
				return 0, bad
			}
			rest = rest[1:]
		}
		if n > uint64(24*365*100*time.Hour/unit) {
			return 0, bad
		}
		if total += time.Duration(n) * unit; rest == "" {
			return total, nil
		}
	}
}

// tokens expands what ssh_config(5) calls TOKENS, and ENVIRONMENT VARIABLES.
type tokens struct {
	machine
	alias    string
	endpoint *Endpoint
}

const (
	proxyTokens = "%hnpr"
	pathTokens  = "%dhiklLnpru"
)

// expand expands the allowed tokens. ssh would stop at any other, so it is an error.
func (t tokens) expand(s, allowed string) (string, error) {
	if !strings.Contains(s, "%") {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		i++
		if i == len(s) || strings.IndexByte(allowed, s[i]) < 0 {
			return "", fmt.Errorf("%s: the token %s is not understood", quote(s), quote(s[i-1:min(i+1, len(s))]))
		}
		switch s[i] {
		case '%':
			b.WriteByte('%')
		case 'h':
			b.WriteString(t.endpoint.Hostname)
		case 'n':
			b.WriteString(t.alias)
		case 'p':
			b.WriteString(strconv.Itoa(t.endpoint.Port))
		case 'r':
			b.WriteString(t.endpoint.User)
		case 'k':
			b.WriteString(cmp.Or(t.endpoint.HostKeyAlias, t.alias))
		case 'd':
			b.WriteString(t.home)
		case 'i':
			b.WriteString(t.uid)
		case 'u':
			b.WriteString(t.user)
		case 'l':
			b.WriteString(t.hostname)
		case 'L':
			short, _, _ := strings.Cut(t.hostname, ".")
			b.WriteString(short)
		}
	}
	return b.String(), nil
}

// path expands a file name: tilde, tokens, ${VARIABLE}; and makes it absolute.
func (t tokens) path(s string) (string, error) {
	if s == "~" || strings.HasPrefix(s, "~/") {
		s = t.home + s[1:]
	} else if strings.HasPrefix(s, "~") {
		var err error
		if s, err = absolute(s, Origin{}); err != nil {
			return "", err
		}
	}
	s, err := t.expand(s, pathTokens)
	if err != nil {
		return "", err
	}
	for strings.Contains(s, "${") {
		before, rest, _ := strings.Cut(s, "${")
		name, after, closed := strings.Cut(rest, "}")
		value, set := os.LookupEnv(name)
		if !closed || !set {
			return "", fmt.Errorf("%s: the environment variable %s is not set", quote(s), quote(name))
		}
		if strings.Contains(value, "${") {
			return "", fmt.Errorf("%s: the environment variable %s holds another", quote(s), quote(name))
		}
		s = before + value + after
	}
	return filepath.Abs(s)
}
