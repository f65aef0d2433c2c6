package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// says is a finding in one line, without its severity.
func says(f *Finding) string {
	if f.Subject == "" {
		return f.Message
	}
	return f.Subject + ": " + f.Message
}

// lossSays is a loss in one line: "60 of 66 SYNs (91 %) in 4.6 s, 13/s".
func lossSays(l *Loss) string {
	if l == nil {
		return ""
	}
	said := "lost "
	if !l.Exact {
		said += "about "
	}
	said += strconv.FormatUint(l.Count, 10)
	if l.Of != nil {
		said += " of " + strconv.FormatUint(*l.Of, 10)
	}
	said += " " + string(l.Unit)
	if l.Ratio != nil {
		said += " (" + percent(*l.Ratio) + ")"
	}
	if l.Window != nil {
		said += " in " + span(*l.Window)
	}
	if l.SinceLast {
		said += " since the last scan"
	}
	if l.PerSecond != nil {
		said += ", " + rate(*l.PerSecond) + "/s"
	}
	return said
}

// percent keeps two digits, and never says 0 or 100 of what is not.
func percent(ratio float64) string {
	p := ratio * 100
	switch {
	case p == 0 || p == 100:
		return fmt.Sprintf("%.0f %%", p)
	case p < 0.001:
		return "below 0.001 %"
	case p < 1:
		return strconv.FormatFloat(p, 'g', 2, 64) + " %"
	case p < 10:
		return fmt.Sprintf("%.1f %%", p)
	case p > 99:
		return fmt.Sprintf("%.1f %%", min(p, 99.9))
	}
	return fmt.Sprintf("%.0f %%", p)
}

// rate is a number a second, short.
func rate(x float64) string {
	switch {
	case x < 0.01:
		return "<0.01"
	case x < 1:
		return strconv.FormatFloat(x, 'g', 2, 64)
	case x < 10:
		return fmt.Sprintf("%.1f", x)
	case x < 9999.5:
		return fmt.Sprintf("%.0f", x)
	case x < 999.5e3:
		return fmt.Sprintf("%.0fk", x/1e3)
	case x < 999.5e6:
		return fmt.Sprintf("%.1fM", x/1e6)
	}
	return fmt.Sprintf("%.1fG", min(x, 999e12)/1e9)
}

// span is a time, short: "4.6 s", "12 min", "3 h", "300 days".
func span(seconds float64) string {
	d := time.Duration(min(seconds, 1e9) * float64(time.Second))
	switch {
	case d < 10*time.Second:
		return strconv.FormatFloat(math.Round(seconds*10)/10, 'f', -1, 64) + " s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", seconds)
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}

func dot(n int) string {
	if n == 0 {
		return "."
	}
	return strconv.Itoa(n)
}

// count is a number and its noun.
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// source is where a fact comes from; the section may name the row already.
func source(e Evidence) string {
	words := e.Section
	if e.Row != "" && !strings.Contains(e.Section, e.Row) {
		words += " " + e.Row
	}
	return strings.TrimSpace(words + " " + e.Field)
}

// quote is what a fact says: "40 -> 57".
func quote(e Evidence) string {
	switch {
	case e.State != "known":
		return e.State
	case e.Value == nil:
		return ""
	case e.Before != nil && e.Unverified:
		return fmt.Sprintf("%v -> %v (unverified)", e.Before, e.Value)
	case e.Before != nil:
		return fmt.Sprintf("%v -> %v", e.Before, e.Value)
	case e.Unverified:
		return fmt.Sprintf("%v (unverified)", e.Value)
	}
	return strings.TrimSpace(fmt.Sprint(e.Value))
}

// tally counts the findings of a host by severity: "1 critical, 2 medium".
func tally(h *Host) string {
	var n [drop.Critical + 1]int
	for i := range h.Findings {
		if f := &h.Findings[i]; classOf(f) < len(classes) {
			n[f.Severity]++
		}
	}
	var parts []string
	for s := drop.Critical; s > drop.Info; s-- {
		if n[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[s], s))
		}
	}
	return strings.Join(parts, ", ")
}

// stateSays is what a state means for someone who wants to change it.
func stateSays(section, state string) string {
	switch state {
	case "denied":
		return "denied: needs root"
	case "absent":
		return "absent: not on this host"
	case "cut":
		return "cut: over the size cap"
	case "late":
		return "late: over the time limit"
	case "garbled":
		return "garbled: not understood"
	case "unread":
		switch tool, _, _ := strings.Cut(section, " "); {
		case tool == "ss" || tool == "nft" || strings.HasSuffix(tool, "-save"):
			return "unread: asking would load a module"
		case tool == "ethtool":
			return "unread: 16 interfaces are asked"
		}
		return "unread: never came"
	}
	return state
}

// exitSays is the exit code and what it is made of; "" if it is 0.
func exitSays(s Status) string {
	why := ""
	switch s.ExitCode {
	case ExitDone:
		return ""
	case ExitFindings:
		why = fmt.Sprintf("%s at or above --fail-on or --fail-on-loss", count(s.Failing, "finding"))
		if s.Failing == 0 {
			why = "waivers that have expired or match nothing (--strict-waivers)"
		}
	case ExitIncomplete:
		why = fmt.Sprintf("%s not scanned to the end (--max-failed N or P%% puts up with it)", count(s.Failed+s.Partial, "host"))
	case ExitNone:
		why = "no host was reached"
	case ExitInterrupted:
		why = "interrupted"
	}
	return fmt.Sprintf("exit %d: %s", s.ExitCode, why)
}
