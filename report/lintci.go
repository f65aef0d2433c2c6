package report

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// writeLintJUnit writes one suite with a case for each finding that it shows. Those that are
// more than info failed; the others passed, and say what they are.
func writeLintJUnit(w io.Writer, l *Lint, least drop.Severity) error {
	suite := junitSuite{Name: "fleetdrop lint", Time: "0"}
	names := taken{}
	for _, f := range l.shown(least) {
		says := Visible(f.Message) + "\n" + Visible(f.String()) + ": " + f.Severity.String() + " " + f.Check + "\n"
		c := junitCase{Name: names.name(Visible(f.Check + " " + f.Name + " " + f.Key)), Classname: Visible(f.File), Time: "0"}
		if f.Severity > drop.Info {
			c.Failure = &junitResult{Message: Visible(f.Message), Type: f.Severity.String(), Text: says}
			suite.Failures++
		} else {
			c.Out = says
		}
		suite.Tests++
		suite.Cases = append(suite.Cases, c)
	}
	if suite.Tests == 0 {
		suite.Tests = 1
		suite.Cases = []junitCase{{Name: l.sum(least), Classname: "fleetdrop lint", Time: "0"}}
	}
	out := bufio.NewWriter(w)
	out.WriteString(xml.Header) // Flush returns the first error
	fmt.Fprintf(out, `<testsuites name="fleetdrop" tests="%d" failures="%d" errors="0" skipped="0" time="0">`+"\n", suite.Tests, suite.Failures)
	e := xml.NewEncoder(out)
	e.Indent(" ", " ")
	if err := e.Encode(suite); err != nil {
		return err
	}
	out.WriteString("\n</testsuites>\n")
	return out.Flush()
}

// writeLintSARIF writes SARIF 2.1.0: each finding is a result at its line.
func writeLintSARIF(w io.Writer, l *Lint, o Options) error {
	page := &sarifPage{root: o.Root, dir: o.Dir}
	places := map[string]int{}
	run := sarifRun{
		AutomationDetails: sarifAutomation{"fleetdrop/lint/"},
		BaseIDs:           map[string]sarifBase{sarifRoot: {sarifText{Text: "the folder that fleetdrop was started in"}}},
		Invocations:       []sarifInvocation{{Successful: true, ExitCode: l.Status.ExitCode, Notifications: []sarifNotification{}}},
		Results:           []sarifResult{},
		ColumnKind:        "unicodeCodePoints",
		Language:          "en-US",
	}
	driver := sarifDriver{Name: "fleetdrop", Version: Visible(l.Tool.Version), Language: "en-US", InformationURI: "https://github.com/fleetdrop/fleetdrop", Rules: []sarifRule{}}
	for i, c := range l.Checks {
		places[c.ID] = i
		driver.Rules = append(driver.Rules, sarifRule{
			ID: c.ID, Name: c.Name, HelpURI: lintPage + "#" + c.ID,
			ShortDescription: sarifText{Text: c.Title}, FullDescription: sarifText{Text: c.Title}, Help: sarifText{Text: c.doc, Markdown: c.doc},
			Properties: sarifProperties{[]string{"sysctl"}},
		})
	}
	run.Tool.Driver = driver
	seen := taken{}
	for _, f := range l.shown(o.Severity) {
		if len(run.Results) == maxResults {
			break
		}
		uri, base := page.uri(f.File)
		// The same key twice in a file gives two results: their fingerprints must differ.
		sum := sha256.Sum256([]byte(f.File + "\x00" + seen.name(f.Check+"\x00"+f.Key)))
		print := hex.EncodeToString(sum[:16])
		run.Results = append(run.Results, sarifResult{
			RuleID: f.Check, RuleIndex: places[f.Check], Level: sarifLevel(f.Severity), Message: sarifText{Text: sarifSays(f.Message)},
			Locations: []sarifLocation{{
				Physical: sarifPhysical{sarifArtifact{uri, base}, sarifRegion{max(f.Line, 1)}},
				Logical:  []sarifLogical{{Visible(f.Key + ":" + strconv.Itoa(f.Line)), "member"}},
			}},
			Fingerprints: map[string]string{"primaryLocationLineHash": print + ":1", "fleetdrop/v1": print},
			Properties:   map[string]any{"severity": f.Severity.String()},
		})
	}
	text, err := json.MarshalIndent(sarifLog{
		Schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run},
	}, "", " ")
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	out.Write(escape(text))
	out.WriteByte('\n')
	return out.Flush()
}

// lintPage is the page of all checks.
const lintPage = "https://github.com/fleetdrop/fleetdrop/blob/main/docs/lint.md"
