package inventory

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unicode"
)

// readAll reads a file, "-" is standard input, one byte more than the limit at most.
func readAll(name string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	if in == nil {
		return nil, errors.New("there is no standard input")
	}
	return io.ReadAll(io.LimitReader(in, maxFile+1))
}

// unreadable says why a file cannot be read, and what to do.
func unreadable(at Origin, err error) *Error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &Error{Origin: at, Message: "no such file", Hint: "check the name"}
	case errors.Is(err, fs.ErrPermission):
		return &Error{Origin: at, Message: "permission denied", Hint: "make it readable for this user"}
	case errors.Is(err, syscall.EISDIR):
		return &Error{Origin: at, Message: "is a directory", Hint: "give a file; for an Ansible inventory: " + fromAnsible(at.File)}
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return &Error{Origin: at, Message: err.Error(), Hint: "give another file"}
}

// fromAnsible is the command that makes a hosts file of an Ansible inventory.
func fromAnsible(file string) string {
	if file == "-" {
		file = "INVENTORY"
	}
	if strings.ContainsFunc(file, func(c rune) bool { return !strings.ContainsRune("/._-+", c) && !isAlnum(c) }) {
		file = strconv.Quote(file)
	}
	return "ansible all -i " + file + " --list-hosts | tail -n +2 | fleetdrop hosts -i -"
}

func isAlnum(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// otherFormat recognises files that are inventories of another kind by the first line
// that says something, so that they give one error and not one for each line.
func otherFormat(at Origin, text []byte) *Error {
	for line := range bytes.Lines(text) {
		at.Line++
		line = bytes.TrimSpace(line)
		s := string(line[:min(len(line), maxLine)])
		what := ""
		switch first, _, _ := strings.Cut(s, " "); {
		case at.Line == 1 && strings.HasPrefix(s, "#!"):
			return &Error{Origin: at, Message: "a script, not a hosts file",
				Hint: "run it, and give what it prints with -i -; for a dynamic Ansible inventory: " + fromAnsible(at.File)}
		case s == "", s[0] == '#', s[0] == ';':
			continue
		case first == "{", strings.HasPrefix(s, `{"`), s == "[", s == "[{", strings.HasPrefix(s, `[{"`), strings.HasPrefix(s, `["`):
			what = "JSON, which is not understood yet"
		case first == "---", first == "-", strings.HasSuffix(first, ":"):
			what = "YAML, which is not understood yet"
		case isSection(first):
			what = fmt.Sprintf("%s is a section of an Ansible inventory, which is not understood yet", quote(first))
		default:
			return nil
		}
		return &Error{Origin: at, Message: what, Hint: "write one host a line, with group=…; or " + fromAnsible(at.File)}
	}
	return nil
}

// isSection says that a word is the title of a section: [web], [web:vars].
func isSection(s string) bool {
	return len(s) > 2 && s[0] == '[' && s[len(s)-1] == ']' && unicode.IsLetter(rune(s[1])) &&
		!strings.ContainsAny(s[1:len(s)-1], "[]") && !isIPv6(s[1:len(s)-1])
}

func isIPv6(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is6()
}
