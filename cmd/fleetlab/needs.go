//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// packages says which of Debian's packages a program is in.
var packages = map[string]string{
	"ip": "iproute2", "tc": "iproute2", "ss": "iproute2", "sshd": "openssh-server", "ssh-keygen": "openssh-client", "ssh": "openssh-client",
	"iptables": "iptables", "ip6tables": "iptables", "iptables-legacy": "iptables", "nft": "nftables", "ethtool": "ethtool", "busybox": "busybox",
}

// checkNeeds says what is missing for these faults, all of it at once.
func checkNeeds(faults []fault) error {
	// A login's PATH often lacks them.
	if err := os.Setenv("PATH", os.Getenv("PATH")+":/usr/local/sbin:/usr/sbin:/sbin"); err != nil {
		return err
	}
	var missing []error
	if os.Geteuid() != 0 {
		missing = append(missing, errors.New("root is needed, for network namespaces: run it with sudo"))
	}
	tools := []string{"ip", "ss", "sshd", "ssh-keygen", "ssh"}
	for _, f := range faults {
		tools = append(tools, f.tools...)
		if f.busybox {
			tools = append(tools, "busybox")
		}
	}
	slices.Sort(tools)
	var programs, debs []string
	for _, tool := range slices.Compact(tools) {
		if _, err := exec.LookPath(tool); err != nil {
			programs, debs = append(programs, tool), append(debs, packages[tool])
		}
	}
	if len(programs) > 0 {
		slices.Sort(debs)
		missing = append(missing, fmt.Errorf("not installed: %s; on Debian: apt-get install %s",
			strings.Join(programs, ", "), strings.Join(slices.Compact(debs), " ")))
	}
	return errors.Join(missing...)
}

// findFleetdrop returns the program that is held against the lab: the one that was named,
// the one beside fleetlab, or the one in PATH.
func findFleetdrop(named string) (string, error) {
	if named != "" {
		path, err := exec.LookPath(named)
		if err != nil {
			return "", fmt.Errorf("--fleetdrop: %w", err)
		}
		return filepath.Abs(path)
	}
	if self, err := os.Executable(); err == nil {
		if beside := filepath.Join(filepath.Dir(self), "fleetdrop"); exec.Command(beside, "version").Run() == nil {
			return beside, nil
		}
	}
	path, err := exec.LookPath("fleetdrop")
	if err != nil {
		return "", errors.New("there is no fleetdrop beside fleetlab or in PATH: \"make lab\" makes both; or name it with --fleetdrop")
	}
	return path, nil
}
