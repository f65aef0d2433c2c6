package drop

import (
	"fmt"

	"github.com/fleetdrop/fleetdrop/probe"
)

var _ = add(Rule{
	ID:       "FD604",
	Name:     "syncookies-off",
	Title:    "SYN cookies are off, so a full SYN queue turns clients away",
	Stage:    Listen,
	Scope:    Netns,
	Severity: map[Kind]Severity{AtRisk: Medium},
	Needs:    []Need{{syncookies}},
	Wants:    []probe.Handle{maxSYNBacklog, somaxconn},
	Check:    checkSYNCookies,

	Doc: `
With net.ipv4.tcp_syncookies at 1, as the kernel has it, a SYN queue that is full costs nothing:
further SYNs are answered with cookies. At 0 they are dropped, so one host that sends SYNs can
keep all clients out. At 2 every SYN is answered with a cookie.

net.ipv4.tcp_max_syn_backlog matters only at 0: then SYNs of clients that are not known from
before are dropped when three quarters of it are half-open at one listener. With cookies on it limits
nothing since 4.4, whatever tuning guides say; the SYN queue of a listener is as long as its backlog. Before, it was
no longer than tcp_max_syn_backlog either.

Source: https://docs.kernel.org/networking/ip-sysctl.html; net/ipv4/tcp_input.c, tcp_conn_request.

By hand: "sysctl net.ipv4.tcp_syncookies net.ipv4.tcp_max_syn_backlog".`,

	Examples: []Example{{
		Name: "off, with room for 12",
		From: "netns-synq-nocookie/after",
		Capture: `
-- /proc/sys/net/core/somaxconn --
4096
-- /proc/sys/net/ipv4/tcp_max_syn_backlog --
16
-- /proc/sys/net/ipv4/tcp_syncookies --
0
`,
		Outcome: Found,
		Want:    []string{"medium at-risk: SYN cookies are off: new clients are turned away when 12 connections are half-open (net.ipv4.tcp_max_syn_backlog is 16)"},
	}, {
		Name: "off, and the other setting cannot be read",
		Capture: `
-- denied /proc/sys/net/ipv4/tcp_max_syn_backlog --
-- /proc/sys/net/ipv4/tcp_syncookies --
0
`,
		Outcome: Found,
		Want:    []string{"medium at-risk: SYN cookies are off (net.ipv4.tcp_max_syn_backlog is unknown (denied))"},
	}, {
		Name: "on, and then a small tcp_max_syn_backlog limits nothing",
		From: "netns-synq-cookie/after",
		Capture: `
-- /proc/sys/net/core/somaxconn --
4096
-- /proc/sys/net/ipv4/tcp_max_syn_backlog --
16
-- /proc/sys/net/ipv4/tcp_syncookies --
1
`,
		Outcome: Clean,
	}, {
		Name: "a kernel without cookies",
		Capture: `
-- /proc/sys/net/ipv4/tcp_max_syn_backlog --
2048
-- absent /proc/sys/net/ipv4/tcp_syncookies --
`,
		Outcome: NotApplicable,
	}},
})

func checkSYNCookies(c *Case) []Finding {
	cookies, most, limit := syncookies.In(c), maxSYNBacklog.In(c), somaxconn.In(c)
	if on, known := cookies.Get(); !known || on != 0 {
		return nil
	}
	f := Finding{
		Kind:     AtRisk,
		Message:  fmt.Sprintf("SYN cookies are off (net.ipv4.tcp_max_syn_backlog is %v)", most),
		Evidence: probe.Because(cookies, most, limit),
		Steps:    []Step{cookiesOn(cookies)},
	}
	if line, known := most.Get(); known {
		f.Message = fmt.Sprintf("SYN cookies are off: new clients are turned away when %d connections are half-open (net.ipv4.tcp_max_syn_backlog is %d)",
			line-line>>2, line)
		if line < 1024 {
			f.Steps = append(f.Steps, raise("net.ipv4.tcp_max_syn_backlog", most, 1024,
				"where cookies cannot be had, keep more half-open connections",
				"kernel memory, some 300 bytes for each that is half-open"))
		}
	}
	return []Finding{f}
}
