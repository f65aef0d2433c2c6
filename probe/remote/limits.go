package remote

import (
	"fmt"
	"os"
	"slices"
	"syscall"

	"github.com/fleetdrop/fleetdrop/inventory"
)

// spareFiles are for what is not a connection: reports, known_hosts, agents, name servers.
const spareFiles = 64

// fit lowers the number of hosts in flight to what the limit of open files allows. The
// Go runtime has already raised the soft limit to the hard one.
func (f *Fleet) fit(concurrency int, hosts []inventory.Host) int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return concurrency
	}
	open := 0
	if entries, err := os.ReadDir("/proc/self/fd"); err == nil {
		open = len(entries)
	}
	perHost := 1
	if slices.ContainsFunc(hosts, func(h inventory.Host) bool { return h.ProxyCommand != "" }) {
		perHost = 4 // two pipes, the standard error and a handle of the process
	}
	concurrency = min(concurrency, max(1, len(hosts)))
	fits := max(1, (int(min(limit.Cur, 1<<30))-open-spareFiles)/perHost)
	if fits >= concurrency {
		return concurrency
	}
	f.warn(fmt.Sprintf("concurrency is %d instead of %d: this process may open only %d files (ulimit -n)", fits, concurrency, limit.Cur))
	return fits
}
