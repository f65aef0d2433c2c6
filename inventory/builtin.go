package inventory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kevinburke/ssh_config"
)

// Without an ssh to ask, package ssh_config reads the files. What it is known to read in
// another way than OpenSSH is an error here, never another answer: Match, quotes, "?",
// Include within a block, lists of algorithms that begin with a sign.

// scalars are the keywords that we use, with one value each, and what that must look like.
var scalars = map[string]func(string) bool{
	"hostname": isWord, "user": isWord, "port": func(s string) bool { return checkPort(s) == nil },
	"identitiesonly": isBool, "identityagent": isWord, "proxyjump": isWord, "proxycommand": isAnything,
	"hostkeyalias": isWord, "revokedhostkeys": isWord, "knownhostscommand": isAnything,
	"stricthostkeychecking": oneOf("yes", "true", "accept-new", "ask", "no", "false", "off"),
	"hashknownhosts":        isBool,
	"hostkeyalgorithms":     isList, "kexalgorithms": isList, "ciphers": isList, "macs": isList,
	"pubkeyacceptedalgorithms": isList,
	"connecttimeout":           isTime, "serveraliveinterval": isTime,
	"addressfamily": oneOf("any", "inet", "inet6"), "bindaddress": isWord,
}

// lists are the keywords that we use, with several values.
var lists = map[string]bool{
	"identityfile": true, "certificatefile": true, "userknownhostsfile": true, "globalknownhostsfile": true,
}

// unused are the other keywords of ssh_config(5), OpenSSH 10.0 and Debian's: they change
// nothing for a scan. A keyword that nobody knows is an error, as for ssh.
var unused = strings.Fields(`addkeystoagent batchmode canonicaldomains canonicalizefallbacklocal
	canonicalizemaxdots canonicalizepermittedcnames casignaturealgorithms channeltimeout checkhostip
	clearallforwardings compression connectionattempts controlmaster controlpath controlpersist dynamicforward
	enableescapecommandline enablesshkeysign escapechar exitonforwardfailure fingerprinthash forkafterauthentication
	forwardagent forwardx11 forwardx11timeout forwardx11trusted gatewayports gssapiauthentication gssapiclientidentity
	gssapidelegatecredentials gssapikeyexchange gssapirenewalforcesrekey gssapiserveridentity gssapitrustdns
	gssapikexalgorithms hostbasedacceptedalgorithms hostbasedauthentication ipqos kbdinteractiveauthentication
	kbdinteractivedevices localcommand localforward loglevel logverbose nohostauthenticationforlocalhost
	numberofpasswordprompts obscurekeystroketiming passwordauthentication permitlocalcommand permitremoteopen
	pkcs11provider preferredauthentications proxyusefdpass pubkeyauthentication rekeylimit remotecommand remoteforward
	requesttty requiredrsasize securitykeyprovider sendenv serveralivecountmax sessiontype setenv stdinnull
	streamlocalbindmask streamlocalbindunlink syslogfacility tcpkeepalive tunnel tunneldevice updatehostkeys
	verifyhostkeydns versionaddendum visualhostkey warnweakcrypto xauthlocation`)

func isAnything(s string) bool { return s != "" }
func isWord(s string) bool     { return s != "" && !strings.ContainsAny(s, " \t") }
func isBool(s string) bool     { return s == "yes" || s == "no" || s == "true" || s == "false" }
func isList(s string) bool     { return isWord(s) && !strings.ContainsRune("+-^", rune(s[0])) }

func isTime(s string) bool {
	_, err := seconds(s)
	return err == nil || s == "none"
}

func oneOf(values ...string) func(string) bool {
	return func(s string) bool { return slices.Contains(values, s) }
}

// plain writes the directives such that package ssh_config reads what OpenSSH reads: one
// file, one block after the other, no quotes. Whatever cannot be written so is a doubt.
func (c *sshConfig) plain() (text string, doubts []*Error) {
	doubts = slices.Clone(c.doubts)
	doubt := func(d directive, what string) {
		doubts = append(doubts, &Error{Origin: d.at, Message: what + " is not understood without OpenSSH's ssh in PATH",
			Hint: "install it, or use -F none"})
	}
	for _, w := range c.conditions {
		for _, p := range w.patterns {
			bad := func(ch rune) bool { return !isAlnum(ch) && !strings.ContainsRune("._:*-", ch) }
			if w.kind == hostLine && (strings.ContainsFunc(strings.TrimPrefix(p, "!"), bad) || p == "!") {
				doubt(directive{at: w.at}, "Host "+quote(p))
			}
		}
	}
	var b strings.Builder
	last := -1
	for _, d := range c.directives {
		if d.keyword == "host" || d.keyword == "match" || d.keyword == "include" {
			if d.keyword == "include" && len(d.conditions) > 0 {
				doubt(d, "Include within a Host block")
			}
			continue
		}
		value := d.text
		check, used := scalars[d.keyword]
		switch {
		case used:
			if d.keyword != "proxycommand" && d.keyword != "knownhostscommand" {
				if len(d.args) != 1 {
					doubt(d, fmt.Sprintf("%s with %d values", d.keyword, len(d.args)))
					continue
				}
				value = d.args[0]
			}
			if !check(value) || value == "" || strings.ContainsAny(value, "#\"'\\") || value != strings.TrimSpace(value) {
				doubt(d, d.keyword+" "+quote(value))
				continue
			}
		case lists[d.keyword]:
			if strings.ContainsAny(d.text, "#\"'\\") {
				doubt(d, d.keyword+" "+quote(value))
				continue
			}
			if strings.HasSuffix(d.keyword, "knownhostsfile") {
				value = strings.Join(d.args, " ")
			} else if len(d.args) != 1 {
				doubt(d, fmt.Sprintf("%s with %d values", d.keyword, len(d.args)))
				continue
			}
		default:
			if d.keyword != "canonicalizehostname" && !slices.Contains(unused, d.keyword) {
				doubt(d, "the keyword "+quote(d.keyword))
			}
			continue
		}
		block := -1
		if len(d.conditions) == 1 {
			block = d.conditions[0]
		} else if len(d.conditions) > 1 {
			continue // the Include is a doubt already
		}
		if block != last {
			last = block
			b.WriteString("Host " + c.pattern(block) + "\n")
		}
		b.WriteString(d.keyword + " " + value + "\n")
	}
	return b.String(), doubts
}

