package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/sys/unix"
)

// typed is a command line of fleetdrop, run by the test binary. It sees no home and no setting of the person
// who runs the tests.
func typed(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &exec.Cmd{
		Path: self, Args: append([]string{"fleetdrop"}, args...), WaitDelay: 10 * time.Second,
		Env: append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TERM=xterm"}, env...),
	}
}

// onTerminal runs a command with both streams on a terminal of that many columns, and returns
// what the terminal got.
func onTerminal(t *testing.T, columns uint16, cmd *exec.Cmd) string {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no terminal to be had: ", err)
	}
	defer master.Close()
	fd := int(master.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: columns})
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	var got bytes.Buffer
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(&got, master) // until the last writer is gone: EIO
	}()
	err = cmd.Run()
	slave.Close()
	<-done
	if err != nil {
		t.Fatalf("%v\n%s", err, got.String())
	}
	return strings.ReplaceAll(got.String(), "\r\n", "\n")
}

var sgr = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// fleetCaptures are the captures of the demo.
func fleetCaptures(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../testdata/fleet/*.txtar")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d captures, %v", len(files), err)
	}
	return files
}

// TestTerminal reads the summary on terminals of three widths: it fills them and no line is
// broken by the terminal, but a command that is to be copied. A severity is a word.
func TestTerminal(t *testing.T) {
	for _, columns := range []int{80, 120, 200} {
		got := onTerminal(t, uint16(columns), typed(t, nil, append([]string{"analyze"}, fleetCaptures(t)...)...))
		if !strings.Contains(got, "\x1b[1;31m") {
			t.Errorf("%d columns: no colour", columns)
		}
		plain := sgr.ReplaceAllString(got, "")
		if strings.ContainsAny(plain, "\x1b\r\t") {
			t.Errorf("%d columns: more than colours", columns)
		}
		widest := 0
		for line := range strings.Lines(plain) {
			line = strings.TrimRight(line, "\n")
			wide := text.StringWidth(line)
			if wide > columns && !strings.Contains(line, "sysctl -w") && !strings.Contains(line, "ssh-key") {
				t.Errorf("%d columns of %d: %q", wide, columns, line)
			}
			widest = max(widest, wide)
		}
		if widest < columns*3/4 {
			t.Errorf("%d columns: the widest line has %d", columns, widest)
		}
		for _, word := range []string{"FLEET", "WHERE PACKETS ARE LOST", "TOP FINDINGS", "CRITICAL", "HIGH", "MEDIUM", "LOW", "HOSTS BY RISK", "remedy"} {
			if !strings.Contains(plain, word) {
				t.Errorf("%d columns: no %s", columns, word)
			}
		}
	}
}

// TestNoColor asks for plain text in the three ways that there are.
func TestNoColor(t *testing.T) {
	args := []string{"analyze", fleetCaptures(t)[0]}
	for _, cmd := range []*exec.Cmd{
		typed(t, []string{"NO_COLOR=1"}, args...), typed(t, []string{"TERM=dumb"}, args...), typed(t, nil, append(args, "--color", "never")...),
	} {
		if got := onTerminal(t, 80, cmd); strings.Contains(got, "\x1b") {
			t.Errorf("%q: colours", cmd.Env)
		}
	}
}

// TestPipe scans the demo's fleet with both streams in pipes: no byte of either is for a
// terminal. On a terminal the progress is one line that is gone at the end.
func TestPipe(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	var stdout, stderr bytes.Buffer
	cmd := typed(t, nil, "demo", "--runs", "none")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	for name, got := range map[string]string{"stdout": stdout.String(), "stderr": stderr.String()} {
		if strings.ContainsAny(got, "\x1b\r") || got == "" {
			t.Errorf("%s: %q", name, got)
		}
	}
	if !strings.HasPrefix(stdout.String(), "FLEET") {
		t.Errorf("stdout begins with %.40q", stdout.String())
	}

	got := onTerminal(t, 100, typed(t, nil, "demo", "--runs", "none"))
	before, _, found := strings.Cut(got, "FLEET")
	if !found || !strings.Contains(before, "\r") {
		t.Fatalf("no progress on a terminal: %q", before)
	}
	progress := regexp.MustCompile(`\d+ of 21`)
	if !progress.MatchString(before) {
		t.Errorf("no progress in %q", before)
	}
	if screen := screenOf(before); slices.ContainsFunc(screen, progress.MatchString) {
		t.Errorf("the progress stays: %q", screen)
	}
}

// screenOf is what a terminal shows of lines that are written over.
func screenOf(text string) (lines []string) {
	for line := range strings.Lines(sgr.ReplaceAllString(text, "")) {
		shown := ""
		for part := range strings.SplitSeq(strings.TrimRight(line, "\n"), "\r") {
			if rest, erased := strings.CutPrefix(part, "\x1b[K"); erased {
				shown = rest
			} else if len(part) >= len(shown) {
				shown = part
			} else {
				shown = part + shown[len(part):]
			}
		}
		lines = append(lines, shown)
	}
	return lines
}
