package report

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// hostile is what a host may say where a name is expected.
var hostile = []string{
	"\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "a\rb\nc\td\x00e\x7f", "\u0080\u009b31mC1", "\u202egpj.exe\u202c", "\u2066x\u2069\u200b\ufeff",
	"\xff\xfe\xc3\x28", "=cmd|' /C calc'!A0", "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1", "</script><img src=x onerror=alert(1)>",
	"'\"><b>&amp;", "javascript:alert(1)", "{{.}}", "%s%n", "\u2028\u2029", strings.Repeat("x", 100000), strings.Repeat("漢", 3000),
	strings.Repeat("e\u0301", 3000), "\U000e0041\U0001f600", "＝1+1",
}

// hostileReport has hostile text in every place that a host, an error or an inventory can
// write to.
func hostileReport(t testing.TB, more ...Host) *Report {
	t.Helper()
	hosts := more
	for i, h := range hostile {
		f := acceptQueue(17, 54)
		f.Subject, f.Message = h, h
		f.Netns = &probe.Namespace{PID: 1, Process: h, Container: h, Pod: h, Key: h}
		f.Evidence = append(f.Evidence, known(h, h, h, h, h), known("ethtool -S *", h, h, nil, []string{h}))
		f.Steps = append(f.Steps, drop.Step{Text: h, Command: h, Sysctl: h, Value: h, Present: h, Persist: h, Undo: h, Price: h})
		note := byDesign()
		note.Subject, note.Message = h, h
		snapshot := &probe.Capture{Outputs: []probe.Output{
			{Section: "/proc/sys/" + h, State: probe.Known, Text: h},
			{Section: "/sys/class/net/*/mtu", State: probe.Known, Text: h},
			{Section: probe.BootID.ID(), State: probe.Known, Text: h},
			{Section: probe.Release.ID(), State: probe.Known, Text: h},
			{Section: probe.OSRelease.ID(), State: probe.Known, Text: "PRETTY_NAME=" + strings.ReplaceAll(h, "\n", " ")},
		}}
		member := inventory.Host{Name: h, Groups: []string{h}, Origin: inventory.Origin{File: h, Line: i}, Endpoint: inventory.Endpoint{Hostname: h, Port: 22}, Jump: []inventory.Endpoint{{Alias: h}}}
		bad := Error{Code: h, Stage: h, Message: h, Hint: h}
		scanned := Scanned(member, probe.NewSnapshot(snapshot), testRules, []drop.Verdict{
			verdict("FD601", f), verdict("FD015", note), notChecked("FD402", lacks(h, probe.Denied), lacks("/sys/class/net/"+h+"/mtu", probe.Garbled)),
		})
		hosts = append(hosts, scanned, scanned.Partial(bad), Failed(member, bad))
	}
	head := testHead()
	head.Run.Inventory = hostile
	return New(head, Rules(testRules), hosts, Gates{})
}

// TestHostile writes hostile text to every sink: no byte of it does anything there.
func TestHostile(t *testing.T) {
	r := hostileReport(t)
	for _, format := range Formats() {
		for _, o := range []Options{{Width: 80}, {Width: 200, Verbose: true, Top: 1000}} {
			got := written(t, format, r, o)
			if !utf8.Valid(got) {
				t.Errorf("%s: invalid UTF-8", format)
			}
			for i, c := range string(got) {
				if c == '\n' || c == ' ' {
					continue
				}
				if unicode.IsControl(c) || !unicode.IsPrint(c) {
					t.Errorf("%s: %U in %q", format, c, got[max(0, i-30):min(len(got), i+30)])
					break
				}
			}
		}
	}
}

func TestHostileTable(t *testing.T) {
	for _, width := range []int{40, 80, 160} {
		for line := range strings.Lines(string(written(t, "table", hostileReport(t), Options{Width: width, Top: 100}))) {
			// A word that is longer than a line stays whole, but never without a bound.
			if n := text.StringWidth(strings.TrimSuffix(line, "\n")); n > width+maxShown {
				t.Errorf("%d columns of %d: %.80q", n, width, line)
			}
		}
	}
}

