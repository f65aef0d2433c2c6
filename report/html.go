package report

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
)

var (
	//go:embed report.html.tmpl
	pageText string
	//go:embed report.css
	pageStyle string
	//go:embed report.js
	pageScript string
)

// htmlPage is parsed once. Every text goes through html/template, and what comes out of it
// through visibleWriter.
var htmlPage = template.Must(template.New("report").Parse(pageText))

// writeHTML writes one page that needs no other file and no network. The template makes a
// summary that can be read and printed without a script; the hosts follow as data, for the
// script that adds filter, list, map and the page of one host.
func writeHTML(w io.Writer, r *Report, o Options) error {
	out := bufio.NewWriterSize(w, 64<<10)
	view, err := htmlViewOf(r, o)
	if err != nil {
		return err
	}
	if err := htmlPage.Execute(visibleWriter{out}, view); err != nil {
		return err
	}
	if err := writePageData(out, r, o); err != nil {
		return err
	}
	fmt.Fprintf(out, "<script>%s</script>\n</body>\n</html>\n", pageScript)
	return out.Flush() // the first error
}

// contentPolicy lets the page's own style and script run, and nothing be loaded.
func contentPolicy() string {
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return fmt.Sprintf("default-src 'none'; style-src %s; script-src %s; base-uri 'none'; form-action 'none'", hash(pageStyle), hash(pageScript))
}

// A visibleWriter writes out what does not show as itself, wherever in the page it stands:
// html/template makes markup harmless, and leaves marks that turn the direction of writing.
type visibleWriter struct{ out io.Writer }

func (w visibleWriter) Write(text []byte) (int, error) {
	for rest := text; len(rest) > 0; {
		at := bytes.IndexFunc(rest, unsafe)
		if at < 0 {
			at = len(rest)
		}
		if _, err := w.out.Write(rest[:at]); err != nil {
			return 0, err
		}
		if rest = rest[at:]; len(rest) == 0 {
			break
		}
		end := bytes.IndexFunc(rest, func(r rune) bool { return !unsafe(r) })
		if end < 0 {
			end = len(rest)
		}
		if _, err := io.WriteString(w.out, Visible(string(rest[:end]))); err != nil {
			return 0, err
		}
		rest = rest[end:]
	}
	return len(text), nil
}

// plainData is how much data stands in the page as JSON that a person can read. More is
// packed: base64url of gzip, because html needs no escape in it.
const plainData = 256 << 10

// A dataWriter is the element of the page that holds its data.
type dataWriter struct {
	out   io.Writer
	plain bytes.Buffer // what came, as long as it is not packed
	base  io.WriteCloser
	zip   *gzip.Writer
}

func (d *dataWriter) Write(text []byte) (int, error) {
	if d.zip == nil && d.plain.Len()+len(text) <= plainData {
		return d.plain.Write(text)
	}
	if d.zip == nil {
		if _, err := io.WriteString(d.out, `<script type="application/octet-stream" id="data">`); err != nil {
			return 0, err
		}
		d.base = base64.NewEncoder(base64.RawURLEncoding, d.out)
		d.zip, _ = gzip.NewWriterLevel(d.base, gzip.BestCompression) // the level is valid
		if _, err := d.zip.Write(d.plain.Bytes()); err != nil {
			return 0, err
		}
		d.plain = bytes.Buffer{}
	}
	return d.zip.Write(text)
}

func (d *dataWriter) Close() error {
	if d.zip == nil {
		_, err := fmt.Fprintf(d.out, "<script type=\"application/json\" id=\"data\">%s</script>\n", d.plain.Bytes())
		return err
	}
	if err := d.zip.Close(); err != nil {
		return err
	}
	if err := d.base.Close(); err != nil {
		return err
	}
	_, err := io.WriteString(d.out, "</script>\n")
	return err
}

// writePageData writes the data of the page host by host: there may be 100,000.
func writePageData(w io.Writer, r *Report, o Options) error {
	out := &dataWriter{out: w}
	p := newPacker(r, o)
	write := func(before string, v any) error {
		text, err := json.Marshal(v) // <, > and & leave it as \u003c and so on
		if err == nil {
			_, err = out.Write(append([]byte(before), text...))
		}
		return err
	}
	before := `{"hosts":[`
	for h, err := range r.Each {
		if err != nil {
			return err
		}
		if err := write(before, p.host(h)); err != nil {
			return err
		}
		before = ","
	}
	if len(r.Hosts) == 0 {
		before += "]"
	} else {
		before = "]"
	}
	if err := write(before+`,"shared":`, p.shared); err != nil {
		return err
	}
	if _, err := out.Write([]byte("}")); err != nil {
		return err
	}
	return out.Close()
}
