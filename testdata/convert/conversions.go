package main

import (
	"regexp"
	"slices"
	"strings"
)

// conversions say what becomes of the output of each command.
var conversions = []struct {
	command string
	convert func(*reading, output) []part
}{
	{"cat /proc/uptime", same("/proc/uptime")},
	{"cat /proc/net/dev", same("/proc/net/dev")},
	{"cat /proc/net/softnet_stat", same("/proc/net/softnet_stat")},
	{"cat /proc/net/netstat", same("/proc/net/netstat")},
	{"cat /proc/net/snmp", same("/proc/net/snmp")},
	{"cat /proc/net/snmp6", same("/proc/net/snmp6")},
	{"cat /proc/net/udp", same("/proc/net/udp")},
	{"cat /proc/net/udp6", same("/proc/net/udp6")},
	{"cat /proc/net/stat/nf_conntrack", same("/proc/net/stat/nf_conntrack")},
	{"cat /proc/net/stat/arp_cache", same("/proc/net/stat/arp_cache")},
	{"cat /proc/net/sockstat /proc/net/sockstat6", sockstat},
	{"cat /proc/net/tcp", listening},
	{"cat /proc/interrupts", same("/proc/interrupts")},
	{"cat /proc/softirqs", same("/proc/softirqs")},
	{"head -c 4000 /proc/stat", same("/proc/stat")},
	{linkStats, statistics},
	{"tc -s qdisc", same("tc -s qdisc")},
	{"ss -ltnm", listeners},
	{"ss -tani", synReceived},
	{"iptables-save -c", same("iptables-save -c")},
	{"iptables-legacy-save -c", same("iptables-legacy-save -c")},
	{"ip6tables-save -c", same("ip6tables-save -c")},
	{"nft -a list ruleset", ruleset},
	{ethtool("-S"), perInterface("-S")},
	{ethtool("-g"), perInterface("-g")},
	{ethtool("-l"), perInterface("-l")},
	{ethtool("-i"), drivers},
	{"cat /etc/os-release", same("/etc/os-release")},
	{"uname -a", uname},
	{"dmesg 2>&1 | tail -n 300", same("dmesg")},
	{"ip addr", addresses},
	{"ip rule", same("ip rule")},
	{linkSettings, settings},
	{"sysctl -a 2>/dev/null | grep -E '^net\\.'", sysctls},
}

// Loops over the interfaces, as they were recorded.
const (
	linkStats = `for i in /sys/class/net/*; do n=${i##*/}; for f in $i/statistics/*; ` +
		`do echo "$n ${f##*/} $(cat $f)"; done; done`
	linkSettings = `grep -H . /sys/class/net/*/queues/*/rps_cpus /sys/class/net/*/queues/*/rps_flow_cnt ` +
		`/sys/class/net/*/queues/*/xps_cpus /sys/class/net/*/mtu /sys/class/net/*/tx_queue_len ` +
		`/sys/class/net/*/carrier_changes /sys/class/net/*/speed /sys/class/net/*/duplex ` +
		`/sys/class/net/*/operstate 2>/dev/null`
)

func ethtool(option string) string {
	command := "ethtool " + option + " $i"
	return "for i in $(ls /sys/class/net); do [ $i = lo ] && continue; " +
		`echo "# ` + command + `"; ` + command + " 2>&1; done"
}

// same is for what the script reads in the same way.
func same(section string) func(*reading, output) []part {
	return func(_ *reading, out output) []part {
		switch {
		case out.failed && strings.Contains(out.text, "No such file or directory"):
			return []part{{section: section, missing: "absent"}}
		case out.failed:
			return []part{{section: section, lines: out.text, status: 1}}
		}
		return []part{{section: section, lines: out.text}}
	}
}

// sockstat parts two files that were read by one cat.
func sockstat(_ *reading, out output) []part {
	v4, v6, found := strings.Cut(out.text, "TCP6:")
	all := []part{{section: "/proc/net/sockstat", lines: v4}}
	if found {
		all = append(all, part{section: "/proc/net/sockstat6", lines: "TCP6:" + v6})
	}
	return all
}

// listening keeps the title and the sockets that listen; they are the first of the file.
func listening(_ *reading, out output) []part {
	var b strings.Builder
	for line := range strings.Lines(out.text) {
		f := strings.Fields(line)
		if b.Len() > 0 && (len(f) < 4 || f[3] != "0A") {
			break
		}
		b.WriteString(line)
	}
	return []part{{section: "/proc/net/tcp", lines: b.String()}}
}

// adapters returns the interfaces that are hardware: all but lo and the ends of a veth.
func (r *reading) adapters() (all []string) {
	for part := range strings.SplitSeq(r.output[ethtool("-i")].text, "# ethtool -i ") {
		name, text, _ := strings.Cut(part, "\n")
		if strings.HasPrefix(text, "driver: ") && !strings.HasPrefix(text, "driver: veth\n") {
			all = append(all, name)
		}
	}
	return all
}

// statistics makes of "eth0 rx_bytes 1" what a grep of that file says. Where there is no
// hardware, the script reads what there is but lo.
func statistics(r *reading, out output) (all []part) {
	hardware := r.adapters()
	for line := range strings.Lines(out.text) {
		f := strings.Fields(line)
		if len(f) != 3 || f[0] == "lo" || len(hardware) > 0 && !slices.Contains(hardware, f[0]) {
			continue
		}
		if len(all) == 0 || all[len(all)-1].of != f[0] {
			all = append(all, part{section: "/sys/class/net/*/statistics/", of: f[0]})
		}
		all[len(all)-1].lines += "/sys/class/net/" + f[0] + "/statistics/" + f[1] + ":" + f[2] + "\n"
	}
	return all
}

