package kernel

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
)

// UDP is /proc/net/udp, and UDP6 is /proc/net/udp6: the UDP sockets. A host may have ten
// thousands of them; those that dropped something, or that hold something, leave it.
//
// Source: net/ipv4/udp.c, udp4_seq_show; net/ipv6/udp.c, udp6_seq_show.
var (
	UDP  = udpSockets("/proc/net/udp")
	UDP6 = udpSockets("/proc/net/udp6")
)

func udpSockets(file string) *probe.Section[[]UDPSocket] {
	return &probe.Section[[]UDPSocket]{
		Read: probe.Read{File: file, Pair: true, Netns: probe.EachNetns, Keep: `^ *sl |` + // the titles
			` [0-9]*[1-9][0-9]* *$|` + // drops
			`^ *[0-9]+: [0-9a-f]+:[0-9a-f]+ [0-9a-f]+:[0-9a-f]+ [0-9a-f]+ [0-9a-f]+:[0-9a-f]*[1-9a-f]`}, // rx_queue
		Parse: parseUDP,
	}
}

// A UDPSocket is a row of /proc/net/udp or /proc/net/udp6.
type UDPSocket struct {
	Local  string // hexadecimal, as the kernel prints it: "0100007F:0035"
	Inode  string // tells it from another socket at the same address
	Queued uint64 // bytes of memory that wait for the application, the kernel's own share included
	Drops  uint64 // since the socket was made; 0 before 2.6.27, which did not count
}

// Address returns where the socket is bound, "127.0.0.1:53" or "[::1]:53". The kernel prints
// addresses as numbers of 32 bits, so the order of the bytes is that of its architecture; where
// that is not known, the address stays hexadecimal.
func (u UDPSocket) Address(arch string) string { return localAddress(u.Local, arch) }

func localAddress(local, arch string) string {
	word, port, _ := strings.Cut(local, ":")
	n, err := strconv.ParseUint(port, 16, 16)
	raw, bad := hex.DecodeString(word)
	if err != nil || bad != nil {
		return local // the parsers take no such row
	}
	big, known := bigEndian(arch)
	if !known && strings.Trim(word, "0") != "" {
		return fmt.Sprintf("%s:%d", word, n)
	}
	for i := 0; !big && i+4 <= len(raw); i += 4 {
		binary.LittleEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	ip, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(ip, uint16(n)).String()
}

// parseUDP finds the columns by their titles. Two pairs of titles share one cell each: "tx_queue
// rx_queue" is "00000000:00001D40", and "tr tm->when" the next one.
func parseUDP(text string) ([]UDPSocket, error) {
	titles, text, _ := strings.Cut(text, "\n")
	local, queue, inode, drops, columns := -1, -1, -1, -1, 0
	for title := range words(titles) {
		switch title {
		case "rx_queue", "tm->when":
			columns-- // it stands in the cell of the title before
		case "local_address":
			local = columns
		case "tx_queue":
			queue = columns
		case "inode":
			inode = columns
		case "drops":
			drops = columns
		}
		columns++
	}
	if local < 0 || queue < 0 || inode < 0 {
		return nil, fmt.Errorf("line 1: not the titles of UDP sockets: %q", titles)
	}
	all := make([]UDPSocket, 0, strings.Count(text, "\n"))
	for number, line := range lines(text) {
		var u UDPSocket
		var err error
		i := 0
		for cell := range words(line) {
			switch i {
			case local:
				u.Local = cell
			case queue:
				_, waiting, _ := strings.Cut(cell, ":")
				u.Queued, err = strconv.ParseUint(waiting, 16, 32)
			case inode:
				u.Inode = cell
			case drops:
				u.Drops, err = parseUint(cell)
			}
			if err != nil {
				return nil, fmt.Errorf("line %d: not a UDP socket: %w", number+1, err)
			}
			i++
		}
		// Before 2.6.27 rows had cells without a title, so there may be more.
		if i < columns || !bound(u.Local) {
			return nil, fmt.Errorf("line %d: not a UDP socket: %q", number+1, line)
		}
		all = append(all, u)
	}
	return all, nil
}

// bound says that the text is an address as the kernel prints it: 8 or 32 digits, and 4.
func bound(local string) bool {
	address, port, _ := strings.Cut(local, ":")
	if len(address) != 8 && len(address) != 32 || len(port) != 4 {
		return false
	}
	return strings.Trim(address, "0123456789ABCDEFabcdef") == "" && strings.Trim(port, "0123456789ABCDEFabcdef") == ""
}
