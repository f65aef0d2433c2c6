package drop

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/sysctl"
)

// What a host sets when it boots: the lines of its files of settings that are about the
// network, in the folders that "sysctl --system" and systemd-sysctl read.
var (
	sysctlEtc   = settingsIn("/etc/sysctl.d/*.conf")
	sysctlRun   = settingsIn("/run/sysctl.d/*.conf")
	sysctlLocal = settingsIn("/usr/local/lib/sysctl.d/*.conf")
	sysctlUsr   = settingsIn("/usr/lib/sysctl.d/*.conf")
	sysctlLib   = settingsIn("/lib/sysctl.d/*.conf")
	sysctlConf  = settingsIn(sysctl.Conf)

	sysctlFiles = []*probe.Section[[]sysctl.File]{sysctlEtc, sysctlRun, sysctlLocal, sysctlUsr, sysctlLib, sysctlConf}

	// firstProcess tells a host with systemd from others.
	firstProcess = &probe.Section[string]{
		Read:  probe.Read{File: "/proc/1/comm", Cap: 64},
		Parse: func(text string) (string, error) { return strings.TrimSpace(text), nil },
	}
)

// sysctlNeed is all of them: a host without any has nothing to judge.
var sysctlNeed = Need{sysctlEtc, sysctlRun, sysctlLocal, sysctlUsr, sysctlLib, sysctlConf}

// settingsIn declares the files of a folder, or one file, in which the lines about sysctls of
// the network are read.
func settingsIn(file string) *probe.Section[[]sysctl.File] {
	return &probe.Section[[]sysctl.File]{
		Read:  probe.Read{File: file, Lines: true, Keep: `^[ \t]*-?[ \t]*[./]*(net[./]|vm[./]min_free_kbytes)`, Cap: 16 << 10},
		Parse: func(text string) ([]sysctl.File, error) { return parseSettings(file, text) },
	}
}

// parseSettings reads what the script gives of files: "NAME" and "NAME:NUMBER LINE" for the
// files of a folder, "NUMBER LINE" for one file. It is an error if a file could not be read:
// what the host sets is not known then.
func parseSettings(file, text string) (files []sysctl.File, _ error) {
	before, after, folder := strings.Cut(file, "*")
	if !folder {
		files = []sysctl.File{{Path: file}}
	}
	at, read := map[string]int{}, 0
	for line := range strings.Lines(text) {
		read++
		line = strings.TrimSuffix(line, "\n")
		place, setting, assigned := strings.Cut(line, " ")
		i := 0
		if folder {
			name, number, numbered := cutLast(place)
			switch {
			case assigned && !numbered && setting == "denied":
				return nil, fmt.Errorf("line %d: %w", read, errDenied(before+name+after))
			case !assigned || !numbered:
				name = line // names may hold blanks and colons
			}
			path := before + name + after
			known := false
			if i, known = at[path]; !known {
				i = len(files)
				at[path] = i
				files = append(files, sysctl.File{Path: path})
			}
			if !assigned || !numbered {
				continue
			}
			place = number
		}
		n, err := strconv.Atoi(place)
		if err != nil {
			return nil, fmt.Errorf("line %d: not the number of a line: %q", read, place)
		}
		one := sysctl.Parse(files[i].Path, []byte(setting))
		for _, s := range one.Settings {
			s.Line = n
			files[i].Settings = append(files[i].Settings, s)
		}
	}
	return files, nil
}

// cutLast parts "NAME:NUMBER".
func cutLast(place string) (name, number string, ok bool) {
	at := strings.LastIndexByte(place, ':')
	if at < 0 {
		return place, "", false
	}
	_, err := strconv.Atoi(place[at+1:])
	return place[:at], place[at+1:], err == nil
}

// An errDenied is a file that this login may not read.
type errDenied string

func (e errDenied) Error() string { return string(e) + ": permission denied" }

// atBoot returns the files in the order in which the host applies them when it boots, by
// which program, and those that only the other program reads.
func atBoot(c *Case) (files []sysctl.File, by sysctl.Program, unread []sysctl.File) {
	by = sysctl.Procps
	if first, known := firstProcess.In(c).Get(); known && first == "systemd" {
		by = sysctl.Systemd
	}
	found := map[string]sysctl.File{}
	var names []string
	for _, section := range sysctlFiles {
		all, _ := section.In(c).Get()
		for _, f := range all {
			found[f.Path] = f
			names = append(names, f.Path)
		}
	}
	order, _ := by.Order(names)
	for _, name := range order {
		files = append(files, found[name])
	}
	if conf, ok := found[sysctl.Conf]; ok && by == sysctl.Systemd {
		unread = append(unread, conf)
	}
	return files, by, unread
}

// quoteSetting is the evidence of a line in a file.
func quoteSetting(c *Case, s sysctl.Setting) probe.Evidence {
	section := sysctlConf
	for _, other := range sysctlFiles {
		if path.Dir(other.ID()) == path.Dir(s.File) && strings.Contains(other.ID(), "*") {
			section = other
		}
	}
	return section.In(c).Part(strings.TrimSuffix(path.Base(s.File), ".conf"), strconv.Itoa(s.Line), s.Key+" = "+s.Value)
}
