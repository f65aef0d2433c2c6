package kernel

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
)

// Routes is /proc/net/route: the IPv4 routes of the main table. A router that speaks BGP has
// a million of them, and more than fit.
//
// Source: net/ipv4/fib_trie.c, fib_route_seq_show.
var Routes = &probe.Section[[]Route]{
	Read:  probe.Read{File: "/proc/net/route"},
	Parse: parseRoutes,
}

// A Route is one line of the main routing table.
type Route struct {
	Interface string // "*" where the route refuses
	Prefix    netip.Prefix
	Gateway   netip.Addr // 0.0.0.0 where the network is on the link
	Flags     uint64     // RTF_UP and so on of include/uapi/linux/route.h
	Metric    uint64
}

// parseRoutes parses a line of titles, and lines with the words below them. Addresses are in
// hexadecimal, as the memory of the host holds them: little-endian, but for the few machines
// where the mask 00FFFFFF would be none. A namespace that never had a route has no table, and the
// file is empty.
func parseRoutes(text string) ([]Route, error) {
	if text == "" {
		return nil, nil
	}
	line, text, _ := strings.Cut(text, "\n")
	titles := strings.Fields(line)
	var columns [6]int
	for i, title := range [...]string{"Iface", "Destination", "Gateway", "Flags", "Metric", "Mask"} {
		if columns[i] = slices.Index(titles, title); columns[i] < 0 {
			return nil, fmt.Errorf("line 1: no column %s", title)
		}
	}
	routes := make([]Route, 0, strings.Count(text, "\n"))
	for number, line := range lines(text) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if len(f) < len(titles) {
			return nil, fmt.Errorf("line %d: %d words for %d titles: %q", number+1, len(f), len(titles), line)
		}
		r := Route{Interface: f[columns[0]]}
		var numbers [3]uint32
		for i, column := range [...]int{columns[1], columns[2], columns[5]} {
			n, err := strconv.ParseUint(f[column], 16, 32)
			if err != nil {
				return nil, atLine(number+1, err)
			}
			numbers[i] = uint32(n)
		}
		bits, ok := maskBits(numbers[2])
		if !ok {
			return nil, fmt.Errorf("line %d: not a mask: %q", number+1, f[columns[5]])
		}
		r.Prefix, r.Gateway = netip.PrefixFrom(ipv4(numbers[0]), bits), ipv4(numbers[1])
		var err error
		if r.Flags, err = parseHex(f[columns[3]]); err != nil {
			return nil, atLine(number+1, err)
		}
		if r.Metric, err = parseUint(f[columns[4]]); err != nil {
			return nil, atLine(number+1, err)
		}
		routes = append(routes, r)
	}
	return routes, nil
}

// ipv4 reads an address as a little-endian host prints it.
func ipv4(n uint32) netip.Addr {
	var a [4]byte
	binary.LittleEndian.PutUint32(a[:], n)
	return netip.AddrFrom4(a)
}

// maskBits returns the length of a mask as a little-endian host prints it.
func maskBits(n uint32) (bits int, ok bool) {
	a := ipv4(n).As4()
	mask := binary.BigEndian.Uint32(a[:])
	for mask&(1<<31) != 0 {
		bits++
		mask <<= 1
	}
	return bits, mask == 0
}

// unlimited is for tools that ask the kernel alone: where it holds its lock and does not answer, no signal
// ends them, and a process that counts the seconds is one more on every host.
const unlimited = -1

// Rules is ip rule: how many rules choose a routing table. A host that was left alone has
// three: local, main and default.
//
// Source: ip/iprule.c of iproute2, print_rule.
var Rules = &probe.Section[int64]{
	Read:  probe.Read{Command: "ip rule", Limit: unlimited},
	Parse: parseRules,
}

func parseRules(text string) (int64, error) {
	var n int64
	for number, line := range lines(text) {
		priority, _, ok := strings.Cut(line, ":")
		if _, err := strconv.ParseUint(priority, 10, 32); err != nil || !ok {
			return 0, fmt.Errorf("line %d: not a rule: %q", number, line)
		}
		n++
	}
	return n, nil
}

// ReversePath is net.ipv4.conf.*.rp_filter: 0 takes every packet, 1 only those whose source
// is reached by the interface that they came by, 2 those whose source is reached at all. What
// holds for an interface is the larger of its own value and that of "all".
//
// Source: include/linux/inetdevice.h, IN_DEV_RPFILTER; Documentation/networking/ip-sysctl.rst.
var ReversePath = probe.Glob("/proc/sys/net/ipv4/conf/*/rp_filter")

// Strict returns the interfaces, but for lo, that take a packet only by the way back to its
// source.
func Strict(reversePath probe.Values) (interfaces []string) {
	all, _ := reversePath.Get("all")
	for _, v := range reversePath {
		if v.Name != "all" && v.Name != "default" && v.Name != "lo" && max(v.Text, all) == "1" {
			interfaces = append(interfaces, v.Name)
		}
	}
	return interfaces
}

// IPv6Disabled is net.ipv6.conf.*.disable_ipv6: 1 where an interface takes no IPv6.
//
// Source: Documentation/networking/ip-sysctl.rst; net/ipv6/ip6_input.c, ip6_rcv_core.
var IPv6Disabled = probe.Glob("/proc/sys/net/ipv6/conf/*/disable_ipv6")

// DefaultRoutes6 is the default routes of /proc/net/ipv6_route, of all tables: the interfaces that
// they lead to. The route on lo that refuses, which every host has, is none.
//
// Source: net/ipv6/ip6_fib.c, ipv6_route_native_seq_show.
var DefaultRoutes6 = &probe.Section[[]string]{
	Read:  probe.Read{File: "/proc/net/ipv6_route", Keep: "^0+ 00 "},
	Parse: parseDefaultRoutes6,
}

// parseDefaultRoutes6 parses lines of ten words: the destination, its length, the source, its length, the
// gateway, the metric, two counts, the flags and the interface.
func parseDefaultRoutes6(text string) ([]string, error) {
	var interfaces []string
	for number, line := range lines(text) {
		f := strings.Fields(line)
		if len(f) != 10 || len(f[0]) != 32 {
			return nil, fmt.Errorf("line %d: not a route of IPv6: %q", number, line)
		}
		flags, err := parseHex(f[8])
		if err != nil {
			return nil, atLine(number, err)
		}
		const reject = 0x0200 // RTF_REJECT of include/uapi/linux/route.h
		if strings.Trim(f[0], "0") == "" && f[1] == "00" && flags&reject == 0 && f[9] != "lo" {
			interfaces = append(interfaces, f[9])
		}
	}
	return interfaces, nil
}
