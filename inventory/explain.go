package inventory

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// explain resolves one host and says where each value comes from.
func explain(ctx context.Context, o Options, name string) ([]Setting, error) {
	p := &problems{places: append(slices.Clone(o.Files), argument)}
	if len(o.Files)+len(o.Hosts) == 0 {
		o.Hosts = []string{name}
	}
	entries := read(o, p)
	if err := p.err(); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(entries, func(e entry) bool { return e.name == name })
	if i < 0 {
		return nil, &Error{Message: fmt.Sprintf("%s is none of the %s of the inventory", quote(name), plural(len(entries), "host")),
			Hint: "fleetdrop hosts shows their names"}
	}
	e := entries[i]
	hosts := resolve(ctx, o, []entry{e}, p)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	config, bad := readSSHConfig(o.SSHConfig)
	if bad != nil {
		return nil, bad
	}
	ssh, err := findOpenSSH(ctx, o.SSHConfig)
	if err != nil {
		return nil, err
	}
	x := explainer{Options: o, entry: e, host: &hosts[0]}
	r := resolver{Options: o}
	x.lines = config.applied(ctx, ssh, r.request(e), x.host.Hostname)
	return x.settings()
}

// An explainer finds where the values of one host come from.
type explainer struct {
	Options
	entry entry
	host  *Host
	lines []directive // of ssh_config, those that apply, the first one first
}

// applied returns the directives that apply to a host: those of the first pass before
// those that only the final one adds. Where there is an ssh it says which blocks match.
func (c *sshConfig) applied(ctx context.Context, ssh *openSSH, q request, hostname string) (lines []directive) {
	passes := [][]bool{c.holding(q.alias, false)}
	if slices.ContainsFunc(c.conditions, func(w condition) bool { return w.kind == matchFinal }) {
		passes = append(passes, c.holding(hostname, true))
	}
	if c.opaque && ssh != nil {
		if _, stderr, err := ssh.run(ctx, append([]string{"-vvv"}, ssh.arguments(q)...)); err == nil {
			passes = c.matched(stderr)
		}
	}
	taken := make([]bool, len(c.directives))
	for _, holds := range passes {
		for i, d := range c.directives {
			if !taken[i] && d.applies(holds) {
				taken[i] = true
				lines = append(lines, d)
			}
		}
	}
	return lines
}

var debugLine = regexp.MustCompile(`^debug\d: (.+) line (\d+): (Applying options|matched|not matched|skipped)`)

// matched reads from the debug output of ssh which conditions hold, pass by pass.
func (c *sshConfig) matched(stderr string) (passes [][]bool) {
	holds := make([]bool, len(c.conditions))
	passes = append(passes, holds)
	var at Origin
	set := func() {
		for i, w := range c.conditions {
			if w.at == at {
				holds[i] = true
			}
		}
	}
	all := func() {
		for i, w := range c.conditions {
			if w.kind == matchAll { // ssh does not say its line
				holds[i] = true
			}
		}
	}
	all()
	for line := range strings.Lines(stderr) {
		line = strings.TrimSpace(line)
		if m := debugLine.FindStringSubmatch(line); m != nil {
			n, _ := strconv.Atoi(m[2])
			at = Origin{m[1], n}
			if m[3] == "Applying options" {
				set()
				at = Origin{}
			}
		}
		switch line {
		case "debug2: match found":
			set()
			at = Origin{}
		case "debug2: match not found":
			at = Origin{}
		case "debug1: re-parsing configuration":
			holds = make([]bool, len(c.conditions))
			passes = append(passes, holds)
			all()
		}
	}
	return passes
}

// byFlag is where a value comes from that the command line gives.
func byFlag(name string) Origin { return Origin{File: name} }

var byDefault = Origin{File: "default"}

// origin returns the line that decides one of the keywords.
func (x *explainer) origin(keywords ...string) Origin {
	for _, d := range x.lines {
		if slices.Contains(keywords, d.keyword) {
			return d.at
		}
	}
	return byDefault
}

