package drop

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
	"github.com/fleetdrop/fleetdrop/testdata"
)

// harmless are counters that grow while all is well: row, field.
var harmless = []string{
	// Those that FD015 tells of.
	"TcpExt TCPDeferAcceptDrop", "TcpExt TCPMinTTLDrop", "TcpExt LockDroppedIcmps", "TcpExt OutOfWindowIcmps",
	"TcpExt ArpFilter", "TcpExt TCPSYNChallenge", "TcpExt TCPChallengeACK", "Udp IgnoredMulti", "Udp6 IgnoredMulti",
	// Nobody listens to what comes.
	"Udp NoPorts", "Udp6 NoPorts", "Icmp OutDestUnreachs", "Icmp6 OutDestUnreachs", "Icmp OutRateLimitHost",
	// Scans, health checks, applications that close early, duplicates.
	"TcpExt EmbryonicRsts", "TcpExt SyncookiesFailed", "TcpExt TCPAbortOnData", "TcpExt TCPAbortOnClose",
	"TcpExt PAWSOldAck", "TcpExt TCPDSACKRecv", "TcpExt TW", "TcpExt DelayedACKs", "Tcp AttemptFails", "Tcp OutRsts",
	// Memory that is put to better use, and segments that are put in order.
	"TcpExt TCPRcvCollapsed", "TcpExt TCPOFOQueue", "TcpExt TCPRcvCoalesce", "TcpExt TCPBacklogCoalesce", "TcpExt PruneCalled",
	// Peers that ask whether a window is still closed, strangers at a port that asks for signatures.
	"TcpExt TCPZeroWindowDrop", "TcpExt TCPMD5NotFound", "TcpExt TCPAORequired",
	// SYNs and SYN+ACKs that are sent again: dead addresses, scans.
	"TcpExt TCPSynRetrans", "TcpExt TCPTimeouts", "TcpExt TCPLossProbes",
	// IPv6 addresses that a host without IPv6 tries.
	"Ip6 OutNoRoutes",
	// What is for all.
	"IpExt InMcastPkts", "IpExt InBcastPkts", "Ip6 InMcastPkts",
	// Races that nobody lost.
	"cpu0 clashres",
}

// above returns the findings that are no notes.
func above(s *probe.Snapshot) (findings []string) {
	for _, v := range Judge(Catalogue(), nil, s) {
		for _, f := range v.Findings {
			if f.Kind != Note || f.Severity != Info {
				findings = append(findings, f.Rule+" "+f.String())
			}
		}
	}
	return findings
}

// A cell is a number of a table in both samples.
type cell struct {
	section, row, field string
	before, now         uint64
}

// edit returns a recording with other numbers in its tables: of every cell, what change makes of it.
func edit(t *testing.T, name string, change func(*cell)) *probe.Capture {
	t.Helper()
	recording, err := testdata.Recording(name)
	if err != nil {
		t.Fatal(err)
	}
	stats := map[string]*probe.Stats{}
	for _, s := range []*probe.Stats{kernel.Netstat, kernel.SNMP, kernel.SNMP6, kernel.Softnet, kernel.Conntrack, kernel.ARPCache, kernel.LinkStats, kernel.EthtoolStats} {
		for _, out := range recording.Outputs {
			if s.Matches(out.Section) {
				stats[out.Section] = s
			}
		}
	}
	tables := map[string][2]probe.Table{} // of both samples
	for _, out := range recording.Outputs {
		if s := stats[out.Section]; s != nil && out.State == probe.Known {
			table, err := s.Parse(out.Text)
			if err != nil {
				t.Fatal(err)
			}
			pair := tables[out.Section]
			if out.First {
				pair[0] = table
			} else {
				pair[1] = table
			}
			tables[out.Section] = pair
		}
	}
	for section, pair := range tables {
		for _, row := range pair[1] {
			first := pair[0].Row(row.Name)
			for i := range row.Cells {
				c := cell{section, row.Name, row.Fields[i], row.Cells[i], row.Cells[i]}
				at := slices.Index(first.Fields, c.field)
				if at >= 0 {
					c.before = first.Cells[at]
				}
				change(&c)
				row.Cells[i] = c.now
				if at >= 0 {
					first.Cells[at] = c.before
				}
			}
		}
	}
	edited := *recording
	edited.Outputs = slices.Clone(recording.Outputs)
	for i := range edited.Outputs {
		out := &edited.Outputs[i]
		if pair, ok := tables[out.Section]; ok && out.State == probe.Known {
			table := pair[1]
			if out.First {
				table = pair[0]
			}
			out.Text = write(out.Section, table)
		}
	}
	return &edited
}

