package kernel

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
)

// TCP is the head of /proc/net/tcp, and TCP6 that of /proc/net/tcp6: the sockets that listen.
// The kernel prints them before all others, so reading ends at the first that does not, and a
// host with a million connections is asked no more than another. Before Linux 4.4 the half-open
// connections of a listener stand below it, and the listeners after it are not seen.
//
// It says less than ss: not how much a queue may hold, nor what a socket dropped. But it can be
// asked without loading a module.
//
// Source: net/ipv4/tcp_ipv4.c, get_tcp4_sock; net/ipv6/tcp_ipv6.c, get_tcp6_sock.
var (
	TCP  = tcpListeners("/proc/net/tcp")
	TCP6 = tcpListeners("/proc/net/tcp6")
)

func tcpListeners(file string) *probe.Section[[]TCPListener] {
	return &probe.Section[[]TCPListener]{
		Read: probe.Read{
			File: file, While: `^ *[0-9]+: [0-9A-F]+:[0-9A-F]+ [0-9A-F]+:0000 0A `,
			Netns: probe.EachNetns, Where: "TcpExtListenDrops",
		},
		Parse: parseTCP,
	}
}

// A TCPListener is the row of a listening socket in /proc/net/tcp or /proc/net/tcp6.
type TCPListener struct {
	Local  string // hexadecimal, as the kernel prints it: "0100007F:0016"
	Queued uint64 // connections that wait for accept(2)
}

// Address returns where the socket listens, as UDPSocket.Address does.
func (l TCPListener) Address(arch string) string { return localAddress(l.Local, arch) }

// parseTCP finds the columns by their titles, of which two pairs share one cell each.
func parseTCP(text string) ([]TCPListener, error) {
	titles, text, _ := strings.Cut(text, "\n")
	local, state, queue, columns := -1, -1, -1, 0
	for title := range words(titles) {
		switch title {
		case "rx_queue", "tm->when":
			columns-- // it stands in the cell of the title before
		case "local_address":
			local = columns
		case "st":
			state = columns
		case "tx_queue":
			queue = columns
		}
		columns++
	}
	if local < 0 || state < 0 || queue < 0 {
		return nil, fmt.Errorf("line 1: not the titles of TCP sockets: %q", titles)
	}
	all := make([]TCPListener, 0, strings.Count(text, "\n"))
	for number, line := range lines(text) {
		var l TCPListener
		var st string
		var err error
		i := 0
		for cell := range words(line) {
			switch i {
			case local:
				l.Local = cell
			case state:
				st = cell
			case queue:
				_, waiting, _ := strings.Cut(cell, ":")
				l.Queued, err = strconv.ParseUint(waiting, 16, 32)
			}
			if err != nil {
				return nil, fmt.Errorf("line %d: not a TCP socket: %w", number+1, err)
			}
			i++
		}
		if i < columns || !bound(l.Local) {
			return nil, fmt.Errorf("line %d: not a TCP socket: %q", number+1, line)
		}
		if st == "0A" {
			all = append(all, l)
		}
	}
	return all, nil
}
