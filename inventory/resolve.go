package inventory

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
)

// A resolver asks ssh_config how hosts are reached.
type resolver struct {
	Options
	*problems
	machine
	config   *sshConfig
	ssh      *openSSH // nil: there is none, and the config is read without it
	identity []string // Options.Identity, absolute
	known    []string // Options.KnownHosts, absolute
}

// newResolver returns nil where the options or the files of ssh_config are wrong.
func newResolver(ctx context.Context, o Options, p *problems) *resolver {
	r := &resolver{Options: o, problems: p}
	flag := func(name, message, hint string) {
		p.fail(&Error{Origin: Origin{File: name}, Message: message, Hint: hint})
	}
	var err error
	if r.machine, err = thisMachine(); err != nil {
		p.fail(&Error{Message: err.Error(), Hint: "give this account a name"})
	}
	if o.User != "" {
		if err := checkUser(o.User); err != nil {
			flag("--user", err.message, err.hint)
		}
	}
	if o.Jump != "" {
		if _, err := parseJump(o.Jump); err != nil {
			flag("--jump", err.message, err.hint)
		}
	}
	switch o.HostKey {
	case "", "strict", "accept-new":
	default:
		flag("--host-key", quote(o.HostKey)+" is not known", "use strict or accept-new")
	}
	keys := &reader{keyFiles: map[string]error{}}
	for _, name := range o.Identity {
		path, err := keys.keyFile(name, Origin{})
		if err != nil {
			flag("--identity", err.Error(), "check the name")
		}
		r.identity = append(r.identity, path)
	}
	for _, name := range o.KnownHosts {
		path, err := absolute(name, Origin{})
		if _, missing := os.Stat(path); err == nil && missing != nil && o.HostKey != "accept-new" {
			err = fmt.Errorf("%s: %s", quote(path), unreadable(Origin{}, missing).Message)
		}
		if err != nil {
			flag("--known-hosts", err.Error(), "check the name, or have it written with --host-key accept-new")
		}
		r.known = append(r.known, path)
	}
	var bad *Error
	if r.config, bad = readSSHConfig(o.SSHConfig); bad != nil {
		p.fail(bad)
	}
	if len(p.errors) > 0 {
		return nil
	}
	if r.ssh, err = findOpenSSH(ctx, o.SSHConfig); err != nil {
		p.refuse(err)
		return nil
	}
	return r
}

// ask returns the answers to each request.
func (r *resolver) ask(ctx context.Context, requests []request) []answers {
	if r.ssh == nil {
		return r.askBuiltin(requests)
	}
	return r.ssh.askAll(ctx, r.config, requests, r.problems)
}

func (r *resolver) defaults() answers {
	if r.ssh == nil {
		return answers{}
	}
	return r.ssh.defaults
}

// resolve says how each host is reached.
func resolve(ctx context.Context, o Options, entries []entry, p *problems) []Host {
	r := newResolver(ctx, o, p)
	if r == nil {
		return nil
	}
	requests := make([]request, len(entries))
	for i, e := range entries {
		requests[i] = r.request(e)
	}
	all := r.ask(ctx, requests)
	if len(p.errors) > 0 || ctx.Err() != nil {
		return nil
	}
	hosts := make([]Host, len(entries))
	ways := map[string]*way{}
	for i, e := range entries {
		slices.Sort(e.groups)
		hosts[i] = Host{Name: e.name, Groups: slices.Compact(e.groups), Origin: e.origin}
		h := &hosts[i]
		var jump string
		var err error
		if h.Endpoint, jump, err = r.endpoint(requests[i], all[i]); err != nil {
			r.fail(&Error{Origin: e.origin, Message: fmt.Sprintf("ssh_config of %s: %v", e.name, err), Hint: "correct ssh_config, or use another file with -F"})
			continue
		}
		if jump == "" {
			continue
		}
		w := r.way(ctx, jump, e.origin, ways, nil)
		if w.err != nil && !w.told {
			w.told = true
			r.fail(&Error{Origin: e.origin, Message: fmt.Sprintf("the way to %s: %s", e.name, w.err.message), Hint: w.err.hint})
		}
		h.Jump, h.ProxyCommand = w.hops, ""
	}
	return hosts
}

// request is what the inventory and the flags make of a host.
func (r *resolver) request(e entry) request {
	q := request{
		alias: e.name,
		addr:  e.addr.value,
		user:  cmp.Or(r.User, e.user.value),
		port:  e.port.value,
		jump:  cmp.Or(r.jumpTo(e), e.jump.value),
		keys:  slices.Clip(r.identity),
		from:  e.origin,
	}
	for _, k := range e.keys {
		q.keys = append(q.keys, k.value)
	}
	return q
}

