package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
)

// maxCapture is more than any host sends.
const maxCapture = 16 << 20

// A savedCapture is a capture and where it was found.
type savedCapture struct {
	path    string // "stdin" for the standard input
	capture *probe.Capture
	partial bool // it ends before the script did
}

// name is the host that the capture is of.
func (s savedCapture) name() string {
	if host := s.capture.Get("host"); host != "" {
		return host
	}
	return strings.TrimSuffix(filepath.Base(s.path), filepath.Ext(s.path))
}

// loadCaptures reads captures; see eachCapture.
func loadCaptures(c *console, args []string) (all []savedCapture, _ error) {
	err := eachCapture(c, args, func(s savedCapture) { all = append(all, s) })
	return all, err
}

// eachCapture reads captures, one by one: files, folders of them such as a run's, and "-" for
// the standard input. Everything that is wrong is told at once.
func eachCapture(c *console, args []string, yield func(savedCapture)) (wrong error) {
	for _, arg := range args {
		paths := []string{arg}
		if info, err := os.Stat(arg); arg != "-" && err == nil && info.IsDir() {
			if paths, err = inFolder(arg); err != nil {
				wrong = errors.Join(wrong, err)
				continue
			}
		}
		for _, path := range paths {
			s, err := loadCapture(c, path)
			if err != nil {
				wrong = errors.Join(wrong, err)
				continue
			}
			yield(s)
		}
	}
	return wrong
}

// inFolder returns the captures below a folder.
func inFolder(dir string) (paths []string, _ error) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && filepath.Ext(path) == ".txtar" {
			paths = append(paths, path)
		}
		return err
	})
	if err == nil && len(paths) == 0 {
		err = fmt.Errorf("%s: no capture (*.txtar) in this folder; \"scan --keep-captures\" saves them", dir)
	}
	return paths, err
}

func loadCapture(c *console, path string) (savedCapture, error) {
	var r io.Reader = c.stdin
	shown := "stdin"
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return savedCapture{}, err
		}
		defer f.Close()
		r, shown = f, path
	}
	text, err := io.ReadAll(io.LimitReader(r, maxCapture+1))
	switch {
	case err != nil:
		return savedCapture{}, err
	case len(text) > maxCapture:
		return savedCapture{}, fmt.Errorf("%s: longer than %d MiB, which is no capture", shown, maxCapture>>20)
	case len(text) == 0:
		return savedCapture{}, fmt.Errorf("%s: empty; a capture is what \"fleetdrop script | sh\" prints", shown)
	}
	capture, err := probe.ParseCapture(string(text))
	if err != nil && !errors.Is(err, probe.ErrIncomplete) {
		return savedCapture{}, fmt.Errorf("%s: %w; a capture is what \"fleetdrop script | sh\" prints", shown, err)
	}
	return savedCapture{shown, capture, err != nil}, nil
}
