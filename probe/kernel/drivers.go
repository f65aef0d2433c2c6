package kernel

import (
	"slices"
	"strings"
)

// A Class says what a counter of ethtool -S counts. The zero Class is no loss, or nothing
// that is known to be one: packets, bytes, wake-ups.
type Class uint8

// The classes.
const (
	RingLoss      Class = iota + 1 // packets that found no descriptor, or no room in the adapter, for the host was too slow
	WireLoss                       // frames that came broken, or longer or shorter than they may be
	SendLoss                       // packets that the driver or the adapter threw away on their way out
	SendFault                      // packets that failed while they were sent
	SendHang                       // times that a queue stood still until the driver began anew; what was in its ring was lost
	AllowanceLoss                  // packets above what the cloud, or the host of a virtual machine, allows this one
	PauseSent                      // pause frames that asked the other end to wait
	PauseReceived                  // pause frames that made this end wait
	AllocLoss                      // packets that were thrown away for want of memory
	AllocFailure                   // times that there was no memory for a buffer; it is tried again, and costs a packet only if the ring runs dry
	LinkFault                      // times that the link went down, or the other end told of a fault
	LookAlike                      // no loss, though its name may say so: filters, checksums, XDP, frames that only waited
)

var classNames = [...]string{
	"not known", "ring overflow", "frame error", "dropped on its way out", "send error", "queue stood still", "allowance exceeded",
	"pause frame sent", "pause frame received", "dropped for want of memory", "no memory for a buffer", "link fault", "no loss",
}

func (c Class) String() string { return classNames[c] }

// A Level says of what a counter is. Counters of two levels may count the same packet, and so
// may two of one level, so they are never added up; those of all queues, or all priorities, are.
type Level uint8

// The levels, from the smallest.
const (
	QueueLevel     Level = iota + 1 // a queue of the interface
	PriorityLevel                   // a priority, or class of service, of the port
	InterfaceLevel                  // the interface: the part of the port that is this function's
	PortLevel                       // the port, with what its other functions, such as those of virtual machines, received
	CardLevel                       // the whole card: each of its interfaces shows the same number
)

var levelNames = [...]string{"", "queue", "priority", "interface", "port", "card"}

func (l Level) String() string { return levelNames[l] }

// A KnownDriver is what is known of the counters of one driver.
type KnownDriver struct {
	Names    []string // as /sys/class/net/*/device/uevent has them; the first is what people call it
	Note     string   // what /proc/net/dev hides or mixes up, if it does
	Counters []DriverCounters
}

// DriverCounters are names of one class and level, and where that was read.
type DriverCounters struct {
	Class  Class
	Level  Level
	In     string   // the counter of the interface that the driver adds them to: "rx_dropped"; "" if to none, or if that is not known
	Names  []string // as ethtool -S prints them; * stands for digits
	Source string   // a file of the kernel below drivers/net and a name in it, or else a page of the web
}

// A Meaning is what a counter of a driver counts.
type Meaning struct {
	Class
	Level      Level
	In         string
	Source     string // empty where Unverified
	Unverified bool   // nothing is known of the driver: its class comes from the words in its name
}

// Means says what a driver's counter counts. A driver that is not known is judged by words
// that most of them use.
func Means(driver, name string) Meaning {
	d, known := driverNamed(driver)
	if !known {
		return byWords(name)
	}
	for _, c := range d.Counters {
		if slices.ContainsFunc(c.Names, func(pattern string) bool { return likeName(pattern, name) }) {
			return Meaning{Class: c.Class, Level: c.Level, In: c.In, Source: c.Source}
		}
	}
	return Meaning{}
}

// CountsDropped says that the driver adds counters of its own to rx_dropped, as far as is known.
func CountsDropped(driver string) bool {
	d, known := driverNamed(driver)
	return !known || slices.ContainsFunc(d.Counters, func(c DriverCounters) bool { return c.In == "rx_dropped" })
}

