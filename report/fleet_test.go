package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// The rules of the tests are their own: a new wording in the catalogue changes no golden
// file.
var testRules = []*drop.Rule{
	{ID: "FD015", Name: "by-design-counter", Title: "A counter grows that looks like a loss and is none", Stage: drop.Whole},
	{ID: "FD107", Name: "nic-rx-dropped", Title: "The interface drops packets that nothing else explains", Stage: drop.NIC},
	{ID: "FD201", Name: "ring-overflow", Title: "The receive ring is full: packets are lost before the kernel sees them", Stage: drop.Ring},
	{ID: "FD301", Name: "backlog-overflow", Title: "Packets are dropped because the backlog of a CPU is full", Stage: drop.Softirq},
	{ID: "FD402", Name: "conntrack-full", Title: "New connections are dropped because the conntrack table is full", Stage: drop.Netfilter},
	{ID: "FD403", Name: "conntrack-near-limit", Title: "The conntrack table is nearly full", Stage: drop.Netfilter},
	{ID: "FD601", Name: "accept-queue-overflow", Title: "Connections are dropped because the accept queue is full", Stage: drop.Listen},
	{ID: "FD711", Name: "udp-receive-buffer", Title: "Datagrams are dropped because a receive buffer is full", Stage: drop.Socket},
}

func verdict(rule string, findings ...drop.Finding) drop.Verdict {
	for i := range findings {
		findings[i].Rule = rule
	}
	return drop.Verdict{Rule: rule, Outcome: drop.Found, Findings: findings}
}

func notChecked(rule string, missing ...probe.Evidence) drop.Verdict {
	return drop.Verdict{Rule: rule, Outcome: drop.NotChecked, Missing: missing}
}

func lacks(section string, state probe.State) probe.Evidence {
	return probe.Evidence{Source: probe.Source{Section: section}, State: state}
}

func known(section, row, field string, before, value any) probe.Evidence {
	return probe.Evidence{Source: probe.Source{Section: section, Row: row, Field: field}, State: probe.Known, Before: before, Value: value}
}

const window = 10020 * time.Millisecond

func acceptQueue(count, of uint64) drop.Finding {
	return drop.Finding{
		Severity: drop.High, Scope: drop.Netns, Kind: drop.Dropping, Subject: "0.0.0.0:8080",
		Message: fmt.Sprintf("the accept queue overflowed: %d since boot, %d of them in 10.0 s", count+40, count),
		Loss:    drop.Loss{Count: count, Of: of, Over: window, Unit: drop.SYNs},
		Evidence: []probe.Evidence{
			known("/proc/net/netstat", "TcpExt", "ListenOverflows", uint64(40), count+40),
			known("/proc/net/snmp", "Tcp", "PassiveOpens", uint64(90210), 90210+of-count),
			lacks("/proc/sys/net/core/somaxconn", probe.Denied),
			known("ss -Hltnm", "0.0.0.0:8080", "skmem d", nil, count+40),
		},
		Steps: []drop.Step{{
			Text: "let the application accept faster: more workers, or less work before accept(2)",
		}, {
			Text:    "give listen(2) a longer backlog; where it is above net.core.somaxconn raise that too, and restart the listener",
			Command: "sysctl -w net.core.somaxconn=4096", Sysctl: "net.core.somaxconn", Value: "4096", Present: "128",
			Persist: "/etc/sysctl.d/zz-fleetdrop.conf: net.core.somaxconn = 4096", Undo: "sysctl -w net.core.somaxconn=128",
			Price: "it helps in bursts; where the queue is always full, clients only wait longer",
		}},
	}
}

func conntrackFull() drop.Finding {
	return drop.Finding{
		Severity: drop.Critical, Scope: drop.Netns, Kind: drop.Dropping,
		Message: "the conntrack table is full (262144 of 262144): 981402 new connections dropped since boot, 1402 of them in 10.0 s",
		Loss:    drop.Loss{Count: 1402, Of: 9120, Over: window, Unit: drop.Packets, Exact: true},
		Evidence: []probe.Evidence{
			known("/proc/net/stat/nf_conntrack", "cpu0", "drop", uint64(980000), uint64(981402)),
			known("/proc/sys/net/netfilter/nf_conntrack_count", "", "", nil, int64(262144)),
			known("/proc/sys/net/netfilter/nf_conntrack_max", "", "", nil, int64(262144)),
		},
		Steps: []drop.Step{{
			Text: "make the table larger", Command: "sysctl -w net.netfilter.nf_conntrack_max=524288",
			Sysctl: "net.netfilter.nf_conntrack_max", Value: "524288", Present: "262144",
			Undo: "sysctl -w net.netfilter.nf_conntrack_max=262144", Price: "about 320 bytes of kernel memory for each entry",
		}},
	}
}

