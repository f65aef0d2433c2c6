package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/report"
)

// output is where reports go, and how.
type output struct {
	format, path string
	reports      []string // FORMAT=PATH
	top          int
	severity     severityFlag
	color        string
	quiet        bool
	verbose      bool
	table        func(io.Writer, *report.Report, report.Options) error // another table than a report's
}

func (o *output) flags(f *pflag.FlagSet) {
	formats := strings.Join(report.Formats(), ", ")
	f.StringVarP(&o.format, "format", "f", report.Formats()[0], "what to print: "+formats+"; or "+report.Remedy+", a folder")
	f.StringVarP(&o.path, "output", "o", "-", "print to this file")
	f.StringArrayVar(&o.reports, "report", nil, "write another report, `FORMAT=PATH`; may be given again")
	f.IntVar(&o.top, "top", 20, "how many hosts to list; three of them are described, all with -v")
	f.VarP(&o.severity, "severity", "s", "the least severity that is shown")
	f.StringVar(&o.color, "color", "auto", "auto, always or never")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print no progress and no hints")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "show all evidence, and what was not checked on each host")
}

// A severityFlag is a flag that takes a severity.
type severityFlag struct{ drop.Severity }

func (s *severityFlag) Set(name string) (err error) {
	s.Severity, err = drop.ParseSeverity(name)
	return err
}

func (s *severityFlag) Type() string { return "severity" }

// A sink is one report to write.
type sink struct {
	format string
	path   string // for messages
	file   *os.File
	temp   bool // the file is renamed to path when it is whole
	out    io.Writer
	table  func(io.Writer, *report.Report, report.Options) error
	stream *report.Stream // of a format that is written while the scan goes on
	folder string         // a temporary one that is renamed to path, of a format that is a folder
}

// A live is the reports that are written while a scan goes on: ndjson.
type live []*report.Stream

// begin begins those of the sinks that are written line by line.
func begin(sinks []*sink, head report.Head, rules []report.Rule, baseline report.Baseline) (all live) {
	for _, s := range sinks {
		if s.format == "ndjson" {
			s.stream = report.NewStream(s.out, head, rules, baseline)
			all = append(all, s.stream)
		}
	}
	return all
}

func (l live) host(h report.Host) {
	for _, s := range l {
		s.Host(h)
	}
}

// open opens everything that will be written, before any host is contacted.
func (o *output) open(c *console) (sinks []*sink, _ error) {
	if o.top < 1 {
		return nil, fmt.Errorf("--top %d: want 1 or more", o.top)
	}
	if o.color != "auto" && o.color != "always" && o.color != "never" {
		return nil, fmt.Errorf("--color %s: want auto, always or never", o.color)
	}
	wanted := [][2]string{{o.format, o.path}}
	for _, r := range o.reports {
		format, path, ok := strings.Cut(r, "=")
		if !ok || path == "" {
			return nil, fmt.Errorf("--report %s: want FORMAT=PATH, such as html=fleet.html", r)
		}
		wanted = append(wanted, [2]string{format, path})
	}
	for _, w := range wanted {
		if err := report.CheckFormat(w[0]); err != nil {
			return nil, errors.Join(err, discard(sinks))
		}
		s, err := openSink(c, w[0], w[1])
		if err != nil {
			return nil, errors.Join(err, discard(sinks))
		}
		sinks = append(sinks, s)
	}
	return sinks, nil
}

// openSink opens one. A regular file is made beside its place, so that nobody ever sees
// half of a report, and an old one stays until the new one is whole.
func openSink(c *console, format, path string) (*sink, error) {
	if format == report.Remedy {
		return openFolder(format, path)
	}
	if path == "-" {
		return &sink{format: format, path: "stdout", out: c.stdout}, nil
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		if info.IsDir() {
			return nil, fmt.Errorf("%s is a folder: name a file for the %s report", path, format)
		}
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		return &sink{format: format, path: path, file: file, out: file}, err
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		var why *fs.PathError // of a file that nobody asked for
		if errors.As(err, &why) {
			err = why.Err
		}
		return nil, fmt.Errorf("cannot write the %s report to %s: %w", format, path, err)
	}
	return &sink{format: format, path: path, file: file, temp: true, out: file}, nil
}

