package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sync/errgroup"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/probe/remote/replay"
	"github.com/fleetdrop/fleetdrop/testdata"
)

// BenchmarkScan scans b.N recorded hosts, each of two samples and 40 KB: "-benchtime 1000x" at
// least, because a scan has work to do before its first host, 15 ms of it.
//
// CPU-ms/host is the user and the system time of this process, which is the controller and
// nothing else: key exchange, host key looked up in a known_hosts of b.N lines and verified,
// login by an ed25519 key, script sent, output read and parsed, all rules judged, the run
// saved, hosts ranked, the report written (as a table, which is what scan does if not told
// otherwise, or each host with all its findings as JSON), garbage collected, and on loopback
// the kernel's part of sending. Not in it: "ssh -G" and reading the inventory, and the hosts,
// which are another process with as many connections a second as there can be and no window.
// What they take is host-CPU-ms/host; both share the processors and their caches, so on two
// processors the controller takes longer than it would alone.
func BenchmarkScan(b *testing.B) {
	for _, format := range []string{"table", "json"} {
		b.Run(format, func(b *testing.B) { scanRecorded(b, load{rate: 1e5, concurrency: 64}, format) })
	}
}

// BenchmarkBare is what to hold that against, in the same minutes on the same machine: a client
// of x/crypto that looks up no host key, sends the script, reads the output and throws it away.
func BenchmarkBare(b *testing.B) {
	hosts, served := serve(b, b.N)
	login, err := os.ReadFile(hosts[0].IdentityFiles[0])
	if err != nil {
		b.Fatal(err)
	}
	signer, err := ssh.ParsePrivateKey(login)
	if err != nil {
		b.Fatal(err)
	}
	config := &ssh.ClientConfig{User: "demo", Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: ssh.InsecureIgnoreHostKey()}
	script := probe.Start("bare", 0, false) + scriptOf(drop.Catalogue(), nil)
	before := usage()
	b.ResetTimer()
	var all errgroup.Group
	all.SetLimit(64)
	for _, h := range hosts {
		all.Go(func() error { return bare(h, config, script) })
	}
	if err := all.Wait(); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	measured(b, before, served)
}

func bare(h inventory.Host, config *ssh.ClientConfig, script string) error {
	client, err := ssh.Dial("tcp", h.Address(), config)
	if err != nil {
		return err
	}
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		return err
	}
	stdin, _ := session.StdinPipe()
	stdout, _ := session.StdoutPipe()
	if err := session.Start("sh -s"); err != nil {
		return err
	}
	if _, err := io.WriteString(stdin, script); err != nil {
		return err
	}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() && lines.Text() != "-- bare end --" {
	}
	stdin.Close()
	return errors.Join(lines.Err(), session.Wait())
}

// BenchmarkWindow is BenchmarkScan with the default load: 100 connections a second, at most 1,000
// hosts in flight, nearly all of them asleep in a window of 10 s. The process sleeps between
// packets, and to wake up, with cold caches, is much of what a host costs.
func BenchmarkWindow(b *testing.B) {
	scanRecorded(b, load{rate: 100, concurrency: 1000, window: 10 * time.Second}, "table")
}

func scanRecorded(b *testing.B, l load, format string) {
	hosts, served := serve(b, b.N)
	c := &console{strings.NewReader(""), io.Discard, io.Discard}
	l.perJump, l.host, l.sudo = 8, time.Minute, "none"
	s := &scan{load: l, runs: b.TempDir(), progressMode: "none"}
	s.output = output{format: format, path: "-", color: "never", top: 20}
	defer collectSeldom()()
	before := usage()
	b.ResetTimer()
	if err := s.run(context.Background(), c, nil, []string{"hosts.txt"}, hosts, drop.Catalogue()); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	measured(b, before, served)
}

// measured reports what was taken since then.
func measured(b *testing.B, before syscall.Rusage, served func() time.Duration) {
	after := usage()
	b.ReportMetric(float64(served())/float64(time.Millisecond)/float64(b.N), "host-CPU-ms/host")
	b.ReportMetric(float64(cpu(after)-cpu(before))/float64(time.Millisecond)/float64(b.N), "CPU-ms/host")
	b.ReportMetric(float64(after.Maxrss)/1024, "MiB")
}

// serve starts a process that plays the hosts. It ends with the test; served ends it now,
// and returns the time that it took since all hosts were up.
func serve(b testing.TB, n int) (hosts []inventory.Host, served func() time.Duration) {
	cmd := exec.Command(os.Args[0])
	cmd.Args = []string{"replay", b.TempDir(), strconv.Itoa(n)}
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	said := json.NewDecoder(stdout)
	if err := said.Decode(&hosts); err != nil {
		b.Fatal(err)
	}
	return hosts, func() (took time.Duration) {
		stdin.Close()
		if err := said.Decode(&took); err != nil {
			b.Fatal(err)
		}
		return took
	}
}

// replayed is that process: it plays recorded hosts until its standard input ends.
func replayed() {
	n, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	capture, err := testdata.Recording("vm-e1000/after-syndrop")
	if err != nil {
		panic(err)
	}
	hosts := make([]replay.Host, n)
	for i := range hosts {
		hosts[i] = replay.Host{Name: fmt.Sprintf("web-%05d", i), Capture: capture}
	}
	fleet, err := replay.Start(os.Args[1], hosts)
	if err != nil {
		panic(err)
	}
	defer fleet.Close()
	said := json.NewEncoder(os.Stdout)
	if err := said.Encode(fleet.Hosts()); err != nil {
		panic(err)
	}
	before := cpu(usage())
	io.Copy(io.Discard, os.Stdin)
	if err := said.Encode(cpu(usage()) - before); err != nil {
		panic(err)
	}
}

func usage() (u syscall.Rusage) {
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail for oneself
	return u
}

func cpu(u syscall.Rusage) time.Duration {
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
