package lint

import (
	"slices"

	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/probe/sysctl"
)

// Checks returns all checks, in the order of their IDs.
func Checks() []*Check { return slices.Clone(checks) }

// The hundreds of an ID say what a check is about: 1 how a line is written, 2 what the kernel
// takes, 3 what the files say together, 4 what values do to packets.
var checks = []*Check{
	&skippedLine, &unknownKey, &interfaceDot, &inlineComment, &octalNumber, &patternExclusion,
	&removedKey, &renamedKey, &newerKey, &readOnlyKey, &inertKey, &badValue, &outOfRange, &wrongCount, &minOverMax, &pagesNotBytes,
	&duplicate, &shadowed, &patternLoses, &maskedFile, &unreadFile, &notSystemd, &moduleKey, &danglingLink, &notSet, &notAsExpected,
	&twRecycleNAT, &syncookiesOff, &rpFilterMax, &conntrackBuckets, &defaultOverMax, &lowOverHigh, &timestampsOff,
}

var skippedLine = Check{
	ID: "FL101", Name: "skipped-line", Severity: drop.High,
	Title: "A line is no setting and is skipped",
	Doc: `
A line that is no comment and has no "=" is skipped with a warning that nobody sees at boot.
"-key" without "=" takes a key out of what patterns set.`,
	Bad: `
net.core.somaxconn 4096
- net.ipv4.tcp_sack = 1
`,
	Good: `
-net.ipv4.conf.lo.rp_filter
# net.core.somaxconn
`,
}

var unknownKey = Check{
	ID: "FL102", Name: "unknown-key", Severity: drop.High, Rule: "FD013",
	Title: "No kernel has this key",
	Doc: `
"sysctl --system" and systemd-sysctl skip a key that /proc/sys does not have, silently and with
exit code 0, so a slip of the pen is never seen. The table of known keys is complete for
net.core, net.ipv4, net.ipv6, net.netfilter, net.bridge, net.unix and net.mptcp; elsewhere a key
that is not in it is told only as info, or as medium where a known one is two letters away. Keys
of modules such as sctp or ip_vs are never wrong. The kernels are those of kernel.org: write a minus
before a key that only your vendor's kernel has, and it is low.`,
	Bad: `
net.core.rmem_maximum = 4194304
net.ipv4.somaxconn = 4096
kernel.panci = 10
`,
	Good: `
net.core.rmem_max = 4194304
net.sctp.of_a_module = 1
-net.ipv4.conf.eth7.rp_filter = 1
`,
}

var interfaceDot = Check{
	ID: "FL103", Name: "interface-dot", Severity: drop.High,
	Title: "The name of an interface has a dot, and it is written as a dot",
	Doc: `
Dots part the names of a key, so net.ipv4.conf.eth0.100.rp_filter looks for a folder eth0. The
interface eth0.100 is written net.ipv4.conf.eth0/100.rp_filter, or
net/ipv4/conf/eth0.100/rp_filter.`,
	Bad: `
net.ipv4.conf.eth0.100.rp_filter = 2
`,
	Good: `
net.ipv4.conf.eth0/100.rp_filter = 2
net/ipv6/conf/eth0.100/accept_ra = 0
`,
}

var inlineComment = Check{
	ID: "FL104", Name: "inline-comment", Severity: drop.High,
	Title: "Text after a value is taken for a part of it",
	Doc: `
Only a whole line can be a comment. What stands behind a value is written to the kernel with it.
A number with a blank behind it is still understood, by luck (low); "1#x" is refused, and a word
such as net.core.default_qdisc gets the comment into it (high).`,
	Bad: `
net.core.somaxconn = 4096 # was 128
net.core.netdev_budget = 600# was 300
net.core.default_qdisc = fq # for bbr
`,
	Good: `
# was 128
net.core.somaxconn = 4096
`,
}

var octalNumber = Check{
	ID: "FL105", Name: "octal-number", Severity: drop.Medium,
	Title: "A number begins with a zero, and is read as octal",
	Doc: `
The kernel reads 010 as 8, and refuses 09.`,
	Bad: `
net.ipv4.tcp_keepalive_time = 0600
`,
	Good: `
net.ipv4.tcp_keepalive_time = 600
net.ipv4.tcp_sack = 0
net.core.somaxconn = 0x1000
`,
}

var patternExclusion = Check{
	ID: "FL106", Name: "pattern-exclusion", Severity: drop.Low,
	Title: "A pattern is excluded, which most programs do not understand",
	Doc: `
"-net.ipv4.conf.eth0.rp_filter" takes one key out of what patterns set. With a pattern behind
the minus only procps since 4.0.5 does so; procps 4.0.2 and systemd-sysctl 252 were tried and
set the keys all the same.`,
	Bad: `
net.ipv4.conf.*.rp_filter = 2
-net.ipv4.conf.veth*.rp_filter
`,
	Good: `
net.ipv4.conf.*.rp_filter = 2
-net.ipv4.conf.lo.rp_filter
`,
}

var removedKey = Check{
	ID: "FL201", Name: "removed-key", Severity: drop.High, Rule: "FD013",
	Title: "The kernel has no such key any more",
	Doc: `
A key that is gone is skipped silently, so what the line was for does not happen. --kernel says
which kernel the files are for; without it every key that some kernel has lost is told.
tcp_tw_recycle is high, for on the kernels that have it it turns clients away; others are
medium.`,
	Kernel: "6.1",
	Bad: `
net.ipv4.tcp_tw_recycle = 1
net.ipv4.tcp_thin_dupack = 1
`,
	Good: `
net.ipv4.tcp_tw_reuse = 1
`,
}

