package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/probe/lint"
	"github.com/fleetdrop/fleetdrop/probe/sysctl"
)

func newExplain(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "explain RULE|SYSCTL|COUNTER|REASON|FUNCTION|WORD...",
		Short: "Say what a rule, counter, sysctl, drop reason, kernel function or word means",
		Example: `  fleetdrop explain FD601
  fleetdrop explain rx_missed_errors
  fleetdrop explain SOCKET_RCVBUFF
  fleetdrop explain net.core.somaxconn
  fleetdrop explain time squeeze`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("explain what? A rule (\"fleetdrop rules\" lists them), a sysctl, a counter, a drop reason, or a word of the report")
			}
			return nil
		},
		ValidArgsFunction: completeRules,
		RunE: func(_ *cobra.Command, args []string) error {
			return explain(c.stdout, strings.Join(args, " "))
		},
	}
}

// explain writes what the term means: a rule, or a word of the report and a name that rules
// read, which may be both, or else whatever a rule's text mentions.
func explain(w io.Writer, term string) error {
	term = strings.TrimSpace(term)
	for _, r := range drop.Catalogue() {
		if strings.EqualFold(term, r.ID) || strings.EqualFold(term, r.Name) {
			explainRule(w, r)
			return nil
		}
	}
	for _, k := range lint.Checks() {
		if strings.EqualFold(term, k.ID) || strings.EqualFold(term, k.Name) {
			explainCheck(w, k)
			return nil
		}
	}
	// A code of a host has details that are explained with it: timeout@banner, jump:refused.
	code := term
	if at := strings.IndexAny(term, "@/:"); at > 0 {
		code = term[:at]
	}
	known := false
	for _, entry := range words {
		if canonical(entry.word) == canonical(term) || entry.word == code {
			fmt.Fprintf(w, "%s\n%s\n", entry.word, wrap(entry.text, "  "))
			known = true
			break
		}
	}
	part := func() {
		if known {
			fmt.Fprintln(w)
		}
		known = true
	}
	said := ""
	if k := sysctlNamed(term); k != nil {
		part()
		explainSysctl(w, k)
		term = k.Name()
		said = setting + term
	}
	if r, ok := reasonNamed(term); ok {
		part()
		explainReason(w, r)
		said = dropReason
	}
	if f, ok := functionNamed(term); ok {
		part()
		explainFunction(w, f)
		return nil
	}
	rules, reads := reading(term)
	counts, tell := counting(term)
	for _, r := range tell {
		if !slices.Contains(rules, r) {
			rules = append(rules, r)
		}
	}
	if len(rules) > 0 || len(counts) > 0 {
		part()
		if reads != "  "+said {
			fmt.Fprintln(w, strings.TrimRight(term+"\n"+reads, "\n"))
			for _, line := range counts {
				fmt.Fprintln(w, wrap(line, "  "))
			}
			fmt.Fprintln(w)
		}
		if len(rules) > 0 {
			explainRules(w, rules)
		}
	}
	if known {
		return nil
	}
	if rules := mentioning(term); len(rules) > 0 {
		fmt.Fprintf(w, "%s\n  named in the text of %s\n\n", term, names(rules))
		explainRules(w, rules)
		return nil
	}
	return fmt.Errorf("nothing is known of %q; %s", term, hint(term))
}

// What a name is, as explain says it.
const (
	setting    = "a setting: sysctl "
	dropReason = "a reason that the kernel gives for dropping a packet (enum skb_drop_reason)"
)

// canonical is a name without what people write differently.
func canonical(term string) string {
	return strings.NewReplacer("-", "", "_", "", " ", "", ".", "", "/", "").Replace(strings.ToLower(term))
}

// reading returns the rules that read a counter, section or sysctl of that name, or find a
// loss that the kernel gives that reason, and says which it is.
func reading(term string) (rules []*drop.Rule, what string) {
	bare := strings.TrimPrefix(strings.ToUpper(term), "SKB_DROP_REASON_")
	found := map[string]bool{}
	for _, r := range drop.Catalogue() {
		kept := false
		if slices.Contains(r.Reasons, bare) {
			found[dropReason] = true
			kept = true
		}
		for _, h := range r.Handles() {
			if called(h.Source(), term) {
				found[describe(h.Source())] = true
				kept = true
			}
		}
		if kept {
			rules = append(rules, r)
		}
	}
	var lines []string
	for line := range found {
		lines = append(lines, "  "+line)
	}
	slices.Sort(lines)
	// Those whose loss it is come before those that only quote it.
	slices.SortStableFunc(rules, func(a, b *drop.Rule) int {
		return cmp.Compare(rankFor(a, term), rankFor(b, term))
	})
	return rules, strings.Join(lines, "\n")
}

