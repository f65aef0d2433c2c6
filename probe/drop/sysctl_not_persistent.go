package drop

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
	"github.com/fleetdrop/fleetdrop/probe/sysctl"
)

// lasting are the settings that are compared: numbers that rules read, of which more loses
// less, and for which the kernel keeps what is written.
var lasting = []*probe.Section[int64]{
	kernel.MaxBacklog, netdevBudget, budgetMicros, rmemDefault, rmemMax, somaxconn, wmemDefault, wmemMax,
	maxSYNBacklog, syncookies, tcpTimestamps, kernel.ConntrackMax,
}

var _ = add(Rule{
	ID:       "FD012",
	Name:     "sysctl-not-persistent",
	Title:    "The next boot will change a setting",
	Stage:    Whole,
	Scope:    Host,
	Severity: map[Kind]Severity{AtRisk: Medium},
	Needs:    []Need{sysctlNeed},
	All:      sysctlNeed,
	Wants:    lastingWants(),
	Check:    checkNotPersistent,

	Doc: `
What "sysctl -w" sets is gone after a boot: then the host has what its files of sysctl.d say, or the
kernel's own default. A limit that somebody raised at night against a loss comes back that way,
weeks later, and nobody thinks of it. This rule compares what a setting is now with what the files
will make of it, in the order in which they are applied: by the names of the files, the last one
counts, and a file in /etc/sysctl.d hides one of its name in /run, /usr/local/lib and /usr/lib.
It is medium where the setting will be less than it is now, for then less fits, and low otherwise.

A host with systemd applies them with systemd-sysctl, which does not read /etc/sysctl.conf: a line
there counts for "sysctl -p" and "sysctl --system", and not at boot, unless a symlink in
/etc/sysctl.d leads to it, as some distributions have it.

What no file sets gets the kernel's default, or what a service such as tuned or a container
runtime sets when it starts; that is low, and told only where the default is known. In a container
nothing is compared, for nobody applies its files.

Source: sysctl.d(5); procps, src/sysctl.c; systemd, src/sysctl/sysctl.c.

By hand: "sysctl --dry-run --system" shows what the files say, "systemd-analyze cat-config sysctl.d"
in which order; "sysctl KEY" what it is now.`,

	Examples: []Example{{
		Name: "raised by hand, and a file says less",
		From: "sysctl-not-persistent/after",
		Capture: `
-- /etc/sysctl.d/*.conf --
10-base
10-base:2 net.core.somaxconn = 1024
90-empty
-- /proc/1/comm --
init
-- /proc/sys/net/core/somaxconn --
4096
-- absent /run/sysctl.d/*.conf --
`,
		Outcome: Found,
		Want:    []string{"medium at-risk: net.core.somaxconn: it is 4096 now, and 1024 after the next boot: /etc/sysctl.d/10-base.conf:2 sets it"},
	}, {
		Name: "a host with systemd, and the line stands in a file that it does not read",
		Capture: `
-- /etc/sysctl.conf --
3 net.core.somaxconn = 4096
-- absent /etc/sysctl.d/*.conf --
-- /proc/1/comm --
systemd
-- /proc/sys/kernel/osrelease --
4.19.0-27-amd64
-- /proc/sys/net/core/somaxconn --
4096
-- /usr/lib/sysctl.d/*.conf --
50-default
50-default:12 net.ipv4.conf.*.rp_filter = 2
`,
		Outcome: Found,
		Want:    []string{"medium at-risk: net.core.somaxconn: it is 4096 now, and 128 after the next boot: /etc/sysctl.conf:3 sets it, and systemd-sysctl does not read that file"},
	}, {
		Name: "raised by hand, and no file says anything",
		Capture: `
-- /etc/sysctl.d/*.conf --
10-base
-- /proc/1/comm --
systemd
-- /proc/sys/kernel/osrelease --
6.1.0-27-amd64
-- /proc/sys/net/core/netdev_budget --
300
-- /proc/sys/net/core/netdev_budget_usecs --
8000
-- /proc/sys/net/core/netdev_max_backlog --
5000
-- /proc/sys/net/core/rmem_default --
212992
-- /proc/sys/net/core/rmem_max --
212992
-- /proc/sys/net/core/wmem_default --
212992
-- /proc/sys/net/core/wmem_max --
212992
-- /proc/sys/net/ipv4/tcp_max_syn_backlog --
512
-- /proc/sys/net/ipv4/tcp_syncookies --
1
-- /proc/sys/net/ipv4/tcp_timestamps --
1
-- /proc/sys/net/netfilter/nf_conntrack_max --
262144
`,
		Outcome: Found,
		Want:    []string{"low at-risk: net.core.netdev_max_backlog: it is 5000 now, and no file sets it: after the next boot it is 1000, the kernel's default, unless a service sets it"},
	}, {
		Name: "the last file counts, and says what is",
		Capture: `
-- /etc/sysctl.d/*.conf --
10-base
10-base:2 net.core.somaxconn = 1024
99-local
99-local:1 net/core/somaxconn=8192	# for the web servers
-- /proc/1/comm --
systemd
-- /proc/sys/net/core/somaxconn --
8192
-- /usr/lib/sysctl.d/*.conf --
10-base
10-base:1 net.core.somaxconn = 1
-- absent /etc/sysctl.conf --
-- absent /lib/sysctl.d/*.conf --
-- absent /run/sysctl.d/*.conf --
-- absent /usr/local/lib/sysctl.d/*.conf --
`,
		Outcome: Clean,
	}, {
		Name: "a container: nobody applies its files",
		Capture: `
-- /etc/sysctl.d/*.conf --
10-base
10-base:2 net.core.somaxconn = 1024
-- absent /proc/sys/net/core/netdev_max_backlog --
-- /proc/sys/net/core/somaxconn --
4096
-- absent /etc/sysctl.conf --
-- absent /lib/sysctl.d/*.conf --
-- absent /run/sysctl.d/*.conf --
-- absent /usr/lib/sysctl.d/*.conf --
-- absent /usr/local/lib/sysctl.d/*.conf --
`,
		Outcome: Clean,
	}},
})