var renamedKey = Check{
	ID: "FL202", Name: "renamed-key", Severity: drop.Medium, Rule: "FD013",
	Title: "The key has another name now",
	Doc: `
The old name is skipped silently by newer kernels, such as net.ipv4.netfilter.ip_conntrack_max,
which is net.netfilter.nf_conntrack_max.`,
	Bad: `
net.ipv4.netfilter.ip_conntrack_max = 262144
`,
	Good: `
net.netfilter.nf_conntrack_max = 262144
`,
}

var newerKey = Check{
	ID: "FL203", Name: "newer-key", Severity: drop.Medium, Rule: "FD013",
	Title: "The kernel does not have this key yet",
	Doc: `
The key came with a newer kernel than --kernel names. Distributions carry keys back, so look at
one host: "sysctl KEY".`,
	Kernel: "4.19",
	Bad: `
net.ipv4.tcp_migrate_req = 1
`,
	Good: `
net.ipv4.tcp_syncookies = 1
`,
}

var readOnlyKey = Check{
	ID: "FL204", Name: "read-only-key", Severity: drop.Medium,
	Title: "The key can only be read",
	Doc: `
Writing it is refused, and "sysctl --system" ends with an error for it.`,
	Bad: `
net.netfilter.nf_conntrack_count = 0
`,
	Good: `
net.netfilter.nf_conntrack_max = 262144
`,
}

var inertKey = Check{
	ID: "FL205", Name: "inert-key", Severity: drop.Low,
	Title: "The key is still there, and does nothing",
	Doc: `
The kernel keeps some keys so that old files raise no error.`,
	Bad: `
net.ipv4.tcp_low_latency = 1
`,
	Good: `
net.ipv4.tcp_sack = 1
`,
}

var badValue = Check{
	ID: "FL206", Name: "bad-value", Severity: drop.High,
	Title: "The kernel refuses the value",
	Doc: `
It is no whole number, in decimal, in hex with 0x, or in octal with a zero before; or it is no
list of ports. Quotes and units are not taken away. The key keeps the value that it had.`,
	Bad: `
net.ipv4.tcp_fin_timeout = 15s
net.core.rmem_max = "4194304"
net.ipv4.ip_local_reserved_ports = 80,9000-8000
net.ipv4.ip_local_port_range = 65000 1024
`,
	Good: `
net.ipv4.tcp_fin_timeout = 15
net.ipv4.ip_local_reserved_ports = 80,8000-9000
net.ipv4.ping_group_range = 1 0
`,
}

var outOfRange = Check{
	ID: "FL207", Name: "out-of-range", Severity: drop.High,
	Title: "The value is beyond what the kernel takes",
	Doc: `
The kernel answers "Invalid argument", and the key keeps the value that it had. Ranges are those
of the newest kernel; older ones may have had none, which --kernel takes into account.`,
	Bad: `
net.ipv4.tcp_syncookies = 300
net.core.somaxconn = -1
`,
	Good: `
net.ipv4.tcp_syncookies = 2
net.ipv4.tcp_wmem = 4096 16384 4194304
`,
}

var wrongCount = Check{
	ID: "FL208", Name: "wrong-count", Severity: drop.Medium,
	Title: "A key gets more or fewer numbers than it holds",
	Doc: `
Of net.ipv4.tcp_rmem = 4096 87380 the kernel takes two, and leaves the third, the most, as it
was; a number too many is ignored. Neither is an error.`,
	Bad: `
net.ipv4.tcp_rmem = 4096 131072
net.core.somaxconn = 128 4096
`,
	Good: `
net.ipv4.tcp_rmem = 4096	131072	6291456
`,
}

var minOverMax = Check{
	ID: "FL209", Name: "min-over-max", Severity: drop.Medium,
	Title: "The numbers of a key are not in their order",
	Doc: `
net.ipv4.tcp_rmem is the least, the default and the most; net.ipv4.tcp_mem is where pressure
ends, where it begins, and the limit. The kernel takes them in any order, and then behaves
oddly.`,
	Bad: `
net.ipv4.tcp_wmem = 16384 4096 4194304
`,
	Good: `
net.ipv4.tcp_wmem = 4096 16384 4194304
`,
}

var pagesNotBytes = Check{
	ID: "FL210", Name: "pages-not-bytes", Severity: drop.Low,
	Title: "tcp_mem and udp_mem count pages",
	Doc: `
net.ipv4.tcp_mem and net.ipv4.udp_mem are in pages, 4 KiB each on most machines, and not in
bytes like tcp_rmem. A limit that is larger than the memory is none: the machine runs out of
memory before TCP holds back.`,
	Bad: `
net.ipv4.tcp_mem = 16777216 16777216 33554432
`,
	Good: `
net.ipv4.tcp_mem = 381462 508616 762924
`,
}

// inerts are keys that the kernel only keeps for old files, and since when.
//
// Source: the trees that keys.txt names. sysctl_tcp_low_latency is read in 4.9, and called
// obsolete in 4.14; sysctl_tcp_fack is read in 4.14 and not in 4.19; ip_rt_max_size limited
// the route cache of IPv4, which is in 2.6.32 and not in 3.10.
var inerts = map[string]sysctl.Change{
	"net/ipv4/tcp_low_latency": {Before: sysctl.Version{Major: 4, Minor: 9}, By: sysctl.Version{Major: 4, Minor: 14}},
	"net/ipv4/tcp_fack":        {Before: sysctl.Version{Major: 4, Minor: 14}, By: sysctl.Version{Major: 4, Minor: 19}},
	"net/ipv4/route/max_size":  {Before: sysctl.Version{Major: 2, Minor: 6, Patch: 32}, By: sysctl.Version{Major: 3, Minor: 10}},
}
