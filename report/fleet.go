package report

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unique"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// A Fleet is what only shows when hosts are held against each other.
type Fleet struct {
	Machines int      `json:"machines"` // those that were reached; hosts with one boot_id are one
	Drift    []Drift  `json:"drift"`    // what no kernel explains first, then the most hosts
	Common   []Common `json:"common"`   // the strongest first
}

// A Drift is a setting that some hosts of a group have otherwise than most of them.
type Drift struct {
	Setting  string `json:"setting"` // as in Settings
	Group    string `json:"group"`   // of the inventory; empty for the hosts without one
	Majority Held   `json:"majority"`
	Others   []Held `json:"others"` // the most hosts first
}

// A Held is a value and the hosts that have it. Hosts of one machine with one value count
// once.
type Held struct {
	Value  string   `json:"value"`
	Count  int      `json:"count"`
	Hosts  []string `json:"hosts,omitempty"`  // not of the majority
	Kernel string   `json:"kernel,omitempty"` // "3.10": all of these run it, and none of the majority does; it may be that kernel's default
}

// A Common is something that hosts with one trouble have in common, and others have not.
type Common struct {
	Rule    string  `json:"rule,omitempty"`  // the trouble: a finding of this rule,
	Error   string  `json:"error,omitempty"` // or not being reached, for this reason
	What    string  `json:"what"`            // bastion, driver, kernel, os or group
	Value   string  `json:"value"`
	Hosts   int     `json:"hosts"`   // with the trouble; hosts of one machine count once
	Shared  int     `json:"shared"`  // of these, those that have this in common
	Share   float64 `json:"share"`   // Shared of Hosts
	Base    float64 `json:"base"`    // the share of all hosts that have it, with the trouble or without
	Message string  `json:"message"` // both, in words
}

// fleetOf holds hosts against each other.
func fleetOf(hosts []Host) Fleet {
	machines := map[string]bool{}
	for i := range hosts {
		if h := &hosts[i]; h.Reached() {
			machines[h.machine()] = true
		}
	}
	return Fleet{Machines: len(machines), Drift: list(driftOf(hosts)), Common: list(commonOf(hosts))}
}

// machine tells machines apart: by their boot_id where it is known.
func (h *Host) machine() string {
	if h.BootID != "" {
		return "boot " + h.BootID
	}
	return "host " + h.Name + " " + h.Origin
}

// series is what of a kernel's release decides on defaults: "6.1" of "6.1.0-27-amd64".
func series(release string) string {
	parts := strings.SplitN(release, ".", 3)
	if len(parts) < 2 {
		return release
	}
	return parts[0] + "." + parts[1][:digitsOf(parts[1])]
}

// leastToCompare is how many machines of a group must have a setting before one of them
// can differ from most.
const leastToCompare = 3

// judged are the settings of hosts, by their places, that were compared in one of their groups.
type judged map[*Host][]bool

func (j judged) has(h *Host, setting string) bool {
	at, _ := h.Settings.find(setting)
	return j[h] != nil && j[h][at]
}

func (j judged) add(h *Host, setting string) {
	if j[h] == nil {
		j[h] = make([]bool, len(h.Settings))
	}
	at, _ := h.Settings.find(setting)
	j[h][at] = true
}

// driftOf compares the settings of each host with those of the smallest of its groups that
// has enough hosts to say what is usual there.
func driftOf(hosts []Host) []Drift {
	members := map[string][]*Host{}
	for i := range hosts {
		h := &hosts[i]
		if !h.Reached() || len(h.Settings) == 0 {
			continue
		}
		for _, group := range h.groups() {
			members[group] = append(members[group], h)
		}
	}
	var all []Drift
	told := judged{}
	bySize := slices.SortedFunc(maps.Keys(members), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(members[a]), len(members[b])), cmp.Compare(a, b))
	})
	for _, group := range bySize {
		have := map[unique.Handle[Setting]][]*Host{}
		for _, h := range members[group] {
			for _, s := range h.Settings {
				have[s] = append(have[s], h)
			}
		}
		byValue := map[string]map[string][]*Host{} // setting, value
		for s, hosts := range have {
			setting := s.Value()
			if byValue[setting.Name] == nil {
				byValue[setting.Name] = map[string][]*Host{}
			}
			byValue[setting.Name][setting.Value] = hosts
		}
		for setting, values := range byValue {
			if d, ok := drift(group, setting, values, told); ok {
				all = append(all, d)
			}
		}
	}
	slices.SortFunc(all, func(a, b Drift) int {
		return cmp.Or(
			order(a.explained(), b.explained()), cmp.Compare(b.outside(), a.outside()),
			cmp.Compare(a.Setting, b.Setting), cmp.Compare(a.Group, b.Group),
		)
	})
	return all
}

