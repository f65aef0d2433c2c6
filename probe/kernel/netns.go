package kernel

import "github.com/fleetdrop/fleetdrop/probe"

// MaxBacklog is net.core.netdev_max_backlog, the packets that the backlog of one CPU may
// hold. Only the first network namespace has it.
//
// Source: net/core/sysctl_net_core.c, net_core_table; the others get netns_core_table.
var MaxBacklog = Sysctl("net.core.netdev_max_backlog")

// OwnNetns says that the host is seen from a network namespace of its own, such as a
// container's, and not from the machine's first one.
func OwnNetns(h probe.Host) bool { return probe.Inner(h) || MaxBacklog.State(h) == probe.Absent }
