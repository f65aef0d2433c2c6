package report

import (
	"bufio"
	_ "embed" // lint.schema.json
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/probe/lint"
)

// LintSchema names the JSON of lint. Fields are only ever added to it.
const LintSchema = "fleetdrop.lint/v1"

// LintJSONSchema is the JSON schema of lint's JSON.
//
//go:embed lint.schema.json
var LintJSONSchema []byte

// A Lint is what is wrong with files of settings; its fields are those of the JSON.
type Lint struct {
	Schema   string        `json:"schema"`
	Tool     Tool          `json:"tool"`
	Kernel   string        `json:"kernel"` // "" is any
	Status   LintStatus    `json:"status"`
	Checks   []LintCheck   `json:"checks"` // those of the findings
	Findings []LintFinding `json:"findings"`
}

// A LintStatus is how lint ended. It counts what is not shown, too.
type LintStatus struct {
	ExitCode int `json:"exit_code"`
	Files    int `json:"files"`
	Settings int `json:"settings"`
	Findings int `json:"findings"`
	Failing  int `json:"failing_findings"` // at or above the gate
}

// A LintCheck is a check, as a finding refers to it.
type LintCheck struct {
	ID       string        `json:"id"`
	Name     string        `json:"name"`
	Title    string        `json:"title"`
	Severity drop.Severity `json:"severity"` // at most
	Rule     string        `json:"rule"`     // of the catalogue, "" where none judges the same on a host
	doc      string
}

// A LintFinding is one thing that is wrong, and where.
type LintFinding struct {
	Check    string        `json:"check"`
	Name     string        `json:"name"`
	Severity drop.Severity `json:"severity"`
	LintPlace
	Key     string      `json:"key"`
	Message string      `json:"message"`
	Also    []LintPlace `json:"also"`
}

// A LintPlace is a place in a file. Line 0 is the file as a whole.
type LintPlace struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// String is the place as compilers write it, and editors find it.
func (p LintPlace) String() string { return lint.Place(p).String() }

// NewLint gathers the findings of one tree, or several.
func NewLint(tool Tool, kernel string, files, settings int, found []lint.Finding, failOn Level) *Lint {
	l := &Lint{Schema: LintSchema, Tool: tool, Kernel: kernel, Checks: []LintCheck{}, Findings: []LintFinding{},
		Status: LintStatus{Files: files, Settings: settings, Findings: len(found)}}
	for _, f := range found {
		out := LintFinding{
			Check: f.Check.ID, Name: f.Check.Name, Severity: f.Severity, LintPlace: LintPlace(f.Place),
			Key: clean(f.Key, maxName), Message: clean(f.Message, maxText), Also: []LintPlace{},
		}
		out.File = clean(out.File, maxText)
		for _, p := range f.Also {
			out.Also = append(out.Also, LintPlace(p))
		}
		l.Findings = append(l.Findings, out)
		if failOn.met(f.Severity) {
			l.Status.Failing++
			l.Status.ExitCode = ExitFindings
		}
	}
	for _, c := range lint.Checks() {
		if slices.ContainsFunc(found, func(f lint.Finding) bool { return f.Check == c }) {
			l.Checks = append(l.Checks, LintCheck{c.ID, c.Name, c.Title, c.Severity, c.Rule, c.Doc})
		}
	}
	return l
}

// lintFormats are the formats of lint, the default first.
var lintFormats = []struct {
	name  string
	write func(io.Writer, *Lint, drop.Severity) error
}{
	{"table", writeLintTable},
	{"json", writeLintJSON},
	{"junit", writeLintJUnit},
}

// LintFormats returns the names of lint's formats, the default first, and SARIF.
func LintFormats() []string {
	var names []string
	for _, f := range lintFormats {
		names = append(names, f.name)
	}
	return append(names, "sarif")
}

// WriteLint writes what is wrong in a format, from that severity on. The formats are
// LintFormats.
func WriteLint(w io.Writer, format string, l *Lint, o Options) error {
	if format == "sarif" {
		return writeLintSARIF(w, l, o)
	}
	for _, f := range lintFormats {
		if f.name == format {
			return f.write(w, l, o.Severity)
		}
	}
	return fmt.Errorf("%q is no format of lint: it is one of %s", format, strings.Join(LintFormats(), ", "))
}

// shown are the findings from that severity on.
func (l *Lint) shown(least drop.Severity) []LintFinding {
	return slices.DeleteFunc(slices.Clone(l.Findings), func(f LintFinding) bool { return f.Severity < least })
}

// writeLintTable writes a line for each finding, as compilers do, and a summary.
func writeLintTable(w io.Writer, l *Lint, least drop.Severity) error {
	out := bufio.NewWriter(w)
	shown := l.shown(least)
	width := 0
	for _, f := range shown {
		if n := len([]rune(Visible(f.String()))); n > width && n <= 60 {
			width = n
		}
	}
	for _, f := range shown {
		fmt.Fprintf(out, "%-*s  %-8s  %s  %s\n", width, Visible(f.String()), f.Severity, f.Check, Visible(f.Message))
	}
	fmt.Fprintln(out, l.sum(least))
	return out.Flush()
}

// sum is the last line: "4 findings (1 critical, 3 low) in 2 files, 31 settings".
func (l *Lint) sum(least drop.Severity) string {
	by := map[drop.Severity]int{}
	hidden := 0
	for _, f := range l.Findings {
		by[f.Severity]++
		if f.Severity < least {
			hidden++
		}
	}
	var parts []string
	for s := drop.Critical + 1; s > drop.Info; s-- {
		if n := by[s-1]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s-1))
		}
	}
	line := "nothing is wrong"
	if len(l.Findings) > 0 {
		line = fmt.Sprintf("%s (%s)", count(len(l.Findings), "finding"), strings.Join(parts, ", "))
	}
	line += fmt.Sprintf(" in %s, %s", count(l.Status.Files, "file"), count(l.Status.Settings, "setting"))
	if hidden > 0 {
		line += fmt.Sprintf("; %d below %s not shown", hidden, least)
	}
	return line
}

func writeLintJSON(w io.Writer, l *Lint, least drop.Severity) error {
	out := *l
	out.Findings = l.shown(least)
	text, err := json.MarshalIndent(out, "", " ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(escape(text), '\n'))
	return err
}
