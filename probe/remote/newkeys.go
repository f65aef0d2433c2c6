package remote

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/crypto/ssh"
)

// add trusts a key from now on, and writes it to the first of the user's files.
func (t *trust) add(c *hostCheck, key ssh.PublicKey) *Error {
	path := "" // only in memory
	if files := t.userFiles(c.endpoint); len(files) > 0 {
		path = files[0]
	}
	t.load(path)
	t.writing.Lock()
	defer t.writing.Unlock()
	err := t.write(path, c, key)
	if err != nil {
		t.once(fmt.Sprintf("new host keys are trusted for this scan only: %v", err))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	blob := string(key.Marshal())
	known := t.read[path]
	lines := slices.DeleteFunc(slices.Clone(known.lookup(c.name)), func(k *knownKey) bool { return k.marker != "" })
	switch {
	case slices.ContainsFunc(lines, func(k *knownKey) bool { return k.blob == blob }):
	case len(lines) > 0: // another host of this scan or another process came first, with another key
		return c.mismatch(key, lines)
	default:
		known.exact[c.name] = append(known.exact[c.name], &knownKey{hosts: c.name, key: key, blob: blob, place: path})
		if err == nil {
			t.added[path] = append(t.added[path], c.name+" "+fingerprint(key))
		}
	}
	return nil
}

// write adds a line to the file unless it names the host by now. The file is locked, and
// read again if another process has changed it.
func (t *trust) write(path string, c *hostCheck, key ssh.PublicKey) error {
	if path == "" {
		return errors.New("there is no known_hosts file")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	t.mu.RLock()
	known := t.read[path]
	t.mu.RUnlock()
	if info.Size() != known.size {
		if known, err = parseKnownHosts(path, f); err != nil {
			return err
		}
		t.mu.Lock()
		t.read[path] = known
		t.mu.Unlock()
	}
	if slices.ContainsFunc(known.lookup(c.name), func(k *knownKey) bool { return k.marker == "" }) {
		return nil
	}
	name := c.name
	if c.endpoint.HashKnownHosts {
		salt := make([]byte, 20)
		rand.Read(salt)
		name = hashName(name, salt)
	}
	line := name + " " + string(ssh.MarshalAuthorizedKey(key))
	if last := make([]byte, 1); info.Size() > 0 {
		if _, err := f.ReadAt(last, info.Size()-1); err == nil && last[0] != '\n' {
			line = "\n" + line
		}
	}
	n, err := f.WriteString(line)
	known.size = info.Size() + int64(n)
	if err != nil {
		return err
	}
	return f.Sync()
}

// report says which keys were added, once for all.
func (t *trust) report() {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for path, names := range t.added {
		slices.Sort(names)
		const most = 5
		keys, more := "keys", ""
		if len(names) == 1 {
			keys = "key"
		}
		if len(names) > most {
			more = fmt.Sprintf("; and %d more", len(names)-most)
		}
		t.warn(fmt.Sprintf("added %d host %s to %s: %s%s", len(names), keys, path, strings.Join(names[:min(len(names), most)], "; "), more))
	}
}
