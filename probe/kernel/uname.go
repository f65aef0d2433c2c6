package kernel

import (
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
)

// Arch is uname -m, the architecture of the kernel: "x86_64", "aarch64", "s390x".
//
// Source: uname(1); /proc/sys/kernel/arch says the same, since 6.1.
var Arch = &probe.Section[string]{
	Read:  probe.Read{Command: "uname -m", Cap: 256, Limit: -1, Netns: probe.AnyNetns},
	Parse: func(text string) (string, error) { return strings.TrimSpace(text), nil },
}

// bigEndian says whether a kernel of that architecture keeps the high byte of a number
// first, and whether the name tells: mips and what nobody read may be either.
func bigEndian(arch string) (big, known bool) {
	switch arch {
	case "s390", "s390x", "ppc", "ppc64", "sparc", "sparc64", "parisc", "parisc64", "m68k", "aarch64_be", "armv7b":
		return true, true
	case "", "mips", "mips64":
		return false, false
	}
	return false, true
}