// rankFor is 0 for a rule that cannot do without the name, 1 for one whose docs speak of it, 2 for one
// that quotes it, and 3 for one that is about the host as a whole.
func rankFor(r *drop.Rule, term string) int {
	if r.Stage == drop.Whole {
		return 3
	}
	for _, h := range slices.Concat(r.Needs...) {
		if called(h.Source(), term) {
			return 0
		}
	}
	if holdsWord(strings.ToLower(r.Doc), strings.ToLower(term[strings.LastIndexAny(term, "./")+1:])) {
		return 1
	}
	return 2
}

// called says that people call the source by that name: its field, its row and field as
// nstat joins them, its section, its sysctl.
func called(s probe.Source, term string) bool {
	if before, after, star := strings.Cut(term, "*"); star { // net.ipv4.neigh.*.gc_thresh3: one of them is enough
		key := sysctlOf(s)
		return strings.HasPrefix(key, before) && strings.HasSuffix(key, after)
	}
	term = canonical(term)
	for _, name := range []string{s.Field, s.Row + s.Field, s.Section, sysctlOf(s), lastOf(s.Section)} {
		if name != "" && canonical(name) == term {
			return true
		}
	}
	return false
}

// lastOf is the last part of a file's path: softnet_stat, somaxconn.
func lastOf(section string) string {
	if !strings.HasPrefix(section, "/") {
		return ""
	}
	return section[strings.LastIndexByte(strings.TrimSuffix(section, "/"), '/')+1:]
}

// sysctlOf is the key of a file below /proc/sys.
func sysctlOf(s probe.Source) string {
	key, ok := strings.CutPrefix(s.Section, "/proc/sys/")
	if !ok {
		return ""
	}
	return strings.ReplaceAll(key, "/", ".")
}

// place says where a fact stands, as a person would look it up.
func place(s probe.Source) string {
	return strings.Join(strings.Fields(s.Section+" "+s.Row+" "+s.Field), " ")
}

func describe(s probe.Source) string {
	switch {
	case sysctlOf(s) != "":
		return setting + sysctlOf(s)
	case s.Field != "":
		return "in " + s.Section + ": " + strings.TrimSpace(s.Row+" "+s.Field)
	}
	return "read whole: " + s.Section
}

// mentioning returns the rules whose docs hold the term as a word.
func mentioning(term string) (rules []*drop.Rule) {
	if len(term) < 3 {
		return nil
	}
	for _, r := range drop.Catalogue() {
		for _, text := range []string{r.Title, r.Doc} {
			if holdsWord(strings.ToLower(text), strings.ToLower(term)) {
				rules = append(rules, r)
				break
			}
		}
	}
	return rules
}

// holdsWord says that the text holds the word, and not as a part of a longer name.
func holdsWord(text, word string) bool {
	letter := func(b byte) bool {
		return b == '_' || '0' <= b && b <= '9' || 'a' <= b && b <= 'z'
	}
	for from := 0; ; {
		at := strings.Index(text[from:], word)
		if at < 0 {
			return false
		}
		at += from
		end := at + len(word)
		if (at == 0 || !letter(text[at-1])) && (end == len(text) || !letter(text[end])) {
			return true
		}
		from = at + 1
	}
}

// names lists rules in one line.
func names(rules []*drop.Rule) string {
	var list []string
	for _, r := range rules {
		list = append(list, r.ID+" "+r.Name)
	}
	return strings.Join(list, ", ")
}

// explainRules explains the first rule, and names the others.
func explainRules(w io.Writer, rules []*drop.Rule) {
	explainRule(w, rules[0])
	if len(rules) > 1 {
		fmt.Fprintf(w, "\nalso  %s\n", names(rules[1:]))
	}
}

// explainRule writes all that the catalogue holds of a rule. What to do is taken from its
// first example with a finding: steps depend on what a host has.
func explainRule(w io.Writer, r *drop.Rule) {
	fmt.Fprintf(w, "%s  %s  (%s, stage %s, at worst %s)\n%s\n\n%s\n",
		r.ID, r.Name, r.Scope, r.Stage, worst(r), r.Title, indent(strings.TrimSpace(r.Doc), "  "))
	fmt.Fprint(w, "\nReads\n")
	for _, need := range r.Needs {
		var any []string
		for _, h := range need {
			any = append(any, place(h.Source()))
		}
		fmt.Fprintf(w, "  needs  %s\n", strings.Join(any, "\n     or  "))
	}
	for _, h := range r.Wants {
		fmt.Fprintf(w, "  wants  %s\n", place(h.Source()))
	}
	if len(r.Limits) > 0 {
		fmt.Fprint(w, "\nLimits\n")
		for _, l := range r.Limits {
			fmt.Fprintf(w, "  %s  %v %s  (%s)\n", l.Name, l.Default, l.Unit, l.Source)
		}
	}
	if len(r.Reasons) > 0 {
		fmt.Fprintf(w, "\nThe kernel's drop reasons\n  %s\n", strings.Join(r.Reasons, ", "))
	}
	for _, e := range r.Examples {
		if len(e.Want) == 0 {
			continue
		}
		fmt.Fprintf(w, "\nFor example: %s\n", e.Name)
		for _, want := range e.Want {
			fmt.Fprintln(w, wrap(want, "  "))
		}
		explainSteps(w, stepsOf(r, e))
		break
	}
	if r.Unproven() {
		fmt.Fprint(w, "\nUnproven: no recording shows this loss yet, so it is medium at most.\n")
	}
}

