package drop

import (
	"fmt"
	"testing"
	"time"

	"github.com/fleetdrop/fleetdrop/probe"
)

// TestLost says what a counter of losses proves, without an earlier scan and with one an hour
// ago. The host is up for ten days.
func TestLost(t *testing.T) {
	s, err := Example{Capture: "\n-- /proc/uptime --\n864000.00 1.00\n"}.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	c := &Case{Snapshot: s, rule: &Rule{Name: "test"}}
	const window, hour = 10 * time.Second, time.Hour
	for name, test := range map[string]struct {
		lost, arrived probe.Counter
		want          string
	}{
		"nothing ever":                   {probe.Counter{Over: window}, probe.Counter{Total: 1e9, Delta: 1e4, Over: window}, " 0"},
		"in the window":                  {probe.Counter{Total: 900, Delta: 50, Over: window}, probe.Counter{Total: 1e9, Delta: 1e4, Over: window}, "dropping 50"},
		"in the window, and before":      {probe.Counter{Total: 900, Delta: 50, Over: window, Since: 800, Ago: hour}, probe.Counter{}, "dropping 50"},
		"since boot, a share":            {probe.Counter{Total: 900, Over: window}, probe.Counter{Total: 1e6, Over: window}, "dropped 900"},
		"since boot, not much":           {probe.Counter{Total: 900, Over: window}, probe.Counter{Total: 1e9, Over: window}, " 0"},
		"since the last scan, by rate":   {probe.Counter{Total: 900, Over: window, Since: 100, Ago: hour}, probe.Counter{Total: 1e9, Over: window}, "dropped 100 since"},
		"since the last scan, a share":   {probe.Counter{Total: 900, Over: window, Since: 50, Ago: hour}, probe.Counter{Total: 1e9, Over: window, Since: 1e5, Ago: hour}, "dropped 50 since"},
		"since the last scan, not much":  {probe.Counter{Total: 900, Over: window, Since: 50, Ago: hour}, probe.Counter{Total: 1e9, Over: window, Since: 1e6, Ago: hour}, "note 50 since"},
		"not since the last scan":        {probe.Counter{Total: 900, Over: window, Ago: hour}, probe.Counter{Total: 1e6, Over: window, Since: 1e6, Ago: hour}, "dropped 900"},
		"little since, much since boot":  {probe.Counter{Total: 900, Over: window, Since: 1, Ago: hour}, probe.Counter{Total: 1e6, Over: window, Since: 1e6, Ago: hour}, "dropped 900"},
		"one sample, and an earlier one": {probe.Counter{Total: 900, Since: 100, Ago: hour}, probe.Counter{Total: 1e9}, "dropped 100 since"},
		"little in a long window":        {probe.Counter{Total: 900, Delta: 5, Over: 10 * time.Minute}, probe.Counter{}, "note 5"},
		"little in it, much before":      {probe.Counter{Total: 900, Delta: 5, Over: 10 * time.Minute, Since: 800, Ago: hour}, probe.Counter{}, "dropped 800 since"},
		"32 bits have no share since":    {probe.Counter{Total: 900, Over: window, Since: 50, Ago: hour, Width: 32}, probe.Counter{Since: 1000, Ago: hour}, "note 50 since"},
	} {
		kind, loss := c.Lost(test.lost, test.arrived, Packets)
		got := fmt.Sprintf("%s %d", kind, loss.Count)
		if loss.Since {
			got += " since"
			if loss.Over != hour {
				t.Errorf("%s: over %v", name, loss.Over)
			}
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
