package inventory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"strings"
)

// resolve says how each host is reached.
func resolve(ctx context.Context, o Options, entries []entry, p *problems) []Host {
	hosts := make([]Host, 0, len(entries))
	login := "root"
	if u, err := user.Current(); err == nil {
		login = u.Username
	}
	for _, e := range entries {
		slices.Sort(e.groups)
		port, _ := strconv.Atoi(cmp.Or(e.port.value, "22"))
		hosts = append(hosts, Host{
			Name:   e.name,
			Groups: slices.Compact(e.groups),
			Origin: e.origin,
			Endpoint: Endpoint{
				Alias: e.name, Hostname: cmp.Or(e.addr.value, strings.ToLower(e.name)),
				Port: port, User: cmp.Or(o.User, e.user.value, login),
			},
		})
	}
	return hosts
}

// unique leaves out hosts that are another one under a second name.
func unique(hosts []Host, p *problems) []Host {
	first := make(map[string]*Host, len(hosts))
	left := hosts[:0:0]
	for i := range hosts {
		h := &hosts[i]
		way := h.ProxyCommand
		for _, hop := range h.Jump {
			way += " " + hop.User + "@" + hop.Address()
		}
		key := h.User + "@" + h.Address() + " " + way
		if have, twice := first[key]; twice {
			p.warn(&Error{
				Origin:  h.Origin,
				Message: fmt.Sprintf("%s is %s (%v) under another name: both are %s@%s; it is scanned once", h.Name, have.Name, have.Origin, h.User, h.Address()),
				Hint:    "remove one",
			})
			continue
		}
		first[key] = h
		left = append(left, *h)
	}
	return left
}

func explain(ctx context.Context, o Options, name string) ([]Setting, error) {
	return nil, errors.New("hosts --explain is not there yet")
}
