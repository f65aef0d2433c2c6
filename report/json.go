package report

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"
)

// JSONSchema is the JSON Schema of the json format.
//
//go:embed schema.json
var JSONSchema []byte

// writeJSON writes the report as one document, host by host: there may be 100,000.
func writeJSON(w io.Writer, r *Report, _ Options) error {
	text, err := json.MarshalIndent(struct {
		Head
		Status  Status   `json:"status"`
		Rules   []Rule   `json:"rules"`
		Fleet   Fleet    `json:"fleet"`
		Changes *Changes `json:"changes"`
	}{r.Head, r.Status, r.Rules, r.Fleet, r.Changes}, "", " ")
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	out.Write(escape(bytes.TrimSuffix(text, []byte("\n}")))) // Flush returns the first error
	out.WriteString(",\n \"hosts\": [")
	before := "\n  "
	for h, err := range r.Each {
		if err != nil {
			return err
		}
		if text, err = json.MarshalIndent(h, "  ", " "); err != nil {
			return err
		}
		out.WriteString(before)
		before = ",\n  "
		out.Write(escape(text))
	}
	if len(r.Hosts) > 0 {
		out.WriteString("\n ")
	}
	out.WriteString("]\n}\n")
	return out.Flush()
}

// The lines of ndjson: first what the run is, then each host, at the end the status.
type (
	runLine struct {
		Type string `json:"type"` // "run"
		Head
		Rules []Rule `json:"rules"`
	}
	hostLine struct {
		Type string `json:"type"` // "host"
		*Host
	}
	unrankedLine struct {
		hostLine
		Risk *unranked `json:"risk"`
	}
	unranked struct {
		Rank *int `json:"rank"` // nil
		*Risk
	}
	statusLine struct {
		Type    string   `json:"type"` // "status"
		Run     Run      `json:"run"`
		Policy  *Policy  `json:"policy,omitempty"`
		Status  Status   `json:"status"`
		Fleet   Fleet    `json:"fleet"`
		Changes *Changes `json:"changes"`
	}
)

// A Stream writes ndjson while a scan goes on: a line for the run, one for each host as it
// finishes, and one for the status. Each has a "type"; the rest of it is as in JSON. A rank
// needs all hosts, so it is null in these lines; grade, score and class do not. A text
// without a status line is not complete.
type Stream struct {
	w        io.Writer
	baseline Baseline
	err      error // the first; nothing is written after it
}

// NewStream writes the line for the run. What is known only at its end, such as how long it
// took, stands in the line for the status.
func NewStream(w io.Writer, head Head, rules []Rule, baseline Baseline) *Stream {
	s := &Stream{w: w, baseline: baseline}
	s.line(runLine{"run", head.clean(), list(rules)})
	return s
}

// Host writes the line for a host.
func (s *Stream) Host(h Host) {
	s.baseline.mark([]Host{h})
	line := unrankedLine{hostLine: hostLine{"host", &h}}
	if risk := judge(&h); risk != nil {
		line.Risk = &unranked{Risk: risk}
	}
	s.line(line)
}

// End writes the line for the status. An error is the first of any line.
func (s *Stream) End(r *Report) error {
	s.line(statusLine{"status", r.Run, r.Policy, r.Status, r.Fleet, r.Changes})
	return s.err
}

func (s *Stream) line(v any) {
	if s.err != nil {
		return
	}
	var text []byte
	if text, s.err = Line(v); s.err == nil {
		_, s.err = s.w.Write(text)
	}
}

// writeNDJSON writes the lines of a Stream, but worst host first and with the ranks.
func writeNDJSON(w io.Writer, r *Report, _ Options) error {
	buffered := bufio.NewWriter(w)
	s := NewStream(buffered, r.Head, r.Rules, nil)
	for h, err := range r.Each {
		if err != nil {
			return err
		}
		if s.line(hostLine{"host", h}); s.err != nil {
			return s.err
		}
	}
	if err := s.End(r); err != nil {
		return err
	}
	return buffered.Flush()
}

// Line is a value as one line of JSON that is harmless on a terminal.
func Line(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return append(escape(text), '\n'), nil
}

// escape writes as \uXXXX what JSON leaves in its strings and a terminal might obey:
// DEL, C1, bidirectional marks. It is the same document.
func escape(text []byte) []byte {
	var out []byte
	kept := 0 // bytes of the text that are in out
	for i, size := 0, 0; i < len(text); i += size {
		if size = 1; ' ' <= text[i] && text[i] < '\x7f' {
			continue // as nearly all are
		}
		var r rune
		if r, size = utf8.DecodeRune(text[i:]); !unsafe(r) {
			continue
		}
		out, kept = append(out, text[kept:i]...), i+size
		if r > 0xffff {
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		} else {
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	if kept == 0 {
		return text
	}
	return append(out, text[kept:]...)
}

func unsafe(r rune) bool { return r != '\n' && hidden(r) }
