//go:build linux

package main

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// netfilterFaults are those of firewalls.
func netfilterFaults() []fault {
	found := func(subject string) []expectation { return []expectation{dropping("FD401", drop.Medium, subject)} }
	const nft = `add table inet lab; add chain inet lab in { type filter hook input priority 0; }; add rule inet lab in `
	return []fault{{
		name:  "iptables-drop",
		title: "a rule of iptables drops 2,000 datagrams",
		cause: "firewall",
		want:  found("iptables -t filter -A INPUT"),
		tools: []string{"iptables"},
		setup: func(h *host) (provoke, error) {
			return dropsAll(h, 4, 2000, 0, "iptables -A INPUT -p udp --dport 9000 -j DROP")
		},
	}, {
		name:  "iptables-drop-medium",
		title: "the same, among datagrams that pass: 1 in 4",
		cause: "firewall",
		want:  found("iptables -t filter -A INPUT"),
		tools: []string{"iptables"},
		setup: func(h *host) (provoke, error) {
			return dropsAll(h, 4, 2000, 6000, "iptables -A INPUT -p udp --dport 9000 -j DROP")
		},
	}, {
		name:  "iptables-drop-weak",
		title: "the same: 1 in 20",
		cause: "firewall",
		want:  found("iptables -t filter -A INPUT"),
		tools: []string{"iptables"},
		setup: func(h *host) (provoke, error) {
			return dropsAll(h, 4, 1000, 19000, "iptables -A INPUT -p udp --dport 9000 -j DROP")
		},
	}, {
		name:  "iptables-legacy-drop",
		title: "a rule of the legacy iptables drops 2,000 datagrams",
		want:  found("iptables-legacy -t filter -A INPUT"),
		tools: []string{"iptables-legacy"},
		setup: func(h *host) (provoke, error) {
			if err := h.ns.words("iptables-legacy -S"); err != nil {
				return nil, lacking{"the kernel has no legacy iptables"}
			}
			return dropsAll(h, 4, 2000, 0, "iptables-legacy -A INPUT -p udp --dport 9000 -j DROP")
		},
	}, {
		name:  "ip6tables-drop",
		title: "a rule of ip6tables drops 2,000 datagrams over IPv6",
		want:  found("ip6tables -t filter -A INPUT"),
		tools: []string{"ip6tables"},
		setup: func(h *host) (provoke, error) {
			return dropsAll(h, 6, 2000, 0, "ip6tables -A INPUT -p udp --dport 9000 -j DROP")
		},
	}, {
		name:  "nft-drop",
		title: "a rule of nftables drops 2,000 datagrams",
		want:  found("nft inet lab in"),
		tools: []string{"nft"},
		setup: func(h *host) (provoke, error) { return nftDrops(h, "FD401", 4, nft+"udp dport 9000 counter drop") },
	}, {
		name:  "nft-drop-v6",
		title: "the same over IPv6",
		want:  found("nft inet lab in"),
		tools: []string{"nft"},
		setup: func(h *host) (provoke, error) { return nftDrops(h, "FD401", 6, nft+"udp dport 9000 counter drop") },
	}, {
		name:  "nft-rate-limit",
		title: "a rule of nftables drops what comes faster than 50 a second, of 2,000 datagrams",
		want:  found("nft inet lab in"),
		tools: []string{"nft"},
		setup: func(h *host) (provoke, error) {
			return nftDrops(h, "FD401", 4, nft+"udp dport 9000 limit rate over 50/second burst 10 packets counter drop")
		},
	}, {
		name:  "nft-silent",
		title: "a rule of nftables that counts nothing drops 2,000 datagrams",
		want:  []expectation{dropping("FD406", drop.Medium, "")},
		tools: []string{"nft"},
		setup: func(h *host) (provoke, error) { return nftDrops(h, "FD406", 4, nft+"udp dport 9000 drop") },
	}, {
		name:  "queue-unread",
		title: "a rule of iptables hands 2,000 datagrams to a program, and there is none",
		want:  []expectation{dropping("FD406", drop.Low, "")},
		tools: []string{"iptables"},
		setup: func(h *host) (provoke, error) {
			if err := h.ns.words("iptables -A INPUT -p udp --dport 9000 -j NFQUEUE --queue-num 5"); err != nil {
				return nil, err
			}
			return firewalled(h, "FD406", 4, 2000, 0)
		},
	}, {
		name:  "nft-forward",
		title: "4,000 datagrams to forward, and a rule of nftables that counts nothing drops each second one",
		want:  []expectation{dropping("FD406", drop.Medium, "")},
		tools: []string{"nft"},
		setup: nftForward,
	}, {
		name:  "tc-filter",
		title: "a filter of tc drops each second one of 2,000 datagrams before IP sees it",
		want:  []expectation{dropping("FD406", drop.Medium, "eth1 clsact")},
		tools: []string{"tc"},
		setup: tcFilter,
	}, {
		name:  "conntrack-race",
		title: "two hosts that masquerading gives one port begin a connection at the same moment, 4,000 times",
		want:  []expectation{dropping("FD404", drop.Medium, "")},
		tools: []string{"iptables"},
		setup: conntrackRace,
	}}
}