func lastingWants() (all []probe.Handle) {
	for _, setting := range lasting {
		all = append(all, setting)
	}
	return append(all, firstProcess, probe.Release)
}

func checkNotPersistent(c *Case) (found []Finding) {
	files, by, unread := atBoot(c)
	release, _ := probe.Release.In(c).Get()
	for _, setting := range lasting {
		fact := setting.In(c)
		now, known := fact.Get()
		if !known || kernel.OwnNetns(c) {
			continue
		}
		path := strings.TrimPrefix(setting.ID(), "/proc/sys/")
		f := Finding{Kind: AtRisk, Severity: Low, Subject: sysctl.Dotted(path), Evidence: probe.Because(fact)}
		var then int64
		s, set := by.Final(files, path)
		if set {
			n, ok := firstNumber(s.Value)
			if !ok || n == now {
				continue
			}
			then = n
			f.Message = fmt.Sprintf("it is %d now, and %d after the next boot: %s:%d sets it", now, then, s.File, s.Line)
			f.Evidence = append(f.Evidence, quoteSetting(c, s))
		} else {
			n, ok := bootDefault(path, release)
			if !ok || n == now {
				continue
			}
			then = n
			f.Message = fmt.Sprintf("it is %d now, and no file sets it: after the next boot it is %d, the kernel's default, unless a service sets it", now, then)
			if s, set := sysctl.Procps.Final(unread, path); set {
				if n, ok := firstNumber(s.Value); ok && n == now {
					f.Message = fmt.Sprintf("it is %d now, and %d after the next boot: %s:%d sets it, and systemd-sysctl does not read that file", now, then, s.File, s.Line)
					f.Severity = Medium
				}
				f.Evidence = append(f.Evidence, quoteSetting(c, s))
			}
			if len(f.Evidence) == 1 {
				f.Evidence = append(f.Evidence, firstProcess.In(c).Evidence())
			}
		}
		if set && then < now {
			f.Severity = Medium
		}
		f.Steps = persistSteps(path, now, then)
		found = append(found, f)
	}
	return found
}

// persistSteps keep what is, or make what will be now.
func persistSteps(path string, now, then int64) []Step {
	key := sysctl.Dotted(path)
	was := strconv.FormatInt(now, 10)
	keep := Step{
		Text:    fmt.Sprintf("if the present value is the right one, write \"%s = %d\" into /etc/sysctl.d/zz-fleetdrop.conf, which is applied after what has a number, or change it where it stands", key, now),
		Sysctl:  key,
		Value:   was,
		Present: was,
		Persist: fmt.Sprintf("/etc/sysctl.d/zz-fleetdrop.conf: %s = %d", key, now),
		Price:   "none: nothing changes now",
	}
	take := change(key, was, strconv.FormatInt(then, 10), "if what will be is the right one, set it now, and see what it does while somebody looks", "what the present value was good for ends now")
	take.Persist = ""
	return []Step{keep, take}
}

// firstNumber reads a value as the kernel does: it takes what is before a blank.
func firstNumber(value string) (int64, bool) {
	fields := strings.Fields(value)
	if len(fields) == 0 {
		return 0, false
	}
	n, err := strconv.ParseInt(fields[0], 0, 64)
	return n, err == nil
}

// bootDefault is what a kernel gives a setting by itself, where that depends on nothing else.
//
// Source: include/linux/socket.h, SOMAXCONN: 128 until 5.3, 4096 since 5.4; net/core/dev.c,
// the same in 3.10 and 6.12; the others are those of keys.txt, as net/ipv4/tcp_ipv4.c and
// net/ipv4/tcp_input.c have had them since 3.10.
func bootDefault(path, release string) (int64, bool) {
	version, err := sysctl.ParseVersion(release)
	if err != nil {
		return 0, false
	}
	switch path {
	case "net/core/somaxconn":
		if version.Compare(sysctl.Version{Major: 5, Minor: 4}) < 0 {
			return 128, true
		}
		return 4096, true
	case "net/core/netdev_max_backlog":
		return 1000, true
	case "net/core/netdev_budget":
		return 300, true
	case "net/ipv4/tcp_timestamps", "net/ipv4/tcp_syncookies":
		return 1, true
	}
	return 0, false
}
