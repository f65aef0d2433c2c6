package drop

import (
	"fmt"
	"slices"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	udpInDatagrams  = udp("InDatagrams")
	udpInErrors     = udp("InErrors")
	udpRcvbufErrors = udp("RcvbufErrors")
	rmemMax         = kernel.Shared(kernel.Sysctl("net.core.rmem_max"))
	rmemDefault     = kernel.Shared(kernel.Sysctl("net.core.rmem_default"))
)

var _ = add(Rule{
	ID:       "FD711",
	Name:     "udp-receive-buffer",
	Title:    "Datagrams are dropped because the receive buffer of a UDP socket is full",
	Stage:    Transport,
	Scope:    Netns,
	Severity: map[Kind]Severity{Dropping: High, Dropped: Medium, Note: Info},
	Reasons:  []string{"SOCKET_RCVBUFF"},
	Needs:    []Need{{udpRcvbufErrors[0]}},
	Wants: slices.Concat(udpRcvbufErrors.handles()[1:], udpInDatagrams.handles(), udpInErrors.handles(),
		[]probe.Handle{kernel.UDP, kernel.UDP6, kernel.Arch, rmemMax, rmemDefault}),
	Check: checkUDPReceiveBuffer,

	Doc: `
A UDP socket keeps the datagrams that the application has not read yet. When they take more
memory than its receive buffer, the next one is dropped. The sender is told nothing. The
buffer is net.core.rmem_default, or twice what the application asked for with SO_RCVBUF, for
which net.core.rmem_max is the most: neither setting changes a socket that is open, and
rmem_max does nothing for an application that does not ask.

RcvbufErrors counts it, each datagram once, and InErrors counts the same datagram again. IPv4,
IPv6 and UDP-Lite are added up. The share is of InDatagrams, which the application has read,
and InErrors. The last column of /proc/net/udp counts what each socket dropped, so the port
has a name; bad checksums that are found late are in it too.

By hand: "nstat -az UdpRcvbufErrors Udp6RcvbufErrors"; "ss -uanm", where d in skmem is what the
socket dropped and rb its buffer.`,

	Examples: []Example{{
		Name: "an application that does not read",
		From: "netns-udp-rcvbuf/after",
		Capture: `
-- first /proc/net/snmp --
Udp: InDatagrams InErrors RcvbufErrors
Udp: 0 0 0
-- first /proc/net/udp --
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            
-- first /proc/uptime --
1077.25 1378.64
-- /proc/net/snmp --
Udp: InDatagrams InErrors RcvbufErrors
Udp: 9 991 991
-- /proc/net/udp --
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            
16157: 00000000:2328 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 254431 2 000000008fa89230 991      
-- /proc/uptime --
1078.55 1378.66
-- /proc/sys/net/core/rmem_max --
4194304
`,
		Outcome: Found,
		Want:    []string{"high dropping: udp 0.0.0.0:9000: the receive buffer was full: 991 since boot, 991 of them in 1.3 s"},
	}, {
		Name: "two ports of an IPv6 host, one of them shared by two sockets",
		Capture: `
-- first /proc/net/snmp --
Udp: InDatagrams NoPorts InErrors RcvbufErrors
Udp: 10 0 0 0
-- first /proc/net/snmp6 --
Udp6InDatagrams                 	5000
Udp6InErrors                    	40
Udp6RcvbufErrors                	40
-- first /proc/net/udp6 --
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  512: 00000000000000000000000000000000:0044 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 10 2 0000000000000000 40
-- /proc/net/snmp --
Udp: InDatagrams NoPorts InErrors RcvbufErrors
Udp: 10 0 0 0
-- /proc/net/snmp6 --
Udp6InDatagrams                 	9000
Udp6InErrors                    	640
Udp6RcvbufErrors                	640
-- /proc/net/udp6 --
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  512: 00000000000000000000000000000000:0044 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 10 2 0000000000000000 140
  513: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 11 2 0000000000000000 300
  514: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12 2 0000000000000000 200
-- absent /proc/net/udp --
-- uname -m --
x86_64
`,
		Outcome: Found,
		Want:    []string{"high dropping: the receive buffer was full: 640 since boot, 600 of them in 10.0 s; most of it at udp [::1]:53, and at 1 other"},
	}, {
		Name: "a lost datagram in a million is normal, 300 days long",
		Capture: `
-- /proc/net/snmp --
Udp: InDatagrams NoPorts InErrors RcvbufErrors
Udp: 900000000 12 900 900
-- /proc/uptime --
25920000.00 51840000.00
`,
		Outcome: Clean,
	}, {
		Name: "other errors, and a socket whose drops are older than the first sample",
		Capture: `
-- first /proc/net/snmp --
Udp: InDatagrams NoPorts InErrors RcvbufErrors InCsumErrors
Udp: 1000 0 7 0 7
-- first /proc/net/udp --
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            
16157: 00000000:2328 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 254431 2 000000008fa89230 7      
-- /proc/net/snmp --
Udp: InDatagrams NoPorts InErrors RcvbufErrors InCsumErrors
Udp: 2000 0 90 0 90
-- /proc/net/udp --
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            
16157: 00000000:2328 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 254431 2 000000008fa89230 7      
`,
		Outcome: Clean,
	}},
})

