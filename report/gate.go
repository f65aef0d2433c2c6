package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// writeGate writes what a CI job has to say: PASS or FAIL and why, the findings that fail it with
// the lines of inventory and policy that they come from, and the waivers to look after.
func writeGate(w io.Writer, r *Report, o Options) error {
	out := bufio.NewWriter(w)
	word := "PASS"
	if r.Status.ExitCode != ExitDone {
		word = "FAIL"
	}
	fmt.Fprintf(out, "%s  %s\n", word, strings.Join(judgement(r), "; "))
	failing, _ := gateFindings(r)
	most := o.Top
	if most == 0 {
		most = 20
	}
	for i, f := range failing {
		if i == most {
			fmt.Fprintf(out, "  and %d more\n", len(failing)-i)
			break
		}
		from := Visible(f.host.Origin)
		if f.finding.Policy != "" {
			from = strings.TrimPrefix(from+", "+Visible(f.finding.Policy), ", ")
		}
		fmt.Fprintf(out, "  %-8s %s %s  %s  %s\n", strings.ToUpper(f.finding.Severity.String()), f.finding.Rule,
			Visible(f.host.Name), Visible(claim(f.finding)), from)
		if f.finding.Lapsed != nil {
			fmt.Fprintf(out, "           its waiver expired %s\n", f.finding.Lapsed.Expires)
		}
	}
	for i := range r.Hosts {
		if h := &r.Hosts[i]; h.Error != nil && i < most+len(r.Hosts)-r.Status.Failed {
			fmt.Fprintf(out, "  %-8s %s  %s  %s\n", h.Outcome, Visible(h.Name), Visible(h.Error.Code), Visible(h.Origin))
		}
	}
	for _, n := range r.Policy.Notices() {
		word := "warning"
		if n.State == WaiverEnding {
			word = "notice"
		}
		fmt.Fprintf(out, "%s: %s\n", word, Visible(n.String()))
	}
	return out.Flush()
}

// A hostFinding is a finding and the host that it is of.
type hostFinding struct {
	host    *Host
	finding *Finding
}

// gateFindings returns the findings that fail the scan, the worst first, and those that would if
// they were not known or waived.
func gateFindings(r *Report) (failing, spared []hostFinding) {
	open := r.gates
	open.Baseline = nil
	for h, f := range r.Counted {
		bare := *f
		bare.Waived, bare.Known = nil, false
		switch {
		case r.gates.fails(f):
			failing = append(failing, hostFinding{h, f})
		case open.fails(&bare):
			spared = append(spared, hostFinding{h, f})
		}
	}
	slices.SortStableFunc(failing, func(a, b hostFinding) int { return int(b.finding.Severity) - int(a.finding.Severity) })
	return failing, spared
}

// judgement is the first line, in parts.
func judgement(r *Report) []string {
	failing, spared := gateFindings(r)
	hosts := hostSet{}
	for _, f := range failing {
		hosts[f.host] = true
	}
	kind := "finding"
	if r.gates.Baseline != nil {
		kind = "new finding"
	}
	first := "no " + kind
	if n := len(failing); n > 0 {
		first = count(n, kind) + " on " + count(len(hosts), "host")
	}
	parts := []string{first + " " + r.gates.levels()}
	if r.gates.open() {
		parts[0] = "no gate is set"
	}
	var known, waived int
	for _, f := range spared {
		if f.finding.Waived != nil {
			waived++
		} else {
			known++
		}
	}
	if r.gates.Baseline != nil {
		parts = append(parts, fmt.Sprintf("%d known in the baseline", known))
	}
	if waived > 0 {
		parts = append(parts, fmt.Sprintf("%d waived", waived))
	}
	if n := r.Policy.broken(); n > 0 && r.gates.StrictWaivers {
		parts = append(parts, count(n, "waiver")+" expired or unused")
	}
	if r.Run.Interrupted {
		parts = append(parts, "interrupted")
	}
	return append(parts, coverage(r))
}

// coverage says how many hosts that is true of.
func coverage(r *Report) string {
	s := r.Status
	lost := s.Failed + s.Partial
	text := fmt.Sprintf("%s scanned", count(s.Hosts, "host"))
	if lost == 0 {
		return text
	}
	text = fmt.Sprintf("%d of %s scanned to the end", s.Hosts-lost, count(s.Hosts, "host"))
	word := "more than"
	if lost <= r.gates.MaxFailed.of(s.Hosts) {
		word = "within"
	}
	return fmt.Sprintf("%s: %d missing, %s --max-failed %s", text, lost, word, r.gates.MaxFailed)
}

// levels says what the gates are.
func (g Gates) levels() string {
	var parts []string
	if g.FailOn.set {
		parts = append(parts, "at or above "+g.FailOn.String())
	}
	if g.FailOnLoss.set {
		parts = append(parts, "losing packets at or above "+g.FailOnLoss.String())
	}
	return strings.Join(parts, " or ")
}

// claim is a finding in one line, with its kind where that is more than a risk.
func claim(f *Finding) string {
	if f.Kind == drop.AtRisk {
		return says(f)
	}
	return string(f.Kind) + ": " + says(f)
}
