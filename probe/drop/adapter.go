package drop

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

// An adapter is an interface that is hardware, or stands for it, as the eth0 of a
// container does. A bond, a VLAN and a bridge count what their lower interfaces count too:
// the lowest is the one to speak of.
type adapter struct {
	name, driver string
	sysfs        bool // its counters are those of sysfs, else of /proc/net/dev
}

// adapterFacts are what adapters asks for.
var adapterFacts = []probe.Handle{linkPackets, devPackets, deviceEvent, bondMembers}

// adapters returns the adapters of a host, from sysfs, or from /proc/net/dev where that was
// not read: what has a driver, or at least no name of an interface made of software.
func adapters(c *Case) (all []adapter) {
	events, _ := deviceEvent.In(c).Get()
	bonds, _ := bondMembers.In(c).Get()
	names := linkPackets.Rows(c)
	sysfs := len(names) > 0
	if !sysfs {
		names = devPackets.Rows(c)
	}
	all = make([]adapter, 0, len(names))
	for _, name := range names {
		a := adapter{name, kernel.Driver(events, name), sysfs}
		_, bond := bonds.Get(a.name)
		if bond || a.driver == "" && madeOfSoftware(a.name) {
			continue
		}
		all = append(all, a)
	}
	return all
}

// madeOfSoftware judges an interface by its name, where nothing else is known of it.
func madeOfSoftware(name string) bool {
	return name == "lo" || strings.ContainsAny(name, ".@") || slices.ContainsFunc(softwarePrefixes, func(p string) bool {
		return strings.HasPrefix(name, p)
	})
}

var softwarePrefixes = []string{
	"veth", "docker", "br", "virbr", "lxdbr", "vmbr", "ovs-", "lxc", "cali", "cni", "flannel", "tap", "tun", "vnet", "nodelocaldns", "kube-", "bond", "team", "vlan",
	"dummy", "ifb", "wg", "gre", "sit", "ip6tnl",
}

// repeating returns what says of an interface whether it counts packets once more that one below
// it has counted: a bond, a VLAN, a bridge. Where the kernel was not asked, the names say it.
func repeating(c *Case) func(name string) bool {
	kinds, bonds := kernel.DeviceType.In(c), bondMembers.In(c)
	told, _ := kinds.Get()
	members, _ := bonds.Get()
	return func(name string) bool {
		if _, bond := members.Get(name); bond || strings.HasPrefix(name, "team") { // a team has no type of its own
			return true
		}
		if kinds.State == probe.Unread || kinds.State == probe.Absent {
			return strings.ContainsAny(name, ".@") && !strings.HasPrefix(name, "flannel") || slices.ContainsFunc(repeatingPrefixes, func(p string) bool {
				return strings.HasPrefix(name, p)
			})
		}
		kind, _ := told.Get(name)
		return slices.Contains([]string{"DEVTYPE=bond", "DEVTYPE=bridge", "DEVTYPE=vlan"}, kind)
	}
}

var repeatingPrefixes = []string{"bond", "vlan", "br", "virbr", "docker", "lxdbr", "vmbr"}

// of returns a counter of the adapter, under the name it has in either place.
func (a adapter) of(c *Case, sysfs, procfs probe.Column) probe.Fact[probe.Counter] {
	if a.sysfs {
		return sysfs.Row(a.name).In(c)
	}
	return procfs.Row(a.name).In(c)
}

// A counted is a loss as one counter has it, or as one counter of each queue has it together.
type counted struct {
	name    string // "rx_missed_errors", "rx_queue_*_drops"
	n       probe.Counter
	fact    probe.Fact[probe.Counter]   // of the counter, or of the first queue's
	others  []probe.Fact[probe.Counter] // of the other queues'
	meaning kernel.Meaning              // of a driver's counter
}

func one(f probe.Fact[probe.Counter]) counted {
	n, _ := f.Get()
	return counted{name: f.Source.Field, n: n, fact: f}
}

// title is the name as a message has it.
func (n counted) title() string {
	if n.meaning.Unverified {
		return n.name + " (unverified)"
	}
	return n.name
}

// quote returns at most ten of the facts as evidence: an adapter may have 128 queues.
func (n counted) quote() []probe.Evidence {
	quoted := []probe.Evidence{n.fact.Evidence()}
	for _, f := range n.others[:min(len(n.others), 9)] {
		quoted = append(quoted, f.Evidence())
	}
	for i := range quoted {
		quoted[i].Unverified = n.meaning.Unverified
	}
	return quoted
}

// severity is Medium for what is known from a name alone, and else what the rule says.
func (n counted) severity() Severity {
	if n.meaning.Unverified {
		return Medium
	}
	return Info // grade makes of it what the rule says
}

// driverCounts returns the counters of ethtool -S that are wanted of an adapter, those of
// its queues added up, and whether they could be read. Those that never counted are not in it.
func (a adapter) driverCounts(c *Case, wanted func(kernel.Meaning) bool) ([]counted, bool) {
	facts, known := driverStats.Row(c, a.name, func(field string, total uint64) bool {
		return total > 0 && wanted(kernel.Means(a.driver, field))
	})
	all := make([]counted, 0, len(facts))
	for _, f := range facts {
		this := one(f)
		this.name = anyQueue(f.Source.Field)
		this.meaning = kernel.Means(a.driver, f.Source.Field)
		i := slices.IndexFunc(all, func(other counted) bool { return other.name == this.name })
		if i < 0 {
			all = append(all, this)
			continue
		}
		all[i].n = all[i].n.Plus(this.n)
		all[i].others = append(all[i].others, f)
	}
	return all, known
}

