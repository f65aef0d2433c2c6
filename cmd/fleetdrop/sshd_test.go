package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fleetdrop/fleetdrop/report"
)

// An sshdHost is a real sshd on loopback, and the files of a person who may log in.
type sshdHost struct {
	dir  string // holds id, ssh_config and known_hosts
	port int
}

// startSSHD starts an sshd that knows one key. It ends with the test.
func startSSHD(t *testing.T) sshdHost {
	t.Helper()
	sshd := need(t, "sshd")
	keygen := need(t, "ssh-keygen")
	h := sshdHost{dir: t.TempDir()}
	for _, key := range []string{"host", "id", "other"} {
		command(t, keygen, "-q", "-t", "ed25519", "-N", "", "-C", key, "-f", h.path(key))
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if me.Uid == "0" {
		// What Debian's service does before it starts sshd.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.port = listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	h.write(t, "authorized_keys", h.read(t, "id.pub"))
	h.write(t, "sshd_config", fmt.Sprintf(`ListenAddress 127.0.0.1:%d
HostKey %s
AuthorizedKeysFile %s
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
`, h.port, h.path("host"), h.path("authorized_keys")))
	h.write(t, "known_hosts", fmt.Sprintf("[127.0.0.1]:%d %s", h.port, h.read(t, "host.pub")))
	h.write(t, "ssh_config", fmt.Sprintf(`Host web-17
  HostName 127.0.0.1
  Port %d
Host *
  User %s
  IdentityFile %s
  IdentitiesOnly yes
  UserKnownHostsFile %s
  GlobalKnownHostsFile /dev/null
`, h.port, me.Username, h.path("id"), h.path("known_hosts")))

	var log bytes.Buffer
	cmd := exec.Command(sshd, "-D", "-e", "-f", h.path("sshd_config"))
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("sshd says:\n%s", log.String())
		}
	})
	for range 100 {
		conn, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", h.port))
		if err == nil {
			conn.Close()
			return h
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("sshd does not listen:\n%s", log.String())
	return h
}

func (h sshdHost) path(name string) string { return filepath.Join(h.dir, name) }

func (h sshdHost) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(h.path(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (h sshdHost) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(h.path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// need returns the path of a program, or skips the test. CI has all of them.
func need(t *testing.T, program string) string {
	t.Helper()
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not installed", program)
	}
	return path
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// scanned runs a scan, and returns its exit code, report and what it said.
func scanned(t *testing.T, args ...string) (code int, r report.Report, said string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	args = append([]string{"scan", "-f", "json", "--runs", t.TempDir()}, args...)
	code = fleetdrop(args, strings.NewReader(""), &stdout, &stderr)
	if stdout.Len() > 0 {
		if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
			t.Fatalf("%v in %s", err, stdout.String())
		}
	}
	return code, r, stderr.String()
}

// TestSSHD scans a real sshd as a person would, through an alias of ssh_config.
func TestSSHD(t *testing.T) {
	h := startSSHD(t)
	config := h.path("ssh_config")

	code, r, said := scanned(t, "-F", config, "--window", "1s", "web-17")
	if code != 0 || len(r.Hosts) != 1 || r.Hosts[0].Outcome != report.OutcomeScanned {
		t.Fatalf("exit code %d, %+v\n%s", code, r.Hosts, said)
	}
	if host := r.Hosts[0]; host.Kernel == "" || host.Coverage.Checked == 0 || host.Cost.Bytes == 0 {
		t.Errorf("the host was not read: %+v", host)
	}

	t.Run("without its key", func(t *testing.T) {
		h.write(t, "ssh_config_other", strings.ReplaceAll(h.read(t, "ssh_config"), h.path("id"), h.path("other")))
		code, r, _ := scanned(t, "-F", h.path("ssh_config_other"), "web-17")
		if code != report.ExitNone || r.Hosts[0].Error == nil || !strings.HasPrefix(r.Hosts[0].Error.Code, "auth/") {
			t.Errorf("exit code %d, %+v", code, r.Hosts[0].Error)
		}
	})
	t.Run("with fresh known_hosts", func(t *testing.T) {
		h.write(t, "empty", "")
		code, r, said := scanned(t, "-F", config, "--known-hosts", h.path("empty"), "web-17")
		if code != report.ExitNone || len(r.Hosts) != 1 || r.Hosts[0].Error.Code != "hostkey-unknown" || r.Hosts[0].Error.Hint == "" {
			t.Fatalf("exit code %d, %+v\n%s", code, r.Hosts, said)
		}
		if h.read(t, "empty") != "" {
			t.Error("a strict scan wrote known_hosts")
		}
		fresh := h.path("fresh")
		if code, _, said := scanned(t, "-F", config, "--known-hosts", fresh, "web-17"); code != report.ExitUsage {
			t.Errorf("a file that is not there: exit code %d\n%s", code, said)
		}
		code, _, said = scanned(t, "-F", config, "--known-hosts", fresh, "--host-key", "accept-new", "--window", "0", "web-17")
		if code != 0 {
			t.Fatalf("accept-new: exit code %d\n%s", code, said)
		}
		// ssh-keygen finds what was added, and the next scan is strict.
		command(t, "ssh-keygen", "-F", fmt.Sprintf("[127.0.0.1]:%d", h.port), "-f", fresh)
		if code, _, said := scanned(t, "-F", config, "--known-hosts", fresh, "--window", "0", "web-17"); code != 0 {
			t.Errorf("after accept-new: exit code %d\n%s", code, said)
		}
	})
	t.Run("with another host's key", func(t *testing.T) {
		h.write(t, "wrong", fmt.Sprintf("[127.0.0.1]:%d %s", h.port, h.read(t, "other.pub")))
		code, r, _ := scanned(t, "-F", config, "--known-hosts", h.path("wrong"), "--host-key", "accept-new", "web-17")
		if code != report.ExitNone || r.Hosts[0].Error == nil || r.Hosts[0].Error.Code != "hostkey-mismatch" {
			t.Errorf("exit code %d, %+v", code, r.Hosts[0].Error)
		}
	})
}
