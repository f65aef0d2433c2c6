package probe

import (
	"encoding/json"
	"fmt"
	"time"
)

// A Sample is what a run keeps of a host for the next scan: the totals of the counters that
// rules asked for. It is small, and it has a bound.
type Sample struct {
	BootID string
	Uptime time.Duration

	totals []total
}

// A total is a counter as it stood.
type total struct {
	Source
	n uint64
}

// maxTotals bounds a Sample: a host with 256 CPUs and 16 interfaces has fewer.
const maxTotals = 8192

// Remember has the snapshot note down which counters it is asked for, so that Sample has
// them.
func (s *Snapshot) Remember() {
	if s.counted == nil {
		s.counted = make([]total, 0, 512)
	}
}

// Sample returns what the counters stood at that were asked for since Remember. It is nil
// where the host did not say which boot that was.
func (s *Snapshot) Sample() *Sample {
	boot, state := parse(BootID, s, false)
	if s.counted == nil || state != Known || boot == "" || s.Up() == 0 {
		return nil
	}
	kept := &Sample{BootID: boot, Uptime: s.Up()}
	seen := make(map[Source]bool, len(s.counted))
	for _, t := range s.counted {
		if !seen[t.Source] {
			seen[t.Source] = true
			kept.totals = append(kept.totals, t)
		}
	}
	return kept
}

// Since gives the snapshot a sample of an earlier scan: its counters then say what came since.
// One of another boot is not used, nor one that is not earlier.
func (s *Snapshot) Since(earlier *Sample) {
	boot, state := parse(BootID, s, false)
	if earlier == nil || state != Known || boot == "" || boot != earlier.BootID || s.Up()-s.Over() < earlier.Uptime {
		return
	}
	s.ago = s.Up() - earlier.Uptime
	s.earlier = make(map[Source]uint64, len(earlier.totals))
	for _, t := range earlier.totals {
		s.earlier[t.Source] = t.n
	}
}

// Ago returns how long before the last sample the earlier scan was; 0 without one.
func (s *Snapshot) Ago() time.Duration { return s.ago }

// since notes down a counter, and fills in what came since the earlier scan. A counter that
// began again has no such number. Those of other network namespaces go by what names those
// from scan to scan.
func (s *Snapshot) since(source Source, c *Counter) {
	if login := s.login; login != nil {
		if s.netns.Key == "" || login.counted == nil && login.earlier == nil {
			return
		}
		source.Section = "netns " + s.netns.Key + " " + source.Section
		s = login
	}
	if s.counted != nil && len(s.counted) < maxTotals {
		s.counted = append(s.counted, total{source, c.Total})
	}
	if before, ok := s.earlier[source]; ok {
		if long := count(before, c.Total, c.Width, s.ago); !long.Reset {
			c.Since, c.Ago = long.Delta, long.Over
		}
	}
}

// sampleRow is a row of a Sample as JSON: columns are shorter than objects.
type sampleRow struct {
	Section string   `json:"section"`
	Row     string   `json:"row,omitempty"`
	Fields  []string `json:"fields"`
	Totals  []uint64 `json:"totals"`
}

type sampleJSON struct {
	BootID string      `json:"boot_id"`
	Uptime float64     `json:"uptime_s"`
	Rows   []sampleRow `json:"rows"`
}

// MarshalJSON writes the rows in the order in which they were first asked for.
func (p *Sample) MarshalJSON() ([]byte, error) {
	out := sampleJSON{BootID: p.BootID, Uptime: p.Uptime.Seconds(), Rows: []sampleRow{}}
	places := map[[2]string]int{}
	for _, t := range p.totals {
		key := [2]string{t.Section, t.Row}
		at, ok := places[key]
		if !ok {
			at = len(out.Rows)
			places[key] = at
			out.Rows = append(out.Rows, sampleRow{Section: t.Section, Row: t.Row})
		}
		row := &out.Rows[at]
		row.Fields, row.Totals = append(row.Fields, t.Field), append(row.Totals, t.n)
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote, up to the bound.
func (p *Sample) UnmarshalJSON(text []byte) error {
	var in sampleJSON
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	if !(in.Uptime >= 0 && in.Uptime <= 1e9) { // as for /proc/uptime
		return fmt.Errorf("not an uptime: %g", in.Uptime)
	}
	*p = Sample{BootID: in.BootID, Uptime: time.Duration(in.Uptime*100+0.5) * (time.Second / 100)}
	for _, row := range in.Rows {
		for i, field := range row.Fields {
			if i < len(row.Totals) && len(p.totals) < maxTotals {
				p.totals = append(p.totals, total{Source{row.Section, row.Row, field}, row.Totals[i]})
			}
		}
	}
	return nil
}
