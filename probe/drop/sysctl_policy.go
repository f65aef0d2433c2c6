package drop

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

// Expected returns what is expected of every host where no policy says otherwise.
func Expected() []Expectation { return slices.Clone(expected) }

var expected = []Expectation{{
	Key: "net.ipv4.tcp_timestamps", Want: []Condition{{In: []string{"1", "2"}}}, Severity: Low, Origin: "builtin:default",
	Why: "without timestamps TCP cannot tell an old segment from a new one, and measures the round trip less often",
}}

var _ = add(Rule{
	ID:       "FD011",
	Name:     "sysctl-policy",
	Title:    "A sysctl is not what the policy expects",
	Stage:    Whole,
	Scope:    Netns,
	Severity: map[Kind]Severity{AtRisk: Critical, Note: Info},
	All:      (*Settings)(nil).expected(),
	Expects:  true,
	Check:    checkExpected,

	Doc: `
A policy (fleetdrop.policy.yaml) says what the sysctls of a host should be: a value, one of some, a
least, a most, so much for each GiB of memory, or that the kernel should not have it. The finding
says what the value is, what is expected, and which line of the policy asks for it. It is as severe
as the policy says, high where it says nothing. It claims no loss: a value is no counter. Without a
policy, builtin:default holds: net.ipv4.tcp_timestamps is on.

A sysctl that each interface has is judged for each but lo. What the kernel makes of conf/all and the
interface's own is judged, not the file: the larger of both for rp_filter, arp_ignore, arp_announce,
log_martians, send_redirects and secure_redirects, the smaller for accept_source_route.

Four times a hardening guide and this tool do not want the same, and the finding says so. CIS, Lynis
and dev-sec ask for rp_filter = 1, which drops packets of a host with two networks whose way back is the
other (see rp-filter-strict); 2 still refuses what has no way back at all. dev-sec asks for
tcp_timestamps = 0, which hides the uptime that Linux hides since 4.10, and costs PAWS. CIS and
dev-sec ask for log_martians = 1: each such packet is a line in the kernel's log, which a flood fills.
And tuning guides raise limits: where no counter of drops moves, more room changes nothing.

Source: include/linux/inetdevice.h, IN_DEV_MAXCONF, IN_DEV_ORCONF, IN_DEV_ANDCONF.

By hand: "sysctl net.ipv4.tcp_timestamps"; "fleetdrop policy show --host web-17" prints what is expected
of a host, and which line says so.`,

	Examples: []Example{{
		Name: "hardened, without timestamps",
		From: "netns-timestamps/after",
		Capture: `
-- /proc/sys/net/ipv4/tcp_timestamps --
0
`,
		Outcome: Found,
		Want:    []string{"low at-risk: net.ipv4.tcp_timestamps: 0, expected 1 or 2: without timestamps TCP cannot tell an old segment from a new one, and measures the round trip less often; dev-sec asks for 0, to hide the uptime, which Linux does by itself since 4.10"},
	}, {
		Name: "timestamps without the random offset",
		Capture: `
-- /proc/sys/net/ipv4/tcp_timestamps --
2
`,
		Outcome: Clean,
	}, {
		Name: "it may not be read",
		Capture: `
-- denied /proc/sys/net/ipv4/tcp_timestamps --
`,
		Outcome: NotChecked,
	}},
})

// guides are the values that hardening guides ask for, and that cost packets.
var guides = []struct{ key, value, says, costs string }{
	{"net.ipv4.conf.*.rp_filter", "1", "CIS, Lynis and dev-sec ask for 1",
		"on a host with two networks it drops packets whose way back is the other"},
	{"net.ipv4.tcp_timestamps", "0", "dev-sec asks for 0, to hide the uptime, which Linux does by itself since 4.10",
		"it costs PAWS"},
	{"net.ipv4.conf.*.log_martians", "1", "CIS and dev-sec ask for 1",
		"each such packet is a line in the kernel's log"},
}

// conflict says what a guide has to do with a value that is not the expected one.
func conflict(key, value, wanted string) string {
	for _, g := range guides {
		before, after, each := strings.Cut(g.key, "*")
		if g.key != key && (!each || !strings.HasPrefix(key, before) || !strings.HasSuffix(key, after)) {
			continue
		}
		switch {
		case same(value, g.value):
			return "; " + g.says
		case same(wanted, g.value):
			return "; " + g.says + ", and " + g.costs
		}
	}
	return ""
}

func checkExpected(c *Case) (found []Finding) {
	expect := c.settings.expectations()
	for _, e := range expect {
		if e.Multihomed && len(leadingOut(c)) < 2 {
			continue
		}
		if f, wrong := e.judge(c, expect); wrong {
			f.Kind, f.Subject, f.Expected = AtRisk, e.Key, e.Origin
			if f.Severity == Info {
				f.Kind = Note
			}
			found = append(found, f)
		}
	}
	return found
}