// jumpTo is the flag --jump for one host: a host that is one of its hops is reached as
// the hop is, not through itself.
func (r *resolver) jumpTo(e entry) string {
	hops, _ := parseJump(r.Jump)
	at := slices.IndexFunc(hops, func(a address) bool {
		return strings.EqualFold(a.name, e.name) && cmp.Or(a.port, e.port.value) == cmp.Or(e.port.value, a.port)
	})
	if at < 0 {
		return r.Jump
	}
	return strings.Join(strings.Split(r.Jump, ",")[:at], ",")
}

// endpoint is what the answers say, and the flags that hold for every hop.
func (r *resolver) endpoint(q request, a answers) (Endpoint, string, error) {
	e, jump, err := r.machine.endpoint(q, a, r.defaults())
	if len(r.known) > 0 {
		e.UserKnownHostsFiles = r.known
	}
	switch r.HostKey {
	case "strict":
		e.StrictHostKeyChecking = "yes"
	case "accept-new":
		e.StrictHostKeyChecking = "accept-new"
	}
	if r.ConnectTimeout > 0 {
		e.ConnectTimeout = r.ConnectTimeout
	}
	return e, jump, err
}

// A way is the hops to a host, or what is wrong with it.
type way struct {
	hops []Endpoint
	err  *syntaxError
	told bool // one host's error is enough
}

// way resolves hops as ssh -J does: the last one is reached through those before it
// whatever its own ssh_config says, and the first one as its ssh_config says.
func (r *resolver) way(ctx context.Context, jump string, from Origin, known map[string]*way, outer []string) *way {
	w := known[jump]
	if w == nil {
		w = &way{}
		w.hops, w.err = r.hops(ctx, jump, from, known, outer)
		known[jump] = w
	}
	return w
}

func (r *resolver) hops(ctx context.Context, jump string, from Origin, known map[string]*way, outer []string) ([]Endpoint, *syntaxError) {
	if slices.Contains(outer, jump) {
		return nil, wrong(0, "a loop through jump host "+quote(jump),
			"give it ProxyJump none in ssh_config, above the line that gives it one")
	}
	addresses, err := parseJump(jump)
	if err != nil {
		return nil, wrong(0, "jump host: "+err.message, err.hint)
	}
	if len(addresses) == 0 {
		return nil, nil
	}
	last := addresses[len(addresses)-1]
	q := request{alias: last.name, user: last.user, port: last.port, keys: r.identity, from: from}
	if i := strings.LastIndexByte(jump, ','); i >= 0 {
		q.jump = jump[:i]
	}
	before := len(r.errors)
	asked := r.ask(ctx, []request{q})
	if len(r.errors) > before || ctx.Err() != nil {
		return nil, nil
	}
	e, inner, bad := r.endpoint(q, asked[0])
	if bad != nil {
		return nil, wrong(0, fmt.Sprintf("ssh_config of jump host %s: %v", last.name, bad), "correct ssh_config, or use another file with -F")
	}
	if inner == "" {
		return []Endpoint{e}, nil
	}
	w := r.way(ctx, inner, from, known, append(outer, jump))
	e.ProxyCommand = ""
	return append(slices.Clone(w.hops), e), w.err
}

// unique leaves out hosts that are another one under a second name.
func unique(hosts []Host, p *problems) []Host {
	type door struct{ address, user, way, key string }
	first := make(map[door]int, len(hosts))
	left := hosts[:0:0]
	for _, h := range hosts {
		d := door{h.Address(), h.User, h.ProxyCommand, h.HostKeyAlias}
		for _, hop := range h.Jump {
			d.way += " " + hop.User + "@" + hop.Address()
		}
		i, twice := first[d]
		if !twice {
			first[d] = len(left)
			left = append(left, h)
			continue
		}
		have := &left[i]
		have.Groups = slices.Concat(have.Groups, h.Groups)
		slices.Sort(have.Groups)
		have.Groups = slices.Compact(have.Groups)
		p.warn(&Error{
			Origin:  h.Origin,
			Message: fmt.Sprintf("%s is %s (%v) by another name: both are %s@%s; it is scanned once", h.Name, have.Name, have.Origin, h.User, h.Address()),
			Hint:    "remove one",
		})
	}
	return left
}
