package kernel

import "testing"

const (
	// From a lab host and a Debian 12 guest; cut.
	qdiscs = `qdisc noqueue 0: dev lo root refcnt 2 
 Sent 0 bytes 0 pkt (dropped 0, overlimits 0 requeues 0) 
 backlog 0b 0p requeues 0
qdisc tbf 8001: dev eth0 root refcnt 3 rate 1Mbit burst 5000b lat 40ms 
 Sent 125554 bytes 178 pkt (dropped 704, overlimits 510 requeues 0) 
 backlog 8662b 4p requeues 0
qdisc mq 0: dev eth1 root 
 Sent 866 bytes 11 pkt (dropped 0, overlimits 0 requeues 0) 
 backlog 0b 0p requeues 0
qdisc fq_codel 0: dev eth1 parent :2 limit 10240p flows 1024 quantum 1514 target 5ms interval 100ms memory_limit 32Mb ecn drop_batch 64 
 Sent 780 bytes 10 pkt (dropped 9, overlimits 0 requeues 0) 
 backlog 0b 0p requeues 0
  maxpacket 0 drop_overlimit 5 new_flow_count 0 ecn_mark 0
  new_flows_len 0 old_flows_len 0
`
	// As iproute2 writes it; by hand.
	qdiscs2 = `qdisc fq 8052: dev eth0 root refcnt 2 limit 10000p flow_limit 100p buckets 1024
 Sent 13843 bytes 62 pkt (dropped 6, overlimits 0 requeues 0)
 rate 0bit 0pps backlog 0b 2p requeues 0
  6 flows (5 inactive, 0 throttled)
  0 gc, 0 highprio, 0 throttled, 6 flows_plimit
qdisc ingress ffff: dev eth0 parent ffff:fff1 ----------------
 Sent 12815 bytes 65 pkt (dropped 3, overlimits 0 requeues 0)
 backlog 0b 0p requeues 0
`
)

func TestQdiscs(t *testing.T) {
	for _, test := range []struct {
		text, row, field string
		want             uint64
	}{
		{qdiscs, "tbf 8001: dev eth0 root", "bytes", 125554},
		{qdiscs, "tbf 8001: dev eth0 root", "packets", 178},
		{qdiscs, "tbf 8001: dev eth0 root", "dropped", 704},
		{qdiscs, "tbf 8001: dev eth0 root", "overlimits", 510},
		{qdiscs, "tbf 8001: dev eth0 root", "backlog", 4},
		{qdiscs, "fq_codel 0: dev eth1 parent :2", "dropped", 9},
		{qdiscs, "fq_codel 0: dev eth1 parent :2", "drop_overlimit", 5},
		{qdiscs2, "fq 8052: dev eth0 root", "backlog", 2},
		{qdiscs2, "fq 8052: dev eth0 root", "flows_plimit", 6},
		{qdiscs2, "ingress ffff: dev eth0 parent ffff:fff1", "dropped", 3},
	} {
		table, err := Qdiscs.Parse(test.text)
		if got, ok := table.Row(test.row).Get(test.field); err != nil || !ok || got != test.want {
			t.Errorf("%s %s: got %d, %v, %v", test.row, test.field, got, ok, err)
		}
	}
	table, _ := Qdiscs.Parse(qdiscs)
	if n, ok := table.Row("tbf 8001: dev eth0 root").Get("drop_overlimit"); ok {
		t.Errorf("tbf has drop_overlimit %d", n)
	}
	for _, row := range table {
		if _, name := QdiscDevice(row.Name); name == "" {
			t.Errorf("%q has no interface", row.Name)
		}
	}
	for _, text := range []string{"hello\n", "qdisc tbf 1: dev eth0 root\n Sent many bytes\n"} {
		if table, err := Qdiscs.Parse(text); err == nil {
			t.Errorf("%q is %v", text, table)
		}
	}
}

func FuzzParseQdiscs(f *testing.F) { fuzzTable(f, Qdiscs, qdiscs, qdiscs2) }
