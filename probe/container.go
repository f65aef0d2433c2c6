package probe

import (
	"cmp"
	"regexp"
	"strings"
)

// How container engines, and what manages their cgroups, name the cgroup of a container.
//
// Source: moby daemon/oci_linux.go; containerd internal/cri/server; cri-o internal/config/cgmgr;
// podman libpod/container_internal_linux.go; kubelet pkg/kubelet/cm; systemd-nspawn(1); lxc
// src/lxc/cgroups/cgfsng.c.
var (
	containerID = regexp.MustCompile(`^(?:.*?:)??(?:([a-z-]+)[-:])?([0-9a-f]{12})[0-9a-f]{52}(?:\.scope)?$`)
	podID       = regexp.MustCompile(`^(?:kubepods-(?:[a-z]+-)?)?pod([0-9a-f]{8})[-_]?([0-9a-f]{4})[-_]?([0-9a-f]{4})[-_]?([0-9a-f]{4})[-_]?([0-9a-f]{12})(?:\.slice)?$`)
	machine     = regexp.MustCompile(`^(?:systemd-nspawn@(.+)\.service|machine-(.+)\.scope)$`)
	engines     = map[string]string{"docker": "docker", "cri-containerd": "containerd", "crio": "cri-o", "libpod": "podman"}
)

// containerOf returns the container that a process is in, and the pod, from a line of its
// /proc/PID/cgroup: "0::/system.slice/docker-0f3a….scope". Of several the innermost counts.
func containerOf(line string) (container, pod string) {
	_, path, _ := strings.Cut(strings.TrimSpace(line), ":/")
	before := ""
	for part := range strings.SplitSeq(path, "/") {
		payload, ok := strings.CutPrefix(part, "lxc.payload.")
		if before == "lxc" || before == "lxc.payload" {
			payload, ok = part, true
		}
		if m := containerID.FindStringSubmatch(part); m != nil {
			container = cmp.Or(engines[cmp.Or(m[1], before)], "container") + " " + m[2]
		} else if m := podID.FindStringSubmatch(part); m != nil {
			pod = strings.Join(m[1:], "-")
		} else if m := machine.FindStringSubmatch(part); m != nil {
			container = "machine " + strings.ReplaceAll(m[1]+m[2], `\x2d`, "-")
		} else if ok {
			container = "lxc " + payload
		}
		before = part
	}
	return container, pod
}
