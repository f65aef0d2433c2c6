//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func sysctlPath(key string) string {
	return filepath.Join("/proc/sys", strings.ReplaceAll(key, ".", "/"))
}

func readSysctl(key string) (string, error) {
	text, err := os.ReadFile(sysctlPath(key))
	return strings.TrimSpace(string(text)), err
}

func writeSysctl(key, value string) error {
	return os.WriteFile(sysctlPath(key), []byte(value+"\n"), 0)
}

// restore sets a sysctl of the machine back to what it was before the lab set it. Where it
// is not what the lab made of it, somebody else changed it since, and it is left alone.
func restore(key, old, set string) error {
	now, err := readSysctl(key)
	if err != nil || now != set {
		return err
	}
	return writeSysctl(key, old)
}

// machineSysctl sets a sysctl of the whole machine while during runs.
func (l *lab) machineSysctl(key, value string, during func() error) (err error) {
	old, err := readSysctl(key)
	if err != nil {
		return lacking{fmt.Sprintf("%s is not here: it is the machine's, and so this has to run in its first network namespace", key)}
	}
	c := change{Sysctl: key, Old: old, New: value}
	if err := l.ledger.add(c); err != nil {
		return err
	}
	defer func() {
		if failed := l.ledger.undo(c); err == nil {
			err = failed
		}
	}()
	if err := writeSysctl(key, value); err != nil {
		return err
	}
	return during()
}
