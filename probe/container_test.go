package probe

import (
	"strings"
	"testing"
)

func TestContainerOf(t *testing.T) {
	id := "0f3a91c2b7d4" + strings.Repeat("a1", 26)
	const uid = "6f3c1a2b-0d1e-4f50-8a6b-7c8d9e0f1a2b"
	slice := strings.ReplaceAll(uid, "-", "_")
	for line, want := range map[string][2]string{
		"0::/system.slice/docker-" + id + ".scope\n":                    {"docker 0f3a91c2b7d4"},
		"4:memory:/docker/" + id:                                        {"docker 0f3a91c2b7d4"},
		"4:memory:/docker/" + id + "/docker/" + strings.Repeat("b", 64): {"docker bbbbbbbbbbbb"},
		"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + slice + ".slice/cri-containerd-" + id + ".scope": {"containerd 0f3a91c2b7d4", uid},
		"0::/kubepods.slice/kubepods-pod" + slice + ".slice/crio-" + id + ".scope":                                              {"cri-o 0f3a91c2b7d4", uid},
		"11:pids:/kubepods/besteffort/pod" + uid + "/" + id:                                                                     {"container 0f3a91c2b7d4", uid},
		"11:pids:/kubepods/pod" + strings.ReplaceAll(uid, "-", "") + "/" + id:                                                   {"container 0f3a91c2b7d4", uid},
		"1:name=systemd:/system.slice/containerd.service/kubepods-pod" + slice + ".slice:cri-containerd:" + id:                  {"containerd 0f3a91c2b7d4"},
		"0::/machine.slice/libpod-" + id + ".scope/container":                                                                   {"podman 0f3a91c2b7d4"},
		"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + id + ".scope":                                   {"podman 0f3a91c2b7d4"},
		"0::/machine.slice/systemd-nspawn@build\\x2dbox.service/payload":                                                        {"machine build-box"},
		"0::/machine.slice/machine-web.scope":                                                                                   {"machine web"},
		"0::/lxc.payload.db1/init.scope":                                                                                        {"lxc db1"},
		"0::/lxc.payload/db1":                                                                                                   {"lxc db1"},
		"9:cpuset:/lxc/db1":                                                                                                     {"lxc db1"},
		"0::/":                                                                                                                  {},
		"":                                                                                                                      {},
		"0::/system.slice/nginx.service":                                                                                        {},
		"0::/user.slice/user-1000.slice/session-3.scope":                                                                        {},
		"0::/docker/" + id[:63]:                                                                                                 {},
		"0::/docker/" + id + "0":                                                                                                {},
		"0::/lxc":                                                                                                               {},
		"0::/x\x1b[31m/docker-" + id + ".scope":                                                                                 {"docker 0f3a91c2b7d4"},
	} {
		container, pod := containerOf(line)
		if got := [2]string{container, pod}; got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}