func TestHostileCSV(t *testing.T) {
	r := hostileReport(t)
	rows, err := csv.NewReader(bytes.NewReader(written(t, "csv", r, Options{}))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	number := regexp.MustCompile(`^[0-9.]*$`)
	for _, row := range rows[1:] {
		for i, c := range row {
			if c != "" && strings.ContainsAny(c[:1], "=+-@\t\r") {
				t.Errorf("%s: %.40q would be a formula", rows[0][i], c)
			}
			if slices.Contains([]string{"rank", "score", "lost", "lost_per_s", "lost_ratio", "of"}, rows[0][i]) && !number.MatchString(c) {
				t.Errorf("%s: %.40q is no number", rows[0][i], c)
			}
		}
	}
}

// TestHostileHTML takes the page apart with html's own eyes: what is markup in it is the
// template's, and its data holds no text that does not show.
func TestHostileHTML(t *testing.T) {
	page := string(written(t, "html", hostileReport(t), Options{Verbose: true}))
	if !strings.Contains(page, `default-src &#39;none&#39;`) {
		t.Error("no Content-Security-Policy")
	}
	scripts := regexp.MustCompile(`(?s)<script([^>]*)>(.*?)</script>`)
	found := scripts.FindAllStringSubmatch(page, -1)
	if len(found) != 2 || found[1][2] != pageScript {
		t.Fatalf("%d scripts", len(found))
	}
	var data struct {
		Hosts  []any
		Shared any
	}
	if err := json.Unmarshal(unpacked(t, found[0][1], found[0][2]), &data); err != nil {
		t.Fatal(err)
	}
	if len(data.Hosts) != 3*len(hostile) {
		t.Errorf("%d hosts", len(data.Hosts))
	}
	eachText([]any{data.Hosts, data.Shared}, func(s string) {
		if s := strings.ReplaceAll(s, "\n", ""); s != Visible(s) {
			t.Errorf("the script gets %q", s)
		}
	})
	markup := scripts.ReplaceAllString(strings.Replace(page, pageStyle, "", 1), "")
	for _, bad := range []string{"<img", "<b>&amp;", "onerror=alert(1)>", "url(", "javascript:alert(1)\""} {
		if strings.Contains(markup, bad) {
			t.Errorf("%q is in the page", bad)
		}
	}
	attributes := regexp.MustCompile(`>[^<]*<`).ReplaceAllString(markup, "><")
	for _, m := range regexp.MustCompile(`(?i)\s(src|href|action|style|on[a-z]+)\s*=\s*("[^"]*"|[^\s>]*)`).FindAllStringSubmatch(attributes, -1) {
		if !strings.EqualFold(m[1], "href") || !strings.HasPrefix(m[2], `"#`) {
			t.Errorf("the page loads, links or runs something: %s", m[0])
		}
	}
}

// TestHTMLWaived has a finding that someone puts up with: it is not in the list of findings, and
// the page of its host says who, why and until when.
func TestHTMLWaived(t *testing.T) {
	hosts := fleet(t)
	for i := range hosts {
		if hosts[i].Name == "lb-03" {
			hosts[i].Findings[0].Waived = &Waiver{Reason: "the table is replaced", Owner: "net", Expires: "2027-01-31"}
			hosts[i].Findings[1].Lapsed = &Waiver{Reason: "until the move", Expires: "2026-01-31"}
			hosts[i].Findings[1].Policy = "fleetdrop.policy.yaml:22"
		}
	}
	baseline := Baseline{}
	for i := range hosts {
		for _, f := range hosts[i].Findings {
			if f.Lapsed != nil {
				baseline[f.Fingerprint] = true
			}
		}
	}
	r := New(testHead(), Rules(testRules), hosts, Gates{Baseline: baseline})
	page := string(written(t, "html", r, Options{}))
	for text, want := range map[string]bool{
		"1 waived finding is not in this list": true, `"waived":"the table is replaced, by net, until 2027-01-31"`: true,
		`"lapsed":"until the move, until 2026-01-31"`: true, `"known":true,"policy":"fleetdrop.policy.yaml:22"`: true, "1 of these is in the baseline": true,
		`href="#rule=FD402"`: false, `href="#rule=FD301"`: true,
	} {
		if strings.Contains(page, text) != want {
			t.Errorf("%s in the page: %v", text, !want)
		}
	}
}

// unpacked is the data of a page.
func unpacked(t *testing.T, element, text string) []byte {
	t.Helper()
	if strings.Contains(element, "application/json") {
		return []byte(text)
	}
	zip, err := gzip.NewReader(base64.NewDecoder(base64.RawURLEncoding, strings.NewReader(text)))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// eachText calls do for each text in a JSON value.
func eachText(v any, do func(string)) {
	switch v := v.(type) {
	case string:
		do(v)
	case []any:
		for _, item := range v {
			eachText(item, do)
		}
	case map[string]any:
		for key, item := range v {
			do(key)
			eachText(item, do)
		}
	}
}

// TestHostileJSON reads back what was said, as far as it is text, and no terminal obeys it
// on the way.
func TestHostileJSON(t *testing.T) {
	var back Report
	if err := json.Unmarshal(written(t, "json", hostileReport(t), Options{}), &back); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for i := range back.Hosts {
		names[back.Hosts[i].Name] = true
	}
	for _, h := range hostile {
		if utf8.ValidString(h) && len(h) < maxName && !names[h] {
			t.Errorf("%q did not come back", h)
		}
	}
}

func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"web-17":          "web-17",
		"Zürich 漢字 😀":     "Zürich 漢字 😀",
		"\x1b[2J":         `\x1b[2J`,
		"a\nb\tc":         `a\x0ab\x09c`,
		"\x7f\u009b":      `\x7f\xc2\x9b`,
		"\u202egpj\u202c": `\xe2\x80\xaegpj\xe2\x80\xac`,
		"\xff!":           `\xff!`,
		"\u00a0":          `\xc2\xa0`,
	} {
		if got := Visible(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if got := clean(strings.Repeat("漢", 10), 7); got != "漢漢…" {
		t.Errorf("cut to %q", got)
	}
}

// FuzzText lets no byte through that does not show.
func FuzzText(f *testing.F) {
	for _, h := range hostile {
		f.Add(h)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, got := range []string{Visible(s), Visible(clean(s, 20)), cell(s)} {
			for _, c := range got {
				if c != ' ' && !unicode.IsPrint(c) || c == utf8.RuneError && utf8.ValidString(s) && !strings.ContainsRune(s, utf8.RuneError) {
					t.Errorf("%q: %q", s, got)
				}
			}
		}
		quoted, err := Line(s)
		if err != nil || bytes.IndexFunc(quoted, unsafe) >= 0 {
			t.Errorf("%q: %q, %v", s, quoted, err)
		}
		var back string
		if err := json.Unmarshal(quoted, &back); err != nil || utf8.ValidString(s) && back != s {
			t.Errorf("%q: %q, %v", s, back, err)
		}
	})
}
