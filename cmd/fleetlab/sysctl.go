//go:build linux

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
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

// plentyOfBacklog is the netdev_max_backlog of the machine while a lab stands. All links of a
// lab share one backlog per CPU: with the kernel's 1,000, the burst of one host can overflow
// it on a busy machine, and every host loses packets that its own fault did not cost.
const plentyOfBacklog = 20000

// keepMachineSysctl raises a sysctl of the whole machine until the lab is taken down. Outside
// the machine's first network namespace it is not there, and is left.
func (l *lab) keepMachineSysctl(key string, least int) error {
	old, err := readSysctl(key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if now, err := strconv.Atoi(old); err == nil && now >= least {
		return nil
	}
	c := change{Sysctl: key, Old: old, New: strconv.Itoa(least)}
	if err := l.ledger.add(c); err != nil {
		return err
	}
	return writeSysctl(key, c.New)
}
