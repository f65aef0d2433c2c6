package drop

import (
	"fmt"
	"time"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

// A pressure is the share of the time in which tasks waited for one thing, where the kernel tells it.
type pressure struct {
	waited probe.Cell  // microseconds
	minute probe.Gauge // per cent of the last minute
}

func pressureOf(stats *probe.Stats, row string) pressure {
	return pressure{stats.Counter(row, "total"), stats.Gauge(row, "avg60")}
}

// handles returns what it reads, for Needs and Wants.
func (p pressure) handles() []probe.Handle { return []probe.Handle{p.waited, p.minute} }

// In returns the share in the window and that of the last minute, and whether the kernel tells them. With
// one sample both are those of the last minute.
func (p pressure) in(c *Case) (now, minute float64, known bool, why []probe.Evidence) {
	waited, average := p.waited.In(c), p.minute.In(c)
	n, ok := waited.Get()
	percent, told := average.Get()
	minute = float64(percent) / 100
	now = minute
	if n.Over > 0 {
		now = min(1, float64(n.Delta)/float64(n.Over/time.Microsecond))
	}
	return now, minute, ok && told, probe.Because(waited, average)
}

// lasting says that a share is above a limit in the window and over the last minute: a blip is no pressure.
func (c *Case) lasting(now, minute float64, limit Limit) bool {
	return now >= c.Limit(limit) && minute >= c.Limit(limit)
}

// timeShares returns what share of each CPU's time in the window went to some of its uses, and what share
// of all CPUs together; nothing where there is one sample. All columns have the same CPUs in the same order.
func timeShares(c *Case, uses ...probe.Column) (worst string, most, all float64) {
	total := timeOfEach(c, cpuTimes)
	spent := timeOfEach(c, uses)
	var sum, of uint64
	busiest := -1
	for i, n := range total {
		of += n
		if i < len(spent) {
			sum += spent[i]
			if n > 0 && float64(spent[i])/float64(n) > most {
				busiest, most = i, float64(spent[i])/float64(n)
			}
		}
	}
	if busiest >= 0 {
		worst = cpuTimes[0].Rows(c)[busiest]
	}
	if of > 0 {
		all = float64(sum) / float64(of)
	}
	return worst, most, all
}

// timeOfEach adds up what each CPU spent on some uses in the window, in ticks.
func timeOfEach(c *Case, uses []probe.Column) (spent []uint64) {
	for _, use := range uses {
		i := 0
		for _, n := range use.All(c) {
			if i == len(spent) {
				spent = append(spent, 0)
			}
			spent[i] += n.Delta
			i++
		}
	}
	return spent
}

// firstNamespace is what a rule of the machine's pressure needs besides: the machine is judged where it is
// scanned itself, and not once more for each of its containers, which may be given other files.
var firstNamespace = Need{kernel.MaxBacklog}

// percent writes a share.
func percent(share float64) string { return fmt.Sprintf("%.0f %%", 100*share) }
