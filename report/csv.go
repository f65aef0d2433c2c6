package report

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
)

// csvTitles are the columns. New ones are added at the end.
var csvTitles = []string{
	"rank", "host", "address", "groups", "outcome", "grade", "score", "rule", "name", "stage", "kind", "severity", "scope",
	"subject", "message", "lost", "lost_per_s", "lost_ratio", "of", "unit", "remedy", "error", "hint", "not_checked",
	"fingerprint", "waived", "origin", "lost_in_s", "since_last", "known", "change", "netns_not_read",
}

// writeCSV writes a row for each finding, and one for each host that has none or was not
// reached.
func writeCSV(w io.Writer, r *Report, _ Options) error {
	out := csv.NewWriter(w)
	if err := out.Write(csvTitles); err != nil {
		return err
	}
	for h, err := range r.Each {
		if err != nil {
			return err
		}
		for j := range h.Findings {
			if err := out.Write(csvRow(h, &h.Findings[j])); err != nil {
				return err
			}
		}
		if len(h.Findings) == 0 {
			if err := out.Write(csvRow(h, &Finding{})); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
}

func csvRow(h *Host, f *Finding) []string {
	row := make([]string, 0, len(csvTitles))
	text := func(s string) { row = append(row, cell(s)) }
	number := func(x *float64) {
		if x == nil {
			row = append(row, "")
			return
		}
		row = append(row, strconv.FormatFloat(*x, 'f', -1, 64))
	}
	integer := func(n uint64, known bool) {
		if !known {
			row = append(row, "")
			return
		}
		row = append(row, strconv.FormatUint(n, 10))
	}

	risk := h.Risk
	if risk == nil {
		risk = &Risk{}
	}
	integer(uint64(risk.Rank), h.Risk != nil)
	text(h.Name)
	text(h.Address)
	text(strings.Join(h.Groups, " "))
	text(string(h.Outcome))
	text(string(risk.Grade))
	if h.Risk == nil {
		number(nil)
	} else {
		number(&risk.Score)
	}
	text(f.Rule)
	text(f.Name)
	text(string(f.Stage))
	text(string(f.Kind))
	severity := ""
	if f.Rule != "" {
		severity = f.Severity.String()
	}
	text(severity)
	text(string(f.Scope))
	text(f.Subject)
	text(f.Message)
	l := f.Loss
	if l == nil {
		l = &Loss{}
	}
	integer(l.Count, f.Loss != nil)
	number(l.PerSecond)
	number(l.Ratio)
	if l.Of == nil {
		integer(0, false)
	} else {
		integer(*l.Of, true)
	}
	text(string(l.Unit))
	remedy := ""
	if len(f.Remedy) > 0 {
		remedy = f.Remedy[0].Text
	}
	text(remedy)
	if h.Error != nil {
		text(h.Error.Code + ": " + h.Error.Message)
		text(h.Error.Hint)
	} else {
		text("")
		text("")
	}
	var rules []string
	for _, n := range h.NotChecked {
		rules = append(rules, n.Rule)
	}
	text(strings.Join(rules, " "))
	text(f.Fingerprint)
	if f.Waived != nil {
		text(f.Waived.Reason)
	} else {
		text("")
	}
	text(h.Origin)
	number(l.Window)
	text(yes(l.SinceLast))
	text(yes(f.Known))
	text(string(f.change))
	var others *Namespaces
	if h.Coverage != nil {
		others = h.Coverage.Namespaces
	}
	text(others.notRead())
	return row
}

// yes is a mark that is seen among empty cells.
func yes(is bool) string {
	if is {
		return "yes"
	}
	return ""
}

// cell is a text as a spreadsheet shows it and never runs it: no formula, no control
// character, one line.
func cell(text string) string {
	text = Visible(text)
	if text != "" && strings.ContainsRune("=+-@", rune(text[0])) {
		return "'" + text
	}
	return text
}
