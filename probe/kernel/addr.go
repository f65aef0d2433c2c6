package kernel

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
)

// Addresses is ip -o -4 addr: the IPv4 addresses of the interfaces.
//
// Source: ip/ipaddress.c of iproute2, print_addrinfo; BusyBox prints the same.
var Addresses = &probe.Section[[]Address]{
	Read:  probe.Read{Command: "ip -o -4 addr", Limit: unlimited},
	Parse: parseAddresses,
}

// An Address is one address of an interface.
type Address struct {
	Interface string
	Prefix    netip.Prefix // 10.99.0.23/24: the address and the length of its network
	Scope     string       // "global", "link", "host"
}

// parseAddresses parses lines "2: eth0    inet 10.99.0.23/24 brd 10.99.0.255 scope global eth0\ …".
func parseAddresses(text string) ([]Address, error) {
	all := make([]Address, 0, strings.Count(text, "\n"))
	for number, line := range lines(text) {
		line, _, _ = strings.Cut(line, `\`)
		f := strings.Fields(line)
		if len(f) < 4 || f[2] != "inet" {
			return nil, fmt.Errorf("line %d: not an address: %q", number, line)
		}
		name, _, _ := strings.Cut(f[1], "@") // "eth0.100@eth0"
		a := Address{Interface: name}
		// A tunnel's address has no length, and the other end's stands behind it.
		text := f[3]
		if !strings.Contains(text, "/") {
			text += "/32"
		}
		var err error
		if a.Prefix, err = netip.ParsePrefix(text); err != nil {
			return nil, atLine(number, err)
		}
		for i := 4; i+1 < len(f); i++ {
			if f[i] == "scope" {
				a.Scope = f[i+1]
			}
		}
		all = append(all, a)
	}
	return all, nil
}
