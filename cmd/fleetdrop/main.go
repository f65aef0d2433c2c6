// Fleetdrop finds where the hosts of a fleet lose packets.
package main

import "os"

func main() {
	collectSeldom()
	os.Exit(fleetdrop(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
