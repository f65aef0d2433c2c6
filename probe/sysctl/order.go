package sysctl

import (
	"cmp"
	"path"
	"slices"
	"strings"
)

// A Program is what applies the files at boot.
type Program string

// The programs, and what they do otherwise.
const (
	// Procps is "sysctl --system". It reads /etc/sysctl.conf last, and files whose name
	// begins with a dot.
	Procps Program = "sysctl --system"
	// Systemd is systemd-sysctl, which runs at the boot of hosts with systemd. It does not
	// read /etc/sysctl.conf (since version 207), nor hidden files.
	Systemd Program = "systemd-sysctl"
)

// Conf is the file that only procps reads by itself.
const Conf = "/etc/sysctl.conf"

// Dirs are the folders of settings. A file hides those of its name in the folders behind.
//
// Source: procps, src/sysctl.c, PreloadSystem; sysctl.d(5).
var dirs = [...]string{"/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d"}

// Dirs returns the folders of settings, that which counts most first.
func Dirs() []string { return slices.Clone(dirs[:]) }

// Order sorts files into the order in which the program applies them: by their names without
// the folder, bytewise. What is set later counts. Files that it does not read are left out;
// masked names the file that hides each of those which stand in a folder further behind.
func (p Program) Order(files []string) (order []string, masked map[string]string) {
	masked = map[string]string{}
	first := map[string]string{}
	conf := false
	byDir := slices.Clone(files)
	slices.SortStableFunc(byDir, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
	for _, file := range byDir {
		name := path.Base(file)
		switch {
		case file == Conf:
			conf = p == Procps
		case rank(file) == len(dirs) || !p.Reads(name):
		case first[name] != "":
			masked[file] = first[name]
		default:
			first[name] = file
			order = append(order, file)
		}
	}
	slices.SortFunc(order, func(a, b string) int { return strings.Compare(path.Base(a), path.Base(b)) })
	if conf {
		order = append(order, Conf)
	}
	return order, masked
}

// Reads says that the program reads a file of that name, if it is in one of the folders.
func (p Program) Reads(name string) bool {
	return strings.HasSuffix(name, ".conf") && (p == Procps || !strings.HasPrefix(name, "."))
}

// rank is the place of a file's folder.
func rank(file string) int {
	if at := slices.Index(dirs[:], path.Dir(file)); at >= 0 {
		return at
	}
	return len(dirs)
}
