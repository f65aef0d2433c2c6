//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// A ledger is the list of what a lab changes on this machine. Each line is written before
// the change is made, so that it can be taken back even if the lab is killed at once. It is
// a file in the lab's folder, and who holds its lock is the lab that runs.
type ledger struct {
	dir  string
	file *os.File

	mu   sync.Mutex
	made []change
}

// A change is one thing to take back.
type change struct {
	Namespace string  `json:"namespace,omitempty"` // that was made
	Process   process `json:"process,omitzero"`    // that was started
	Folder    string  `json:"folder,omitempty"`    // that was made, and is removed if nothing is in it
	Sysctl    string  `json:"sysctl,omitempty"`    // that was set, from Old to New
	Old       string  `json:"old,omitempty"`
	New       string  `json:"new,omitempty"`
	Done      bool    `json:"done,omitempty"` // taken back already: it cancels the same change before it
}

var errInUse = errors.New("in use")

// labDir is where a lab of that name keeps its files.
func labDir(name string) (string, error) {
	if name == "" || len(name) > 20 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return "", fmt.Errorf("--name %q: want up to 20 small letters and digits", name)
	}
	return filepath.Join("/run", name), nil
}

// openLedger opens the ledger in dir, and makes both where they are not there. It fails with
// errInUse if a lab that runs holds it, and refuses a folder that is not a lab's.
func openLedger(dir string) (*ledger, error) {
	path := filepath.Join(dir, "ledger")
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	} else if err != nil {
		if _, err := os.Lstat(path); err != nil {
			return nil, fmt.Errorf("%s is there, and is no lab's folder; choose another --name", dir)
		}
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	l := &ledger{dir: dir, file: file}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		file.Close()
		return nil, fmt.Errorf("the lab in %s is %w: end it with Ctrl-C first", dir, errInUse)
	}
	if err := l.load(); err != nil {
		file.Close()
		return nil, err
	}
	return l, nil
}

// load reads what was made and not taken back. A last line that was cut off by a kill was
// not followed by its change.
func (l *ledger) load() error {
	lines := bufio.NewScanner(l.file)
	for lines.Scan() {
		var c change
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			continue
		}
		l.note(c)
	}
	return lines.Err()
}

func (l *ledger) note(c change) {
	if !c.Done {
		l.made = append(l.made, c)
		return
	}
	c.Done = false
	for i := len(l.made) - 1; i >= 0; i-- {
		if l.made[i] == c {
			l.made = slices.Delete(l.made, i, i+1)
			return
		}
	}
}

// add writes a change down; after that it may be made.
func (l *ledger) add(c change) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	line, err := json.Marshal(c)
	if err != nil {
		return err
	}
	// The newline in front parts it from a line that was cut off.
	if _, err := l.file.Write(slices.Concat([]byte{'\n'}, line, []byte{'\n'})); err != nil {
		return err
	}
	l.note(c)
	return nil
}

// undo takes one change back, and writes that down.
func (l *ledger) undo(c change) error {
	if err := c.undo(); err != nil {
		return err
	}
	c.Done = true
	return l.add(c)
}

// left returns what was not taken back, the last first.
func (l *ledger) left() []change {
	l.mu.Lock()
	defer l.mu.Unlock()
	left := slices.Clone(l.made)
	slices.Reverse(left)
	return left
}

// close takes everything back, the last first, and removes the folder. What could not be
// taken back stays written down.
func (l *ledger) close() error {
	defer l.file.Close()
	var failed error
	for _, c := range l.left() {
		failed = errors.Join(failed, l.undo(c))
	}
	if failed != nil {
		return failed
	}
	return os.RemoveAll(l.dir)
}

func (c change) undo() error {
	switch {
	case c.Namespace != "":
		return netns(c.Namespace).remove()
	case c.Process != process{}:
		return c.Process.kill()
	case c.Folder != "":
		return removeEmpty(c.Folder)
	case c.Sysctl != "":
		return restore(c.Sysctl, c.Old, c.New)
	}
	return nil
}

// removeEmpty removes a folder that nobody has put anything into since, and what is mounted
// there: ip makes /run/netns a mount of its own.
func removeEmpty(dir string) error {
	if inside, err := os.ReadDir(dir); err != nil || len(inside) > 0 {
		return nil
	}
	if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("umount %s: %w", dir, err)
	}
	return os.Remove(dir)
}

func (c change) String() string {
	switch {
	case c.Namespace != "":
		return "namespace " + c.Namespace
	case c.Process != process{}:
		return fmt.Sprintf("process %d", c.Process.PID)
	case c.Folder != "":
		return "folder " + c.Folder
	}
	return fmt.Sprintf("sysctl %s = %s", c.Sysctl, c.Old)
}