func backlog(cpu string, count uint64) drop.Finding {
	return drop.Finding{
		Severity: drop.Medium, Scope: drop.Machine, Kind: drop.Dropping, Subject: cpu,
		Message:  fmt.Sprintf("the backlog overflowed: %d since boot, %d of them in 10.0 s", count, count),
		Loss:     drop.Loss{Count: count, Of: 900000, Over: window, Unit: drop.Packets, Exact: true},
		Evidence: []probe.Evidence{known("/proc/net/softnet_stat", cpu, "dropped", uint64(0), count)},
		Steps: []drop.Step{{
			Text: "a longer backlog", Command: "sysctl -w net.core.netdev_max_backlog=4096", Sysctl: "net.core.netdev_max_backlog",
			Value: "4096", Present: "1000", Undo: "sysctl -w net.core.netdev_max_backlog=1000", Price: "packets wait longer",
		}},
	}
}

func ring(kind drop.Kind) drop.Finding {
	return drop.Finding{
		Severity: drop.High, Scope: drop.Host, Kind: kind, Subject: "eth0",
		Message: "the ring overflowed: 81200 since boot, 8120 of them in 10.0 s; the ring has 512 of 4096 descriptors",
		Loss:    drop.Loss{Count: 8120, Of: 1310000, Over: window, Unit: drop.Packets, Exact: true},
		Evidence: []probe.Evidence{
			known("ethtool -S *", "eth0", "rx_missed_errors", uint64(73080), uint64(81200)),
			known("ethtool -g *", "eth0", "rx", nil, uint64(512)),
		},
		Steps: []drop.Step{{Text: "make the ring larger", Command: "ethtool -G eth0 rx 4096", Present: "512", Undo: "ethtool -G eth0 rx 512",
			Price: "the link may go down for a moment; more memory"}},
	}
}

func nearLimit() drop.Finding {
	return drop.Finding{
		Severity: drop.High, Scope: drop.Netns, Kind: drop.AtRisk, Message: "the conntrack table is 91 % full: 59638 of 65536",
		Evidence: []probe.Evidence{known("/proc/sys/net/netfilter/nf_conntrack_count", "", "", nil, int64(59638))},
		Steps:    []drop.Step{{Text: "make the table larger before it is full"}},
	}
}

func byDesign() drop.Finding {
	return drop.Finding{
		Severity: drop.Info, Scope: drop.Netns, Kind: drop.Note, Subject: "TCPDeferAcceptDrop",
		Message:  "160 since boot, 60 of them in 10.0 s: TCP_DEFER_ACCEPT waits for data, and drops the bare ACK before it",
		Evidence: []probe.Evidence{known("/proc/net/netstat", "TcpExt", "TCPDeferAcceptDrop", uint64(100), uint64(160))},
	}
}

func snapshotOf(t testing.TB, host, boot string) *probe.Snapshot {
	t.Helper()
	backlog := "4096"
	if host == "web-17" {
		backlog = "128"
	}
	c, err := probe.ParseCapture("fleetdrop capture v1\nhost: " + host + `
-- /proc/sys/net/core/somaxconn --
` + backlog + `
-- /proc/sys/kernel/random/boot_id --
` + boot + `
-- /proc/uptime --
864000.25 1000.00
-- /proc/sys/kernel/osrelease --
6.1.0-27-amd64
-- /etc/os-release --
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
`)
	if err != nil {
		t.Fatal(err)
	}
	return probe.NewSnapshot(c)
}

func member(name string, line int, groups ...string) inventory.Host {
	return inventory.Host{
		Name: name, Groups: groups, Origin: inventory.Origin{File: "hosts.txt", Line: line},
		Endpoint: inventory.Endpoint{Hostname: fmt.Sprintf("10.0.0.%d", line), Port: 22},
	}
}

