package main

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
)

// conversions say what becomes of the output of each command.
var conversions = []struct {
	command string
	pair    bool // the script reads it at both ends of the window
	convert func(output) []probe.Output
}{
	{"cat /proc/uptime", true, same("/proc/uptime")},
	{"cat /proc/net/dev", true, same("/proc/net/dev")},
	{"cat /proc/net/softnet_stat", true, same("/proc/net/softnet_stat")},
	{"cat /proc/net/netstat", true, same("/proc/net/netstat")},
	{"cat /proc/net/snmp", true, same("/proc/net/snmp")},
	{"cat /proc/net/snmp6", true, same("/proc/net/snmp6")},
	{"cat /proc/net/udp", true, same("/proc/net/udp")},
	{"cat /proc/net/udp6", true, same("/proc/net/udp6")},
	{"cat /proc/net/stat/nf_conntrack", true, same("/proc/net/stat/nf_conntrack")},
	{"cat /proc/net/sockstat /proc/net/sockstat6", true, sockstat},
	{"cat /proc/net/tcp", true, listening},
	{"cat /proc/interrupts", true, sparse("/proc/interrupts")},
	{"cat /proc/softirqs", true, sparse("/proc/softirqs")},
	{linkStats, true, statistics},
	{"tc -s qdisc", true, same("tc -s qdisc")},
	{"ss -ltnm", true, untitled("ss -Hltnm")},
	{"ss -tani", true, synReceived},
	{"iptables-save -c", true, same("iptables-save -c")},
	{"iptables-legacy-save -c", true, same("iptables-legacy-save -c")},
	{"ip6tables-save -c", true, same("ip6tables-save -c")},
	{"nft -a list ruleset", true, withoutHandles("nft -t list ruleset")},
	{ethtool("-S"), true, perInterface("ethtool -S ")},
	{ethtool("-g"), false, perInterface("ethtool -g ")},
	{ethtool("-l"), false, perInterface("ethtool -l ")},
	{ethtool("-i"), false, drivers},
	{"cat /etc/os-release", false, same("/etc/os-release")},
	{"uname -a", false, release},
	{"dmesg 2>&1 | tail -n 300", false, keep("dmesg", messages)},
	{"ip addr", false, oneLine("ip -o -4 addr")},
	{"ip rule", false, same("ip rule")},
	{linkSettings, false, settings},
	{"sysctl -a 2>/dev/null | grep -E '^net\\.'", false, sysctls},
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

// messages are the lines of the kernel's log that a rule may ask for.
const messages = `table full|syn flooding|table overflow|watchdog|timed out|out of memory|too many orphaned|` +
	`allocation failure|csum failure|martian|dropping packet|link (is )?(up|down)|callbacks suppressed`

// known is a section that was read.
func known(id, text string) probe.Output {
	return probe.Output{Section: id, State: probe.Known, Text: text}
}

// same is for what the script reads in the same way.
func same(id string) func(output) []probe.Output {
	return func(out output) []probe.Output {
		switch {
		case out.failed && strings.Contains(out.text, "No such file or directory"):
			return []probe.Output{{Section: id, State: probe.Absent}}
		case out.failed && strings.Contains(out.text, "ermission denied"):
			return []probe.Output{{Section: id, State: probe.Denied, Text: out.text}}
		case out.failed:
			return []probe.Output{{Section: id, State: probe.Failed, Text: out.text}}
		}
		return []probe.Output{known(id, out.text)}
	}
}

// sockstat parts two files that were read by one cat.
func sockstat(out output) []probe.Output {
	v4, v6, found := strings.Cut(out.text, "TCP6:")
	if !found {
		return []probe.Output{known("/proc/net/sockstat", v4)}
	}
	return []probe.Output{known("/proc/net/sockstat", v4), known("/proc/net/sockstat6", "TCP6:"+v6)}
}

// listening keeps the title and the sockets that listen; they are the first of the file.
func listening(out output) []probe.Output {
	var b strings.Builder
	for line := range strings.Lines(out.text) {
		f := strings.Fields(line)
		if b.Len() > 0 && (len(f) < 4 || f[3] != "0A") {
			break
		}
		b.WriteString(line)
	}
	return []probe.Output{known("/proc/net/tcp", b.String())}
}

// sparse keeps the title and what is not zero of a table with a column for each CPU:
// "24: 0=1 IO-APIC 5-edge ACPI:Ged".
func sparse(id string) func(output) []probe.Output {
	return func(out output) []probe.Output {
		title, rows, _ := strings.Cut(out.text, "\n")
		cpus := strings.Fields(title)
		var b strings.Builder
		b.WriteString(title + "\n")
		for row := range strings.Lines(rows) {
			f := strings.Fields(row)
			if len(f) == 0 {
				continue
			}
			words := f[:1]
			for i, word := range f[1:] {
				switch _, err := strconv.ParseUint(word, 10, 64); {
				case i >= len(cpus) || err != nil:
					words = append(words, word)
				case word != "0":
					words = append(words, strings.TrimPrefix(cpus[i], "CPU")+"="+word)
				}
			}
			b.WriteString(strings.Join(words, " ") + "\n")
		}
		return []probe.Output{known(id, b.String())}
	}
}

// adapter says that an interface is hardware, or stands for it: a veth named eth0 is the
// only way out of a network namespace.
func adapter(name string) bool { return strings.HasPrefix(name, "eth") }

// statistics takes the lines "eth0 rx_bytes 1" apart by interface.
func statistics(out output) (all []probe.Output) {
	for line := range strings.Lines(out.text) {
		name, value, _ := strings.Cut(line, " ")
		if !adapter(name) {
			continue
		}
		id := "/sys/class/net/" + name + "/statistics/"
		if len(all) == 0 || all[len(all)-1].Section != id {
			all = append(all, known(id, ""))
		}
		all[len(all)-1].Text += value
	}
	return all
}

// perInterface takes what ethtool said apart by interface.
func perInterface(command string) func(output) []probe.Output {
	return func(out output) (all []probe.Output) {
		for part := range strings.SplitSeq("\n"+out.text, "\n# "+command) {
			name, text, _ := strings.Cut(part, "\n")
			if !adapter(name) {
				continue
			}
			o := known(command+name, strings.TrimRight(text, "\n")+"\n")
			if !strings.HasPrefix(text, "NIC statistics:") && !strings.Contains(text, " parameters for ") {
				o.State = probe.Failed
			}
			all = append(all, o)
		}
		return all
	}
}

// drivers makes of "driver: e1000", which is the name that the driver gave itself, what
// the driver core shows of the same device.
func drivers(out output) []probe.Output {
	var b strings.Builder
	for _, o := range perInterface("ethtool -i ")(out) {
		name, _ := strings.CutPrefix(o.Section, "ethtool -i ")
		driver, _, _ := strings.Cut(o.Text, "\n")
		driver, _ = strings.CutPrefix(driver, "driver: ")
		if driver != "veth" { // no device
			b.WriteString(name + " DRIVER=" + driver + "\n")
		}
	}
	return []probe.Output{known("/sys/class/net/*/device/uevent", b.String())}
}

// untitled leaves out the line that -H suppresses.
func untitled(id string) func(output) []probe.Output {
	return func(out output) []probe.Output {
		_, rows, _ := strings.Cut(out.text, "\n")
		return []probe.Output{known(id, rows)}
	}
}

// synReceived counts the connections of which only the SYN came so far.
func synReceived(out output) []probe.Output {
	n := strings.Count("\n"+out.text, "\nSYN-RECV ")
	return []probe.Output{known("ss -Htn state syn-recv", strconv.Itoa(n)+"\n")}
}

var handle = regexp.MustCompile(`(?m) # handle \d+$`)

// withoutHandles leaves out what nft -a adds. No ruleset that was recorded has a set.
func withoutHandles(id string) func(output) []probe.Output {
	return func(out output) []probe.Output {
		return []probe.Output{known(id, handle.ReplaceAllString(out.text, ""))}
	}
}

// release is the third word of uname -a.
func release(out output) []probe.Output {
	return []probe.Output{known("/proc/sys/kernel/osrelease", strings.Fields(out.text)[2]+"\n")}
}

// keep is for what the script sends only some lines of.
func keep(id, pattern string) func(output) []probe.Output {
	ere := regexp.MustCompilePOSIX(pattern)
	return func(out output) []probe.Output {
		var b strings.Builder
		for line := range strings.Lines(out.text) {
			if ere.MatchString(strings.ToLower(strings.TrimRight(line, "\n"))) {
				b.WriteString(line)
			}
		}
		return []probe.Output{known(id, b.String())}
	}
}

// oneLine writes the IPv4 addresses of "ip addr" as -o does: each in a line of its own,
// with the name of its interface in front and a backslash where the line was broken.
func oneLine(id string) func(output) []probe.Output {
	return func(out output) []probe.Output {
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
		return []probe.Output{known(id, b.String())}
	}
}

// settings makes of "/sys/class/net/eth0/mtu:1500" a line of the section of all MTUs.
func settings(out output) (all []probe.Output) {
	for _, file := range []string{"carrier_changes", "duplex", "mtu", "operstate", "speed", "tx_queue_len"} {
		var b strings.Builder
		for line := range strings.Lines(out.text) {
			path, value, _ := strings.Cut(strings.TrimPrefix(line, "/sys/class/net/"), ":")
			if name, ok := strings.CutSuffix(path, "/"+file); ok {
				b.WriteString(name + " " + value)
			}
		}
		all = append(all, known("/sys/class/net/*/"+file, b.String()))
	}
	return all
}

// sysctls makes a section of each file that a rule may ask for, and one of the reverse
// path filters.
func sysctls(out output) (all []probe.Output) {
	var filters strings.Builder
	for line := range strings.Lines(out.text) {
		key, value, ok := strings.Cut(line, " = ")
		if !ok {
			continue
		}
		if name, ok := strings.CutPrefix(key, "net.ipv4.conf."); ok {
			if name, ok := strings.CutSuffix(name, ".rp_filter"); ok {
				filters.WriteString(name + " " + value)
			}
			continue
		}
		if wanted.MatchString(key) {
			all = append(all, known("/proc/sys/"+strings.ReplaceAll(key, ".", "/"), value))
		}
	}
	return append(all, known("/proc/sys/net/ipv4/conf/*/rp_filter", filters.String()))
}

// wanted leaves out what each interface has of its own, and what is no number.
var wanted = regexp.MustCompile(`^net\.(core|netfilter|ipv[46])\.[a-z0-9_]+$|^net\.ipv[46]\.neigh\.default\.`)
