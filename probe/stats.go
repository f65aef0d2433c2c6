package probe

import "iter"

// Stats is a section that holds a table of counters.
type Stats Section[Table]

// Table returns the numbers of the section's text.
func (s *Stats) Table(text string) (Table, error) { return s.Parse(text) }

// Counter is a handle to one cell.
func (s *Stats) Counter(row, field string) Cell { return Cell{s, row, field} }

// Gauge is a handle to one cell that goes up and down, or is set.
func (s *Stats) Gauge(row, field string) Gauge { return Gauge{s, row, field} }

// Column is a handle to the cells of one field in all rows, or in all instances.
func (s *Stats) Column(field string) Column { return Column{s, field} }

// Whole is a handle to all counters, for titles that only the host knows, such as a driver's.
func (s *Stats) Whole() Whole { return Whole{s} }

// samples are the tables of a section at both ends of the window, or why there is none.
type samples struct {
	last, first   Table
	state, before State
}

// in returns the tables of a host; those of a template have a row for each instance.
func (s *Stats) in(snap *Snapshot) *samples {
	if done := snap.tables[s]; done != nil {
		return done
	}
	t := &samples{}
	t.last, t.state = s.find(snap, false)
	if snap.same(&s.Read) {
		t.first, t.before = t.last, t.state
	} else {
		t.first, t.before = s.find(snap, true)
	}
	if snap.tables == nil {
		snap.tables = make(map[*Stats]*samples, 64)
	}
	snap.tables[s] = t
	return t
}

func (s *Stats) find(snap *Snapshot, first bool) (Table, State) {
	if s.Template() {
		return snap.instances(s, first)
	}
	return parse((*Section[Table])(s), snap, first)
}

// cell returns a number, and its place in its row. Of another namespace than the login's only
// those leave the host that are not zero: what is not there is zero if the kernel has it.
func (s *Stats) cell(snap *Snapshot, t *samples, row, field string) (n uint64, place int, ok bool) {
	r := t.last.Row(row)
	if place = r.place(0, field); place >= 0 {
		return r.Cells[place], place, true
	}
	if snap.login != nil {
		_, _, ok = s.cell(snap.login, s.in(snap.login), row, field)
	}
	return 0, 0, ok
}

// count makes a counter of a cell that is total now. A cell that the first sample does not have
// was zero then if rows that are zero are left out.
func (s *Stats) count(snap *Snapshot, t *samples, before Row, place int, field string, total uint64) Counter {
	if place = before.place(place, field); place >= 0 {
		return count(before.Cells[place], total, s.Width, snap.Over())
	}
	if (s.Zeros || snap.login != nil) && t.before == Known {
		return count(0, total, s.Width, snap.Over())
	}
	return Counter{Total: total, Width: s.Width}
}

// A Cell is a handle to one counter.
type Cell struct {
	*Stats
	row, field string
}

// Source names the cell.
func (c Cell) Source() Source { return Source{c.ID(), c.row, c.field} }

// State says how much is known of the counter. A field that a file which was read does
// not have is Absent: this kernel does not count it.
func (c Cell) State(h Host) State {
	s := h.snapshot()
	t := c.in(s)
	if t.state != Known {
		return t.state
	}
	if _, _, ok := c.cell(s, t, c.row, c.field); !ok {
		return Absent
	}
	return Known
}

// In returns the counter.
func (c Cell) In(h Host) Fact[Counter] {
	s := h.snapshot()
	f := Fact[Counter]{Source: c.Source()}
	s.ask(f.Source)
	t := c.in(s)
	if f.State = t.state; f.State != Known {
		return f
	}
	total, place, ok := c.cell(s, t, c.row, c.field)
	if !ok {
		f.State = Absent
		return f
	}
	f.value = c.count(s, t, t.first.Row(c.row), place, c.field, total)
	s.since(f.Source, &f.value)
	return f
}

// A Gauge is a handle to one number that is no counter.
type Gauge struct {
	*Stats
	row, field string
}

// Source names the cell.
func (g Gauge) Source() Source { return Source{g.ID(), g.row, g.field} }

