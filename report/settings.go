package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
	"unique"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

// Settings are what someone chose for a host, or what its kernel and its drivers chose
// where nobody did: the name as a person would type it, and the value. Only what the scan
// read is there.
//
//	net.core.somaxconn                        4096
//	net.ipv4.conf.eth0.rp_filter              1
//	/sys/class/net/eth0/mtu                   1500
//	/sys/class/net/eth0/device/driver         ixgbe
//	ethtool -g eth0 rx                        512
//
// They stand in the order of their names. A fleet says the same over and over: what two hosts
// have alike is kept once. In JSON they are an object.
type Settings []unique.Handle[Setting]

// A Setting is one of them.
type Setting struct{ Name, Value string }

// newSettings are the settings of a host, by name.
func newSettings(values map[string]string) Settings {
	each := make([]Setting, 0, len(values))
	for name, value := range values {
		each = append(each, Setting{name, value})
	}
	return inOrder(each)
}

// inOrder are the settings of a host. Of two with one name the last counts.
func inOrder(each []Setting) Settings {
	slices.SortStableFunc(each, func(a, b Setting) int { return cmp.Compare(a.Name, b.Name) })
	all := make(Settings, 0, len(each))
	for i, one := range each {
		if i+1 == len(each) || each[i+1].Name != one.Name {
			all = append(all, unique.Make(one))
		}
	}
	return all
}

// byName are the settings of a host as they were before newSettings.
func (s Settings) byName() map[string]string {
	values := make(map[string]string, len(s))
	for _, one := range s {
		values[one.Value().Name] = one.Value().Value
	}
	return values
}

// MarshalJSON writes an object.
func (s Settings) MarshalJSON() ([]byte, error) { return json.Marshal(s.byName()) }

// UnmarshalJSON reads an object.
func (s *Settings) UnmarshalJSON(text []byte) error {
	var values map[string]string
	if err := json.Unmarshal(text, &values); err != nil {
		return err
	}
	*s = newSettings(values)
	return nil
}

// find is the place of a setting, if the host has it.
func (s Settings) find(name string) (place int, found bool) {
	return slices.BinarySearchFunc(s, name, func(one unique.Handle[Setting], name string) int { return cmp.Compare(one.Value().Name, name) })
}

// Bounds of what is kept of one host: it may have 2,000 interfaces.
const (
	maxSettings = 256
	maxSetting  = 128 // bytes of a value; a longer one is no setting that people compare
)

// measured are the files under /proc/sys that nobody sets: what the kernel counts, what it
// is, and what it makes of the memory that was free at boot, to the page, so that no two
// hosts are alike.
var measured = []string{
	"kernel/osrelease", "kernel/random/boot_id", "net/netfilter/nf_conntrack_count", "net/ipv4/tcp_mem", "net/ipv4/udp_mem",
}

// linkFiles are the files of an interface that hold a setting.
var linkFiles = []string{"mtu", "tx_queue_len", "speed", "duplex"}

// settingsOf reads the settings that a capture has. Of interfaces those count that are
// hardware; in a container, where none is, those that it has.
func settingsOf(s *probe.Snapshot) Settings {
	if s.Capture == nil {
		return nil
	}
	set := settings{all: make([]Setting, 0, 128)}
	devices, _ := kernel.DeviceEvent.In(s).Get()
	for _, d := range devices {
		if driver := kernel.Driver(devices, d.Name); driver != "" && !slices.Contains(set.links, d.Name) {
			set.links = append(set.links, d.Name)
			set.add(driverOf(d.Name), driver)
		}
	}
	for _, out := range s.Capture.Outputs {
		if out.First || out.State != probe.Known {
			continue
		}
		if file, ok := strings.CutPrefix(out.Section, "/proc/sys/"); ok {
			set.sysctl(file, out.Text)
		} else if file, ok := strings.CutPrefix(out.Section, "/sys/class/net/*/"); ok && slices.Contains(linkFiles, file) {
			set.each(out.Text, func(link string) string { return "/sys/class/net/" + link + "/" + file })
		}
	}
	for _, tool := range []*probe.Section[kernel.Setup]{kernel.Ring, kernel.Channels} {
		for _, link := range tool.Instances(s) {
			setup, _ := tool.Of(s, link).Get()
			for i, n := range setup.Current.Cells {
				set.add(strings.Replace(tool.ID(), "*", link, 1)+" "+setup.Current.Fields[i], fmt.Sprint(n))
			}
		}
	}
	return inOrder(set.all)
}

// isSysctl says that a setting is the kernel's, not an interface's.
func isSysctl(setting string) bool {
	return !strings.HasPrefix(setting, "/") && !strings.Contains(setting, " ")
}

// driverOf names the setting that an interface's driver is.
func driverOf(link string) string { return "/sys/class/net/" + link + "/device/driver" }

type settings struct {
	all   []Setting
	links []string // the interfaces that are hardware
}

// add keeps a setting.
func (s *settings) add(name, value string) {
	if value = strings.TrimSpace(value); strings.ContainsFunc(value, unicode.IsSpace) {
		value = strings.Join(strings.Fields(value), " ")
	}
	if value == "" || len(value) > maxSetting || len(name) > maxSetting || len(s.all) >= maxSettings {
		return
	}
	s.all = append(s.all, Setting{clean(name, maxSetting), clean(value, maxSetting)})
}

// sysctl keeps a file under /proc/sys, or the line of each interface where it has a star.
func (s *settings) sysctl(file, text string) {
	if slices.Contains(measured, file) {
		return
	}
	if !strings.Contains(file, "*") {
		s.add(strings.ReplaceAll(file, "/", "."), text)
		return
	}
	s.each(text, func(link string) string {
		// As sysctl(8) writes a dot in a name that is no border between two.
		link = strings.ReplaceAll(link, ".", "/")
		return strings.Replace(strings.ReplaceAll(file, "/", "."), "*", link, 1)
	})
}

// each keeps lines "NAME VALUE" of the interfaces that count.
func (s *settings) each(text string, name func(link string) string) {
	for line := range strings.Lines(text) {
		link, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if link == "all" || link == "default" || slices.Contains(s.links, link) || len(s.links) == 0 && link != "lo" {
			s.add(name(link), value)
		}
	}
}

// drivers returns the drivers of a host's interfaces, each once.
func (s Settings) drivers() (all []string) {
	for _, one := range s {
		name, driver := one.Value().Name, one.Value().Value
		if ok, _ := path.Match("/sys/class/net/*/device/driver", name); ok && !slices.Contains(all, driver) {
			all = append(all, driver)
		}
	}
	return all
}
