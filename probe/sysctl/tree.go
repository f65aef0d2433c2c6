package sysctl

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A Tree is the files of one system.
type Tree struct {
	Order  []File            // those that are applied, in that order
	Masked map[string]string // files that are hidden, and by which
	Ends   map[string]string // where a file is a symlink, the file that it leads to
	Other  []string          // what lies in the folders and is not read, for its name
	Lost   []string          // symlinks that lead nowhere; they hide other files all the same
}

// most is the largest file that is read. Real ones have a few hundred lines.
const most = 1 << 20

// LoadTree reads the files of the system below root, in the order of the program. Symlinks
// are followed as they would be if root were the root of the system. A file that cannot be
// read is an error: what it hides and says would not be known.
func LoadTree(root string, p Program) (*Tree, error) {
	t := &Tree{Masked: map[string]string{}, Ends: map[string]string{}}
	var files []string
	seen := map[string]bool{} // by where they are: /lib may be /usr/lib
	found := false
	for _, dir := range dirs {
		real, err := resolve(root, dir)
		if err != nil {
			return nil, err
		}
		entries, err := os.ReadDir(real)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, err
		case seen[real]:
			continue
		}
		seen[real], found = true, true
		for _, e := range entries {
			if name := dir + "/" + e.Name(); p.Reads(e.Name()) {
				files = append(files, name)
			} else if !e.IsDir() {
				t.Other = append(t.Other, name)
			}
		}
	}
	if real, err := resolve(root, Conf); err == nil {
		if info, err := os.Stat(real); err == nil && info.Mode().IsRegular() {
			files, found = append(files, Conf), true
		}
	}
	if !found {
		return nil, fmt.Errorf("%s holds no sysctl.d (%s) and no %s", root, strings.Join(dirs[:], ", "), Conf)
	}
	order, masked := p.Order(files)
	t.Masked = masked
	for _, name := range order {
		end, err := resolve(root, name)
		if err != nil {
			return nil, err
		}
		if rel, err := filepath.Rel(root, end); err == nil && "/"+filepath.ToSlash(rel) != name {
			t.Ends[name] = "/" + filepath.ToSlash(rel)
		}
		if t.Ends[name] == "/dev/null" {
			t.Order = append(t.Order, File{Path: name}) // it is there to hide others
			continue
		}
		f, err := ReadFile(end, name)
		if errors.Is(err, fs.ErrNotExist) {
			t.Lost = append(t.Lost, name)
			f, err = File{Path: name}, nil
		}
		if err != nil {
			return nil, err
		}
		t.Order = append(t.Order, f)
	}
	return t, nil
}

// ReadFile parses one file, which messages call by that name.
func ReadFile(file, name string) (File, error) {
	info, err := os.Stat(file)
	if err != nil {
		return File{}, err
	}
	if !info.Mode().IsRegular() {
		return File{}, fmt.Errorf("%s is no regular file", name)
	}
	f, err := os.Open(file)
	if err != nil {
		return File{}, err
	}
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return File{}, err
	}
	switch {
	case len(text) > most:
		return File{}, fmt.Errorf("%s has more than %d bytes: it is no file of settings", name, most)
	case Binary(text):
		return File{}, fmt.Errorf("%s is binary: it is no file of settings", name)
	}
	return Parse(name, text), nil
}

// ReadFolder parses the files of one folder, which stands for one of the folders of a system:
// those whose name ends in .conf, in their order. Others are told.
func ReadFolder(dir string, p Program) (files []File, other []string, _ error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		if !p.Reads(e.Name()) {
			if !e.IsDir() {
				other = append(other, name)
			}
			continue
		}
		if to, err := os.Readlink(name); err == nil && to == os.DevNull {
			files = append(files, File{Path: name})
			continue
		}
		f, err := ReadFile(name, name)
		if err != nil {
			return nil, nil, err
		}
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b File) int {
		return strings.Compare(filepath.Base(a.Path), filepath.Base(b.Path))
	})
	return files, other, nil
}

// resolve returns where a path below root really is, with every symlink followed inside root.
// What does not exist resolves to where it would be.
func resolve(root, name string) (string, error) {
	at, rest := "/", strings.Split(strings.Trim(name, "/"), "/")
	for links := 0; len(rest) > 0; {
		next := path.Join(at, rest[0]) // ".." ends at the root
		rest = rest[1:]
		to, err := os.Readlink(filepath.Join(root, filepath.FromSlash(next)))
		if err != nil {
			at = next // no symlink, or nothing at all
			continue
		}
		if links++; links > 40 {
			return "", fmt.Errorf("%s: too many symlinks", name)
		}
		if path.IsAbs(to) {
			at = "/"
		}
		rest = append(strings.Split(strings.Trim(to, "/"), "/"), rest...)
	}
	return filepath.Join(root, filepath.FromSlash(at)), nil
}