// write gives a table the form that its kernel file or tool has.
func write(section string, table probe.Table) string {
	var b strings.Builder
	for i, row := range table {
		switch {
		case section == "/proc/net/netstat" || section == "/proc/net/snmp":
			fmt.Fprintf(&b, "%s: %s\n%s:", row.Name, strings.Join(row.Fields, " "), row.Name)
			for _, n := range row.Cells {
				fmt.Fprintf(&b, " %d", n)
			}
			b.WriteString("\n")
			continue
		case strings.HasPrefix(section, "/proc/net/stat/") && i == 0:
			b.WriteString(strings.Join(row.Fields, " ") + "\n")
		}
		for j, n := range row.Cells {
			switch {
			case section == "/proc/net/snmp6":
				fmt.Fprintf(&b, "%s%s\t%d\n", row.Name, row.Fields[j], n)
			case strings.HasPrefix(section, "ethtool"):
				fmt.Fprintf(&b, "     %s: %d\n", row.Fields[j], n)
			case strings.HasPrefix(section, "/sys/"):
				fmt.Fprintf(&b, "%s %d\n", row.Fields[j], n)
			default:
				fmt.Fprintf(&b, "%08x ", uint32(n))
			}
		}
		if !strings.HasSuffix(b.String(), "\n") {
			b.WriteString("\n")
		}
	}
	return b.String()
}

// TestHarmless lets counters that grow while all is well grow by 1,000 a second on a host that
// loses nothing, each by itself and all together: there is nothing but notes.
func TestHarmless(t *testing.T) {
	for _, d := range byDesign {
		if s := d.counter.Source(); !slices.Contains(harmless, s.Row+" "+s.Field) {
			t.Errorf("%s %s is not in the list", s.Row, s.Field)
		}
	}
	for _, name := range append([]string{"all of them"}, harmless...) {
		t.Run(name, func(t *testing.T) {
			grown := 0
			c := edit(t, "netns-clean/after", func(c *cell) {
				this := c.row + " " + c.field
				const seconds = 2 // its window is not longer
				if this == name || name == "all of them" && slices.Contains(harmless, this) {
					c.now = c.before + 1000*seconds
					grown++
				}
				if this == "Tcp InErrs" && (name == "TcpExt TCPSYNChallenge" || name == "all of them") {
					c.now = c.before + 1000*seconds // it counts them again
				}
			})
			if grown == 0 {
				t.Fatal("the recording has no such counter")
			}
			s := probe.NewSnapshot(c)
			if got := above(s); len(got) > 0 {
				t.Errorf("found %q", got)
			}
			notes := map[string]bool{}
			for _, v := range Judge([]*Rule{byName(t, "by-design-counter")}, nil, s) {
				for _, f := range v.Findings {
					notes[f.Subject] = true
				}
			}
			if name == "all of them" && len(notes) != len(byDesign) {
				t.Errorf("%d notes %v for %d counters", len(notes), notes, len(byDesign))
			}
		})
	}
}

// TestLongLife has a host that is up for 300 days, has received much, and has one of every
// counter that was zero: of every loss there is. Nobody is told of it. A host with 100 million of
// each shows that the rules did look.
func TestLongLife(t *testing.T) {
	for _, name := range []string{"lab-clean/after", "vm-e1000/idle"} {
		t.Run(name, func(t *testing.T) {
			if got := above(longLife(t, name, 1)); len(got) > 0 {
				t.Errorf("found %q", got)
			}
			if got := above(longLife(t, name, 1e8)); len(got) < 10 {
				t.Errorf("found only %q", got)
			}
		})
	}
}

// longLife returns a recording 300 days later, with that many of every loss.
func longLife(t *testing.T, name string, losses uint64) *probe.Snapshot {
	t.Helper()
	counters := 0
	c := edit(t, name, func(c *cell) {
		grew := c.now - min(c.before, c.now)
		switch {
		case c.field == "cpu" || c.field == "entries": // no counters
		case c.section == "/proc/net/softnet_stat" && c.field != "processed", c.now == 0:
			// The softnet table is of the whole machine, where others lost something.
			c.before, c.now = losses, losses
			counters++
		case c.section != "/proc/net/softnet_stat": // which keeps 32 bits
			c.now *= 1e6
			c.before = c.now - grew
		}
	})
	for i := range c.Outputs {
		out := &c.Outputs[i]
		switch {
		case out.Section == "/proc/uptime" && out.First:
			out.Text = "25920000.00 51840000.00\n"
		case out.Section == "/proc/uptime":
			out.Text = "25920010.00 51840000.00\n"
		case out.Section == "ss -Hltnm":
			out.Text = strings.ReplaceAll(out.Text, ",d0)", fmt.Sprintf(",d%d)", losses))
		case out.Section == "tc -s qdisc":
			out.Text = strings.ReplaceAll(out.Text, "(dropped 0, overlimits 0 requeues 0)", fmt.Sprintf("(dropped %d, overlimits 1 requeues 1)", losses))
		}
	}
	if counters < 200 {
		t.Errorf("only %d counters were zero", counters)
	}
	return probe.NewSnapshot(c)
}

func byName(t *testing.T, name string) *Rule {
	t.Helper()
	for _, r := range Catalogue() {
		if r.Name == name {
			return r
		}
	}
	t.Fatalf("no rule %s", name)
	return nil
}