// fleet has one of each: every grade and outcome, two namespaces of one machine.
func fleet(t testing.TB) []Host {
	t.Helper()
	dmesg := notChecked("FD402", lacks("dmesg", probe.Denied))
	scanned := func(h inventory.Host, boot string, verdicts ...drop.Verdict) Host {
		host := Scanned(h, snapshotOf(t, h.Name, boot), testRules, verdicts)
		host.Cost = &Cost{Connect: 12.5, Script: 41, Bytes: 41230}
		return host
	}
	clean := drop.Verdict{Rule: "FD601", Outcome: drop.Clean}
	hosts := []Host{
		scanned(member("web-01", 1, "web"), "b01", clean, dmesg),
		scanned(member("web-02", 2, "web"), "b02", clean, dmesg, verdict("FD015", byDesign())),
		scanned(member("web-17", 17, "web"), "b17", verdict("FD601", acceptQueue(17, 54)), dmesg, verdict("FD015", byDesign())),
		scanned(member("web-18", 18, "web"), "b18", verdict("FD601", acceptQueue(3, 540)), dmesg),
		scanned(member("lb-01", 21, "lb"), "b21", verdict("FD201", ring(drop.Dropping)), clean, dmesg),
		scanned(member("lb-03", 23, "lb"), "b23", verdict("FD402", conntrackFull()), verdict("FD301", backlog("cpu3", 95)), clean),
		scanned(member("db-11", 31, "db"), "b31", verdict("FD201", ring(drop.Dropped)), dmesg),
		scanned(member("db-12", 32, "db"), "b32", verdict("FD403", nearLimit()), clean, dmesg),
		scanned(member("pod-1", 41, "pods"), "b41", verdict("FD301", backlog("cpu0", 44)), clean),
		scanned(member("pod-2", 42, "pods"), "b41", verdict("FD301", backlog("cpu0", 44)), clean),
		scanned(member("old-1", 51), "b51", clean, notChecked("FD107", lacks("/proc/net/dev", probe.Garbled))),
		scanned(member("far-1", 52), "b52", clean).Partial(Error{Code: "partial", Stage: "run", Message: "the output ended before the script did", Hint: "raise --host-timeout"}),
		Failed(member("edge-9", 61, "edge"), Error{Code: "hostkey-unknown", Stage: "kex", Message: "no key of this host is in known_hosts", Hint: "ssh-keyscan -H 10.0.0.61 >> ~/.ssh/known_hosts, after a look at the fingerprint"}),
		Failed(member("edge-8", 60, "edge"), Error{Code: "hostkey-unknown", Stage: "kex", Message: "no key of this host is in known_hosts", Hint: "ssh-keyscan -H 10.0.0.60 >> ~/.ssh/known_hosts, after a look at the fingerprint"}),
		Failed(member("db-02", 62, "db"), Error{Code: "timeout@banner", Stage: "banner", Message: "10.0.0.62:22 accepts connections and says nothing", Hint: "--connect-timeout raises the limit of 10 s"}),
	}
	return hosts
}

func testHead() Head {
	return Head{
		Tool: Tool{"fleetdrop", "0.1.0"},
		Run: Run{
			ID: "2026-11-22T09-14-03Z-3fa9", Started: time.Date(2026, 11, 22, 9, 14, 3, 0, time.UTC),
			Duration: 12.3, Window: 10, Inventory: []string{"hosts.txt"},
		},
	}
}

func testReport(t testing.TB) *Report {
	return New(testHead(), Rules(testRules), fleet(t), Gates{FailOn: At(drop.High)})
}

// TestEndedEarly has a host whose output ended in a section: what did not come is said once, and
// no size cap is blamed for it.
func TestEndedEarly(t *testing.T) {
	h := Scanned(member("far-2", 53), snapshotOf(t, "far-2", "b53"), testRules, []drop.Verdict{
		notChecked("FD601", lacks("/proc/net/netstat", probe.Cut)), notChecked("FD107", lacks("/proc/net/dev", probe.Unread)),
	}).Partial(Error{Code: "partial/lost", Stage: "run", Message: "the connection was lost"})
	r := New(testHead(), Rules(testRules), []Host{h, fleet(t)[0]}, Gates{})
	for format, want := range map[string]string{
		"table": "what the script did not come to  unread: never came", "markdown": "what the script did not come to", "html": "the output of the script ends in it",
	} {
		said := string(written(t, format, r, Options{Width: 160}))
		if strings.Count(said, want) != 1 || strings.Contains(said, "size cap") {
			t.Errorf("%s: not %q once, or of a size cap:\n%s", format, want, said)
		}
	}
}
