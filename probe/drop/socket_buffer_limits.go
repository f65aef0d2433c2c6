package drop

import (
	"fmt"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var (
	wmemMax     = kernel.Shared(kernel.Sysctl("net.core.wmem_max"))
	wmemDefault = kernel.Shared(kernel.Sysctl("net.core.wmem_default"))
)

var smallBuffer = Limit{
	Name: "small-buffer", Default: 1 << 16, Unit: "bytes",
	Source: "judgement: the largest datagram of UDP; every kernel since 2.6.32 begins with more",
}

var _ = add(Rule{
	ID:       "FD801",
	Name:     "socket-buffer-limits",
	Title:    "A socket that drops has as large a buffer as the host allows",
	Stage:    Socket,
	Scope:    Netns,
	Severity: map[Kind]Severity{AtRisk: Medium, Note: Info},
	Reasons:  []string{"SOCKET_RCVBUFF"},
	Limits:   []Limit{smallBuffer},
	Needs:    []Need{{rmemMax, rmemDefault}, {kernel.UDP, kernel.UDP6}},
	Wants:    append([]probe.Handle{wmemMax, wmemDefault, kernel.Arch}, udpRcvbufErrors.handles()...),
	Check:    checkSocketBuffers,

	Doc: `
A UDP socket gets a receive buffer of net.core.rmem_default bytes. An application that asks for
another one with SO_RCVBUF gets twice what it asked for, and twice net.core.rmem_max at most.
The same holds for what it sends, with wmem_default, wmem_max and SO_SNDBUF. Memory is counted, not
content: a datagram of 100 bytes costs 768 or more.

No number is right for all hosts, so a setting alone is no finding. This one is made where a
socket dropped between the samples, and holds about as much as one of the two settings gives: that
setting is what limits it. A setting below 64 KiB is noted; somebody lowered it. TCP sizes its
own buffers, by net.ipv4.tcp_rmem and tcp_wmem, unless the application asks.

By hand: "ss -uanm": rb in skmem is the buffer and d the drops; "sysctl net.core.rmem_default net.core.rmem_max".`,

	Examples: []Example{{
		Name: "an application that did not ask for a buffer",
		From: "netns-udp-default/after",
		Capture: `
-- first /proc/net/udp --
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            
-- first /proc/uptime --
4564.68 7029.54
-- /proc/net/udp --
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            
 1486: 00000000:2328 00000000:0000 07 00000000:00033C00 00:00000000 00000000     0        0 1735004 2 00000000b5093fff 908     
-- /proc/uptime --
4568.85 7029.54
-- /proc/sys/net/core/rmem_default --
212992
-- /proc/sys/net/core/rmem_max --
4194304
-- uname -m --
x86_64
`,
		Outcome: Found,
		Want:    []string{"medium at-risk: udp 0.0.0.0:9000: 211968 bytes wait for the application, and it drops: that is what net.core.rmem_default gives"},
	}, {
		Name: "an application that asked for all there is",
		From: "netns-udp-max/after",
		Capture: `
-- first /proc/net/udp --
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            
-- first /proc/uptime --
4584.62 7029.69
-- /proc/net/udp --
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            
15145: 00000000:2328 00000000:0000 07 00000000:007FF800 00:00000000 00000000     0        0 1742831 2 00000000300de66d 2360    
-- /proc/uptime --
4590.67 7029.77
-- /proc/sys/net/core/rmem_default --
212992
-- /proc/sys/net/core/rmem_max --
4194304
-- uname -m --
x86_64
`,
		Outcome: Found,
		Want:    []string{"medium at-risk: udp 0.0.0.0:9000: 8386560 bytes wait for the application, and it drops: that is what net.core.rmem_max allows, twice its value"},
	}, {
		Name: "a setting that somebody lowered, and nothing drops",
		Capture: `
-- first /proc/net/udp --
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            
-- /proc/net/udp --
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            
16157: 00000000:2328 00000000:0000 07 00000000:00001D40 00:00000000 00000000     0        0 254431 2 000000008fa89230 0        
-- /proc/sys/net/core/rmem_default --
212992
-- /proc/sys/net/core/rmem_max --
8192
-- /proc/sys/net/core/wmem_default --
212992
-- /proc/sys/net/core/wmem_max --
212992
`,
		Outcome: Found,
		Want:    []string{"info note: net.core.rmem_max: 8192 bytes is little, and sockets can get no more than twice that"},
	}, {
		Name: "a socket that drops at a small buffer of its own",
		From: "netns-udp-rcvbuf/after",
		Capture: `
-- first /proc/net/udp --
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            
-- /proc/net/udp --
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            
16157: 00000000:2328 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 254431 2 000000008fa89230 991      
-- /proc/sys/net/core/rmem_default --
212992
-- /proc/sys/net/core/rmem_max --
4194304
`,
		Outcome: Clean,
	}, {
		Name: "sockets that drop for want of memory, and no buffer is full",
		From: "lab-udp-memory/after",
		Capture: `
-- first /proc/net/snmp --
Udp: InDatagrams InErrors RcvbufErrors InCsumErrors MemErrors
Udp: 0 0 0 0 0
-- first /proc/net/udp --
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            
-- /proc/net/snmp --
Udp: InDatagrams InErrors RcvbufErrors InCsumErrors MemErrors
Udp: 0 0 0 0 0
-- /proc/net/udp --
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            
14902: 00000000:2328 00000000:0000 07 00000000:00027F00 00:00000000 00000000     0        0 479740 2 00000000b5c612a2 129      
14903: 00000000:2329 00000000:0000 07 00000000:00027F00 00:00000000 00000000     0        0 479741 2 0000000020944671 129      
14904: 00000000:232A 00000000:0000 07 00000000:00027F00 00:00000000 00000000     0        0 479742 2 0000000060a2e356 129      
14905: 00000000:232B 00000000:0000 07 00000000:00027F00 00:00000000 00000000     0        0 479743 2 000000004f255db5 129      
-- /proc/sys/net/core/rmem_default --
212992
-- /proc/sys/net/core/rmem_max --
4194304
-- uname -m --
x86_64
`,
		Outcome: Clean,
	}, {
		Name: "a container of an old kernel, which does not show the settings",
		Capture: `
-- /proc/net/udp --
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            
-- absent /proc/sys/net/core/rmem_default --
-- absent /proc/sys/net/core/rmem_max --
`,
		Outcome: NotApplicable,
	}},
})

func checkSocketBuffers(c *Case) (found []Finding) {
	most, usual := rmemMax.In(c), rmemDefault.In(c)
	for _, setting := range []struct {
		key   string
		value probe.Fact[int64]
		means string
	}{
		{"net.core.rmem_max", most, "can get no more than twice that"},
		{"net.core.rmem_default", usual, "get no more unless they ask"},
		{"net.core.wmem_max", wmemMax.In(c), "can get no more than twice that"},
		{"net.core.wmem_default", wmemDefault.In(c), "get no more unless they ask"},
	} {
		if n, known := setting.value.Get(); known && float64(n) < c.Limit(smallBuffer) {
			found = append(found, Finding{
				Kind:     Note,
				Subject:  setting.key,
				Message:  fmt.Sprintf("%d bytes is little, and sockets %s", n, setting.means),
				Evidence: probe.Because(setting.value),
			})
		}
	}
	full := udpRcvbufErrors.in(c)
	if _, counted := full[0].Get(); counted && full.sum().Delta == 0 {
		return found // what sockets dropped, they dropped for another reason
	}
	for i, g := range guiltyUDP(c, false) {
		if i == maxGuilty {
			break
		}
		limit, gives := usual, int64(1)
		if !holds(g.queued, usual, gives) {
			limit, gives = most, 2
		}
		if !holds(g.queued, limit, gives) {
			continue
		}
		setting, steps := "net.core.rmem_default gives", receiveBufferSteps(most, usual)
		if gives == 2 {
			setting = "net.core.rmem_max allows, twice its value"
			steps = []Step{{
				Text: "let the application read faster: it has asked for all the room there is, and fills it",
			}, raise("net.core.rmem_max", most, 4<<20, "let it have more, and restart it; double it while the drops go on",
				"helps in bursts only; kernel memory, as much as the setting twice for each socket that asks")}
		}
		found = append(found, Finding{
			Kind:    AtRisk,
			Subject: "udp " + g.address,
			Message: fmt.Sprintf("%d bytes wait for the application, and it drops: that is what %s", g.queued, setting),
			Evidence: append(probe.Because(most, usual),
				g.from.Part(g.address, "drops", g.drops), g.from.Part(g.address, "rx_queue", g.queued)),
			Steps: steps,
		})
	}
	return found
}

// holds says that a queue is about as long as a setting lets it be, which the setting gives
// that many times. It may be longer by one packet, and up to a quarter may be empty when the
// kernel drops: it takes notice of what was read in pieces of that size (net/ipv4/udp.c, udp_rmem_release).
func holds(queued uint64, setting probe.Fact[int64], times int64) bool {
	n, known := setting.Get()
	limit := uint64(max(n, 0)) * uint64(times)
	const packet = 1 << 16
	return known && limit > 0 && queued >= limit/4*3 && queued <= limit+packet
}
