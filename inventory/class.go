package inventory

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Asking ssh costs a process. Where the lines of ssh_config provably say the same of many
// hosts, ssh is asked about two of them: the first gives the answers for all, and the
// second is the proof of them.

// A class is what may differ between hosts without ssh_config telling them apart: all else
// of a request, and the conditions that hold.
type class struct {
	holds            string
	template         string // of HostName, "" for the name itself
	user, jump, keys string
	hasPort, hasAddr bool
	alone            string // a host like no other, as far as we know
}

// classify returns the class of a request. Requests of one class get answers that differ
// in hostname and port alone, because the same lines of the files apply to them; hostname
// is the one to expect.
func (c *sshConfig) classify(q request) (k class, hostname string) {
	k = class{user: q.user, jump: q.jump, keys: strings.Join(q.keys, "\x00"), hasPort: q.port != "", hasAddr: q.addr != ""}
	alone := func() (class, string) {
		k.alone = q.alias + " " + q.addr + " " + q.port
		return k, ""
	}
	if c.opaque {
		return alone()
	}
	holds := c.holding(q.alias, false)
	k.holds = bits(holds)
	hostname = q.alias
	switch d := c.first("hostname", holds); {
	case q.addr != "":
		hostname = q.addr
	case d != nil && len(d.args) == 1:
		k.template = d.args[0]
		var ok bool
		if hostname, ok = expandHostName(k.template, q.alias); !ok {
			return alone()
		}
	case d != nil:
		return alone()
	}
	hostname, ok := lowered(hostname)
	if !ok {
		return alone()
	}
	if slices.ContainsFunc(c.conditions, func(w condition) bool { return w.kind == matchFinal }) {
		// The second pass looks at the address instead of the name.
		k.holds += " " + bits(c.holding(hostname, true))
	}
	return k, hostname
}

func bits(holds []bool) string {
	b := make([]byte, len(holds))
	for i, h := range holds {
		b[i] = '0'
		if h {
			b[i] = '1'
		}
	}
	return string(b)
}

// expandHostName expands the tokens of HostName: %h and %%.
func expandHostName(template, alias string) (name string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(template); i++ {
		if template[i] != '%' {
			b.WriteByte(template[i])
			continue
		}
		i++
		switch {
		case i < len(template) && template[i] == '%':
			b.WriteByte('%')
		case i < len(template) && template[i] == 'h':
			b.WriteString(alias)
		default:
			return "", false
		}
	}
	return b.String(), true
}

// lowered is a host name as ssh writes it: in lower case unless it is an address. Names
// that getaddrinfo(3) may take for an address are not ours to judge.
func lowered(name string) (string, bool) {
	lower := strings.ToLower(name)
	if lower == name {
		return name, true
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return name, true
	}
	if strings.Contains(name, "%") || strings.Trim(lower, "0123456789abcdefx:.") == "" {
		return "", false
	}
	return lower, true
}

// askAll asks ssh about every request, and returns the answers in the same order.
func (s *openSSH) askAll(ctx context.Context, c *sshConfig, requests []request, p *problems) []answers {
	all := make([]answers, len(requests))
	hostnames := make([]string, len(requests))
	members := map[class][]int{}
	var order []class
	for i, q := range requests {
		k, hostname := c.classify(q)
		hostnames[i] = hostname
		if members[k] == nil {
			order = append(order, k)
		}
		members[k] = append(members[k], i)
	}
	var samples []int
	for _, k := range order {
		m := members[k]
		samples = append(samples, m[0])
		if len(m) > 1 {
			samples = append(samples, m[len(m)-1])
		}
	}
	known := s.askSome(ctx, c, requests, samples, all, p)
	if len(p.errors) > 0 {
		return all
	}
	var rest []int
	for _, k := range order {
		m := members[k]
		if len(m) < 3 {
			continue
		}
		a, b := m[0], m[len(m)-1]
		alike := known && all[a].hostname == hostnames[a] && all[a].substitute(requests[b], hostnames[b]).like(all[b])
		jump := all[a].first("proxyjump")
		for _, i := range m[1 : len(m)-1] {
			// A jump host that would be reached through itself is for ssh to refuse.
			if loop := jump != "" && strings.Contains(strings.ToLower(jump), hostnames[i]); alike && !loop {
				all[i] = all[a].substitute(requests[i], hostnames[i])
			} else {
				rest = append(rest, i)
			}
		}
	}
	s.askSome(ctx, c, requests, rest, all, p)
	return all
}

// enoughRefused is when to stop asking: nobody reads more.
const enoughRefused = 5 * maxErrors

// askSome asks ssh about some of the requests, and says whether it read no file that we
// do not know of.
func (s *openSSH) askSome(ctx context.Context, c *sshConfig, requests []request, which []int, all []answers, p *problems) (known bool) {
	known = true
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(askParallel)
	refused := 0
	for _, i := range which {
		g.Go(func() error {
			mu.Lock()
			stop := refused >= enoughRefused || ctx.Err() != nil
			mu.Unlock()
			if stop {
				return nil
			}
			a, files, err := s.ask(ctx, requests[i])
			mu.Lock()
			defer mu.Unlock()
			all[i] = a
			if (len(files) == 0) != (len(c.files) == 0) {
				known = false
			}
			for _, f := range files {
				known = known && slices.Contains(c.files, f)
			}
			if p.refuse(err) {
				refused++
			}
			return nil
		})
	}
	g.Wait()
	return known
}
