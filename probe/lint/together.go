package lint

import (
	"fmt"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/probe/sysctl"
)

const twRecycle = "net/ipv4/tcp_tw_recycle"

// A line is a number that the files set in the end, and where.
type line struct {
	sysctl.Setting
	numbers []float64
}

// set returns what a key is in the end, if the files set it to numbers.
func (j *judge) set(path string) (line, bool) {
	s, ok := sysctl.Procps.Final(j.Files, path)
	if !ok {
		return line{}, false
	}
	l := line{Setting: s}
	for field := range strings.FieldsSeq(s.Value) {
		n, err := number(field)
		if err != nil {
			break
		}
		l.numbers = append(l.numbers, n)
	}
	return l, len(l.numbers) > 0
}

// number returns a key of one number.
func (j *judge) number(path string) (n float64, s sysctl.Setting, ok bool) {
	l, ok := j.set(path)
	if !ok {
		return 0, s, false
	}
	return l.numbers[0], l.Setting, true
}

// together finds values that lose packets, by themselves or one with another.
func (j *judge) together() {
	j.recycle()
	j.cookies()
	j.reversePath()
	j.conntrack()
	j.buffers()
	j.order(&lowOverHigh, "net/ipv4/ipfrag_low_thresh", "net/ipv4/ipfrag_high_thresh", "the kernel refuses what is set second")
	j.order(&lowOverHigh, "net/ipv6/ip6frag_low_thresh", "net/ipv6/ip6frag_high_thresh", "the kernel refuses what is set second")
	for _, family := range []string{"net/ipv4", "net/ipv6"} {
		neigh := family + "/neigh/default/gc_thresh"
		j.order(&lowOverHigh, neigh+"1", neigh+"2", "neighbours are forgotten too early or too late")
		j.order(&lowOverHigh, neigh+"2", neigh+"3", "the table is full before it is cleaned")
	}
	if n, s, ok := j.number("net/ipv4/tcp_timestamps"); ok && n == 0 {
		message := "without timestamps TCP has no protection against old segments (PAWS) and a poorer view of the round trip; hardening guides that ask for it fear that the uptime shows, which Linux hides since 4.10 by a random offset for each connection"
		if reuse, _, on := j.number("net/ipv4/tcp_tw_reuse"); on && reuse == 1 {
			message += "; net.ipv4.tcp_tw_reuse does nothing without them"
		}
		j.at(&timestampsOff, drop.Low, s, message)
	}
}

func (j *judge) recycle() {
	n, s, ok := j.number(twRecycle)
	if !ok || n == 0 || sysctl.Find(twRecycle).Until.Certain(j.Kernel) {
		return
	}
	if stamps, _, set := j.number("net/ipv4/tcp_timestamps"); set && stamps == 0 {
		j.at(&twRecycleNAT, drop.Medium, s, "net.ipv4.tcp_tw_recycle does nothing here, for net.ipv4.tcp_timestamps is 0; with both on, clients behind one NAT address are turned away")
		return
	}
	gone := ""
	if j.Kernel == (sysctl.Version{}) {
		gone = "; Linux 4.12 took it away, and newer kernels skip it silently"
	}
	j.at(&twRecycleNAT, drop.Critical, s, "net.ipv4.tcp_tw_recycle turns clients behind one NAT address away: take the line out"+gone)
}

func (j *judge) cookies() {
	n, s, ok := j.number("net/ipv4/tcp_syncookies")
	if !ok || n != 0 {
		return
	}
	message := "without SYN cookies a full SYN queue turns clients away"
	var also []Place
	if most, where, set := j.number("net/ipv4/tcp_max_syn_backlog"); set {
		message += fmt.Sprintf(", here at three quarters of net.ipv4.tcp_max_syn_backlog = %.0f (%s:%d)", most, where.File, where.Line)
		also = append(also, keyPlace(where))
	}
	j.at(&syncookiesOff, drop.Medium, s, message, also...)
}

// reversePath finds interfaces that look loose and are strict, for the larger of all and the
// interface's own holds.
func (j *judge) reversePath() {
	all, s, ok := j.number("net/ipv4/conf/all/rp_filter")
	if !ok || all != 1 {
		return
	}
	told := map[string]bool{"net/ipv4/conf/all/rp_filter": true}
	for _, f := range j.Files {
		for _, other := range f.Settings {
			if told[other.Path] || other.Exclude || !sysctl.Match("net/ipv4/conf/*/rp_filter", other.Path) || other.Pattern() {
				continue
			}
			told[other.Path] = true
			n, where, ok := j.number(other.Path)
			if ok && n == 0 {
				j.at(&rpFilterMax, drop.Medium, where, fmt.Sprintf("%s = 0 has no effect: net.ipv4.conf.all.rp_filter is 1 (%s:%d), and the larger of both holds; 2 would be loose",
					sysctl.Dotted(other.Path), s.File, s.Line), keyPlace(s))
			}
		}
	}
}

func (j *judge) conntrack() {
	most, s, ok := j.number("net/netfilter/nf_conntrack_max")
	if !ok {
		if most, s, ok = j.number("net/nf_conntrack_max"); !ok {
			return
		}
	}
	buckets, where, set := j.number("net/netfilter/nf_conntrack_buckets")
	switch {
	case set && buckets > 0 && most > 4*buckets:
		j.at(&conntrackBuckets, drop.Low, s, fmt.Sprintf("nf_conntrack_max is %.0f times the buckets (%s:%d): each packet is looked for in long chains", most/buckets, where.File, where.Line), keyPlace(where))
	case !set && most > 262144*4:
		j.at(&conntrackBuckets, drop.Low, s, fmt.Sprintf("no file sets net.netfilter.nf_conntrack_buckets, of which a kernel makes 262144 at most by itself: for %.0f connections the chains are long", most))
	}
	j.at(&moduleKey, drop.Info, s, "the key is skipped silently if nf_conntrack is not loaded yet when the files are applied: name the module in /etc/modules-load.d")
}

// buffers finds defaults that are larger than what an application may ask for.
func (j *judge) buffers() {
	for _, way := range []string{"rmem", "wmem"} {
		least, s, ok := j.number("net/core/" + way + "_default")
		most, where, set := j.number("net/core/" + way + "_max")
		if ok && set && least > most {
			j.at(&defaultOverMax, drop.Medium, s, fmt.Sprintf("net.core.%s_default = %.0f is more than net.core.%s_max = %.0f (%s:%d): an application that asks for a buffer gets a smaller one than one that does not ask",
				way, least, way, most, where.File, where.Line), keyPlace(where))
		}
	}
}

// order finds two limits of which the lower is above the higher.
func (j *judge) order(c *Check, low, high, so string) {
	a, s, ok := j.number(low)
	b, where, set := j.number(high)
	if ok && set && a > b {
		j.at(c, drop.Medium, s, fmt.Sprintf("%s = %.0f is more than %s = %.0f (%s:%d): %s", sysctl.Dotted(low), a, sysctl.Dotted(high), b, where.File, where.Line, so), keyPlace(where))
	}
}
