package drop

import (
	"strings"
	"testing"
)

// TestStepsRaiseTheLimit shows rules a loss that one of several settings limits: the steps
// name that one, and not the other.
func TestStepsRaiseTheLimit(t *testing.T) {
	for _, test := range []struct {
		rule, example string
		want, never   string // in the commands of the steps
	}{
		{"qdisc-drop", "pfifo_fast under mq was full", "ip link set dev eth0 txqueuelen 2000", "tc qdisc"},
		{"qdisc-drop", "a rate limit of 1 Mbit/s", "", "txqueuelen"},
		{"rp-filter-drop", "the one strict interface, and no log", "net.ipv4.conf.eth1.rp_filter=2", "conf.all"},
		{"rp-filter-drop", "every second packet comes by the wrong interface", "net.ipv4.conf.all.rp_filter=2", "conf.d1"},
		{"rp-filter-strict", "a bond with a VLAN, one of them strict, and two routing rules more", "net.ipv4.conf.bond0/7.rp_filter=2", "conf.all"},
		{"fragment-reassembly", "no room for fragments of IPv6", "net.ipv6.ip6frag_high_thresh=8388608", "ipfrag_high"},
		{"conntrack-full", "a table that was too small", "net.netfilter.nf_conntrack_max=524288", ""},
		{"conntrack-full", "a resolver that asks twice at once, and a table with room", "", "nf_conntrack_max"},
	} {
		t.Run(test.rule+"/"+test.example, func(t *testing.T) {
			r := byName(t, test.rule)
			for _, e := range r.Examples {
				if e.Name != test.example {
					continue
				}
				var commands []string
				for _, f := range Judge([]*Rule{r}, nil, snapshot(t, e.Capture))[0].Findings {
					for _, s := range f.Steps {
						commands = append(commands, s.Command)
					}
				}
				all := strings.Join(commands, "\n")
				if !strings.Contains(all, test.want) || test.never != "" && strings.Contains(all, test.never) {
					t.Errorf("got %q, want %q and never %q", commands, test.want, test.never)
				}
				return
			}
			t.Error("no such example")
		})
	}
}