// nftForward makes the host a router that drops what is longer than 1,000 bytes.
func nftForward(h *host) (provoke, error) {
	reader, to, err := router(h)
	if err != nil {
		return nil, err
	}
	src, dst := strangerAddr, to.Addr()
	const rules = `add table inet lab; add chain inet lab way { type filter hook forward priority 0; }; add rule inet lab way meta length > 1000 drop`
	if _, err := h.ns.output(rules, "nft", "-f", "-"); err != nil {
		return nil, err
	}
	return func(context.Context) ([]toll, error) {
		reader.drain()
		const count = 4000
		var pair [][]byte
		for _, size := range []int{100, 1200} {
			pair = append(pair, h.framed(packet(src, dst, protoUDP, udp(src, dst, 5000, to.Port(), make([]byte, size), false))))
		}
		if err := h.sendFrames(slices.Repeat(pair, count/2)...); err != nil {
			return nil, err
		}
		return []toll{{Rule: "FD406", Sent: count, Lost: count - settled(reader), Unit: "datagrams", Exact: true}}, nil
	}, nil
}

// tcFilter has a program of classic BPF drop what is longer than 500 bytes.
func tcFilter(h *host) (provoke, error) {
	if err := h.secondLink(); err != nil {
		return nil, err
	}
	if err := h.ns.words("tc qdisc add dev eth1 clsact"); err != nil {
		return nil, err
	}
	// ld len; jgt 500; ret TC_ACT_SHOT; ret TC_ACT_UNSPEC
	program := "4,128 0 0 0,37 0 1 500,6 0 0 2,6 0 0 4294967295"
	if _, err := h.ns.output("", "tc", "filter", "add", "dev", "eth1", "ingress", "protocol", "ip", "bpf", "da", "bytecode", program); err != nil {
		if strings.Contains(err.Error(), "classifier not found") {
			return nil, lacking{"not on this kernel: the classifier bpf of tc"}
		}
		return nil, err
	}
	reader, err := udpServer(h.ns, 4, 9000, plenty)
	if err != nil {
		return nil, err
	}
	h.onClose(reader.close)
	to := netip.AddrPortFrom(h.secondAddr(4), 9000)
	if err := heard(h.peer(), to, reader); err != nil {
		return nil, err
	}
	return inTurn(h.peer(), to, reader, 2000, []int{100, 1000}, "FD406"), nil
}

// dropsAll makes a rule, and sends datagrams that it drops, and others to another port.
func dropsAll(h *host, family, bad, good int, rule string) (provoke, error) {
	if err := h.ns.words(rule); err != nil {
		return nil, err
	}
	return firewalled(h, "FD401", family, bad, good)
}

func nftDrops(h *host, counts string, family int, rules string) (provoke, error) {
	if _, err := h.ns.output(rules, "nft", "-f", "-"); err != nil {
		return nil, err
	}
	return firewalled(h, counts, family, 2000, 0)
}

// firewalled sends datagrams to port 9000, and others to port 9001. Both are read.
func firewalled(h *host, counts string, family, bad, good int) (provoke, error) {
	var readers []*socket
	for _, port := range []uint16{9000, 9001} {
		s, err := udpServer(h.ns, family, port, plenty)
		if err != nil {
			return nil, err
		}
		h.onClose(s.close)
		readers = append(readers, s)
	}
	return func(context.Context) ([]toll, error) {
		sent, got := 0, 0
		for i, count := range []int{bad, good} {
			readers[i].drain()
			n, err := burst(h.peer(), netip.AddrPortFrom(h.addr(family), uint16(9000+i)), count, 100)
			if err != nil {
				return nil, err
			}
			sent, got = sent+n, got+settled(readers[i])
		}
		return []toll{{Rule: counts, Sent: sent, Lost: sent - got, Unit: "datagrams", Exact: true}}, nil
	}, nil
}