// perInterface takes what ethtool said apart by interface. The script asks those that are
// hardware, and up.
func perInterface(option string) func(*reading, output) []part {
	section := "ethtool " + option + " *"
	return func(r *reading, out output) (all []part) {
		hardware := r.adapters()
		if len(hardware) == 0 {
			return []part{{section: section, missing: "absent"}}
		}
		for text := range strings.SplitSeq("\n"+out.text, "\n# ethtool "+option+" ") {
			name, text, _ := strings.Cut(text, "\n")
			if !slices.Contains(hardware, name) {
				continue
			}
			p := part{section: section, of: name, lines: strings.TrimRight(text, "\n") + "\n"}
			if !strings.Contains(r.output["ip addr"].text, ": "+name+": <BROADCAST,MULTICAST,UP") {
				p.missing = "unread"
			}
			if !strings.HasPrefix(text, "NIC statistics:") && !strings.Contains(text, " parameters for ") {
				p.status = 1
			}
			all = append(all, p)
		}
		return all
	}
}

// drivers makes of "driver: e1000", which is the name that the driver gave itself, what
// the driver core shows of the same device. None of them is a bond.
func drivers(r *reading, out output) []part {
	const section = "/sys/class/net/*/device/uevent"
	bonds := part{section: "/sys/class/net/*/bonding/slaves", missing: "absent"}
	hardware := r.adapters()
	if len(hardware) == 0 {
		return []part{{section: section, missing: "absent"}, bonds}
	}
	var b strings.Builder
	for _, name := range hardware {
		_, driver, _ := strings.Cut(out.text, "# ethtool -i "+name+"\ndriver: ")
		driver, _, _ = strings.Cut(driver, "\n")
		b.WriteString(strings.Replace(section, "*", name, 1) + ":DRIVER=" + driver + "\n")
	}
	return []part{{section: section, lines: b.String()}, bonds}
}

// listeners leaves out the line that -H suppresses.
func listeners(_ *reading, out output) []part {
	_, rows, _ := strings.Cut(out.text, "\n")
	return []part{{section: "ss -Hltnm", lines: rows}}
}

// synReceived takes the connections of which only the SYN came so far, to be counted.
func synReceived(_ *reading, out output) []part {
	var b strings.Builder
	for line := range strings.Lines(out.text) {
		if rest, ok := strings.CutPrefix(line, "SYN-RECV "); ok {
			b.WriteString(rest)
		}
	}
	return []part{{section: "ss -Htn state syn-recv", lines: b.String()}}
}

var handle = regexp.MustCompile(`(?m) # handle \d+$`)

// ruleset leaves out what nft -a adds. No ruleset that was recorded has a set.
func ruleset(_ *reading, out output) []part {
	return []part{{section: "nft -t list ruleset", lines: handle.ReplaceAllString(out.text, "")}}
}

// uname takes the words of uname -a apart: the release is the third, the machine the last but one.
func uname(_ *reading, out output) []part {
	words := strings.Fields(out.text)
	return []part{
		{section: "/proc/sys/kernel/osrelease", lines: words[2] + "\n"},
		{section: "uname -m", lines: words[max(2, len(words)-2)] + "\n"},
	}
}

// addresses writes the IPv4 addresses of "ip addr" as -o does: each in a line of its own,
// with the name of its interface in front and a backslash where the line was broken.
func addresses(_ *reading, out output) []part {
	var b strings.Builder
	var index, name string
	wrapped := false
	for line := range strings.Lines(out.text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case wrapped:
			b.WriteString(line + "\n")
			wrapped = false
		case !strings.HasPrefix(line, " "):
			index, name, _ = strings.Cut(line, ": ")
			name, _, _ = strings.Cut(name, ": ")
			name, _, _ = strings.Cut(name, "@")
		case strings.HasPrefix(line, "    inet "):
			b.WriteString(index + ": " + name + line + `\`)
			wrapped = true
		}
	}
	return []part{{section: "ip -o -4 addr", lines: b.String()}}
}

// settings parts the lines "/sys/class/net/eth0/mtu:1500" by file.
func settings(_ *reading, out output) (all []part) {
	for _, file := range []string{"carrier_changes", "duplex", "mtu", "operstate", "speed", "tx_queue_len"} {
		p := part{section: "/sys/class/net/*/" + file}
		for line := range strings.Lines(out.text) {
			if path, _, _ := strings.Cut(line, ":"); strings.Count(path, "/") == 5 && strings.HasSuffix(path, "/"+file) {
				p.lines += line
			}
		}
		all = append(all, p)
	}
	return all
}

// sysctls makes a section of each file that a rule asks for, and of those with a star
// together. sysctl -a shows all files there are, so one that it does not show is absent.
func sysctls(_ *reading, out output) (all []part) {
	for _, r := range readers {
		p := part{section: r.ID()}
		if !strings.HasPrefix(p.section, "/proc/sys/net/") {
			continue
		}
		before, after, star := strings.Cut(p.section, "*")
		for line := range strings.Lines(out.text) {
			key, value, _ := strings.Cut(line, " = ")
			path := "/proc/sys/" + strings.ReplaceAll(key, ".", "/")
			switch {
			case path == p.section:
				p.lines = value
			case star && strings.HasPrefix(path, before) && strings.HasSuffix(path, after):
				p.lines += path + ":" + value
			}
		}
		if p.lines == "" {
			p.missing = "absent"
		}
		if !slices.ContainsFunc(all, func(other part) bool { return other.section == p.section }) {
			all = append(all, p)
		}
	}
	return all
}
