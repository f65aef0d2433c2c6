package drop

import (
	"fmt"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
	"github.com/fleetdrop/fleetdrop/probe/sysctl"
)

var _ = add(Rule{
	ID:       "FD013",
	Name:     "sysctl-dead-setting",
	Title:    "A file sets a key that this kernel does not have",
	Stage:    Whole,
	Scope:    Host,
	Severity: map[Kind]Severity{AtRisk: Medium},
	Needs:    []Need{sysctlNeed, {probe.Release}},
	All:      sysctlNeed,
	Wants:    []probe.Handle{firstProcess},
	Check:    checkDeadSetting,

	Doc: `
"sysctl --system" and systemd-sysctl skip a key that /proc/sys does not have, with exit code 0; the first without a
word, the other with a warning in the journal. So a line that was right on an older kernel, or never was, does nothing, and who reads the
file believes that it does. What it was for is missing: net.ipv4.netfilter.ip_conntrack_max does not
raise the conntrack table of a kernel that calls it net.netfilter.nf_conntrack_max.

A key counts as dead if the table of known keys has the kernels that lost it, and this one is newer; or
if no kernel of the table has it, in a place whose keys are all in the table, and the kernel is no newer
than the table. The table is of the kernels of kernel.org, so a key that only a vendor's kernel has
looks dead: a minus before it says that it may be missing, and no more is said. It is medium where the key has another name now, for then the value is wanted; low
otherwise. Keys of modules are never dead: they come with the module. In a container nobody applies
the files, so nothing is judged.

net.ipv4.tcp_tw_recycle is such a key, since Linux 4.12: a file that still sets it does no harm here, and
would on an older kernel.

By hand: "sysctl KEY"; "fleetdrop lint --root / --kernel $(uname -r)" on the host finds the lines.`,

	Examples: []Example{{
		Name: "a file from an older host, and a slip of the pen",
		From: "sysctl-not-persistent/after",
		Capture: `
-- /etc/sysctl.d/*.conf --
50-old
50-old:1 net.ipv4.tcp_tw_recycle = 1
50-old:2 net.ipv4.netfilter.ip_conntrack_max = 1048576
50-old:3 net.core.rmem_maximum = 8388608
-- /proc/1/comm --
init
-- /proc/sys/kernel/osrelease --
6.18.44
`,
		Outcome: Found,
		Want: []string{
			"low at-risk: net.ipv4.tcp_tw_recycle: /etc/sysctl.d/50-old.conf:1 sets it, and Linux has no such key since 4.12: the line is skipped",
			"medium at-risk: net.ipv4.netfilter.ip_conntrack_max: /etc/sysctl.d/50-old.conf:2 sets it, and this kernel calls it net.netfilter.nf_conntrack_max: the line is skipped",
			"low at-risk: net.core.rmem_maximum: /etc/sysctl.d/50-old.conf:3 sets it, and Linux has no such key (did you mean net.core.rmem_max?): the line is skipped",
		},
	}, {
		Name: "an old kernel, which has the key",
		Capture: `
-- /etc/sysctl.d/*.conf --
50-old
50-old:1 net.ipv4.tcp_tw_recycle = 1
-- /proc/sys/kernel/osrelease --
3.10.0-1160.el7.x86_64
-- absent /etc/sysctl.conf --
-- absent /lib/sysctl.d/*.conf --
-- absent /run/sysctl.d/*.conf --
-- absent /usr/lib/sysctl.d/*.conf --
-- absent /usr/local/lib/sysctl.d/*.conf --
`,
		Outcome: Clean,
	}, {
		Name: "keys of a module, of an interface, and of a kernel that is newer than the table",
		Capture: `
-- /etc/sysctl.d/*.conf --
60-more
60-more:1 net.sctp.of_some_module = 1
60-more:2 net.ipv4.conf.eth0/7.rp_filter = 1
60-more:3 net.ipv4.tcp_of_the_future = 1
60-more:4 -net.ipv4.tcp_tw_recycle
60-more:5 -net.ipv4.tcp_of_a_vendor = 1
-- /proc/sys/kernel/osrelease --
7.2.0
-- absent /etc/sysctl.conf --
-- absent /lib/sysctl.d/*.conf --
-- absent /run/sysctl.d/*.conf --
-- absent /usr/lib/sysctl.d/*.conf --
-- absent /usr/local/lib/sysctl.d/*.conf --
`,
		Outcome: Clean,
	}},
})

// maxDead is how many dead lines of a host are told.
const maxDead = 20

func checkDeadSetting(c *Case) (found []Finding) {
	release := probe.Release.In(c)
	text, _ := release.Get()
	version, err := sysctl.ParseVersion(text)
	files, _, unread := atBoot(c)
	if err != nil || kernel.OwnNetns(c) {
		return nil
	}
	for _, f := range append(files, unread...) {
		for _, s := range f.Settings {
			severity, why := dead(s, version)
			if why == "" || len(found) == maxDead {
				continue
			}
			key := sysctl.Dotted(s.Path)
			found = append(found, Finding{
				Kind:     AtRisk,
				Severity: severity,
				Subject:  key,
				Message:  fmt.Sprintf("%s:%d sets it, and %s: the line is skipped", s.File, s.Line, why),
				Evidence: append(probe.Because(release), quoteSetting(c, s)),
				Steps: []Step{{
					Text:  fmt.Sprintf("take the line out of %s, or write the key that it was meant for", s.File),
					Price: "none: the line does nothing",
				}},
			})
		}
	}
	return found
}

// dead says why a kernel has no such key; "" if it may have it.
func dead(s sysctl.Setting, version sysctl.Version) (Severity, string) {
	k := sysctl.Find(s.Path)
	complete, _ := sysctl.Complete(s.Path)
	newest, _ := sysctl.ParseVersion("6.18")
	switch {
	case s.Exclude || s.Ignore || s.Pattern():
	case k != nil && k.Until.Certain(version):
		if now := sysctl.Renamed(k.Path); now != "" {
			return Medium, "this kernel calls it " + sysctl.Dotted(now)
		}
		return Low, fmt.Sprintf("Linux has no such key since %v", k.Until.By)
	case k == nil && complete && version.Compare(newest) <= 0:
		why := "Linux has no such key"
		if near := sysctl.Nearest(s.Path); len(near) > 0 {
			why += " (did you mean " + strings.Join(near, " or ") + "?)"
		}
		return Low, why
	}
	return Info, ""
}
