package kernel

import (
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
)

// What the kernel says of each interface, one word each.
//
// Source: net/core/net-sysfs.c; Documentation/ABI/testing/sysfs-class-net.
var (
	// OperState is "up", "down", "unknown" (drivers that do not tell, and loopback) and so on.
	OperState = probe.Glob("/sys/class/net/*/operstate")
	// Speed is in Mbit/s. It is -1 or 4294967295, or cannot be read, where it is not known.
	Speed = probe.Glob("/sys/class/net/*/speed")
	// Duplex is "full", "half" or "unknown".
	Duplex = probe.Glob("/sys/class/net/*/duplex")
	// TxQueueLen is the packets that a qdisc holds which takes its limit from the interface: pfifo_fast, pfifo.
	TxQueueLen = probe.Glob("/sys/class/net/*/tx_queue_len")
	// MTU is the most bytes of a packet that an interface takes.
	MTU = probe.Glob("/sys/class/net/*/mtu")
	// Bridge is what udev is told of the bridge that an interface is a port of: the line
	// "INTERFACE=br0". Interfaces that are no ports have none.
	Bridge = keep(probe.Glob("/sys/class/net/*/brport/bridge/uevent"), "^interface=")
	// DeviceType is what udev is told an interface is, where it is made of software and the kernel
	// says: "DEVTYPE=vlan", "DEVTYPE=bond", "DEVTYPE=bridge", "DEVTYPE=vxlan".
	DeviceType = keep(probe.Glob("/sys/class/net/*/uevent"), "^devtype=")
	// TunFlags is what sort of tap or tun an interface is, in hexadecimal (IFF_TAP and such of
	// include/uapi/linux/if_tun.h). Only they have it: what is sent there, a program reads, such as a virtual
	// machine or a VPN.
	TunFlags = probe.Glob("/sys/class/net/*/tun_flags")
	// BondMembers is the interfaces that a bond is made of, parted by spaces. Only bonds have it.
	BondMembers = probe.Glob("/sys/class/net/*/bonding/slaves")
	// CarrierChanges is how often the link came up or went down since the interface was made. Kernels before 3.15 do not count it.
	CarrierChanges = probe.GlobTwice("/sys/class/net/*/carrier_changes")
	// DeviceEvent is what udev is told of the hardware: lines of which one is "DRIVER=e1000e".
	// Interfaces that are made of software have none.
	DeviceEvent = probe.Glob("/sys/class/net/*/device/uevent")
)

// Driver returns the name of an interface's driver from DeviceEvent; none where it is not known.
func Driver(events probe.Values, interfaceName string) string {
	for _, v := range events {
		if driver, ok := strings.CutPrefix(v.Text, "DRIVER="); ok && v.Name == interfaceName {
			return strings.TrimSpace(driver)
		}
	}
	return ""
}

// keep is a section of which only lines that match leave the host.
func keep(s *probe.Section[probe.Values], ere string) *probe.Section[probe.Values] {
	s.Keep = ere
	return s
}
