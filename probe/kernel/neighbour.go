package kernel

import "github.com/fleetdrop/fleetdrop/probe"

// ARPCache is /proc/net/stat/arp_cache, and NDiscCache is /proc/net/stat/ndisc_cache: the tables of
// neighbours of IPv4 and of IPv6. Titles, then a row for each possible CPU, "cpu0" and so on, in
// hexadecimal. Entries is no counter but how many the table holds, those of all network namespaces, one
// number that is repeated in each row. Only the first network namespace has the files. 2.6.32 has
// no table_fulls.
//
// Source: net/core/neighbour.c, neigh_stat_seq_show.
var (
	ARPCache   = neighbours("/proc/net/stat/arp_cache")
	NDiscCache = neighbours("/proc/net/stat/ndisc_cache")
)

func neighbours(file string) *probe.Stats {
	return &probe.Stats{Read: probe.Read{File: file, Pair: true}, Parse: parseHexTable}
}
