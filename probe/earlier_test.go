package probe

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var earlierStats = &Stats{
	Read: Read{File: "/proc/net/earlier", Pair: true},
	Parse: func(text string) (Table, error) {
		var t Table
		for line := range strings.Lines(text) {
			var row Row
			words := strings.Fields(line)
			row.Name = words[0]
			for i := 1; i+1 < len(words); i += 2 {
				var n uint64
				fmt.Sscan(words[i+1], &n)
				row.Fields, row.Cells = append(row.Fields, words[i]), append(row.Cells, n)
			}
			t = append(t, row)
		}
		return t, nil
	},
}

// hostAt is a host with these counters at that time since boot, the second sample of two.
func hostAt(t *testing.T, boot string, up int, before, now string) *Snapshot {
	t.Helper()
	c, err := ParseCapture(fmt.Sprintf(`fleetdrop capture v1
host: a
-- first /proc/sys/kernel/random/boot_id --
%[1]s
-- first /proc/uptime --
%[2]d.00 1.00
-- first /proc/net/earlier --
%[3]s
-- /proc/sys/kernel/random/boot_id --
%[1]s
-- /proc/uptime --
%[4]d.00 1.00
-- /proc/net/earlier --
%[5]s
`, boot, up-10, before, up, now))
	if err != nil {
		t.Fatal(err)
	}
	return NewSnapshot(c)
}

// kept is the sample of a host, as a run saves it and reads it back.
func kept(t *testing.T, s *Snapshot) *Sample {
	t.Helper()
	s.Remember()
	earlierStats.Counter("eth0", "lost").In(s)
	earlierStats.Counter("eth0", "lost").In(s) // asked twice, kept once
	earlierStats.Column("seen").In(s)
	earlierStats.Whole().Row(s, "eth1", func(field string, _ uint64) bool { return field == "own" })
	text, err := json.Marshal(s.Sample())
	if err != nil {
		t.Fatal(err)
	}
	back := &Sample{}
	if err := json.Unmarshal(text, back); err != nil {
		t.Fatal(err)
	}
	if want := s.Sample(); back.BootID != want.BootID || back.Uptime != want.Uptime || !slices.Equal(back.totals, want.totals) {
		t.Errorf("%+v came back as %+v", want, back)
	}
	return back
}

// TestSince asks what came since an earlier scan.
func TestSince(t *testing.T) {
	const then = "eth0 lost 40 seen 1000 other 7\neth1 own 5 seen 10"
	const now = "eth0 lost 57 seen 3000 other 9\neth1 own 6 seen 4"
	earlier := kept(t, hostAt(t, "b1", 1000, then, then))
	s := hostAt(t, "b1", 4600, strings.Replace(now, "57", "55", 1), now)
	s.Since(earlier)
	lost, _ := earlierStats.Counter("eth0", "lost").In(s).Get()
	if lost.Since != 17 || lost.Ago != time.Hour || lost.Delta != 2 || lost.Total != 57 || s.Ago() != time.Hour {
		t.Errorf("%+v", lost)
	}
	if got := lost.String(); got != "57 since boot, 17 of them since the last scan 60 min ago, 2 in 10.0 s" {
		t.Error(got)
	}
	seen := earlierStats.Column("seen").In(s)
	if a, _ := seen[0].Get(); a.Since != 2000 {
		t.Errorf("%+v", a)
	}
	// One of two began again: what came is not known of it.
	if b, _ := seen[1].Get(); b.Since != 0 || b.Ago != 0 {
		t.Errorf("%+v", b)
	}
	if sum, _ := earlierStats.Column("seen").Sum(s).Get(); sum.Since != 2000 || sum.Ago != time.Hour {
		t.Errorf("%+v", sum)
	}
	own, _ := earlierStats.Whole().Row(s, "eth1", func(field string, _ uint64) bool { return field == "own" })
	if c, _ := own[0].Get(); c.Since != 1 {
		t.Errorf("%+v", c)
	}
	// Nobody asked for it then.
	if other, _ := earlierStats.Counter("eth0", "other").In(s).Get(); other.Ago != 0 {
		t.Errorf("%+v", other)
	}
	if less := lost.Minus(Counter{Since: 20, Delta: 1}); less.Since != 0 || less.Delta != 1 {
		t.Errorf("%+v", less)
	}
	for name, useless := range map[string]*Sample{
		"another boot": kept(t, hostAt(t, "b0", 1000, then, then)), "later": kept(t, hostAt(t, "b1", 4595, then, then)), "none": nil,
	} {
		s := hostAt(t, "b1", 4600, now, now)
		s.Since(useless)
		if lost, _ := earlierStats.Counter("eth0", "lost").In(s).Get(); lost.Ago != 0 || s.Ago() != 0 {
			t.Errorf("%s: %+v", name, lost)
		}
	}
}

// TestSampleBounds: a snapshot that nobody wants to remember keeps nothing, one that does not
// know its boot has no sample, and a host with any number of rows has a bounded one.
func TestSampleBounds(t *testing.T) {
	s := hostAt(t, "b1", 1000, "eth0 lost 1", "eth0 lost 1")
	earlierStats.Counter("eth0", "lost").In(s)
	if s.Sample() != nil || len(s.counted) != 0 {
		t.Error("it was noted down for nobody")
	}
	if (&Snapshot{}).Sample() != nil {
		t.Error("a sample of nothing")
	}
	var rows strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&rows, "cpu%d seen %d\n", i, i)
	}
	s = hostAt(t, "b1", 1000, "x seen 1", strings.TrimSuffix(rows.String(), "\n"))
	s.Remember()
	earlierStats.Column("seen").In(s)
	if n := len(s.Sample().totals); n != maxTotals {
		t.Errorf("%d totals are kept", n)
	}
	var p Sample
	for _, bad := range []string{`{"rows":[{"section":"a","fields":["b"],"totals":[]}]}`, `{"boot_id":"b","uptime_s":1e300,"rows":[{"fields":["a"],"totals":[1]}]}`, `{}`} {
		if err := json.Unmarshal([]byte(bad), &p); (err != nil) != strings.Contains(bad, "1e300") {
			t.Errorf("%s: %v", bad, err)
		}
		s.Since(&p)
	}
}

// FuzzSample reads what may lie in a folder of runs: it is bounded, and harmless to a host.
func FuzzSample(f *testing.F) {
	f.Add([]byte(`{"boot_id":"b1","uptime_s":1.5,"rows":[{"section":"/proc/net/earlier","row":"eth0","fields":["lost","seen"],"totals":[1,18446744073709551615]}]}`))
	f.Add([]byte(`{"boot_id":"b1","uptime_s":-1e308,"rows":[{"fields":["a","b"],"totals":[1]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p := &Sample{}
		if json.Unmarshal(text, p) != nil {
			return
		}
		if len(p.totals) > maxTotals {
			t.Fatalf("%d totals", len(p.totals))
		}
		again, back := mustJSON(t, p), &Sample{}
		if err := json.Unmarshal(again, back); err != nil || string(mustJSON(t, back)) != string(again) {
			t.Errorf("%s came back as %s: %v", again, mustJSON(t, back), err)
		}
		s := hostAt(t, "b1", 4600, "eth0 lost 1 seen 2", "eth0 lost 57 seen 3")
		s.Since(p)
		for _, field := range []string{"lost", "seen"} {
			if c, _ := earlierStats.Counter("eth0", field).In(s).Get(); c.Since > c.Total || c.Ago < 0 {
				t.Errorf("%+v", c)
			}
		}
	})
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
