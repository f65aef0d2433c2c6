//go:build linux

package main

import (
	"fmt"
	"os"
	"strings"
)

const docsHead = `# The lab

` + "`fleetlab run --repeat N --docs docs/lab.md`" + ` wrote this page, with what it measured.

fleetlab makes hosts on one Linux machine: network namespaces, each with a real sshd, a host key, a hostname and
processes of its own, and one cause of packet loss. fleetdrop scans all of them over SSH, as it would any fleet. When its
script has taken the first sample of a host and sleeps, the fault of that host is provoked, for real: the peer on the other
side of the switch sends, and the kernel drops. Sender and receiver count, so what was lost is known, and the report is held against
it. Then all faults are stopped, and the fleet is scanned once more.

` + "```" + `
make lab                                              # all of it, in some two minutes; root is needed
./fleetlab list                                       # the faults
./fleetlab run --only accept-queue,udp-buffer         # some of them, or all strengths of a cause
./fleetlab hold --secs 300                            # hosts that go on losing packets, to scan by hand
./fleetlab down                                       # takes back what a killed lab left
` + "```" + `

No packet leaves the namespaces. Everything that is made is written down before it is made (/run/fleetlab/ledger):
namespaces, processes with their start, sysctls with their values. At the end all of it is taken back, and after a kill
by the next run, or by down. Faults of the whole machine set one of its sysctls for a second or so, and run alone;
net.core.netdev_max_backlog is raised while the lab stands, for its hosts share it. Modules that the kernel loads for all
this (veth, bridge, tcp_diag, bonding and such) stay loaded.

What the kernel has no driver for is not run, and the table says so: "not on this kernel". A virtual machine has
another kernel:

` + "```" + `
cmd/fleetlab/vm.sh run --only bond,vlan               # with that of Debian 12, 6.1; all words are fleetlab's
RELEASE=trixie cmd/fleetlab/vm.sh run --only udp-buffer  # with that of another release
` + "```" + `

It needs root, Go and the packages qemu-system-x86, debootstrap and e2fsprogs. Making it takes some three minutes, of
which KEEP=FOLDER saves most the next time. Without KVM the machine is emulated: then six faults take two minutes with
a window of 40 s, and all of them at once are too many, for the script does not end in time: take ten at a time (--only).
CI does not run it. Each fault was run there once, in such batches: with 6.1 all of them are right, but udp-buffer-default
cannot be had, for that kernel shows net.core.rmem_default in its first network namespace only.

`

const docsTail = `
## How it is judged

- **Diagnosis**: the first finding of the host is of the rule, the kind and the severity above, and names the subject.
- **False alarms**: findings above note on a host that lost nothing, and findings of loss that nobody provoked on one
  that did. What is true of the machine (pressure on its CPUs, a squeeze of its softirqs) is seen on each of its hosts, and is
  held only against faults of the machine.
- **Loss error**: |reported - true| / true, of each loss that the kernel counts in the unit in which the lab counts it.
  It cannot be where the kernel counts tries: of 28 clients that a full accept queue turned away, it counts each SYN and
  each repetition. Such rows have no error. Nor have the faults of a whole machine, whose counters hold others' packets too.
- **Ranking**: of each two hosts of one cause, the one that lost the larger share is the worse; of two hosts of
  different causes, the one whose expected class comes first in this order: `

const docsLimits = `.
- **After all was stopped**: no finding is dropping.

## What it cannot show

A veth has no ring buffer, no wire and no driver: what those lose is known from recordings of virtual machines
(testdata/README.md) and from outputs of real adapters. Bonds and VLANs, whose counters repeat those of the
interfaces below, are known from such recordings where the kernel of the lab has neither.
tcp_mem is left alone, for the whole machine would feel it, and so is what needs minutes. Modules that ip and iptables load,
on a kernel that has modules, stay loaded. Under load a window can close before a fault is done: then a longer one is tried.
`

// writeDocs writes the page that keeps the measure.
func writeDocs(path string, a account) error {
	var b strings.Builder
	b.WriteString(docsHead)
	fmt.Fprintf(&b, "## The measure\n\nKernel %s; runs: %d.\n\n| measure | found | to reach |\n|---|---|---|\n", a.Kernel, len(a.Runs))
	for _, line := range a.Measure.lines() {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", line[0], line[1], line[2])
	}
	b.WriteString("\n## The faults\n\nWhat was lost and what was reported is of the last run.\n\n" +
		"| fault | what goes wrong | expected: rule, severity, kind, subject | lost | reported | |\n|---|---|---|---|---|---|\n")
	titles := map[string]string{}
	for _, f := range faults() {
		titles[f.name] = f.title
	}
	for _, r := range a.Runs[len(a.Runs)-1] {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", r.Fault, titles[r.Fault], r.wanted(), r.truth(), r.reported(), r.verdict())
	}
	b.WriteString(docsTail + strings.Join(classOrder[:len(classOrder)-1], ", ") + docsLimits)
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// wanted is what has to be found, in one line.
func (r row) wanted() string {
	var all []string
	for _, e := range r.Want {
		all = append(all, e.String())
	}
	if len(all) == 0 {
		return "none above note"
	}
	return strings.Join(all, ", ")
}