// explainCheck writes what lint's check is about, and its examples.
func explainCheck(w io.Writer, k *lint.Check) {
	fmt.Fprintf(w, "%s  %s  (lint, at worst %s)\n%s\n\n%s\n", k.ID, k.Name, k.Severity, k.Title, indent(strings.TrimSpace(k.Doc), "  "))
	if k.Expect.Key != "" {
		fmt.Fprintf(w, "\nFor example, the policy expects of %s %s\n", k.Expect.Key, k.Expect)
	}
	for _, example := range [][2]string{{"Wrong", k.Bad}, {"Right", k.Good}} {
		fmt.Fprintf(w, "\n%s\n%s\n", example[0], indent(strings.TrimSpace(example[1]), "  "))
	}
	if r := ruleOf(k); r != nil {
		fmt.Fprintf(w, "\non a host  %s %s\n", r.ID, r.Name)
	}
}

// stepsOf returns what the rule proposes for the host of an example.
func stepsOf(r *drop.Rule, e drop.Example) []drop.Step {
	s, err := e.Snapshot()
	if err != nil {
		return nil
	}
	for _, f := range drop.Judge([]*drop.Rule{r}, nil, s)[0].Findings {
		if len(f.Steps) > 0 {
			return f.Steps
		}
	}
	return nil
}

func explainSteps(w io.Writer, steps []drop.Step) {
	if len(steps) > 0 {
		fmt.Fprint(w, "\nWhat to do there\n")
	}
	for i, s := range steps {
		fmt.Fprintf(w, "  %d. %s\n", i+1, strings.TrimSpace(wrap(s.Text, "     ")))
		for _, line := range [][2]string{{"now    ", s.Present}, {"at once", s.Command}, {"to last", s.Persist}, {"undo   ", s.Undo}, {"price  ", s.Price}} {
			if line[1] != "" {
				fmt.Fprintf(w, "     %s  %s\n", line[0], strings.TrimSpace(wrap(line[1], "              ")))
			}
		}
	}
}

// hint names what the term may have been meant for.
func hint(term string) string {
	best, close := 4, []string{}
	try := func(name string) {
		switch d := sysctl.Distance(canonical(term), canonical(name)); {
		case name == "" || d > best:
		case d < best:
			best, close = d, []string{name}
		case !slices.Contains(close, name):
			close = append(close, name)
		}
	}
	for _, r := range drop.Catalogue() {
		try(r.ID)
		try(r.Name)
		for _, reason := range r.Reasons {
			try(reason)
		}
		for _, h := range r.Handles() {
			try(h.Source().Field)
			try(sysctlOf(h.Source()))
		}
	}
	for _, k := range lint.Checks() {
		try(k.ID)
		try(k.Name)
	}
	for _, entry := range words {
		try(entry.word)
	}
	for _, r := range drop.Reasons() {
		try(r.Name)
	}
	for _, f := range drop.Functions() {
		try(f.Name)
	}
	if near := sysctl.Nearest(sysctl.PathOf(term)); len(close) == 0 && strings.ContainsAny(term, "./") && len(near) > 0 {
		close = near
	}
	if len(close) == 0 || len(close) > 5 {
		function := ""
		if term == strings.ToLower(term) && strings.Contains(term, "_") {
			function = "if it is a kernel function, the drop reason that the tracepoint skb:kfree_skb tells with it says more; "
		}
		return function + "\"fleetdrop rules\" lists what fleetdrop judges, \"fleetdrop facts\" prints every number that it reads"
	}
	return "did you mean " + strings.Join(close, " or ") + "?"
}

func indent(text, by string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = by + line
		}
	}
	return strings.Join(lines, "\n")
}

// wrap breaks a text into lines of at most 96 columns.
func wrap(text, by string) string {
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case column == 0:
			b.WriteString(by)
			column = len(by)
		case column+1+len(word) > 96:
			b.WriteString("\n" + by)
			column = len(by)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
