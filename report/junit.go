package report

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// The elements of JUnit's XML, as Jenkins, GitLab and GitHub's actions read them. GitLab
// tells cases apart by classname and name, and shows the text of a failure, not its message.
type (
	junitCounts struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
		Skipped  int `xml:"skipped,attr"`
	}
	junitSuite struct {
		XMLName xml.Name `xml:"testsuite"`
		Name    string   `xml:"name,attr"`
		junitCounts
		Time      string      `xml:"time,attr"`
		Timestamp string      `xml:"timestamp,attr"`
		Hostname  string      `xml:"hostname,attr"`
		Cases     []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name      string       `xml:"name,attr"`
		Classname string       `xml:"classname,attr"`
		Time      string       `xml:"time,attr"`
		Skipped   *junitResult `xml:"skipped"`
		Error     *junitResult `xml:"error"`
		Failure   *junitResult `xml:"failure"`
		Out       string       `xml:"system-out,omitempty"`
	}
	junitResult struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// writeJUnit writes a suite for each host. Its first case is the scan itself: an error if
// the host was not scanned to the end. Each finding is a case. It failed if it is at or
// above a gate, or above a note where no gate is set; it was skipped if it is waived; else, as one that the
// baseline has, it passed, and says what it is. What was not checked is one case that was skipped. The
// names hold no numbers: they are the same from scan to scan.
func writeJUnit(w io.Writer, r *Report, o Options) error {
	var sum junitCounts
	for i := range r.Hosts {
		sum.add(junitOf(r, &r.Hosts[i], "", o.Severity).junitCounts)
	}
	out := bufio.NewWriter(w)
	out.WriteString(xml.Header) // Flush returns the first error
	fmt.Fprintf(out, `<testsuites name="fleetdrop" tests="%d" failures="%d" errors="%d" skipped="%d" time="%.3f">`+"\n",
		sum.Tests, sum.Failures, sum.Errors, sum.Skipped, r.Run.Duration)
	e := xml.NewEncoder(out)
	e.Indent(" ", " ")
	names := taken{}
	for h, err := range r.Each {
		if err != nil {
			return err
		}
		if err := e.Encode(junitOf(r, h, names.name(Visible(h.Name)), o.Severity)); err != nil {
			return err
		}
	}
	out.WriteString("\n</testsuites>\n")
	return out.Flush()
}

func (c *junitCounts) add(more junitCounts) {
	c.Tests += more.Tests
	c.Failures += more.Failures
	c.Errors += more.Errors
	c.Skipped += more.Skipped
}

// junitOf is the suite of a host.
func junitOf(r *Report, h *Host, name string, least drop.Severity) *junitSuite {
	s := &junitSuite{Name: name, Hostname: name, Time: "0.000", Timestamp: r.Run.Started.UTC().Format("2006-01-02T15:04:05")}
	if h.Cost != nil {
		s.Time = fmt.Sprintf("%.3f", (h.Cost.Connect+h.Cost.Script)/1000)
	}
	scan := junitCase{Name: "scan", Out: coverageSays(h)}
	if h.Error != nil {
		scan.Error = &junitResult{Message: Visible(h.Error.Message), Type: Visible(h.Error.Code), Text: errorSays(h)}
	}
	s.put(scan)
	names := taken{}
	for i := range h.Findings {
		f := &h.Findings[i]
		if f.Severity < least {
			continue
		}
		c := junitCase{Name: names.name(strings.TrimSpace(f.Rule + " " + f.Name + " " + Visible(f.Subject)))}
		says := Visible(says(f))
		switch {
		case f.Waived != nil:
			c.Skipped = &junitResult{Message: "waived: " + Visible(f.Waived.Reason), Text: says}
		case r.gates.fails(f), r.gates.open() && f.Kind != drop.Note && !f.Known:
			c.Failure = &junitResult{Message: says, Type: string(f.Kind) + " " + f.Severity.String(), Text: findingSays(h, f)}
		default:
			c.Out = string(f.Kind) + " " + f.Severity.String() + ": " + says + "\n"
			if f.Known {
				c.Out = "in the baseline: " + c.Out
			}
		}
		s.put(c)
	}
	if len(h.NotChecked) > 0 {
		var lines []string
		for _, n := range h.NotChecked {
			lines = append(lines, n.Rule+": "+missingSays(n.Missing))
		}
		s.put(junitCase{Name: "rules not checked", Skipped: &junitResult{
			Message: count(len(lines), "rule") + " not checked", Text: strings.Join(lines, "\n"),
		}})
	}
	for i := range s.Cases {
		s.Cases[i].Classname, s.Cases[i].Time = name, "0.000"
	}
	return s
}

func (s *junitSuite) put(c junitCase) {
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
	s.Cases = append(s.Cases, c)
}

func coverageSays(h *Host) string {
	c := h.Coverage
	if c == nil {
		return ""
	}
	said := fmt.Sprintf("%s checked, %d not checked, %d not applicable; %s\n",
		count(c.Checked, "rule"), c.NotChecked, c.NotApplicable, count(len(h.Findings), "finding"))
	if words := c.Namespaces.says(); words != "" {
		said += words + "\n"
	}
	return said
}

func errorSays(h *Host) string {
	said := Visible(h.Error.Code + ": " + h.Error.Message)
	if h.Error.Hint != "" {
		said += "\nnext: " + Visible(h.Error.Hint)
	}
	if h.Origin != "" {
		said += "\n" + Visible(h.Origin)
	}
	return said
}

// missingSays is why a rule is not checked, in one line.
func missingSays(all []Missing) string {
	parts := make([]string, len(all))
	for i, m := range all {
		parts[i] = m.Section + " " + m.State
	}
	return Visible(strings.Join(parts, ", "))
}

// findingSays is a finding in plain text: what, how much, on what evidence, what to do.
func findingSays(h *Host, f *Finding) string {
	lines := []string{f.Severity.String() + " " + string(f.Kind) + " " + f.Rule + " " + f.Name, says(f)}
	if said := lossSays(f.Loss); said != "" {
		lines = append(lines, said)
	}
	for _, e := range f.Evidence {
		lines = append(lines, "evidence: "+source(e)+" "+quote(e))
	}
	for i, s := range f.Remedy {
		lines = append(lines, "remedy "+strconv.Itoa(i+1)+": "+s.Text)
		for _, more := range [][2]string{{"command", s.Command}, {"persist", s.Persist}, {"price", s.Price}, {"undo", s.Undo}} {
			if more[1] != "" {
				lines = append(lines, "  "+more[0]+": "+more[1])
			}
		}
	}
	if f.Lapsed != nil {
		lines = append(lines, "its waiver expired "+f.Lapsed.Expires)
	}
	for _, origin := range []string{h.Origin, f.Policy} {
		if origin != "" {
			lines = append(lines, origin)
		}
	}
	lines = append(lines, "fingerprint: "+f.Fingerprint)
	for i := range lines {
		lines[i] = Visible(lines[i])
	}
	return strings.Join(lines, "\n")
}

// taken gives out names, each once.
type taken map[string]int

func (u taken) name(name string) string {
	for {
		u[name]++
		if u[name] == 1 {
			return name
		}
		name += " (" + strconv.Itoa(u[name]) + ")"
	}
}