// ofClass wants the counters of some classes.
func ofClass(classes ...kernel.Class) func(kernel.Meaning) bool {
	return func(m kernel.Meaning) bool { return slices.Contains(classes, m.Class) }
}

// anyQueue writes a star for the numbers in a name: "rx_queue_3_drops" is "rx_queue_*_drops".
func anyQueue(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if digit := name[i] >= '0' && name[i] <= '9'; !digit {
			b.WriteByte(name[i])
		} else if i == 0 || name[i-1] < '0' || name[i-1] > '9' {
			b.WriteByte('*')
		}
	}
	return b.String()
}

// most returns the one that counted the most, in the window, or else since boot. The
// counters of an adapter overlap, each driver in its own way, so they are never added up. Of
// equals it is the first.
func most(all []counted) counted {
	return slices.MaxFunc(all, func(a, b counted) int {
		return cmp.Or(cmp.Compare(a.n.Delta, b.n.Delta), cmp.Compare(a.n.Total, b.n.Total))
	})
}

// ringLoss returns what the adapter threw away because the host gave it no room.
func (a adapter) ringLoss(c *Case) counted {
	all := make([]counted, 0, 4)
	if a.sysfs {
		all = append(all, one(linkMissed.Row(a.name).In(c)))
	}
	own, _ := a.driverCounts(c, ofClass(kernel.RingLoss))
	all = append(all, own...)
	return most(append(all, one(a.of(c, linkFifo, devFifo))))
}

// ringFacts are what ringLoss asks for.
var ringFacts = append([]probe.Handle{linkMissed, linkFifo, devFifo, driverStats}, adapterFacts...)

// ringSize returns the receive ring of an adapter as a message says it.
func ringSize(f probe.Fact[kernel.Setup]) string {
	setup, _ := f.Get()
	if current, largest, ok := setup.Get("rx"); ok {
		return fmt.Sprintf("%d of %d descriptors", current, largest)
	}
	if f.State == probe.Known {
		return "of unknown size"
	}
	return "of unknown size (" + f.State.String() + ")"
}

// ringEvidence quotes both numbers of it.
func ringEvidence(f probe.Fact[kernel.Setup]) []probe.Evidence {
	setup, _ := f.Get()
	current, largest, ok := setup.Get("rx")
	if !ok {
		return []probe.Evidence{{Source: f.Source, State: f.State}}
	}
	section := f.Source.Instance()
	return []probe.Evidence{
		{Source: probe.Source{Section: section, Row: "current", Field: "rx"}, State: f.State, Value: current},
		{Source: probe.Source{Section: section, Row: "max", Field: "rx"}, State: f.State, Value: largest},
	}
}

// ringStep is the step that makes a receive ring as large as the adapter allows.
func ringStep(name string, f probe.Fact[kernel.Setup]) (Step, bool) {
	setup, _ := f.Get()
	current, largest, ok := setup.Get("rx")
	if !ok || current >= largest {
		return Step{}, false
	}
	device := shellWord(name)
	return Step{
		Text:    "make the ring buffer larger: it takes in longer bursts",
		Command: fmt.Sprintf("ethtool -G %s rx %d", device, largest),
		Value:   fmt.Sprint(largest),
		Present: fmt.Sprint(current),
		Undo:    fmt.Sprintf("ethtool -G %s rx %d", device, current),
		Persist: fmt.Sprintf("what sets up the interface, such as NetworkManager: ethtool.ring-rx = %d", largest),
		Price:   "some drivers take the link down for a moment; more memory, and more delay when it is full",
	}, true
}

// spreadSteps are what helps when one CPU is too slow for what an adapter receives.
func spreadSteps(c *Case, name string) []Step {
	channels, _ := kernel.Channels.Of(c, name).Get()
	steps := []Step{{
		Text: "spread the interrupts of its queues over the CPUs, with irqbalance or /proc/irq/*/smp_affinity_list",
	}}
	if current, largest, ok := channels.Get("combined"); ok && current < largest {
		device := shellWord(name)
		steps = append(steps, Step{
			Text:    "use more queues, up to one for each CPU",
			Command: fmt.Sprintf("ethtool -L %s combined %d", device, largest),
			Value:   fmt.Sprint(largest),
			Present: fmt.Sprint(current),
			Undo:    fmt.Sprintf("ethtool -L %s combined %d", device, current),
			Persist: fmt.Sprintf("what sets up the interface, such as NetworkManager: ethtool.channels-combined = %d", largest),
			Price:   "the link goes down for a moment; an interrupt and a ring buffer more for each queue",
		})
	}
	return steps
}

// shellWord makes one word of a name from a host, for a command that a person will copy.
func shellWord(name string) string {
	plain := func(r rune) bool {
		return r < 128 && (r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || strings.ContainsRune("._:@-", r))
	}
	if name != "" && !strings.ContainsFunc(name, func(r rune) bool { return !plain(r) }) {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}
