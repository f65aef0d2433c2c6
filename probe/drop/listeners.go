package drop

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

// Most listeners that one finding, or one rule, names.
const mostListeners = 10

// listenerFacts say which listener dropped something.
var listenerFacts = []probe.Handle{kernel.Listeners}

// A listenerDrop is what the sockets that listen at one address dropped.
type listenerDrop struct {
	address       string
	backlog       uint64 // of the socket with the longest
	before, total uint64
	seen          bool   // in the first sample too
	grew          uint64 // between the samples, or ever
}

// droppingListeners returns the listeners that dropped something between the samples, or
// ever, those that dropped most first.
func droppingListeners(c *Case, ever bool) (guilty []listenerDrop) {
	before, _ := kernel.Listeners.First(c).Get()
	now, _ := kernel.Listeners.In(c).Get()
	at := make(map[string]int, len(now))
	for _, l := range now {
		i, ok := at[l.Address] // SO_REUSEPORT: many sockets, one address
		if !ok {
			i = len(guilty)
			at[l.Address] = i
			guilty = append(guilty, listenerDrop{address: l.Address})
		}
		guilty[i].total += l.Drops
		guilty[i].backlog = max(guilty[i].backlog, l.Backlog)
	}
	for _, l := range before {
		if i, ok := at[l.Address]; ok {
			guilty[i].before += l.Drops
			guilty[i].seen = true
		}
	}
	for i := range guilty {
		switch l := &guilty[i]; {
		case ever:
			l.grew = l.total
		case !l.seen && len(before) == 0: // there is no first sample: it is not known when
		default:
			l.grew = l.total - min(l.total, l.before)
		}
	}
	guilty = slices.DeleteFunc(guilty, func(l listenerDrop) bool { return l.grew == 0 })
	slices.SortFunc(guilty, func(a, b listenerDrop) int {
		return cmp.Or(cmp.Compare(b.grew, a.grew), strings.Compare(a.address, b.address))
	})
	return guilty
}

// blame names the listeners that dropped what the finding is of, or says why it cannot.
func blame(c *Case, f *Finding) []listenerDrop {
	sockets := kernel.Listeners.In(c)
	guilty := droppingListeners(c, f.Kind == Dropped)
	for i, l := range guilty {
		if i == mostListeners {
			break
		}
		e := sockets.Part(l.address, "skmem d", l.total)
		if l.seen {
			e.Before = l.before
		}
		f.Evidence = append(f.Evidence, e)
	}
	all, known := sockets.Get()
	var grew uint64
	for _, l := range guilty {
		grew += l.grew
	}
	switch {
	case len(guilty) > 0 && grew < f.Loss.Count/2:
		f.Message += "; port unknown: most of it was at sockets that were closed since"
	case len(guilty) == 1:
		f.Subject = guilty[0].address
	case len(guilty) > 1:
		f.Message += fmt.Sprintf("; most of it at %s, one of %d listeners", guilty[0].address, len(guilty))
	case !known:
		f.Message += "; port unknown: " + whyNoListeners(c, sockets)
		f.Evidence = append(f.Evidence, sockets.Evidence())
	case len(all) == 0 || slices.ContainsFunc(all, func(l kernel.Listener) bool { return l.Counted }):
		f.Message += "; port unknown: the socket was closed since"
	default:
		f.Message += "; port unknown: this kernel does not count the drops of a socket"
	}
	return guilty
}

// whyNoListeners says why the listeners were not read.
func whyNoListeners(c *Case, sockets probe.Fact[[]kernel.Listener]) string {
	if probe.Inner(c) {
		return "ss is not asked in another network namespace"
	}
	if sockets.State == probe.Unread {
		return "to ask ss would load the module tcp_diag"
	}
	return "ss -Hltnm is " + sockets.State.String()
}
