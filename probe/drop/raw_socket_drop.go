package drop

import (
	"fmt"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

// rawProtocols are names of the protocols that have raw sockets. The kernel handles some of them itself.
var rawProtocols = map[string]struct {
	name string
	copy bool // the kernel does its own work with the packet, and the socket gets a copy
}{
	"1": {"ICMP", true}, "2": {"IGMP", true}, "6": {"TCP", true}, "17": {"UDP", true}, "58": {"ICMPv6", true},
	"46": {"RSVP", false}, "47": {"GRE", false}, "50": {"ESP", false}, "51": {"AH", false}, "88": {"EIGRP", false},
	"89": {"OSPF", false}, "103": {"PIM", false}, "112": {"VRRP", false}, "115": {"L2TP", false}, "132": {"SCTP", false},
}

var _ = add(Rule{
	ID:       "FD802",
	Name:     "raw-socket-drop",
	Title:    "A raw socket drops packets because nobody reads them in time",
	Stage:    Socket,
	Scope:    Netns,
	Severity: map[Kind]Severity{Dropping: Medium, Note: Info},
	Reasons:  []string{"SOCKET_RCVBUFF"},
	Needs:    []Need{{kernel.Raw, kernel.Raw6}},
	Wants:    []probe.Handle{kernel.Arch, rmemMax, rmemDefault},
	Check:    checkRawSockets,

	Doc: `
A raw socket gets a copy of every packet of one protocol. Routing daemons (OSPF, PIM, VRRP) speak by
them, ping and monitors listen for ICMP. Like a socket of UDP it has a receive buffer of
net.core.rmem_default bytes, or what the application asked for, and when that is full, the packet is
dropped for this socket. What the kernel itself does with the packet goes on, so for ICMP, TCP and
UDP only the watcher misses something, and the finding is low. A daemon that misses its neighbours'
hellos takes them for dead.

The last column of /proc/net/raw and /proc/net/raw6 counts it for each socket. No other counter does, but that IP
may take the protocol for an unknown one while its only socket is full (InUnknownProtos). Where the packets come from, and how many of them there were, is not known, so there is no
share.

By hand: "cat /proc/net/raw /proc/net/raw6", where the port is the number of the protocol; "ss
-wanpm", as root.`,

	Examples: []Example{{
		Name: "a monitor that does not read what it asked for",
		From: "lab-raw-socket/after",
		Capture: `
-- first /proc/net/raw --
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
-- first /proc/uptime --
2464.25 1345.48
-- /proc/net/raw --
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  54: 00000000:0001 00000000:0000 07 00000000:00008200 00:00000000 00000000     0        0 1208047 2 00000000c782b0d8 460
-- /proc/uptime --
2469.37 1345.58
-- /proc/sys/net/core/rmem_default --
212992
-- /proc/sys/net/core/rmem_max --
4194304
-- uname -m --
x86_64
`,
		Outcome: Found,
		Want:    []string{"low dropping: raw ICMP at 0.0.0.0: its receive buffer was full: 460 packets in 5.1 s; the kernel's own work with them goes on"},
	}, {
		Name: "a routing daemon that is too slow",
		Capture: `
-- first /proc/net/raw --
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
   89: 00000000:0059 00000000:0000 07 00000000:00033C00 00:00000000 00000000     0        0 1735004 2 00000000b5093fff 8
-- /proc/net/raw --
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
   89: 00000000:0059 00000000:0000 07 00000000:00033C00 00:00000000 00000000     0        0 1735004 2 00000000b5093fff 908
-- absent /proc/net/raw6 --
-- uname -m --
x86_64
`,
		Outcome: Found,
		Want:    []string{"medium dropping: raw OSPF at 0.0.0.0: its receive buffer was full: 900 packets in 10.0 s"},
	}, {
		Name: "a ping that has just begun, and one that dropped something long ago",
		Capture: `
-- first /proc/net/raw --
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
    1: 00000000:0001 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1735004 2 00000000b5093fff 908
-- /proc/net/raw --
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
    1: 00000000:0001 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1735004 2 00000000b5093fff 908
    1: 00000000:0001 00000000:0000 07 00000000:00000300 00:00000000 00000000     0        0 1735005 2 00000000b5093ffe 0
`,
		Outcome: Clean,
	}},
})

func checkRawSockets(c *Case) (found []Finding) {
	most, usual := rmemMax.In(c), rmemDefault.In(c)
	for i, g := range guiltySockets(c, false, kernel.Raw, kernel.Raw6) {
		if i == maxGuilty {
			break
		}
		lost := probe.Counter{Total: g.drops, Delta: g.drops, Over: c.Over()}
		kind, loss := c.Lost(lost, probe.Counter{}, Packets)
		if kind == "" {
			continue
		}
		loss.Exact = true
		at := strings.LastIndex(g.address, ":")
		address, number := g.address[:at], g.address[at+1:]
		protocol, known := rawProtocols[number]
		if !known {
			protocol.name = "protocol " + number
		}
		f := Finding{
			Kind:     kind,
			Subject:  fmt.Sprintf("raw %s at %s", protocol.name, strings.Trim(address, "[]")),
			Message:  fmt.Sprintf("its receive buffer was full: %d packets in %.1f s", loss.Count, loss.Over.Seconds()),
			Loss:     loss,
			Evidence: append(probe.Because(most, usual), g.from.Part(g.address, "drops", g.drops), g.from.Part(g.address, "rx_queue", g.queued)),
			Steps: append([]Step{{
				Text: `find the program: "ss -wanpm" as root; let it read faster, or put a filter on its socket so that it gets only what it needs`,
			}}, receiveBufferSteps(most, usual)...),
		}
		switch {
		case protocol.copy:
			f.Severity = Low
			f.Message += "; the kernel's own work with them goes on"
		case g.from.Source.Section == kernel.Raw6.ID():
			f.Claims = []Claim{{kernel.SNMP6.Counter("Ip6", "InUnknownProtos").Source(), lost}}
		default:
			f.Claims = []Claim{{kernel.SNMP.Counter("Ip", "InUnknownProtos").Source(), lost}}
		}
		found = append(found, f)
	}
	return found
}
