package probe

import (
	"errors"
	"strings"
)

// Release is the kernel's release as uname -r prints it: "6.1.0-27-amd64".
//
// Source: kernel/utsname_sysctl.c.
var Release = &Section[string]{
	Read: Read{File: "/proc/sys/kernel/osrelease", Cap: 256},
	Parse: func(text string) (string, error) {
		release := strings.TrimSpace(text)
		if release == "" {
			return "", errors.New("line 1: no release")
		}
		return release, nil
	},
}

// OSRelease is the name of the operating system as it calls itself: "Debian GNU/Linux 12
// (bookworm)". Where there is no PRETTY_NAME it is NAME and VERSION_ID.
//
// Source: os-release(5).
var OSRelease = &Section[string]{
	Read:  Read{File: "/etc/os-release", Cap: 4096},
	Parse: parseOSRelease,
}

func parseOSRelease(text string) (string, error) {
	var pretty, name, version string
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch key {
		case "PRETTY_NAME":
			pretty = unquote(value)
		case "NAME":
			name = unquote(value)
		case "VERSION_ID":
			version = unquote(value)
		}
	}
	if pretty == "" {
		pretty = strings.TrimSpace(name + " " + version)
	}
	if pretty == "" {
		return "", errors.New("line 1: no PRETTY_NAME and no NAME")
	}
	return pretty, nil
}

// unquote takes away the quotes of a shell assignment, and the backslashes in it.
func unquote(value string) string {
	if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
		value = value[1 : n-1]
	}
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		if value[i] == '\\' && i+1 < len(value) {
			i++
		}
		b.WriteByte(value[i])
	}
	return b.String()
}