func (c *sshConfig) pattern(block int) string {
	if block < 0 || c.conditions[block].kind != hostLine {
		return "*"
	}
	return strings.Join(c.conditions[block].patterns, " ")
}

// askBuiltin answers requests from the files alone.
func (r *resolver) askBuiltin(requests []request) []answers {
	text, doubts := r.config.plain()
	r.errors = append(r.errors, doubts...)
	if len(doubts) > 0 {
		return make([]answers, len(requests))
	}
	config, err := ssh_config.DecodeBytes([]byte(text))
	if err != nil {
		r.fail(&Error{Origin: Origin{File: strings.Join(r.config.files, ", ")}, Message: "cannot be read without OpenSSH's ssh in PATH: " + quotable(err.Error()),
			Hint: "install it, or use -F none"})
		return make([]answers, len(requests))
	}
	all := make([]answers, len(requests))
	for i, q := range requests {
		a, bad := r.builtin(config, q)
		if bad != nil {
			bad.Origin = q.from
			r.fail(bad)
		}
		all[i] = a
	}
	return all
}

// builtinDefaults are the defaults of ssh_config(5) that a scan needs to know.
var builtinDefaults = map[string][]string{
	"identityfile": {"~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ecdsa_sk", "~/.ssh/id_ed25519", "~/.ssh/id_ed25519_sk",
		"~/.ssh/id_xmss", "~/.ssh/id_dsa"},
	"userknownhostsfile":    {"~/.ssh/known_hosts ~/.ssh/known_hosts2"},
	"globalknownhostsfile":  {"/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"},
	"stricthostkeychecking": {"ask"},
}

func (r *resolver) builtin(config *ssh_config.Config, q request) (answers, *Error) {
	a := answers{hostname: q.alias, values: map[string][]string{"user": {r.machine.user}}}
	get := func(keyword string) ([]string, *Error) {
		values, err := config.GetAll(q.alias, keyword)
		if err != nil {
			return nil, &Error{Message: "ssh_config: " + quotable(err.Error()), Hint: "install OpenSSH's ssh, or use -F none"}
		}
		return values, nil
	}
	for keyword := range scalars {
		values, err := get(keyword)
		if err != nil {
			return a, err
		}
		if len(values) > 0 {
			a.values[keyword] = values[:1]
		}
	}
	for keyword := range lists {
		values, err := get(keyword)
		if err != nil {
			return a, err
		}
		if strings.HasSuffix(keyword, "knownhostsfile") && len(values) > 0 {
			values = values[:1] // the first line wins; it names all files
		}
		if keyword == "identityfile" {
			for _, key := range slices.Backward(q.keys) {
				values = append([]string{strings.ReplaceAll(key, "%", "%%")}, values...)
			}
		}
		if len(values) == 0 {
			values = builtinDefaults[keyword]
		}
		for _, v := range values { // ssh keeps a file once
			if !slices.Contains(a.values[keyword], v) {
				a.values[keyword] = append(a.values[keyword], v)
			}
		}
	}
	if a.first("stricthostkeychecking") == "" {
		a.values["stricthostkeychecking"] = builtinDefaults["stricthostkeychecking"]
	}
	if len(a.values["proxyjump"]) > 0 && len(a.values["proxycommand"]) > 0 && q.jump == "" {
		return a, &Error{Message: q.alias + " has ProxyJump and ProxyCommand: which one counts is not understood without OpenSSH's ssh in PATH",
			Hint: "install it, or leave one out"}
	}
	if q.user != "" {
		a.values["user"] = []string{q.user}
	}
	a.port = cmp.Or(q.port, a.first("port"), "22")
	if q.jump != "" {
		a.values["proxyjump"] = []string{q.jump}
		delete(a.values, "proxycommand")
	}
	switch template := a.first("hostname"); {
	case q.addr != "":
		a.hostname = q.addr
	case template != "":
		name, ok := expandHostName(template, q.alias)
		if !ok {
			return a, &Error{Message: fmt.Sprintf("HostName %s has an unknown token", quote(template)), Hint: "only %h and %% are allowed"}
		}
		a.hostname = name
	}
	if name, ok := lowered(a.hostname); ok {
		a.hostname = name
	} else {
		return a, &Error{Message: quote(a.hostname) + " may be a name or an address", Hint: "write it in lower case"}
	}
	delete(a.values, "hostname")
	delete(a.values, "port")
	hops, bad := parseJump(a.first("proxyjump"))
	if a.first("proxyjump") != "" && bad != nil {
		return a, &Error{Message: "ProxyJump: " + bad.message, Hint: bad.hint}
	}
	if n := len(hops); n > 0 && strings.EqualFold(hops[n-1].name, a.hostname) {
		return a, &Error{Message: fmt.Sprintf("%s is its own jump host", q.alias), Hint: "give it ProxyJump none in ssh_config, above the line that gives it one"}
	}
	return a, nil
}
