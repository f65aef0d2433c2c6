//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// newInit is the command that the first process of a host runs: it makes the host of the
// namespaces that it was born in, and becomes sshd.
func newInit() *cobra.Command {
	var i hostInit
	cmd := &cobra.Command{
		Use:    "init",
		Short:  "Become a host of the lab",
		Hidden: true,
		Args:   noArgs,
		RunE:   func(*cobra.Command, []string) error { return i.run() },
	}
	cmd.Flags().StringVar(&i.name, "host", "", "the host's name")
	cmd.Flags().StringVar(&i.dir, "dir", "", "the host's folder")
	cmd.Flags().BoolVar(&i.busybox, "busybox", false, "have BusyBox, and no other tool")
	return cmd
}

type hostInit struct {
	name, dir string
	busybox   bool
}

// login is the account of the hosts that is not root. It is in their /etc/passwd only.
const login = "deploy"

func (i hostInit) run() error {
	if os.Getpid() != 1 {
		return errors.New("init is of the lab's own use: it has to be the first process of a namespace")
	}
	if err := unix.Sethostname([]byte(i.name)); err != nil {
		return err
	}
	// Nothing that is mounted from here on is seen outside.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	dir, err := unix.Open(i.dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Unmount("/sys", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("umount /sys: %w", err)
	}
	for _, m := range []struct{ kind, at, options string }{
		{"proc", "/proc", ""}, {"sysfs", "/sys", ""}, {"tmpfs", "/run", "mode=755"},
	} {
		if err := unix.Mount(m.kind, m.at, m.kind, unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, m.options); err != nil {
			return fmt.Errorf("mount %s: %w", m.at, err)
		}
	}
	for _, folder := range []string{"/run/sshd", i.dir} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
	}
	// The folder was in the /run that is covered now.
	if err := bind(fmt.Sprintf("/proc/self/fd/%d", dir), i.dir); err != nil {
		return err
	}
	sshd, err := exec.LookPath("sshd")
	if err != nil {
		return err
	}
	if err := i.accounts(); err != nil {
		return err
	}
	if i.busybox {
		if err := i.tools(sshd); err != nil {
			return err
		}
	}
	return unix.Exec(sshd, []string{sshd, "-D", "-e", "-f", filepath.Join(i.dir, "sshd_config")}, os.Environ())
}

// accounts gives the host an /etc/passwd of its own, with one login more.
func (i hostInit) accounts() error {
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return err
	}
	var own bytes.Buffer
	lines := bufio.NewScanner(bytes.NewReader(passwd))
	for lines.Scan() {
		fields := bytes.SplitN(lines.Bytes(), []byte(":"), 7)
		if len(fields) == 7 && string(fields[0]) == "root" {
			fields[6] = []byte("/bin/sh")
		}
		own.Write(bytes.Join(fields, []byte(":")))
		own.WriteByte('\n')
	}
	fmt.Fprintf(&own, "%s:x:61001:61001::/:/bin/sh\n", login)
	path := filepath.Join(i.dir, "passwd")
	if err := os.WriteFile(path, own.Bytes(), 0o644); err != nil {
		return err
	}
	return bind(path, "/etc/passwd")
}

// tools leaves the host with BusyBox and sshd, and no other program.
func (i hostInit) tools(sshd string) error {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return err
	}
	list, err := exec.Command(busybox, "--list").Output()
	if err != nil {
		return fmt.Errorf("busybox --list: %w", err)
	}
	folder := filepath.Join(i.dir, "bin")
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	for name, from := range map[string]string{"busybox": busybox, filepath.Base(sshd): sshd} {
		program, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, name), program, 0o755); err != nil {
			return err
		}
	}
	for applet := range bytes.FieldsSeq(list) {
		err := os.Symlink("busybox", filepath.Join(folder, string(applet)))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	for _, covered := range []string{"/usr/local/bin", "/usr/local/sbin", "/bin", "/sbin", "/usr/bin", "/usr/sbin"} {
		if info, err := os.Lstat(covered); err == nil && info.IsDir() {
			if err := bind(folder, covered); err != nil {
				return err
			}
		}
	}
	return nil
}

func bind(from, at string) error {
	if err := unix.Mount(from, at, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount %s: %w", at, err)
	}
	return nil
}
