// Command pictures draws the pictures of the README from a scan of the demo's fleet: what the
// terminal shows, and the packet's path of the HTML report.
//
//	go run ./testdata/pictures FLEETDROP FOLDER
//
// It runs FLEETDROP demo, and writes demo.svg and path.svg. The same hosts make the same
// pictures.
package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/fleetdrop/fleetdrop/report"
	"github.com/fleetdrop/fleetdrop/report/run"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: pictures FLEETDROP FOLDER")
		os.Exit(2)
	}
	if err := draw(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
		os.Exit(1)
	}
}

func draw(program, folder string) error {
	r, err := scan(program)
	if err != nil {
		return err
	}
	var table, page bytes.Buffer
	if err := report.Write(&table, "table", r, report.Options{Width: 118, Color: true, Top: 10}); err != nil {
		return err
	}
	if err := report.Write(&page, "html", r, report.Options{}); err != nil {
		return err
	}
	path, err := pathPicture(page.String())
	if err != nil {
		return err
	}
	for name, picture := range map[string]string{"demo.svg": terminalPicture("fleetdrop demo", summary(table.String())), "path.svg": path} {
		if err := wellFormed(picture); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(picture), 0o666); err != nil {
			return err
		}
	}
	return nil
}

// scan runs the demo and reads the run that it saved. What differs from scan to scan is left
// out.
func scan(program string) (*report.Report, error) {
	dir, err := os.MkdirTemp("", "pictures-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out, err := exec.Command(program, "demo", "-q", "--runs", dir).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s demo: %w\n%s", program, err, out)
	}
	saved, err := run.Load(dir, run.Latest)
	if err != nil {
		return nil, err
	}
	saved.Head.Run.Duration = 0
	roll, err := saved.Roll(run.NewShelf(), nil)
	if err != nil {
		return nil, err
	}
	return roll.Report(saved.Head, saved.Rules, report.Gates{}), nil
}

// summary is what stands before the first host that is not reached, and before the close view.
func summary(table string) string {
	text, _, _ := strings.Cut(table, "\n\n\x1b[1mNOT REACHED")
	return text
}

// The colours of a dark terminal, by the parameters of SGR that a report has.
var styles = map[string]string{
	"1": `font-weight="bold"`, "2": `fill="#8b949e"`, "31": `fill="#ff7b72"`, "33": `fill="#e3b341"`, "36": `fill="#76e3ea"`,
	"1;31": `fill="#ff7b72" font-weight="bold"`,
}

var sgr = regexp.MustCompile("\x1b\\[([0-9;]*)m")

// terminalPicture draws a terminal in which a command was typed. Each run of one colour has
// its own place, so that columns stand, whatever the font.
func terminalPicture(command, text string) string {
	const size, wide, high, left, top = 13, 7.83, 17, 16, 48
	lines := strings.Split("\x1b[2m$ \x1b[0m"+command+"\n"+strings.TrimRight(text, "\n"), "\n")
	columns := 0
	var body strings.Builder
	for i, line := range lines {
		fmt.Fprintf(&body, `<text y="%d" xml:space="preserve">`, top+i*high)
		column, style := 0, ""
		for len(line) > 0 {
			at := sgr.FindStringSubmatchIndex(line)
			words := line
			if at != nil {
				words = line[:at[0]]
			}
			if strings.TrimSpace(words) != "" {
				fmt.Fprintf(&body, `<tspan x="%.1f"`, left+float64(column)*wide)
				if style != "" {
					body.WriteString(" " + style)
				}
				body.WriteString(">" + html.EscapeString(words) + "</tspan>")
			}
			column += utf8.RuneCountInString(words)
			if at == nil {
				break
			}
			style, line = styles[line[at[2]:at[3]]], line[at[1]:]
		}
		columns = max(columns, column)
		body.WriteString("</text>\n")
	}
	w, h := 2*left+int(float64(columns)*wide), top+len(lines)*high
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="%[3]d" fill="#e6edf3">
<title>%[4]s in a terminal</title>
<rect width="100%%" height="100%%" rx="8" fill="#0d1117"/>
<circle cx="20" cy="18" r="6" fill="#ff5f56"/><circle cx="40" cy="18" r="6" fill="#ffbd2e"/><circle cx="60" cy="18" r="6" fill="#27c93f"/>
%[5]s</svg>
`, w, h, size, html.EscapeString(command), body.String())
}

var (
	pathElement = regexp.MustCompile(`(?s)<svg class="path" viewBox="([^"]*)"[^>]*>(.*?)</svg>`)
	styleText   = regexp.MustCompile(`(?s)<style>(.*?)</style>`)
	colours     = regexp.MustCompile(`(?s)(:root \{.*?\n\})\n(@media \(prefers-color-scheme: dark\) \{.*?\n\})`)
	linkStart   = regexp.MustCompile(`<a class="([^"]*)"[^>]*>`)
	description = regexp.MustCompile(`(?s)<desc>.*?</desc>`)
	blankLines  = regexp.MustCompile(`\n\s*\n`)
)

// pathPicture takes the packet's path out of a page, with the part of its style that it needs.
func pathPicture(page string) (string, error) {
	svg, style := pathElement.FindStringSubmatch(page), styleText.FindStringSubmatch(page)
	if svg == nil || style == nil {
		return "", errors.New("there is no path in the page")
	}
	root := colours.FindStringSubmatch(style[1])
	if root == nil {
		return "", errors.New("there are no colours in the style of the page")
	}
	rules := []string{root[1], root[2], "svg { font-family: var(--sans); font-variant-numeric: tabular-nums; }", ".paper { fill: var(--paper); }"}
	for line := range strings.Lines(style[1]) {
		if strings.HasPrefix(line, ".path ") {
			rules = append(rules, strings.TrimSpace(line))
		}
	}
	body := linkStart.ReplaceAllString(svg[2], `<g class="$1">`)
	body = strings.ReplaceAll(description.ReplaceAllString(body, ""), "</a>", "</g>")
	var x, y, w, h int
	if _, err := fmt.Sscanf(svg[1], "%d %d %d %d", &x, &y, &w, &h); err != nil {
		return "", err
	}
	const margin = 20
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" class="path" width="%[3]d" height="%[4]d" viewBox="%[1]d %[2]d %[3]d %[4]d">
<title>Where the packets of the demo fleet are lost</title>
<style>
%[5]s
</style>
<rect class="paper" x="%[1]d" y="%[2]d" width="100%%" height="100%%" rx="8"/>%[6]s
</svg>
`, x-margin, y-margin, w+2*margin, h+2*margin, strings.Join(rules, "\n"), blankLines.ReplaceAllString(strings.TrimRight(body, " \n"), "\n")), nil
}

func wellFormed(picture string) error {
	d := xml.NewDecoder(strings.NewReader(picture))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}