// groups of a host; that of the hosts without one is "".
func (h *Host) groups() []string {
	if len(h.Groups) == 0 {
		return []string{""}
	}
	return h.Groups
}

// drift compares one setting in one group. There is none without a majority, nor where all
// that differs was told already.
func drift(group, setting string, values map[string][]*Host, told judged) (Drift, bool) {
	machines, all := make(map[string]int, len(values)), 0
	for value, hosts := range values {
		machines[value] = len(machinesOf(hosts))
		all += machines[value]
	}
	if all < leastToCompare {
		return Drift{}, false
	}
	d := Drift{Setting: setting, Group: group}
	for value, n := range machines {
		if 2*n > all {
			d.Majority = Held{Value: value, Count: n}
		}
	}
	if d.Majority.Count == 0 {
		return d, false
	}
	usual := map[string]bool{}
	for _, h := range values[d.Majority.Value] {
		usual[series(h.Kernel)] = true
	}
	for value, hosts := range values {
		fresh := slices.DeleteFunc(slices.Clone(hosts), func(h *Host) bool { return told.has(h, setting) })
		for _, h := range fresh {
			if len(h.Groups) > 1 { // it will be asked again
				told.add(h, setting)
			}
		}
		if value == d.Majority.Value || len(fresh) == 0 {
			continue
		}
		held := Held{Value: value, Count: len(machinesOf(fresh)), Kernel: series(fresh[0].Kernel)}
		for _, h := range fresh {
			held.Hosts = append(held.Hosts, h.Name)
			if s := series(h.Kernel); s != held.Kernel || usual[s] || !isSysctl(setting) {
				held.Kernel = ""
			}
		}
		slices.SortFunc(held.Hosts, natural)
		d.Others = append(d.Others, held)
	}
	slices.SortFunc(d.Others, func(a, b Held) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	return d, len(d.Others) > 0
}

func machinesOf(hosts []*Host) map[string]bool {
	machines := make(map[string]bool, len(hosts))
	for _, h := range hosts {
		machines[h.machine()] = true
	}
	return machines
}

// outside counts the machines that differ.
func (d *Drift) outside() (n int) {
	for _, o := range d.Others {
		n += o.Count
	}
	return n
}

// explained says that a kernel may be the reason of all that differs.
func (d *Drift) explained() bool {
	return !slices.ContainsFunc(d.Others, func(o Held) bool { return o.Kernel == "" })
}

// A hint is given where that many hosts at least, and that share of those with a trouble,
// have something in common that chance would hardly have given them.
const (
	leastInCommon = 3
	leastShare    = 0.6
	byChance      = 0.001
)

// A trait is something that hosts may have in common.
type trait struct{ what, value string }

// traits are what hosts are held against each other for. Where two of them say the same of a
// trouble, the first is named.
var traits = []struct{ what, says string }{
	{"bastion", "are behind bastion"}, {"driver", "have the driver"}, {"kernel", "run kernel"}, {"os", "run"}, {"group", "are in group"},
}

// likely is the place of a trait among them.
func likely(what string) int {
	return slices.IndexFunc(traits, func(t struct{ what, says string }) bool { return t.what == what })
}

// traits of a host.
func (h *Host) traits() (all []trait) {
	add := func(what string, values ...string) {
		for _, value := range values {
			if t := (trait{what, value}); value != "" && !slices.Contains(all, t) {
				all = append(all, t)
			}
		}
	}
	add("bastion", strings.Split(h.Jump, ",")...)
	add("driver", h.Settings.drivers()...)
	add("kernel", h.Kernel, series(h.Kernel))
	add("os", h.OS)
	add("group", h.Groups...)
	return all
}

// A crowd is machines: all of them, or those with one trouble.
type crowd struct {
	machines map[string]bool
	traits   map[trait]map[string]bool // the machines that have it
}

func newCrowd() *crowd {
	return &crowd{map[string]bool{}, map[trait]map[string]bool{}}
}

func (c *crowd) add(machine string, traits []trait) {
	c.machines[machine] = true
	for _, t := range traits {
		if c.traits[t] == nil {
			c.traits[t] = map[string]bool{}
		}
		c.traits[t][machine] = true
	}
}

// commonOf looks for what hosts with one trouble have in common. Those with a finding are
// held against all that were reached, those that were not reached against all.
func commonOf(hosts []Host) (common []Common) {
	reached, every := newCrowd(), newCrowd()
	rules, errors := map[string]*crowd{}, map[string]*crowd{}
	names := map[string]string{}
	with := func(crowds map[string]*crowd, key string) *crowd {
		if crowds[key] == nil {
			crowds[key] = newCrowd()
		}
		return crowds[key]
	}
	for i := range hosts {
		h := &hosts[i]
		machine, has := h.machine(), h.traits()
		if !h.Reached() && h.Error != nil {
			with(errors, h.Error.Code).add(machine, has)
		} else if h.Reached() {
			reached.add(machine, has)
		}
		// Of a host that was not reached only the bastion and the groups are known.
		every.add(machine, slices.DeleteFunc(slices.Clone(has), func(t trait) bool { return t.what != "bastion" && t.what != "group" }))
		for j := range h.Findings {
			if f := &h.Findings[j]; f.Kind != drop.Note && f.Waived == nil {
				names[f.Rule] = f.Name
				with(rules, f.Rule).add(machine, has)
			}
		}
	}
	for rule, crowd := range rules {
		if c := crowd.inCommon(reached); c != nil {
			c.Rule = rule
			c.Message = c.words("with "+names[rule], "other scanned host")
			common = append(common, c.Common)
		}
	}
	for code, crowd := range errors {
		if c := crowd.inCommon(every); c != nil {
			c.Error = code
			c.Message = c.words("that fail with "+code, "other host")
			common = append(common, c.Common)
		}
	}
	slices.SortFunc(common, func(a, b Common) int {
		return cmp.Or(
			cmp.Compare(b.Shared, a.Shared), cmp.Compare(b.Share-b.Base, a.Share-a.Base),
			cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Error, b.Error), cmp.Compare(a.What, b.What), cmp.Compare(a.Value, b.Value),
		)
	})
	return common
}

