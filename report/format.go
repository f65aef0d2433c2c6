package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// Options change what the formats for people show. JSON and CSV always hold everything.
type Options struct {
	Width    int           // columns of the terminal; 0 is 100
	Color    bool          // only where the user wants it and the output is a terminal
	Top      int           // how many hosts are listed and described; 0 is 20
	Severity drop.Severity // the least that is shown
	Verbose  bool          // all of the evidence, and what was not checked on each host

	// For SARIF, which names files from the root of a repository: that root, and the folder
	// that relative paths are of. Empty ones leave paths as they are.
	Root, Dir string
}

// A format writes a report. The order of formats is that of help texts.
var formats = []struct {
	name  string
	write func(io.Writer, *Report, Options) error
}{
	{"table", writeTable},
	{"json", writeJSON},
	{"ndjson", writeNDJSON},
	{"csv", writeCSV},
	{"markdown", writeMarkdown},
	{"junit", writeJUnit},
	{"sarif", writeSARIF},
	{"html", writeHTML},
	{"gate", writeGate},
}

// Formats returns the names of the formats, the default first.
func Formats() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.name
	}
	return names
}

// CheckFormat returns an error that names the formats if there is none of that name.
func CheckFormat(name string) error {
	if all := append(Formats(), Remedy); !slices.Contains(all, name) {
		return fmt.Errorf("%q is no format: it is one of %s", name, strings.Join(all, ", "))
	}
	return nil
}

// Write writes the report in a format. An error is one of the writer, or a format that
// does not exist.
func Write(w io.Writer, format string, r *Report, o Options) error {
	for _, f := range formats {
		if f.name == format {
			return f.write(w, r, o)
		}
	}
	return CheckFormat(format)
}
