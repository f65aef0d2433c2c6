package replay_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/remote/replay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const saved = `fleetdrop capture v1
host: web-17
-- first /proc/uptime --
1.00 1.00
-- /proc/uptime --
2.00 2.00
-- denied dmesg --
no
`

// TestPlay talks to a played host as a controller does: what it prints is the capture,
// the last samples come after the window, and it ends when its standard input does.
func TestPlay(t *testing.T) {
	c, err := probe.ParseCapture(saved)
	if err != nil {
		t.Fatal(err)
	}
	f, err := replay.Start(t.TempDir(), []replay.Host{{Name: "web-17", Capture: c}})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	e := f.Hosts()[0].Endpoint
	text, err := os.ReadFile(e.IdentityFiles[0])
	if err != nil {
		t.Fatal(err)
	}
	login, err := ssh.ParsePrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	config := &ssh.ClientConfig{User: e.User, HostKeyCallback: ssh.InsecureIgnoreHostKey()}
	if _, err := ssh.Dial("tcp", e.Address(), config); err == nil {
		t.Error("it lets in whoever comes")
	}
	config.Auth = []ssh.AuthMethod{ssh.PublicKeys(login)}
	client, err := ssh.Dial("tcp", e.Address(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	stdin, _ := session.StdinPipe()
	stdout, _ := session.StdoutPipe()
	if err := session.Start("sh -s"); err != nil {
		t.Fatal(err)
	}
	const window = 300 * time.Millisecond
	fmt.Fprint(stdin, probe.Start("n0nce", window, true), "# the script\n")
	began := time.Now()
	var out bytes.Buffer
	for buf := make([]byte, 100); !strings.HasSuffix(out.String(), "-- n0nce end --\n"); {
		n, err := stdout.Read(buf)
		if err != nil {
			t.Fatalf("%v after %s", err, &out)
		}
		out.Write(buf[:n])
		if came := time.Since(began); strings.Contains(out.String(), "2.00") && came < window {
			t.Errorf("the last sample came after %v", came)
		}
	}
	if out.String() != c.Output("n0nce") {
		t.Errorf("it printed\n%s", &out)
	}
	stdin.Close()
	io.Copy(io.Discard, stdout)
	if err := session.Wait(); err != nil {
		t.Error(err)
	}
}
