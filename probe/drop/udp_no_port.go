package drop

import (
	"fmt"
	"slices"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	udpNoPorts         = udp("NoPorts")
	icmpOutUnreachable = kernel.SNMP.Counter("Icmp", "OutDestUnreachs")
)

var _ = add(Rule{
	ID:       "FD713",
	Name:     "udp-no-port",
	Title:    "Datagrams come for a UDP port that nobody listens to",
	Stage:    Transport,
	Scope:    Netns,
	Severity: map[Kind]Severity{Note: Info},
	Reasons:  []string{"NO_SOCKET"},
	Needs:    []Need{{udpNoPorts[0]}},
	Wants:    slices.Concat(udpNoPorts.handles()[1:], udpInDatagrams.handles(), udpInErrors.handles(), []probe.Handle{icmpOutUnreachable}),
	Check:    checkUDPNoPort,

	Doc: `
A datagram that no socket wants is dropped, and the sender gets an ICMP "port unreachable", if
the rate limit of ICMP allows it. Scanners, answers that come after a resolver gave up, and
a service that is not running make it. By itself it is no fault of this host, so it is a note.

NoPorts counts it, and InErrors does not. OutDestUnreachs of ICMP counts the answers. Which port
it was is counted nowhere.

By hand: "nstat -az UdpNoPorts Udp6NoPorts"; "tcpdump -ni eth0 'icmp[0] = 3 and icmp[1] = 3'"
shows the ports in the answers.`,

	Examples: []Example{{
		Name: "a service that is not running",
		From: "netns-udp-noport/after",
		Capture: `
-- first /proc/net/snmp --
Icmp: OutDestUnreachs
Icmp: 0
Udp: InDatagrams NoPorts InErrors
Udp: 0 0 0
-- first /proc/uptime --
1079.48 1378.66
-- /proc/net/snmp --
Icmp: OutDestUnreachs
Icmp: 6
Udp: InDatagrams NoPorts InErrors
Udp: 0 200 0
-- /proc/uptime --
1080.52 1378.66
`,
		Outcome: Found,
		Want:    []string{"info note: nobody listens to what came: 200 since boot, 200 of them in 1.0 s"},
	}, {
		Name: "scanners, before the first sample",
		Capture: `
-- first /proc/net/snmp --
Udp: InDatagrams NoPorts InErrors
Udp: 7 90000 0
-- /proc/net/snmp --
Udp: InDatagrams NoPorts InErrors
Udp: 8 90000 0
-- /proc/uptime --
86400.00 1.00
`,
		Outcome: Clean,
	}},
})

func checkUDPNoPort(c *Case) []Finding {
	unwanted, told := udpNoPorts.in(c), icmpOutUnreachable.In(c)
	n, arrived := unwanted.sum(), udpArrived(c)
	if n.Delta == 0 {
		return nil
	}
	_, loss := c.Lost(n, arrived.Plus(n), Datagrams)
	loss.Exact = true
	return []Finding{{
		Kind:     Note,
		Message:  fmt.Sprintf("nobody listens to what came: %v", n),
		Loss:     loss,
		Evidence: append(unwanted.evidence(), told.Evidence()),
		Steps: []Step{{
			Text: `where a service should be there: "ss -uan" on the host says who listens to what`,
		}},
	}}
}
