package kernel

import (
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
)

// XDP is the interfaces to which a program of XDP is attached, from ip -o link.
//
// Source: ip/iplink_xdp.c of iproute2, xdp_dump; every login may ask.
var XDP = &probe.Section[[]string]{
	Read:  probe.Read{Command: "ip -o link", Limit: unlimited, Keep: " xdp|prog/xdp"},
	Parse: parseXDP,
}

// parseXDP parses lines "2: eth0: <BROADCAST,UP> mtu 1500 xdp qdisc mq …\    prog/xdp id 12 …".
func parseXDP(text string) ([]string, error) {
	var names []string
	for line := range strings.Lines(text) {
		_, rest, ok := strings.Cut(line, ": ")
		name, rest, found := strings.Cut(rest, ": ")
		if !ok || !found {
			continue // BusyBox tells nothing of programs, nor do complaints
		}
		name, _, _ = strings.Cut(name, "@") // of a VLAN, "eth0.100@eth0"
		if strings.Contains(rest, " xdp") || strings.Contains(rest, "prog/xdp") {
			names = append(names, name)
		}
	}
	return names, nil
}

// IPVS is /proc/net/ip_vs_stats, which is there where IPVS is loaded: it takes packets away from IP to send them on itself.
//
// Source: net/netfilter/ipvs/ip_vs_ctl.c, ip_vs_stats_show.
var IPVS = &probe.Section[string]{
	Read:  probe.Read{File: "/proc/net/ip_vs_stats", Cap: 1024},
	Parse: func(text string) (string, error) { return text, nil },
}
