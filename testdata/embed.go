// Package testdata holds captures of real hosts: recordings of one fault each, and the
// fleet that the demo scans. Its README says where each of them comes from.
package testdata

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
)

//go:embed recordings
var recordings embed.FS

// Recording returns the capture of that name, such as "netns-acceptq/after".
func Recording(name string) (*probe.Capture, error) {
	text, err := recordings.ReadFile("recordings/" + name + ".txtar")
	if err != nil {
		return nil, fmt.Errorf("no recording %q", name)
	}
	c, err := probe.ParseCapture(string(text))
	if err != nil {
		return nil, fmt.Errorf("recording %s: %w", name, err)
	}
	return c, nil
}

// Recordings returns the names of all recordings, in alphabetical order.
func Recordings() []string {
	files, err := fs.Glob(recordings, "recordings/*/*.txtar")
	if err != nil {
		panic(err) // the pattern is constant
	}
	for i, file := range files {
		files[i] = strings.TrimSuffix(strings.TrimPrefix(file, "recordings/"), ".txtar")
	}
	return files
}