func (x *explainer) settings() (list []Setting, err error) {
	h := x.host
	add := func(key, value string, at Origin) {
		if value != "" {
			list = append(list, Setting{key, value, at})
		}
	}
	// from is what the command line has, else the inventory, else ssh_config.
	from := func(name, value string, s said, keywords ...string) Origin {
		switch {
		case value != "":
			return byFlag(name)
		case s.value != "":
			return s.origin
		}
		return x.origin(keywords...)
	}

	hostname := from("", "", x.entry.addr, "hostname")
	if hostname == byDefault {
		hostname = x.entry.origin
	}
	add("hostname", h.Hostname, hostname)
	add("port", strconv.Itoa(h.Port), from("", "", x.entry.port, "port"))
	add("user", h.User, from("--user", x.User, x.entry.user, "user"))
	way := from("--jump", x.Jump, x.entry.jump, "proxyjump", "proxycommand")
	for i := range h.Jump {
		add("proxyjump", h.Jump[i].User+"@"+h.Jump[i].Address(), way)
	}
	add("proxycommand", h.ProxyCommand, way)

	if err := x.identities(add); err != nil {
		return nil, err
	}
	add("identitiesonly", yesNo(h.IdentitiesOnly), x.origin("identitiesonly"))
	add("identityagent", h.IdentityAgent, x.origin("identityagent"))
	for _, name := range h.CertificateFiles {
		add("certificatefile", name, x.origin("certificatefile"))
	}
	add("hostkeyalias", h.HostKeyAlias, x.origin("hostkeyalias"))
	known := x.origin("userknownhostsfile")
	if len(x.KnownHosts) > 0 {
		known = byFlag("--known-hosts")
	}
	for _, name := range h.UserKnownHostsFiles {
		add("userknownhostsfile", name, known)
	}
	for _, name := range h.GlobalKnownHostsFiles {
		add("globalknownhostsfile", name, x.origin("globalknownhostsfile"))
	}
	add("revokedhostkeys", h.RevokedHostKeys, x.origin("revokedhostkeys"))
	add("knownhostscommand", h.KnownHostsCommand, x.origin("knownhostscommand"))
	strict := x.origin("stricthostkeychecking")
	if x.HostKey != "" {
		strict = byFlag("--host-key")
	}
	add("stricthostkeychecking", h.StrictHostKeyChecking, strict)
	add("hashknownhosts", yesNo(h.HashKnownHosts), x.origin("hashknownhosts"))
	for _, s := range []struct {
		key  string
		list []string
	}{
		{"hostkeyalgorithms", h.HostKeyAlgorithms}, {"kexalgorithms", h.KexAlgorithms}, {"ciphers", h.Ciphers}, {"macs", h.MACs},
		{"pubkeyacceptedalgorithms", h.PubkeyAlgorithms},
	} {
		add(s.key, strings.Join(s.list, ","), x.origin(s.key, "pubkeyacceptedkeytypes"))
	}
	timeout := x.origin("connecttimeout")
	if x.ConnectTimeout > 0 {
		timeout = byFlag("--connect-timeout")
	}
	add("connecttimeout", duration(h.ConnectTimeout), timeout)
	add("serveraliveinterval", duration(h.ServerAliveInterval), x.origin("serveraliveinterval"))
	add("addressfamily", h.AddressFamily, x.origin("addressfamily"))
	add("bindaddress", h.BindAddress, x.origin("bindaddress"))
	for _, g := range h.Groups {
		add("group", g, x.entry.origin)
	}
	slices.SortStableFunc(list, func(a, b Setting) int { return cmp.Compare(a.Key, b.Key) })
	return list, nil
}

// identities adds each key file with the flag or the line that names it.
func (x *explainer) identities(add func(key, value string, at Origin)) error {
	m, err := thisMachine()
	if err != nil {
		return err
	}
	named := map[string]Origin{}
	for _, d := range slices.Backward(x.lines) {
		if d.keyword == "identityfile" {
			if path, err := (tokens{m, x.entry.name, &x.host.Endpoint}).path(d.args[0]); err == nil {
				named[path] = d.at
			}
		}
	}
	for _, k := range x.entry.keys {
		named[k.value] = k.origin
	}
	for _, name := range x.Identity {
		if path, err := absolute(name, Origin{}); err == nil {
			named[path] = byFlag("--identity")
		}
	}
	for _, path := range x.host.IdentityFiles {
		at, ok := named[path]
		if !ok {
			at = byDefault
		}
		add("identityfile", path, at)
	}
	return nil
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func duration(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}
