package drop

import (
	"cmp"
	"slices"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

// A udpCounter is one counter of UDP. It stands in four rows: IPv4, IPv6, and those of
// UDP-Lite, which new kernels do not have any more.
type udpCounter [4]probe.Cell

func udp(field string) udpCounter {
	return udpCounter{
		kernel.SNMP.Counter("Udp", field), kernel.SNMP6.Counter("Udp6", field),
		kernel.SNMP.Counter("UdpLite", field), kernel.SNMP6.Counter("UdpLite6", field),
	}
}

// handles returns the counter's cells for Needs and Wants.
func (u udpCounter) handles() []probe.Handle {
	return []probe.Handle{u[0], u[1], u[2], u[3]}
}

// in returns the rows of the counter.
func (u udpCounter) in(c *Case) (rows udpRows) {
	for i, cell := range u {
		rows[i] = cell.In(c)
	}
	return rows
}

// udpRows are what the rows of a counter hold; most hosts have but some of them.
type udpRows [4]probe.Fact[probe.Counter]

// sum adds up the rows.
func (r udpRows) sum() (sum probe.Counter) {
	for _, f := range r {
		n, _ := f.Get()
		sum = sum.Plus(n)
	}
	return sum
}

// evidence quotes the rows that count something, and those that could not be read.
func (r udpRows) evidence() (quoted []probe.Evidence) {
	for _, f := range r {
		if n, known := f.Get(); n.Total > 0 || !known && f.State != probe.Absent && f.State != probe.Unread {
			quoted = append(quoted, f.Evidence())
		}
	}
	return quoted
}

// claims says that the same datagrams are counted by another counter too.
func (r udpRows) claims(other udpCounter) (all []Claim) {
	for i, f := range r {
		if n, _ := f.Get(); n.Total > 0 {
			all = append(all, Claim{other[i].Source(), n})
		}
	}
	return all
}

// udpArrived is what came for sockets: InDatagrams counts what applications have read, and
// InErrors all that was lost on the way to them.
func udpArrived(c *Case) probe.Counter {
	return udpInDatagrams.in(c).sum().Plus(udpInErrors.in(c).sum())
}

// maxGuilty is how many sockets a finding quotes.
const maxGuilty = 10

// A udpLoss is what the sockets at one address dropped.
type udpLoss struct {
	from    probe.Fact[[]kernel.UDPSocket]
	address string
	drops   uint64
	queued  uint64 // bytes in the fullest of them
}

// guiltyUDP returns the addresses whose UDP sockets dropped something between the samples, or
// ever, those that dropped most first.
func guiltyUDP(c *Case, ever bool) []udpLoss { return guiltySockets(c, ever, kernel.UDP, kernel.UDP6) }

// guiltySockets does so for the sockets of any sections like those of UDP.
func guiltySockets(c *Case, ever bool, sections ...*probe.Section[[]kernel.UDPSocket]) (all []udpLoss) {
	arch, _ := kernel.Arch.In(c).Get()
	for _, section := range sections {
		from := section.In(c)
		now, _ := from.Get()
		before, both := section.First(c).Get()
		was := make(map[string]uint64, len(before))
		for _, u := range before {
			was[u.Local+u.Inode] = u.Drops
		}
		begin := len(all)
		for _, u := range now {
			// What had dropped nothing before, or was not there, did not leave the host.
			n := u.Drops - min(u.Drops, was[u.Local+u.Inode])
			if ever {
				n = u.Drops
			} else if !both {
				n = 0
			}
			if n == 0 {
				continue
			}
			address := u.Address(arch)
			i := slices.IndexFunc(all[begin:], func(l udpLoss) bool { return l.address == address })
			if i < 0 {
				all = append(all, udpLoss{from: from, address: address})
				i = len(all) - 1 - begin
			}
			all[begin+i].drops += n
			all[begin+i].queued = max(all[begin+i].queued, u.Queued)
		}
	}
	slices.SortFunc(all, func(a, b udpLoss) int {
		return cmp.Or(cmp.Compare(b.drops, a.drops), strings.Compare(a.address, b.address))
	})
	return all
}
