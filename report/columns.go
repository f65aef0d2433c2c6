package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// A column of a table. Where there is no room, columns yield: those with the highest
// number go first, after those that may shrink have.
type column struct {
	title  string
	right  bool
	least  int // it may shrink to this width; 0: it may not
	most   int // it is never wider; 0: as it comes
	yields int // 0: it stays
}

// width is how wide a table is.
func width(columns []column, rows [][]string, gap int) int {
	sum := -gap
	for _, w := range widths(columns, rows) {
		sum += w + gap
	}
	return sum
}

func widths(columns []column, rows [][]string) []int {
	all := make([]int, len(columns))
	for i, c := range columns {
		all[i] = text.StringWidth(c.title)
		for _, row := range rows {
			all[i] = max(all[i], text.StringWidth(Visible(row[i])))
		}
		if c.most > 0 {
			all[i] = min(all[i], max(c.most, text.StringWidth(c.title)))
		}
	}
	return all
}

// fit returns the columns that have room, and their widths.
func fit(columns []column, rows [][]string, gap, room int) (kept, wide []int) {
	all := widths(columns, rows)
	sum, slack := -gap, 0
	take := func(i, sign int) {
		sum += sign * (all[i] + gap)
		if least := columns[i].least; least > 0 {
			slack += sign * max(0, all[i]-least)
		}
	}
	for i := range columns {
		kept = append(kept, i)
		take(i, 1)
	}
	var yielded []int
	for sum > room+slack {
		out := slices.MaxFunc(kept, func(a, b int) int { return cmp.Compare(columns[a].yields, columns[b].yields) })
		if columns[out].yields == 0 {
			break
		}
		kept = slices.DeleteFunc(kept, func(i int) bool { return i == out })
		yielded = append(yielded, out)
		take(out, -1)
	}
	// One that went first may be narrow enough for what another has left.
	for _, i := range slices.Backward(yielded) {
		if sum+all[i]+gap <= room {
			kept = append(kept, i)
			take(i, 1)
		}
	}
	slices.Sort(kept)
	for _, i := range slices.Backward(kept) { // the last ones shrink first
		if least := columns[i].least; least > 0 && sum > room {
			less := min(sum-room, max(0, all[i]-least))
			all[i], sum = all[i]-less, sum-less
		}
	}
	for _, i := range kept {
		wide = append(wide, all[i])
	}
	return kept, wide
}

// table writes a table with a header. The colors are of the first words of the rows.
func (p *page) table(columns []column, rows [][]string, gap int, colors []color) {
	kept, wide := fit(columns, rows, gap, p.Width-indent)
	t := newTable(gap)
	header := make(table.Row, len(kept))
	configs := make([]table.ColumnConfig, len(kept))
	for i, at := range kept {
		header[i] = p.paint(faint, columns[at].title)
		configs[i] = table.ColumnConfig{Number: i + 1}
		if columns[at].right {
			configs[i].Align, configs[i].AlignHeader = text.AlignRight, text.AlignRight
		}
	}
	t.AppendHeader(header)
	t.SetColumnConfigs(configs)
	for n, row := range rows {
		cells := make(table.Row, len(kept))
		for i, at := range kept {
			cells[i] = p.show(row[at], wide[i])
			if colors != nil && i == 0 {
				cells[i] = p.paint(colors[n], cells[i].(string))
			}
		}
		t.AppendRow(cells)
	}
	p.indented("  ", t.Render())
}

// rows writes a table without a header behind a lead, such as "evidence".
func (p *page) rows(columns []column, rows [][]string, gap int, before, lead string) {
	blank := strings.Repeat(" ", text.StringWidthWithoutEscSequences(lead))
	kept, wide := fit(columns, rows, gap, p.Width-len(before)-len(blank))
	t := newTable(gap)
	for _, row := range rows {
		cells := make(table.Row, len(kept))
		for i, at := range kept {
			cells[i] = p.show(row[at], wide[i])
		}
		t.AppendRow(cells)
	}
	for line := range strings.Lines(t.Render() + "\n") {
		p.WriteString(before + lead + line)
		lead = blank
	}
}

func newTable(gap int) table.Writer {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", strings.Repeat(" ", gap)
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	return t
}

func (p *page) indented(before, lines string) {
	for line := range strings.Lines(lines) {
		p.WriteString(before + line)
	}
	p.WriteByte('\n')
}
