package inventory

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"
)

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
