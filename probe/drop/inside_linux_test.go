package drop

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

// TestPods has a host with three network namespaces beside the login's. In one a server does
// not accept connections, in another one does not read datagrams, in the third all is well. The real script reads the real kernel, as
// root and as a login without any right, and those that drop are named.
func TestPods(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root for network namespaces")
	}
	for _, tool := range []string{"unshare", "nsenter", "ip", "setpriv", "sh"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	for _, login := range []string{"root", "nobody"} {
		t.Run(login, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			mark := fmt.Sprintf("pods-%d-%s", os.Getpid(), login)
			host := podProcess(t, "host", mark, "unshare", "-n", "-m", "-p", "-f", "--mount-proc", "--kill-child")
			host.Env = append(host.Env, "POD_LOGIN="+login, "POD_DIR="+dir)
			if out, err := host.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			judgePods(t, dir)
			if left := processesWith(mark); len(left) > 0 {
				t.Errorf("left running: %q", left)
			}
		})
	}
}

// judgePods looks at what TestPodProcess left in the folder.
func judgePods(t *testing.T, dir string) {
	text, err := os.ReadFile(filepath.Join(dir, "capture"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := probe.ParseCapture(string(text))
	if err != nil {
		t.Fatal(err)
	}
	s := probe.NewSnapshot(c)
	var names []string
	for _, n := range s.Namespaces() {
		names = append(names, n.Process+" "+n.State.String())
		comparePod(t, dir, s.Inside(n))
	}
	slices.Sort(names)
	if want := []string{"pod-overflow known", "pod-quiet known", "pod-receive known"}; !slices.Equal(names, want) {
		t.Fatalf("namespaces %q, want %q", names, want)
	}
	var dropping []string
	for _, v := range Judge(Catalogue(), nil, s) {
		for _, f := range v.Findings {
			if f.Kind == Dropping && f.Scope == Netns {
				dropping = append(dropping, f.Rule+" "+f.Identity())
				if v.Rule == "FD601" && !strings.Contains(f.Message, "127.0.0.1:8081") {
					t.Errorf("it does not say where connections wait: %v", f)
				}
				if want := fmt.Sprintf("/proc/%d/net/", f.Netns.PID); !strings.HasPrefix(f.Evidence[0].Section, want) {
					t.Errorf("its evidence is of %s, not of %s", f.Evidence[0].Section, want)
				}
			}
			if f.Netns != nil && f.Netns.Process == "pod-quiet" {
				t.Errorf("the quiet one is blamed: %v", f)
			}
		}
	}
	if want := []string{"FD601 netns of pod-overflow", "FD711 netns of pod-receive: udp 127.0.0.1:9000"}; !slices.Equal(dropping, want) {
		t.Errorf("dropping: %q, want %q", dropping, want)
	}
	saved, err := probe.ParseCapture(c.String())
	if err != nil || saved.String() != c.String() {
		t.Fatalf("a saved capture is another: %v", err)
	}
	live, again := everything(Judge(Catalogue(), nil, s)), everything(Judge(Catalogue(), nil, probe.NewSnapshot(saved)))
	if !slices.Equal(live, again) {
		t.Errorf("saved, it is judged in another way:\n%q\n%q", live, again)
	}
}

// comparePod holds each number that rules read against what the namespace shows from within.
func comparePod(t *testing.T, dir string, inside *probe.Snapshot) {
	compared := 0
	for file, section := range map[string]*probe.Stats{
		"netstat": kernel.Netstat, "snmp": kernel.SNMP, "snmp6": kernel.SNMP6, "stat/nf_conntrack": kernel.Conntrack,
	} {
		text, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%s-%s", inside.Netns().Process, strings.ReplaceAll(file, "/", "-"))))
		if os.IsNotExist(err) {
			continue // the kernel has no such file
		}
		if err != nil {
			t.Fatal(err)
		}
		want, err := section.Parse(string(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range Catalogue() {
			for _, h := range r.Handles() {
				cell, ok := h.(probe.Cell)
				if !ok || cell.Stats != section {
					continue
				}
				source := cell.Source()
				is, there := want.Row(source.Row).Get(source.Field)
				got, known := cell.In(inside).Get()
				if known != there || got.Total != is {
					t.Errorf("%v: %v, %v; from within %v, %v", source, got.Total, known, is, there)
				}
				compared++
			}
		}
	}
	if compared < 50 {
		t.Errorf("only %d numbers were compared", compared)
	}
}

var podRoles = []string{"overflow", "quiet", "receive"}

// TestPodProcess is no test of its own: TestPods runs it as the processes of its host.
func TestPodProcess(t *testing.T) {
	switch role := os.Getenv("POD"); role {
	case "":
		t.Skip("TestPods runs it")
	case "host":
		podHost(t)
	default:
		rename(t, "pod-"+role)
		loopbackUp(t)
		fmt.Println("ready")
		bufio.NewReader(os.Stdin).ReadString('\n')
		switch role {
		case "overflow":
			fillAcceptQueue(t)
		case "receive":
			overflowReceiveBuffer(t)
		default:
			traffic(t)
		}
		fmt.Println("done")
		time.Sleep(time.Minute) // it ends with the host
	}
}

// fillAcceptQueue overflows the queue of a listener that stays. The clients give up soon, so
// that the counters stand still then.
func fillAcceptQueue(t *testing.T) {
	server, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	at := &unix.SockaddrInet4{Port: 8081, Addr: [4]byte{127, 0, 0, 1}}
	if err := unix.Bind(server, at); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(server, 1); err != nil {
		t.Fatal(err)
	}
	for range 30 {
		client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(client)
		unix.Connect(client, at) // EINPROGRESS, and for most of them for ever
	}
	time.Sleep(100 * time.Millisecond)
}

// podHost is the host: process 1 of its own, so that nobody else's namespaces are to be seen.
func podHost(t *testing.T) {
	loopbackUp(t)
	var pods []*exec.Cmd
	var tell []io.Writer
	for _, role := range podRoles {
		pod := podProcess(t, role, "", "unshare", "-n")
		stdin, _ := pod.StdinPipe()
		stdout, _ := pod.StdoutPipe()
		if err := pod.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
			t.Fatalf("%s: %q %v", role, line, err)
		}
		pods, tell = append(pods, pod), append(tell, stdin)
	}
	const window = "4.25"
	sh := exec.Command("sh", "-s", "0123456789abcdef", window)
	if login := os.Getenv("POD_LOGIN"); login != "root" {
		sh = exec.Command("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "sh", "-s", "0123456789abcdef", window)
	}
	sh.Stdin = strings.NewReader(probe.Script(Sections(Catalogue())...))
	var out strings.Builder
	sh.Stdout = &out
	if err := sh.Start(); err != nil {
		t.Fatal(err)
	}
	for i := 0; len(processesWith("sleep\x00"+window)) == 0; i++ {
		if i == 1000 {
			t.Fatal("the window did not begin")
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, w := range tell {
		io.WriteString(w, "go\n")
	}
	if err := sh.Wait(); err != nil {
		t.Fatal(err)
	}
	dir := os.Getenv("POD_DIR")
	if err := os.WriteFile(filepath.Join(dir, "capture"), []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	for i, role := range podRoles {
		for _, file := range []string{"netstat", "snmp", "snmp6", "stat/nf_conntrack"} {
			text, err := exec.Command("nsenter", "-t", fmt.Sprint(pods[i].Process.Pid), "-n", "cat", "/proc/net/"+file).Output()
			if err != nil {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, "pod-"+role+"-"+strings.ReplaceAll(file, "/", "-")), text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// podProcess runs this test again in another role, through a command.
func podProcess(t *testing.T, role, mark string, through ...string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := append(through[1:], exe, "-test.run=^TestPodProcess$", "-test.timeout=2m")
	cmd := exec.Command(through[0], append(args, mark)...)
	cmd.Env = append(os.Environ(), "POD="+role)
	return cmd
}

// rename is what a process calls itself from now on, in /proc/PID/comm.
func rename(t *testing.T, name string) {
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/comm", os.Getpid()), []byte(name), 0o644); err != nil {
		t.Fatal(err)
	}
}

func loopbackUp(t *testing.T) {
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		t.Fatalf("ip: %v %s", err, out)
	}
}

// processesWith returns the command lines that have a text in them.
func processesWith(text string) (lines []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		if line, _ := os.ReadFile(f); strings.Contains(string(line), text) {
			lines = append(lines, string(line))
		}
	}
	return lines
}
