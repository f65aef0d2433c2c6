package run

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"sync"

	"github.com/fleetdrop/fleetdrop/report"
)

// A pack is lines of JSON in a file, each packed on its own, so that each can be read again
// alone. The file is an ordinary gzip file of as many members, and whole after each line.
// What it does not take, for the disk may be full, is kept in memory: no line is lost.
type pack struct {
	mu    sync.Mutex
	file  *os.File // nil: there is none
	stays bool     // the file has a name
	end   int64    // of the lines in the file
	lines []packed
	zip   *gzip.Writer
	unzip *gzip.Reader
	text  bytes.Buffer // the last line: packed when it was added, as it is when it was read
	err   error        // of the file, the first; nothing is written to it after that
}

// packed is where a line is.
type packed struct {
	at, end int64  // in the file,
	held    []byte // or here
}

func newPack(root *os.Root, name string) (*pack, error) {
	file, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &pack{file: file, stays: true}, nil
}

// newUnnamed is a pack that is gone when it is closed, or the program ends: a file without a
// name where temporary files are, in memory where there can be none.
func newUnnamed() *pack {
	file, err := os.CreateTemp("", "fleetdrop-")
	if err != nil {
		return &pack{}
	}
	if os.Remove(file.Name()) != nil {
		file.Close()
		return &pack{}
	}
	return &pack{file: file}
}

// add adds a line, and returns its place. What is wrong with the file is said by close.
func (p *pack) add(line []byte) (place int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text.Reset()
	if p.zip == nil {
		p.zip, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is valid
	}
	p.zip.Reset(&p.text)
	p.zip.Write(line) // a buffer takes it all
	p.zip.Close()
	p.lines = append(p.lines, p.put(p.text.Bytes()))
	return len(p.lines) - 1
}

func (p *pack) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = cmp.Or(p.err, err)
}

// put puts a line that is packed where there is room for it.
func (p *pack) put(line []byte) packed {
	if p.file == nil || p.err != nil {
		return packed{held: bytes.Clone(line)}
	}
	at := p.end
	if _, err := p.file.WriteAt(line, at); err != nil {
		p.err = errors.Join(err, p.file.Truncate(at)) // no half of a line
		return packed{held: bytes.Clone(line)}
	}
	p.end += int64(len(line))
	return packed{at: at, end: p.end}
}

// maxLine bounds a line, in bytes; it is more than any host has.
const maxLine = 64 << 20

// read reads a line again.
func (p *pack) read(place int, v any) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := p.lines[place]
	var from io.Reader = bytes.NewReader(line.held)
	if line.held == nil {
		from = io.NewSectionReader(p.file, line.at, line.end-line.at)
	}
	if p.unzip == nil {
		p.unzip = new(gzip.Reader)
	}
	if err := p.unzip.Reset(bufio.NewReader(from)); err != nil {
		return err
	}
	p.text.Reset()
	if _, err := p.text.ReadFrom(io.LimitReader(p.unzip, maxLine)); err != nil {
		return err
	}
	return decode(p.text.Bytes(), v)
}

// decode reads a line of JSON. Counters have 64 bits.
func decode(line []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	return dec.Decode(v)
}

// close ends the file. An error is the first that there was.
func (p *pack) close() error {
	if p == nil || p.file == nil {
		return nil
	}
	file := p.file
	p.file = nil // it may be closed again
	if !p.stays {
		return cmp.Or(p.err, file.Close())
	}
	return cmp.Or(p.err, file.Sync(), file.Close())
}

// A Shelf keeps hosts whole, until their report is written.
type Shelf struct{ pack *pack }

// NewShelf is a shelf that is gone when it is closed, or the program ends.
func NewShelf() *Shelf { return &Shelf{newUnnamed()} }

// Add puts a host on the shelf, and returns its place there. What is wrong with that is said
// by Close: it is no reason to end a scan.
func (s *Shelf) Add(h report.Host) (place int) {
	h.Risk = nil // it is made of all hosts, again at each reading
	line, err := report.Line(h)
	if err != nil {
		s.pack.fail(err)
	}
	return s.pack.add(line)
}

// Host reads the host of a place.
func (s *Shelf) Host(place int) (*report.Host, error) {
	h := &report.Host{}
	return h, s.pack.read(place, h)
}

// Close ends the shelf.
func (s *Shelf) Close() error { return s.pack.close() }
