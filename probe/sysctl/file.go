package sysctl

import (
	"path"
	"strings"
)

// A File is what one file of settings says.
type File struct {
	Path     string // as messages name it
	Settings []Setting
	Bad      []BadLine
}

// A Setting is one line that sets a key, or takes keys out of what patterns set.
type Setting struct {
	File   string
	Line   int // from 1
	Column int // where the key begins, in bytes, from 1
	At     int // where the value begins, likewise; 0 if it is Exclude

	Key     string // as it is written, without the minus
	Path    string // the file below /proc/sys that it names; may be a pattern
	Value   string // what is written there
	Ignore  bool   // "-key = value": that the kernel refuses it is no failure
	Exclude bool   // "-key": patterns do not set it
}

// A BadLine is a line that is skipped, and why.
type BadLine struct {
	Line, Column int
	Why          string
}

// space is what the C library takes for white space.
const space = " \t\n\v\f\r"

// Parse reads the text of a file of settings as sysctl does. It understands all of it in some
// way: a line is a setting, a comment, or bad.
//
// Source: procps 4.0.2, src/sysctl.c, parse_setting_line; sysctl.conf(5).
func Parse(file string, text []byte) File {
	f := File{Path: file}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		// The program is written in C: what is behind a zero byte is not seen.
		line, _, _ = strings.Cut(line, "\x00")
		rest := strings.TrimLeft(line, space)
		if len(rest) < 2 || rest[0] == '#' || rest[0] == ';' {
			continue
		}
		s := Setting{File: file, Line: n, Column: len(line) - len(rest) + 1}
		if rest[0] == '-' {
			s.Column++
			rest = rest[1:]
			s.Ignore = true
		}
		key, value, assigned := strings.Cut(rest, "=")
		s.Key = strings.TrimRight(key, space)
		switch {
		case s.Key == "":
			f.Bad = append(f.Bad, BadLine{n, s.Column, "there is no key"})
			continue
		case !assigned && !s.Ignore:
			f.Bad = append(f.Bad, BadLine{n, s.Column, "there is no = in it"})
			continue
		case strings.TrimLeft(s.Key, space) != s.Key:
			f.Bad = append(f.Bad, BadLine{n, s.Column, "there is a space between - and the key"})
			continue
		case !assigned:
			s.Ignore, s.Exclude = false, true
		default:
			s.Value = strings.Trim(value, space)
			s.At = s.Column + len(key) + 1 + len(value) - len(strings.TrimLeft(value, space))
		}
		s.Path = PathOf(s.Key)
		f.Settings = append(f.Settings, s)
	}
	return f
}

// PathOf returns the path below /proc/sys that a key names. Where the first separator is a
// dot, dots part the names and a slash stands for a dot in one: net.ipv4.conf.eth0/7.tag.
// Where it is a slash, nothing is changed.
//
// Source: procps, src/sysctl.c, slashdot; systemd, sysctl_normalize.
func PathOf(key string) string {
	if at := strings.IndexAny(key, "./"); at >= 0 && key[at] == '.' {
		key = swap(key)
	}
	return strings.TrimPrefix(path.Clean("/"+key), "/")
}

// Dotted writes a path as sysctl prints it: net.ipv4.conf.eth0/7.tag.
func Dotted(path string) string { return swap(path) }

func swap(key string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '.':
			return '/'
		case '/':
			return '.'
		}
		return r
	}, key)
}

// Pattern says that the setting is meant for all keys that match it.
func (s Setting) Pattern() bool { return strings.ContainsAny(s.Path, "*?[") }

// Binary says that a text is no text: no line of it can be believed.
func Binary(text []byte) bool {
	head := text[:min(len(text), 8192)]
	for _, b := range head {
		if b == 0 || b < ' ' && !strings.ContainsRune(space+"\x1b\b", rune(b)) {
			return true
		}
	}
	return false
}
