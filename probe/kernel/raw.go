package kernel

// Raw is /proc/net/raw, and Raw6 is /proc/net/raw6: the raw sockets that dropped something, or that hold
// something. They have the titles of UDP sockets; where those have a port, these have the number of
// their protocol, such as 89 for OSPF.
//
// Source: net/ipv4/raw.c, raw_sock_seq_show; net/ipv6/raw.c.
var (
	Raw  = udpSockets("/proc/net/raw")
	Raw6 = udpSockets("/proc/net/raw6")
)