// openFolder makes a folder beside its place. What is there already stays: it may have been reviewed.
func openFolder(format, path string) (*sink, error) {
	if path == "-" {
		return nil, fmt.Errorf("%s is a folder of files: name it with -o FOLDER", format)
	}
	path = filepath.Clean(path)
	if old, err := os.ReadDir(path); err == nil && len(old) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is not an empty folder: name a new one for the %s report", path, format)
	}
	temp, err := os.MkdirTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		var why *fs.PathError
		if errors.As(err, &why) {
			err = why.Err
		}
		return nil, fmt.Errorf("cannot write the %s report to %s: %w", format, path, err)
	}
	return &sink{format: format, path: path, folder: temp}, nil
}

// write writes all reports. One that fails does not keep the others from being written.
func (o *output) write(c *console, sinks []*sink, r *report.Report) (failed error) {
	for _, s := range sinks {
		options := report.Options{Top: o.top, Severity: o.severity.Severity, Verbose: o.verbose, Color: o.color == "always"}
		options.Root, options.Dir = repository()
		if s.file == nil {
			options.Width, options.Color = c.terminal(o.color)
		}
		if s.format == "table" {
			s.table = o.table
		}
		if err := s.write(r, options); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: the %s report could not be written: %w", s.path, s.format, err))
		}
	}
	return failed
}

// repository is the root that CI checked out, or the folder that fleetdrop was started in,
// and that folder.
func repository() (root, dir string) {
	dir, err := os.Getwd()
	if err != nil {
		return "", ""
	}
	return cmp.Or(os.Getenv("GITHUB_WORKSPACE"), os.Getenv("CI_PROJECT_DIR"), os.Getenv("WORKSPACE"), dir), dir
}

func (s *sink) write(r *report.Report, options report.Options) error {
	if s.folder != "" {
		return s.writeFolder(r)
	}
	var err error
	switch {
	case s.stream != nil:
		err = s.stream.End(r)
	case s.table != nil:
		err = s.table(s.out, r, options)
	default:
		err = report.Write(s.out, s.format, r, options)
	}
	return s.close(err)
}

// close ends the report, of which writing ended with that error, and puts it into its place.
func (s *sink) close(err error) error {
	if s.file == nil {
		return err
	}
	if s.temp {
		err = errors.Join(err, s.file.Chmod(0o644), s.file.Sync())
	}
	if err = errors.Join(err, s.file.Close()); !s.temp {
		return err
	}
	if err != nil {
		return errors.Join(err, os.Remove(s.file.Name()))
	}
	return os.Rename(s.file.Name(), s.path)
}

func (s *sink) writeFolder(r *report.Report) error {
	err := errors.Join(report.WriteRemedy(s.folder, r), os.Chmod(s.folder, 0o755))
	if err == nil {
		if err = os.Remove(s.path); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(s.folder))
	}
	return os.Rename(s.folder, s.path)
}

// discard takes back what open opened.
func discard(sinks []*sink) (err error) {
	for _, s := range sinks {
		if s.file != nil {
			err = errors.Join(err, s.file.Close())
		}
		if s.temp {
			err = errors.Join(err, os.Remove(s.file.Name()))
		}
		if s.folder != "" {
			err = errors.Join(err, os.RemoveAll(s.folder))
		}
	}
	return err
}

// terminal says how wide the standard output is, 0 if it is no terminal, and whether it
// is coloured: the flag decides, then NO_COLOR, then whether it is a terminal.
func (c *console) terminal(color string) (width int, colored bool) {
	file, ok := c.stdout.(*os.File)
	tty := ok && term.IsTerminal(int(file.Fd()))
	if tty {
		width, _, _ = term.GetSize(int(file.Fd()))
	}
	switch {
	case color != "auto":
		return width, color == "always"
	case os.Getenv("NO_COLOR") != "":
		return width, false
	}
	return width, tty && os.Getenv("TERM") != "dumb"
}