// A likeness is a Common, and what is needed to weigh it.
type likeness struct {
	Common
	chance float64 // that so many have it if the trouble has nothing to do with it
	have   int     // machines of the fleet that have it
	all    int     // machines of the fleet
}

// inCommon returns what a crowd has in common that the fleet has not: of all that is, what
// chance explains the least; nothing if chance may explain it.
func (c *crowd) inCommon(fleet *crowd) *likeness {
	var found []likeness
	hosts, all := len(c.machines), len(fleet.machines)
	for t, machines := range c.traits {
		shared, have := len(machines), len(fleet.traits[t])
		l := likeness{have: have, all: all, Common: Common{
			What: t.what, Value: t.value, Hosts: hosts, Shared: shared,
			Share: *digits(float64(shared) / float64(hosts)), Base: *digits(float64(have) / float64(all)),
		}}
		if shared < leastInCommon || l.Share < leastShare || l.Base > l.Share/2 {
			continue
		}
		if l.chance = tail(shared, hosts, have, all); l.chance <= byChance {
			found = append(found, l)
		}
	}
	slices.SortFunc(found, func(a, b likeness) int {
		return cmp.Or(
			cmp.Compare(a.chance, b.chance), cmp.Compare(likely(a.What), likely(b.What)),
			cmp.Compare(len(b.Value), len(a.Value)), cmp.Compare(a.Value, b.Value),
		)
	})
	if len(found) == 0 {
		return nil
	}
	return &found[0]
}

// words says what the hosts have in common, and how usual that is.
func (l *likeness) words(trouble, others string) string {
	who := fmt.Sprintf("%d of the %d hosts %s", l.Shared, l.Hosts, trouble)
	if l.Shared == l.Hosts {
		who = fmt.Sprintf("all %d hosts %s", l.Hosts, trouble)
	}
	who += " " + traits[likely(l.What)].says + " " + l.Value
	if l.have == l.Shared {
		return fmt.Sprintf("%s, and no %s does", who, others)
	}
	return fmt.Sprintf("%s; of all %d hosts, %s do", who, l.all, percent(l.Base))
}

// tail is the chance to draw at least that many of the marked ones in a draw without putting
// back: the upper tail of the hypergeometric distribution.
func tail(least, drawn, marked, all int) float64 {
	choose := func(n, k int) float64 {
		a, _ := math.Lgamma(float64(n + 1))
		b, _ := math.Lgamma(float64(k + 1))
		c, _ := math.Lgamma(float64(n - k + 1))
		return a - b - c
	}
	sum := 0.0
	for k := max(least, drawn+marked-all); k <= min(drawn, marked); k++ {
		sum += math.Exp(choose(marked, k) + choose(all-marked, drawn-k) - choose(all, drawn))
	}
	return min(sum, 1)
}