// State says how much is known of the number.
func (g Gauge) State(h Host) State { return Cell(g).State(h) }

// In returns the number, in the last sample where there are two.
func (g Gauge) In(h Host) Fact[uint64] {
	s := h.snapshot()
	f := Fact[uint64]{Source: g.Source()}
	s.ask(f.Source)
	t := g.in(s)
	if f.State = t.state; f.State != Known {
		return f
	}
	n, _, ok := g.cell(s, t, g.row, g.field)
	if !ok {
		f.State = Absent
	}
	f.value = n
	return f
}

// A Column is a handle to the counters of one field.
type Column struct {
	*Stats
	field string
}

// Row is a handle to the counter of one row.
func (c Column) Row(name string) Cell { return Cell{c.Stats, name, c.field} }

// Source names the column.
func (c Column) Source() Source { return Source{Section: c.ID(), Field: c.field} }

// State says how much is known of the column: it is Absent where no row has the field,
// unless rows are left out.
func (c Column) State(h Host) State {
	s := h.snapshot()
	t := c.in(s)
	if t.state != Known || c.Zeros {
		return t.state
	}
	if s.login != nil {
		return c.State(s.login)
	}
	for _, r := range t.last {
		if _, ok := r.Get(c.field); ok {
			return Known
		}
	}
	return Absent
}

// Sum returns the counter of all rows together, such as that of all CPUs.
func (c Column) Sum(h Host) Fact[Counter] {
	sum := Fact[Counter]{Source: c.Source(), State: c.State(h)}
	for _, n := range c.All(h) {
		sum.value = sum.value.Plus(n)
	}
	return sum
}

// In returns the known counters of the column, one for each row.
func (c Column) In(h Host) []Fact[Counter] {
	facts := make([]Fact[Counter], 0, len(c.in(h.snapshot()).last))
	for row, n := range c.All(h) {
		facts = append(facts, Fact[Counter]{Source{c.ID(), row, c.field}, Known, n})
	}
	return facts
}

// Rows returns the names of the rows that have the field.
func (c Column) Rows(h Host) []string {
	h.snapshot().ask(c.Source())
	t := c.in(h.snapshot())
	names := make([]string, 0, len(t.last))
	for _, r := range t.last {
		if _, ok := r.Get(c.field); ok {
			names = append(names, r.Name)
		}
	}
	return names
}

// All goes through the known counters of the column with the names of their rows.
func (c Column) All(h Host) iter.Seq2[string, Counter] {
	return func(yield func(string, Counter) bool) {
		s := h.snapshot()
		s.ask(c.Source())
		t := c.in(s)
		before, at, place := Row{}, -1, 0
		for _, r := range t.last {
			if place = r.place(place, c.field); place < 0 {
				continue
			}
			before, at = t.first.after(at, r.Name)
			n := c.count(s, t, before, place, c.field, r.Cells[place])
			s.since(Source{c.ID(), r.Name, c.field}, &n)
			if !yield(r.Name, n) {
				return
			}
		}
	}
}

// A Whole is a handle to all counters of a table.
type Whole struct{ *Stats }

// Source names the section.
func (w Whole) Source() Source { return Source{Section: w.ID()} }

// State says how much is known of the section. A template is known if one instance is.
func (w Whole) State(h Host) State {
	return w.in(h.snapshot()).state
}

// Row returns those counters of a row that a rule wants to see, and whether there is such a
// row. It is told the title and the total of each.
func (w Whole) Row(h Host, name string, wanted func(field string, total uint64) bool) ([]Fact[Counter], bool) {
	s := h.snapshot()
	s.ask(w.Source())
	t := w.in(s)
	now, before := t.last.Row(name), t.first.Row(name)
	var facts []Fact[Counter]
	for i, total := range now.Cells {
		if field := now.Fields[i]; wanted(field, total) {
			source := Source{w.ID(), name, field}
			n := w.count(s, t, before, i, field, total)
			s.since(source, &n)
			facts = append(facts, Fact[Counter]{source, Known, n})
		}
	}
	return facts, now.Fields != nil
}