// Has says that a name is one of them, with its heading or without.
func (c DriverCounters) Has(name string) bool {
	return slices.ContainsFunc(c.Names, func(pattern string) bool {
		_, bare, headed := strings.Cut(pattern, "/")
		return pattern == name || likeName(pattern, name) || headed && likeName(bare, name)
	})
}

// Drivers returns what is known of the counters of drivers, in the order of their names.
func Drivers() []KnownDriver { return slices.Clone(drivers) }

func driverNamed(name string) (*KnownDriver, bool) {
	for i := range drivers {
		if slices.Contains(drivers[i].Names, name) {
			return &drivers[i], true
		}
	}
	return nil, false
}

// likeName matches a name with a pattern in which * stands for digits.
func likeName(pattern, name string) bool {
	for {
		before, after, digits := strings.Cut(pattern, "*")
		rest, ok := strings.CutPrefix(name, before)
		if !ok || !digits {
			return ok && rest == ""
		}
		name = strings.TrimLeft(rest, "0123456789")
		if name == rest {
			return false
		}
		pattern = after
	}
}

// The words of drivers that are not known, in the order in which they are looked for. Each is
// a part of a name in lower case.
var (
	harmlessWords = []string{
		"xdp", "fdir", "steer", "filter", "csum", "checksum", "chksum", "macsec", "veb.", "tstamp", "timestamp", "ptp", "cache", "smbus",
		"bmc", "if_down", "red_drop", "mf_tag", "mftag", "mapping", "ttl0", "tls", "hlb", "ipsec", "unknown_protocol", "bytes", "octets",
		"corrected", "adminq", "resume", "wake",
	}
	allowanceWords = []string{"allowance_exceeded", "ratelimit"}
	pauseWords     = []string{"pause", "xoff", "pfc"}
	noPauseWords   = []string{"duration", "transition", "time", "xon", "storm"}
	allocWords     = []string{"alloc_fail", "alloc_err", "alloc_rx_buff_failed", "no_memory", "nomem", "skb_fail", "refill_err"}
	wireWords      = []string{
		"crc", "fcs", "symbol", "align", "jabber", "runt", "fragment", "undersize", "oversize", "length_err", "illegal",
		"local_fault", "remote_fault", "uncorrect",
	}
	ringWords = []string{
		"missed", "no_buf", "no_dma", "nodesc", "no_erx", "no_pbuf", "no_frags", "out_of_buffer", "oob", "overflow",
		"overrun", "fifo_err", "discard", "drop",
	}
)

// byWords judges a name of a driver of which nothing is known. What may be one of two is the
// one that costs less.
func byWords(name string) Meaning {
	name = strings.ToLower(name)
	sent := strings.HasPrefix(name, "tx") || strings.Contains(name, "_tx") || strings.Contains(name, " tx") || strings.Contains(name, "transmit")
	m := Meaning{Level: InterfaceLevel, Unverified: true}
	switch {
	case anyWord(harmlessWords, name):
		m.Class = LookAlike
	case anyWord(allowanceWords, name):
		m.Class = AllowanceLoss
	case anyWord(pauseWords, name) && anyWord(noPauseWords, name):
		m.Class = LookAlike
	case anyWord(pauseWords, name) && sent:
		m.Class = PauseSent
	case anyWord(pauseWords, name):
		m.Class = PauseReceived
	case anyWord(allocWords, name):
		m.Class = AllocFailure
	case sent && (strings.Contains(name, "timeout") || anyWord(ringWords, name)):
		m.Class = SendLoss
		if strings.Contains(name, "timeout") {
			m.Class = SendHang
		}
	case anyWord(wireWords, name):
		m.Class = WireLoss
		if sent {
			m.Class = SendFault
		}
	case anyWord(ringWords, name):
		m.Class, m.In = RingLoss, "rx_dropped"
	default:
		return Meaning{Unverified: true}
	}
	return m
}

func anyWord(words []string, name string) bool {
	for _, w := range words {
		if strings.Contains(name, w) {
			return true
		}
	}
	return false
}
