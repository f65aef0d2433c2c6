package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/probe/lint"
	"github.com/fleetdrop/fleetdrop/probe/policy"
	"github.com/fleetdrop/fleetdrop/probe/sysctl"
	"github.com/fleetdrop/fleetdrop/report"
)

func newLint(c *console) *cobra.Command {
	var (
		root, kernel string
		policyPath   string
		failOn       = report.At(drop.High)
		out          output
	)
	cmd := &cobra.Command{
		Use:   "lint PATH... | --root DIR",
		Short: "Judge files of sysctl.d without any host",
		Long: `Judge files of sysctl.d without any host: keys that do not exist, or not any more, values that
the kernel refuses, lines that a later file makes void, values that lose packets.

PATH is a file, "-" for the standard input, or a folder, of which the files that end in .conf are
read. Several are taken together, as the folders of one system: they are applied in the order of the
files' names, and a file hides one of its name in a folder that comes later. --root judges the tree
of a system, such as an image: /etc, /run, /usr/local/lib, /usr/lib and /lib below it, as
"sysctl --system" reads them; it says where systemd-sysctl does otherwise.`,
		Example: `  fleetdrop lint roles/base/files/sysctl.d --kernel 6.1
  fleetdrop lint --root / -s low
  fleetdrop lint sysctl.d -f sarif -o lint.sarif
  fleetdrop explain FL302`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case root == "" && len(args) == 0:
				return errors.New("lint what? A file or folder of sysctl.d, or --root DIR for the tree of a system")
			case root != "" && len(args) > 0:
				return fmt.Errorf("--root %s names the whole tree: leave %s out, or leave --root out", root, args[0])
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			tree, err := loadLint(c, root, args)
			if err != nil {
				return err
			}
			if kernel != "" {
				if tree.Kernel, err = sysctl.ParseVersion(kernel); err != nil {
					return fmt.Errorf("--kernel: %w", err)
				}
				kernel = tree.Kernel.String()
			}
			if policyPath != "" {
				p, err := policy.Load(policyPath, time.Now())
				if err != nil {
					return err
				}
				tree.Expect = p.Effective(policy.Host{}).Expect
			}
			settings := 0
			for _, f := range tree.Files {
				settings += len(f.Settings)
			}
			l := report.NewLint(report.Tool{Name: "fleetdrop", Version: version}, kernel, len(tree.Files), settings, below(root, lint.Judge(tree)), failOn)
			return out.finishLint(c, l)
		},
	}
	f := cmd.Flags()
	f.StringVar(&root, "root", "", "judge the tree of a system below this folder")
	f.StringVar(&kernel, "kernel", "", "the kernel that the files are for, such as 6.1; all are meant without it")
	f.StringVarP(&policyPath, "policy", "p", "", "hold them against what this policy `file` expects of every host")
	f.Var(&failOn, "fail-on", "exit 1 if there is a finding of this severity or above")
	f.StringVarP(&out.format, "format", "f", "table", strings.Join(report.LintFormats(), ", "))
	f.StringVarP(&out.path, "output", "o", "-", "print to this file")
	f.VarP(&out.severity, "severity", "s", "the least severity that is shown")
	return cmd
}

// finishLint writes what was found, and ends with its exit code.
func (o *output) finishLint(c *console, l *report.Lint) error {
	if !slices.Contains(report.LintFormats(), o.format) {
		return fmt.Errorf("lint has no format %q: it is one of %s", o.format, strings.Join(report.LintFormats(), ", "))
	}
	s, err := openSink(c, o.format, o.path)
	if err != nil {
		return err
	}
	options := report.Options{Severity: o.severity.Severity}
	options.Root, options.Dir = repository()
	err = s.close(report.WriteLint(s.out, o.format, l, options))
	code := l.Status.ExitCode
	if err != nil {
		fmt.Fprintf(c.stderr, "fleetdrop: %s: the %s report could not be written: %v\n", s.path, s.format, err)
		code = report.Exit(code, report.ExitUsage)
	}
	if code != report.ExitDone {
		return exitCode(code)
	}
	return nil
}

// loadLint reads what the command line names.
func loadLint(c *console, root string, paths []string) (*lint.Tree, error) {
	if root != "" {
		t, err := sysctl.LoadTree(root, sysctl.Procps)
		if err != nil {
			return nil, unreadable(root, err)
		}
		return &lint.Tree{Files: t.Order, Masked: t.Masked, Other: t.Other, Same: t.Ends, Lost: t.Lost}, nil
	}
	tree := &lint.Tree{Masked: map[string]string{}, Same: map[string]string{}}
	for _, path := range paths {
		files, other, err := loadPath(c, path)
		if err != nil {
			return nil, unreadable(path, err)
		}
		tree.Other = append(tree.Other, other...)
		for _, f := range files {
			i := slices.IndexFunc(tree.Files, func(g sysctl.File) bool { return filepath.Base(g.Path) == filepath.Base(f.Path) })
			switch {
			case i < 0:
				tree.Files = append(tree.Files, f)
			case filepath.Clean(tree.Files[i].Path) != filepath.Clean(f.Path):
				tree.Masked[f.Path] = tree.Files[i].Path
			}
		}
	}
	slices.SortStableFunc(tree.Files, func(a, b sysctl.File) int {
		return strings.Compare(filepath.Base(a.Path), filepath.Base(b.Path))
	})
	return tree, nil
}

// loadPath reads a file, or the files of a folder.
func loadPath(c *console, path string) (files []sysctl.File, other []string, _ error) {
	if path == "-" {
		text, err := io.ReadAll(io.LimitReader(c.stdin, 1<<20))
		if err == nil && sysctl.Binary(text) {
			err = errors.New("the standard input is binary: it is no file of settings")
		}
		return []sysctl.File{sysctl.Parse("stdin", text)}, nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !info.IsDir() {
		f, err := sysctl.ReadFile(path, path)
		return []sysctl.File{f}, nil, err
	}
	files, other, err = sysctl.ReadFolder(path, sysctl.Procps)
	if err != nil || len(files) > 0 {
		return files, other, err
	}
	for _, dir := range append(sysctl.Dirs(), sysctl.Conf) {
		if _, err := os.Stat(filepath.Join(path, dir)); err == nil {
			return nil, nil, fmt.Errorf("%s is the tree of a system: use --root %s", path, path)
		}
	}
	return nil, nil, fmt.Errorf("%s holds no file whose name ends in .conf; name a folder like sysctl.d, or a file", path)
}

// unreadable says in one sentence what cannot be read, and what to do.
func unreadable(path string, err error) error {
	var why *fs.PathError
	if !errors.As(err, &why) {
		return err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: there is no such file or folder", why.Path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s cannot be read: permission denied", why.Path)
	}
	return fmt.Errorf("%s cannot be read: %w", why.Path, why.Err)
}

// below names files of a tree as they are to be found here.
func below(root string, found []lint.Finding) []lint.Finding {
	if root == "" || filepath.Clean(root) == "/" {
		return found
	}
	name := func(p *lint.Place) {
		if p.File == sysctl.Conf || slices.Contains(sysctl.Dirs(), filepath.Dir(p.File)) {
			p.File = filepath.Join(root, p.File) // the others are of a policy
		}
	}
	for i := range found {
		name(&found[i].Place)
		for k := range found[i].Also {
			name(&found[i].Also[k])
		}
	}
	return found
}
