package lint

import "github.com/fleetdrop/fleetdrop/probe/drop"

var duplicate = Check{
	ID: "FL301", Name: "duplicate", Severity: drop.Medium,
	Title: "A file sets a key twice",
	Doc: `
The last line counts.`,
	Bad: `
net.core.somaxconn = 1024
net.ipv4.tcp_sack = 1
net.core.somaxconn = 4096
net.ipv4.tcp_sack = 1
`,
	Good: `
net.core.rmem_max = 1048576
net.core.wmem_max = 1048576
`,
}

var shadowed = Check{
	ID: "FL302", Name: "shadowed", Severity: drop.Medium,
	Title: "A later file sets the key again",
	Doc: `
Files are applied in the order of their names, whatever folder they are in, and the last one
counts. That a file in /etc sets again what a package sets in /usr/lib is what the folders are
for: info.`,
	Bad: `
-- 10-base.conf --
net.core.somaxconn = 1024
-- 9-first.conf --
net.core.somaxconn = 4096
`,
	Good: `
-- 10-base.conf --
net.core.somaxconn = 1024
-- 20-more.conf --
net.core.rmem_max = 1048576
`,
}

var patternLoses = Check{
	ID: "FL303", Name: "pattern-loses", Severity: drop.Low,
	Title: "A pattern does not set a key that another line names",
	Doc: `
A key that any line names in full is not set by a pattern, even if the pattern comes later.`,
	Bad: `
-- 10-base.conf --
net.ipv4.conf.eth0.rp_filter = 1
-- 90-loose.conf --
net.ipv4.conf.*.rp_filter = 2
`,
	Good: `
net.ipv4.conf.*.rp_filter = 2
net.ipv4.conf.eth0.rp_filter = 1
`,
}

var maskedFile = Check{
	ID: "FL304", Name: "masked-file", Severity: drop.Info,
	Title: "A file of the same name hides the file",
	Doc: `
A file in /etc/sysctl.d hides one of that name in /run, /usr/local/lib, /usr/lib and /lib. A
symlink to /dev/null hides it without a word of its own.`,
	Bad: `
-- /etc/sysctl.d/50-net.conf --
# nothing
-- /usr/lib/sysctl.d/50-net.conf --
net.core.somaxconn = 4096
`,
	Good: `
-- /etc/sysctl.d/60-net.conf --
# nothing
-- /usr/lib/sysctl.d/50-net.conf --
net.core.somaxconn = 4096
`,
}

var unreadFile = Check{
	ID: "FL305", Name: "unread-file", Severity: drop.Low,
	Title: "A file is not read for its name",
	Doc: `
Only files whose names end in .conf are read.`,
	Bad: `
-- /etc/sysctl.d/99-tune --
net.core.somaxconn = 4096
`,
	Good: `
-- /etc/sysctl.d/README --
hello
-- /etc/sysctl.d/99-tune.conf --
net.core.somaxconn = 4096
`,
}

var notSystemd = Check{
	ID: "FL306", Name: "not-systemd", Severity: drop.Low, Rule: "FD012",
	Title: "systemd-sysctl does not read the file",
	Doc: `
systemd-sysctl applies the files when a host with systemd boots. It reads neither
/etc/sysctl.conf, since version 207, nor files whose name begins with a dot; "sysctl --system"
reads both. Distributions that want /etc/sysctl.conf read have a symlink to it in /etc/sysctl.d.`,
	Bad: `
-- /etc/sysctl.conf --
net.core.somaxconn = 4096
-- /usr/lib/sysctl.d/50-net.conf --
net.core.somaxconn = 1024
`,
	Good: `
-- /etc/sysctl.conf --
net.core.somaxconn = 4096
-- /etc/sysctl.d/99-sysctl.conf -> ../sysctl.conf --
`,
}

var moduleKey = Check{
	ID: "FL307", Name: "module-key", Severity: drop.Info,
	Title: "The key comes with a module that may not be loaded yet",
	Doc: `
Keys of nf_conntrack exist only once the module is loaded, which often is when the first
firewall rule needs it, after the files were applied. systemd-modules-load runs before.`,
	Bad: `
net.netfilter.nf_conntrack_max = 262144
`,
	Good: `
net.core.somaxconn = 4096
`,
}

var danglingLink = Check{
	ID: "FL308", Name: "dangling-link", Severity: drop.Low,
	Title: "A symlink leads nowhere",
	Doc: `
The file sets nothing, and still hides those of its name in other folders. Such a link in an
image may be meant for a file that is made later.`,
	Bad: `
-- /etc/sysctl.d/99-sysctl.conf -> ../sysctl.conf --
`,
	Good: `
-- /etc/sysctl.d/99-sysctl.conf -> ../sysctl.conf --
-- /etc/sysctl.conf --
net.core.somaxconn = 4096
`,
}

