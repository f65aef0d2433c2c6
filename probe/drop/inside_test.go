package drop

import (
	"slices"
	"strings"
	"testing"

	"github.com/fleetdrop/fleetdrop/probe"
)

// TestInside has a conntrack table full in one namespace, which the log of the machine tells
// too, sockets that refuse connections in another, and nothing in a third.
func TestInside(t *testing.T) {
	s := snapshot(t, `
-- first /proc/stat --
-- first /proc/uptime --
990.00 1.00
-- first /proc/net/netstat --
TcpExt: ListenOverflows ListenDrops TCPDeferAcceptDrop
TcpExt: 0 0 0
-- first /proc/net/snmp --
Ip: InReceives
Ip: 5
-- first /proc/net/stat/nf_conntrack --
entries drop early_drop insert_failed
00000000 00000000 00000000 00000000
00000000 00000000 00000000 00000000
-- first ls -i /proc/[0-9]*/net/snmp --
10 /proc/70/net/snmp
11 /proc/80/net/snmp
12 /proc/90/net/snmp
-- first /proc/70/net/stat/nf_conntrack --
-- first /proc/70/net/snmp --
Ip: InReceives
Ip: 100
-- first /proc/80/net/netstat --
TcpExt: ListenOverflows ListenDrops TCPDeferAcceptDrop
TcpExt: 10 10 10
-- first /proc/90/net/netstat --
-- /proc/uptime --
1000.00 1.00
-- /proc/net/netstat --
TcpExt: ListenOverflows ListenDrops TCPDeferAcceptDrop
TcpExt: 0 0 0
-- /proc/net/snmp --
Ip: InReceives
Ip: 5
-- /proc/net/stat/nf_conntrack --
entries drop early_drop insert_failed
00000000 00000000 00000000 00000000
00000000 00000000 00000000 00000000
-- ls -i /proc/[0-9]*/net/snmp --
10 /proc/70/net/snmp
11 /proc/80/net/snmp
12 /proc/90/net/snmp
-- /proc/70/net/stat/nf_conntrack --
entries drop 
12c 0 
0 c8 
-- /proc/70/net/snmp --
Ip: InReceives
Ip: 800
-- /proc/70/comm --
router
-- /proc/80/net/netstat --
TcpExt: ListenOverflows ListenDrops TCPDeferAcceptDrop
TcpExt: 70 110 20
-- /proc/80/comm --
api
-- /proc/80/cgroup --
0::/kubepods.slice/kubepods-pod6f3c1a2b_0d1e_4f50_8a6b_7c8d9e0f1a2b.slice/cri-containerd-0f3a91c2b7d4a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1.scope
-- /proc/90/net/netstat --
-- /proc/90/comm --
idle
-- /proc/sys/net/core/netdev_max_backlog --
1000
-- /proc/sys/net/core/somaxconn --
128
-- /proc/sys/net/ipv4/tcp_syncookies --
0
-- /proc/sys/net/netfilter/nf_conntrack_max --
300
-- /proc/sys/net/netfilter/nf_conntrack_count --
7
-- dmesg --
[  995.000000] nf_conntrack: nf_conntrack: table full, dropping packet
`)
	var losses []string
	for _, v := range Judge(Catalogue(), nil, s) {
		for _, f := range v.Findings {
			switch {
			case f.Netns != nil && f.Netns.Process == "idle":
				t.Errorf("the idle one is blamed: %v", f)
			case f.Kind == Dropping:
				losses = append(losses, v.Rule+" "+f.Identity())
			case f.Netns != nil && f.Kind == Note:
				t.Errorf("a note of another namespace: %v", f)
			}
			for _, e := range f.Evidence {
				if f.Netns != nil && e.State == probe.Known && !strings.HasPrefix(e.Section, "/proc/") {
					t.Errorf("%v rests on %v, which is not of its namespace", f, e)
				}
			}
			for _, step := range f.Steps {
				inside := strings.HasPrefix(step.Command, "nsenter -t 80 -n sysctl -w net.core.somaxconn=")
				shared := strings.HasPrefix(step.Command, "sysctl -w net.netfilter.nf_conntrack_max=")
				if f.Kind == Dropping && step.Command != "" && !inside && !shared && v.Rule != "FD605" {
					t.Errorf("%v: %q", f, step.Command)
				}
				if inside && step.Present != "" {
					t.Errorf("the login's setting is taken for the pod's: %q", step.Present)
				}
			}
		}
	}
	want := []string{
		"FD402 netns of router", "FD601 netns of 6f3c1a2b-0d1e-4f50-8a6b-7c8d9e0f1a2b", "FD605 netns of 6f3c1a2b-0d1e-4f50-8a6b-7c8d9e0f1a2b",
	}
	if !slices.Equal(losses, want) {
		t.Errorf("got  %q\nwant %q", losses, want)
	}
}