func checkUDPReceiveBuffer(c *Case) []Finding {
	lost := udpRcvbufErrors.in(c)
	drops, arrived := lost.sum(), udpArrived(c)
	most, usual := rmemMax.In(c), rmemDefault.In(c)
	kind, loss := c.Lost(drops, arrived, Datagrams)
	if kind == "" {
		return nil
	}
	guilty := guiltyUDP(c, kind == Dropped)
	loss.Exact = true
	f := Finding{
		Kind:     kind,
		Message:  fmt.Sprintf("the receive buffer was full: %v", drops),
		Loss:     loss,
		Evidence: slices.Concat(lost.evidence(), udpInDatagrams.in(c).evidence(), probe.Because(most, usual)),
		Claims:   lost.claims(udpInErrors),
		Steps: append([]Step{{
			Text: "let the application read faster: more threads, more sockets with SO_REUSEPORT, less work between two reads",
		}}, receiveBufferSteps(most, usual)...),
	}
	for i, g := range guilty {
		if i == maxGuilty {
			break
		}
		f.Evidence = append(f.Evidence, g.from.Part(g.address, "drops", g.drops), g.from.Part(g.address, "rx_queue", g.queued))
	}
	switch len(guilty) {
	case 0:
	case 1:
		f.Subject = "udp " + guilty[0].address
	default:
		f.Message += fmt.Sprintf("; most of it at udp %s, and at %d other", guilty[0].address, len(guilty)-1)
		if len(guilty) > 2 {
			f.Message += "s"
		}
	}
	return []Finding{f}
}

// receiveBufferSteps give sockets more room, first those that ask for it: only they cost memory.
func receiveBufferSteps(most, usual probe.Fact[int64]) []Step {
	const room = 4 << 20 // a tenth of a second at 300 Mbit/s
	ask := "let the application ask for a larger buffer with SO_RCVBUF, and restart it"
	const bursts = "helps in bursts only; where the application is too slow for long, datagrams wait longer and are lost all the same"
	if allowed, known := most.Get(); known && allowed >= room {
		return []Step{{Text: ask + fmt.Sprintf("; net.core.rmem_max allows %d bytes", allowed), Price: bursts}}
	}
	steps := []Step{raise("net.core.rmem_max", most, room, ask+"; it gets no more than net.core.rmem_max", bursts)}
	if now, known := usual.Get(); !known || now < room/4 {
		steps = append(steps, raise("net.core.rmem_default", usual, room/4,
			"where the application cannot ask: give all sockets more that do not ask, and restart it",
			"kernel memory, for each UDP socket of the host that is not read"))
	}
	return steps
}
