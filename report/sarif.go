package report

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// GitHub's limits: it shows 5,000 results of a run, and refuses a run with more than 25,000;
// it shows 100 locations of a result, and refuses one with more than 1,000.
const (
	maxResults   = 5000
	maxLocations = 100
)

// The parts of SARIF 2.1.0 that are written. A field that is empty is left out.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool              sarifTool            `json:"tool"`
		AutomationDetails sarifAutomation      `json:"automationDetails"`
		BaseIDs           map[string]sarifBase `json:"originalUriBaseIds"`
		Invocations       []sarifInvocation    `json:"invocations"`
		Results           []sarifResult        `json:"results"`
		ColumnKind        string               `json:"columnKind"`
		Language          string               `json:"language"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version,omitempty"`
		Language       string      `json:"language"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string          `json:"id"`
		Name             string          `json:"name"`
		ShortDescription sarifText       `json:"shortDescription"`
		FullDescription  sarifText       `json:"fullDescription"`
		Help             sarifText       `json:"help"`
		HelpURI          string          `json:"helpUri"`
		Properties       sarifProperties `json:"properties"`
	}
	sarifProperties struct {
		Tags []string `json:"tags"`
	}
	sarifText struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifAutomation struct {
		ID string `json:"id"`
	}
	sarifBase struct {
		Description sarifText `json:"description"`
	}
	sarifInvocation struct {
		Successful    bool                `json:"executionSuccessful"`
		ExitCode      int                 `json:"exitCode"`
		StartTime     string              `json:"startTimeUtc,omitempty"`
		Notifications []sarifNotification `json:"toolExecutionNotifications"`
	}
	sarifNotification struct {
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Level        string             `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Fingerprints map[string]string  `json:"partialFingerprints"`
		Baseline     string             `json:"baselineState,omitempty"` // left out without a baseline
		Related      []sarifLocation    `json:"relatedLocations,omitempty"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
		Properties   map[string]any     `json:"properties,omitempty"`
	}
	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI  string `json:"uri"`
		Base string `json:"uriBaseId,omitempty"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		Name string `json:"name"`
		Kind string `json:"kind"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Status        string `json:"status"`
		Justification string `json:"justification"`
	}
)

// sarifRoot is the name that GitHub gives the root of a repository.
const sarifRoot = "%SRCROOT%"

// writeSARIF writes SARIF 2.1.0 as GitHub's code scanning takes it. Each finding but the
// notes is a result at the line of the inventory, or the capture, that names its host: a
// result without a file would have GitHub refuse the whole. Where there are more than it
// shows, one result stands for all findings of a rule in a group of hosts. Hosts that were
// not scanned to the end are notifications of the invocation.
func writeSARIF(w io.Writer, r *Report, o Options) error {
	s := &sarifPage{Report: r, root: o.Root, dir: o.Dir, rules: map[string]int{}}
	results, err := s.results(o.Severity)
	if err != nil {
		return err
	}
	run := sarifRun{
		AutomationDetails: sarifAutomation{s.category()},
		BaseIDs:           map[string]sarifBase{sarifRoot: {sarifText{Text: "the folder that fleetdrop was started in"}}},
		Invocations:       []sarifInvocation{s.invocation()},
		Results:           results,
		ColumnKind:        "unicodeCodePoints",
		Language:          "en-US",
	}
	run.Tool.Driver = sarifDriver{
		Name: "fleetdrop", Version: Visible(r.Tool.Version), Language: "en-US", InformationURI: "https://github.com/fleetdrop/fleetdrop", Rules: s.descriptors,
	}
	text, err := json.MarshalIndent(sarifLog{
		Schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run},
	}, "", " ")
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	out.Write(escape(text)) // Flush returns the first error
	out.WriteByte('\n')
	return out.Flush()
}

// A sarifPage is a report on its way to SARIF.
type sarifPage struct {
	*Report
	root, dir   string
	rules       map[string]int // places in descriptors
	descriptors []sarifRule
}

// category tells the results of several inventories apart, so that one upload does not
// close what another one opened. It ends in a slash: all before the last one is the category.
func (s *sarifPage) category() string {
	parts := []string{"fleetdrop"}
	for _, file := range s.Run.Inventory[:min(len(s.Run.Inventory), 8)] {
		file, _ = s.uri(file)
		parts = append(parts, strings.ReplaceAll(file, "/", "_"))
	}
	if s.Run.Shard != "" {
		parts = append(parts, "shard-"+strings.ReplaceAll(Visible(s.Run.Shard), "/", "-of-"))
	}
	return strings.Join(parts, "/") + "/"
}

// results are the findings, one by one or, where they are too many, by rule and group, or
// by rule.
func (s *sarifPage) results(least drop.Severity) ([]sarifResult, error) {
	s.descriptors = []sarifRule{}
	results := []sarifResult{}
	for _, by := range []func(*Host, *Finding) string{
		func(h *Host, f *Finding) string { return f.Fingerprint + h.Origin },
		func(h *Host, f *Finding) string { return f.Rule + " " + firstGroup(h) },
		func(_ *Host, f *Finding) string { return f.Rule },
	} {
		all := s.collect(least, by)
		if len(all) > maxResults {
			continue
		}
		for _, c := range all {
			result, err := s.result(c)
			if err != nil {
				return nil, err
			}
			results = append(results, result)
		}
		break
	}
	return results, nil
}

// A sarifSum is findings that one result stands for, the worst first.
type sarifSum struct {
	key      string
	findings []sarifFinding
}

type sarifFinding struct {
	*Host
	*Finding
}

func (s *sarifPage) collect(least drop.Severity, by func(*Host, *Finding) string) (all []*sarifSum) {
	sums := map[string]*sarifSum{}
	for i := range s.Hosts {
		h := &s.Hosts[i]
		for j := range h.Findings {
			f := &h.Findings[j]
			if f.Kind == drop.Note || f.Severity < least {
				continue
			}
			key := by(h, f)
			if f.Waived != nil {
				key += " waived"
			}
			if f.Known {
				key += " known"
			}
			if sums[key] == nil {
				sums[key] = &sarifSum{key: key}
				all = append(all, sums[key])
			}
			sums[key].findings = append(sums[key].findings, sarifFinding{h, f})
		}
	}
	return all
}

func firstGroup(h *Host) string {
	if len(h.Groups) == 0 {
		return ""
	}
	return h.Groups[0]
}

func (s *sarifPage) result(c *sarifSum) (sarifResult, error) {
	worst := slices.MinFunc(c.findings, func(a, b sarifFinding) int { return worse(*a.Finding, *b.Finding) })
	h, f := worst.Host, worst.Finding
	said := h.Name + ": " + says(f)
	print := f.Fingerprint
	var locations []sarifLocation
	if len(c.findings) == 1 {
		if lost := lossSays(f.Loss); lost != "" {
			said += "; " + lost
		}
		whole, err := s.wholeFinding(h, f)
		if err != nil {
			return sarifResult{}, err
		}
		if len(whole.Remedy) > 0 {
			said += ". First step: " + whole.Remedy[0].Text
		}
		locations = []sarifLocation{s.location(h)}
	} else {
		hosts := []*Host{h}
		seen := map[*Host]bool{h: true}
		for _, other := range c.findings {
			if !seen[other.Host] {
				seen[other.Host] = true
				hosts = append(hosts, other.Host)
			}
		}
		said = fmt.Sprintf("%s of %s on %s, the worst on %s", count(len(c.findings), "finding"), f.Name, count(len(hosts), "host"), said)
		print = Fingerprint(f.Rule, "", c.key)
		for _, h := range hosts[:min(len(hosts), maxLocations)] {
			locations = append(locations, s.location(h))
		}
	}
	out := sarifResult{
		RuleID: f.Rule, RuleIndex: s.rule(f), Level: sarifLevel(f.Severity), Message: sarifText{Text: sarifSays(said)},
		Locations: locations,
		// The first is the one that GitHub knows results again by.
		Fingerprints: map[string]string{"primaryLocationLineHash": print + ":1", "fleetdrop/v1": print},
		Properties:   map[string]any{"kind": f.Kind, "severity": f.Severity.String(), "findings": len(c.findings)},
	}
	if f.Subject != "" && len(c.findings) == 1 {
		out.Properties["subject"] = Visible(f.Subject)
	}
	if f.Policy != "" {
		file, line := fileAndLine(f.Policy)
		l := sarifLocation{Logical: []sarifLogical{}}
		l.Physical.Artifact.URI, l.Physical.Artifact.Base = s.uri(file)
		l.Physical.Region.StartLine = line
		out.Related = []sarifLocation{l}
	}
	if s.gates.Baseline != nil {
		out.Baseline = "new"
		if f.Known {
			out.Baseline = "unchanged"
		}
	}
	if f.Waived != nil {
		out.Suppressions = []sarifSuppression{{"external", "accepted", Visible(f.Waived.Reason)}}
	}
	return out, nil
}

// location is the line that names the host, and the host.
func (s *sarifPage) location(h *Host) sarifLocation {
	file, line := fileAndLine(cmp.Or(h.Origin, h.Name, "inventory"))
	var l sarifLocation
	l.Physical.Artifact.URI, l.Physical.Artifact.Base = s.uri(file)
	l.Physical.Region.StartLine = line
	l.Logical = []sarifLogical{{Visible(h.Name), "resource"}}
	return l
}

// fileAndLine parts "hosts.txt:17"; line 1 is that of a whole file.
func fileAndLine(origin string) (file string, line int) {
	if at := strings.LastIndexByte(origin, ':'); at > 0 {
		if n, err := strconv.Atoi(origin[at+1:]); err == nil && n > 0 {
			return origin[:at], n
		}
	}
	return origin, 1
}

// uri is a path as a URI: relative to the root where it is below it.
func (s *sarifPage) uri(path string) (uri, base string) {
	path = Visible(path)
	if !filepath.IsAbs(path) && s.dir != "" {
		path = filepath.Join(s.dir, path)
	}
	if s.root != "" && filepath.IsAbs(path) {
		if below, err := filepath.Rel(s.root, path); err == nil && filepath.IsLocal(below) {
			path = below
		}
	}
	path = filepath.ToSlash(filepath.Clean(path))
	if filepath.IsAbs(path) {
		return (&url.URL{Scheme: "file", Path: path}).String(), ""
	}
	parts := strings.Split(path, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.ReplaceAll(strings.Join(parts, "/"), ":", "%3A"), sarifRoot
}

// rule is the place of a finding's rule among the descriptors, which it is added to.
func (s *sarifPage) rule(f *Finding) int {
	if i, ok := s.rules[f.Rule]; ok {
		return i
	}
	d := sarifRule{ID: f.Rule, Name: Visible(f.Name), HelpURI: rulePage(f.Name), Properties: sarifProperties{[]string{"packet-loss", string(f.Stage)}}}
	title := f.Name
	for _, r := range s.Rules {
		if r.ID == f.Rule {
			title = r.Title
		}
	}
	d.ShortDescription = sarifText{Text: Visible(title)}
	d.FullDescription = d.ShortDescription
	d.Help = sarifText{Text: Visible(title)}
	for _, r := range drop.Catalogue() {
		if r.ID == f.Rule {
			doc := strings.TrimSpace(r.Doc)
			d.Help = sarifText{Text: doc, Markdown: doc}
		}
	}
	s.rules[f.Rule] = len(s.descriptors)
	s.descriptors = append(s.descriptors, d)
	return s.rules[f.Rule]
}

// invocation says how the scan ended, and which hosts it did not come to the end of.
func (s *sarifPage) invocation() sarifInvocation {
	out := sarifInvocation{Successful: s.Status.Complete, ExitCode: s.Status.ExitCode, Notifications: []sarifNotification{}}
	if !s.Run.Started.IsZero() {
		out.StartTime = s.Run.Started.UTC().Format("2006-01-02T15:04:05Z")
	}
	sum := &summary{}
	sum.addErrors(s.Report)
	for _, e := range slices.Concat(sum.failed, sum.partial) {
		names := make([]string, 0, 9)
		for i, h := range e.hosts {
			if i == 8 {
				names = append(names, fmt.Sprintf("%d more", len(e.hosts)-i))
				break
			}
			names = append(names, h.Name)
		}
		said := fmt.Sprintf("%s on %s: %s. %s. %s", e.code, count(len(e.hosts), "host"), strings.Join(names, ", "), e.hosts[0].Error.Message, e.hosts[0].Error.Hint)
		n := sarifNotification{Level: "error", Message: sarifText{Text: sarifSays(strings.TrimSpace(said))}, Locations: []sarifLocation{}}
		for _, h := range e.hosts[:min(len(e.hosts), maxLocations)] {
			n.Locations = append(n.Locations, s.location(h))
		}
		out.Notifications = append(out.Notifications, n)
	}
	return out
}

func sarifLevel(s drop.Severity) string {
	switch s {
	case drop.Critical, drop.High:
		return "error"
	case drop.Medium:
		return "warning"
	}
	return "note"
}

// sarifSays is a text as a message of SARIF shows it: without links and placeholders.
func sarifSays(said string) string {
	return strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, "{", "{{", "}", "}}").Replace(Visible(said))
}