var notSet = Check{
	ID: "FL309", Name: "not-set", Severity: drop.Critical, Rule: "FD011",
	Title: "The policy expects a setting that no file makes",
	Doc: `
Asked with --policy: what the policy expects of every host, and no file sets. It is as severe as the
policy says; low where the default of newer kernels would do. What builtin policies expect is held
against what files set, and not missed where they set nothing.`,
	Expect: drop.Expectation{Key: "net.ipv4.tcp_fin_timeout", Want: []drop.Condition{{In: []string{"15"}}}, Severity: drop.Critical, Origin: "fleetdrop.policy.yaml:3"},
	Bad: `
net.core.rmem_max = 4194304
`,
	Good: `
net.ipv4.tcp_fin_timeout = 15
`,
}

var notAsExpected = Check{
	ID: "FL310", Name: "not-as-expected", Severity: drop.Critical, Rule: "FD011",
	Title: "A file sets something else than the policy expects",
	Doc: `
Asked with --policy. It is as severe as the policy says; low for what the policy asks only of hosts in
several networks. What depends on a host's memory is not asked here.`,
	Expect: drop.Expectation{Key: "net.ipv4.tcp_fin_timeout", Want: []drop.Condition{{In: []string{"15"}}}, Severity: drop.Critical, Origin: "fleetdrop.policy.yaml:3"},
	Bad: `
net.ipv4.tcp_fin_timeout = 60
`,
	Good: `
net.ipv4.tcp_fin_timeout = 0xf
`,
}

var twRecycleNAT = Check{
	ID: "FL401", Name: "tw-recycle", Severity: drop.Critical, Rule: "FD606",
	Title: "tcp_tw_recycle turns clients behind NAT away",
	Doc: `
On Linux before 4.12, with timestamps on, it drops SYNs of clients that share an address.`,
	Bad: `
net.ipv4.tcp_tw_recycle = 1
`,
	Good: `
net.ipv4.tcp_tw_recycle = 0
`,
}

var syncookiesOff = Check{
	ID: "FL402", Name: "no-syncookies", Severity: drop.Medium, Rule: "FD604",
	Title: "Without SYN cookies a full SYN queue turns clients away",
	Doc: `
net.ipv4.tcp_max_syn_backlog matters only then.`,
	Bad: `
net.ipv4.tcp_syncookies = 0
net.ipv4.tcp_max_syn_backlog = 512
`,
	Good: `
net.ipv4.tcp_syncookies = 1
net.ipv4.tcp_max_syn_backlog = 512
`,
}

var rpFilterMax = Check{
	ID: "FL403", Name: "rp-filter-max", Severity: drop.Medium, Rule: "FD502",
	Title: "An interface looks loose and is strict",
	Doc: `
The larger of net.ipv4.conf.all.rp_filter and the interface's own holds. With all at 1, a 0 for
an interface has no effect, and a 2 makes it loose.`,
	Bad: `
net.ipv4.conf.all.rp_filter = 1
net.ipv4.conf.eth1.rp_filter = 0
`,
	Good: `
net.ipv4.conf.all.rp_filter = 1
net.ipv4.conf.eth1.rp_filter = 2
`,
}

var conntrackBuckets = Check{
	ID: "FL404", Name: "conntrack-buckets", Severity: drop.Low, Rule: "FD405",
	Title: "The conntrack table has far more rows than buckets",
	Doc: `
Each packet is looked for in a chain of rows. Newer kernels make as many buckets as rows; more
than four rows a bucket is slow.`,
	Bad: `
net.netfilter.nf_conntrack_max = 1048576
net.netfilter.nf_conntrack_buckets = 65536
`,
	Good: `
net.netfilter.nf_conntrack_max = 1048576
net.netfilter.nf_conntrack_buckets = 262144
`,
}

var defaultOverMax = Check{
	ID: "FL405", Name: "default-over-max", Severity: drop.Medium, Rule: "FD801",
	Title: "The default of a socket buffer is above its limit",
	Doc: `
net.core.rmem_max limits what SO_RCVBUF asks for, not the default. So an application that asks
for a large buffer gets a smaller one than one that does not ask.`,
	Bad: `
net.core.rmem_default = 8388608
net.core.rmem_max = 4194304
`,
	Good: `
net.core.rmem_default = 262144
net.core.rmem_max = 4194304
`,
}

var lowOverHigh = Check{
	ID: "FL406", Name: "low-over-high", Severity: drop.Medium,
	Title: "A lower threshold is above the higher one",
	Doc: `
ipfrag_low_thresh and ipfrag_high_thresh, gc_thresh1, 2 and 3 belong together, and must rise.`,
	Bad: `
net.ipv4.neigh.default.gc_thresh2 = 8192
net.ipv4.neigh.default.gc_thresh3 = 4096
`,
	Good: `
net.ipv4.neigh.default.gc_thresh2 = 4096
net.ipv4.neigh.default.gc_thresh3 = 8192
`,
}

var timestampsOff = Check{
	ID: "FL407", Name: "timestamps-off", Severity: drop.Low,
	Title: "TCP timestamps are off",
	Doc: `
They cost 12 bytes a segment, and give PAWS and round trip times. Some hardening guides switch
them off; that is at odds with long, fast connections.`,
	Bad: `
net.ipv4.tcp_timestamps = 0
`,
	Good: `
net.ipv4.tcp_timestamps = 1
`,
}