// judge holds the host against the expectation.
func (e Expectation) judge(c *Case, all []Expectation) (Finding, bool) {
	memory := uint64(0)
	if e.sized() {
		var known bool
		if memory, known = memTotal.In(c).Get(); !known {
			return Finding{}, false
		}
	}
	if strings.Contains(e.Key, "*") {
		return e.judgeEach(c, all, memory)
	}
	fact := kernel.SysctlText(e.Key).In(c)
	value, known := fact.Get()
	f := Finding{Severity: e.Severity, Evidence: probe.Because(fact)}
	if !known {
		return e.absent(f, fact.State)
	}
	if e.Absent || !e.meets(value, memory) {
		f.Message, f.Steps = e.says(value, memory), e.steps(e.Key, value, memory)
		return f, true
	}
	return f, false
}

// absent is the finding of a sysctl that the kernel does not have.
func (e Expectation) absent(f Finding, state probe.State) (Finding, bool) {
	if state != probe.Absent || e.Absent || e.Missing != Warn && e.Missing != Fail {
		return f, false
	}
	if e.Missing == Warn {
		f.Severity = min(f.Severity, Low)
	}
	f.Message = "this kernel does not have it, expected " + e.String() + e.reason()
	f.Steps = []Step{{Text: "load the module that brings it, or say missing: skip in the policy"}}
	return f, true
}

// mostInterfaces bounds what one finding says of interfaces: there may be thousands.
const mostInterfaces = 8

// judgeEach holds each interface against the expectation. One that another expectation names
// is left to that.
func (e Expectation) judgeEach(c *Case, all []Expectation, memory uint64) (Finding, bool) {
	section := kernel.SysctlEach(e.Key)
	fact := section.In(c)
	values, known := fact.Get()
	f := Finding{Severity: e.Severity, Evidence: probe.Because(fact)}
	if !known {
		return e.absent(f, fact.State)
	}
	f.Evidence = nil
	var wrong []string
	for _, v := range values {
		key := strings.Replace(e.Key, "*", strings.ReplaceAll(v.Name, ".", "/"), 1)
		if v.Name == "all" || v.Name == "default" || v.Name == "lo" ||
			slices.ContainsFunc(all, func(other Expectation) bool { return kernel.SysctlFile(other.Key) == kernel.SysctlFile(key) }) {
			continue
		}
		value := effective(e.Key, values, strings.Join(strings.Fields(v.Text), " "))
		if !e.Absent && e.meets(value, memory) {
			continue
		}
		if wrong = append(wrong, v.Name); len(wrong) > mostInterfaces {
			continue
		}
		if f.Message == "" {
			f.Message = e.says(value, memory)
		}
		f.Evidence = append(f.Evidence, fact.Part(v.Name, "", v.Text))
		f.Steps = append(f.Steps, e.steps(key, value, memory)...)
	}
	if len(wrong) == 0 {
		return f, false
	}
	if own, ok := values.Get("all"); ok && merged(e.Key) != 0 {
		f.Evidence = append(f.Evidence, fact.Part("all", "", own))
	}
	names := list(wrong)
	if more := len(wrong) - mostInterfaces; more > 0 {
		names = fmt.Sprintf("%s and %d more", strings.Join(wrong[:mostInterfaces], ", "), more)
	}
	f.Message = names + ": " + f.Message
	return f, true
}

// merged says how the kernel makes one value of conf/all and the interface's own: it takes the
// larger (1), the smaller (-1), or the interface's (0).
func merged(key string) int {
	before, name, _ := strings.Cut(strings.ReplaceAll(key, "/", "."), ".*.")
	switch {
	case before != "net.ipv4.conf":
		return 0
	case name == "accept_source_route":
		return -1
	case slices.Contains([]string{"rp_filter", "arp_ignore", "arp_announce", "log_martians", "send_redirects", "secure_redirects"}, name):
		return 1
	}
	return 0
}

func effective(key string, values probe.Values, own string) string {
	all, _ := values.Get("all")
	n, err := strconv.Atoi(own)
	m, wrong := strconv.Atoi(all)
	if err == nil && wrong == nil && (m-n)*merged(key) > 0 {
		return all
	}
	return own
}

// says is the message about a value.
func (e Expectation) says(value string, memory uint64) string {
	return value + ", expected " + e.String() + e.reason() + conflict(e.Key, value, e.nearest(value, memory))
}

func (e Expectation) reason() string {
	if e.Why == "" {
		return ""
	}
	return ": " + e.Why
}

// steps are how the value becomes what is expected.
func (e Expectation) steps(key, value string, memory uint64) []Step {
	if e.Absent {
		return []Step{{Text: "take " + key + " out of sysctl.d, and boot a kernel that does not have it", Sysctl: key, Present: value}}
	}
	want := e.nearest(value, memory)
	if want == "" || want == value {
		return nil
	}
	text, price := "give it the value that the policy asks for", ""
	if e.raises() {
		price = "where no counter of drops moves, more room changes nothing but the memory that is used"
	}
	return []Step{change(key, value, want, text, price)}
}
