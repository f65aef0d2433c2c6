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
		Status Status `json:"status"`
		Rules  []Rule `json:"rules"`
		Fleet  Fleet  `json:"fleet"`
	}{r.Head, r.Status, r.Rules, r.Fleet}, "", " ")
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	out.Write(escape(bytes.TrimSuffix(text, []byte("\n}")))) // Flush returns the first error
	out.WriteString(",\n \"hosts\": [")
	for i := range r.Hosts {
		if text, err = json.MarshalIndent(&r.Hosts[i], "  ", " "); err != nil {
			return err
		}
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString("\n  ")
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
	statusLine struct {
		Type   string `json:"type"` // "status"
		Status Status `json:"status"`
		Fleet  Fleet  `json:"fleet"`
	}
)

// writeNDJSON writes a line for the run, one for each host, worst first, and one for the
// status. Each has a "type"; the rest of it is as in JSON. A text without a status line is
// not complete.
func writeNDJSON(w io.Writer, r *Report, _ Options) error {
	buffered := bufio.NewWriter(w)
	write := func(line any) error {
		text, err := Line(line)
		if err == nil {
			_, err = buffered.Write(text)
		}
		return err
	}
	if err := write(runLine{"run", r.Head, r.Rules}); err != nil {
		return err
	}
	for i := range r.Hosts {
		if err := write(hostLine{"host", &r.Hosts[i]}); err != nil {
			return err
		}
	}
	if err := write(statusLine{"status", r.Status, r.Fleet}); err != nil {
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
	if bytes.IndexFunc(text, unsafe) < 0 {
		return text
	}
	out := make([]byte, 0, len(text)+len(text)/16)
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case !unsafe(r):
			out = append(out, text[:size]...)
		case r > 0xffff:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		text = text[size:]
	}
	return out
}

func unsafe(r rune) bool { return r != '\n' && hidden(r) }
