#!/bin/sh
# Runs fleetlab in a virtual machine with the kernel of a Debian release: to see another kernel, or
# where the machine's own has no bonds or VLANs. The words are those of fleetlab:
#
#	cmd/fleetlab/vm.sh run --only bond,vlan
#
# Needs root, Go, 3 GB of disk, 2 GB of memory, and the packages qemu-system-x86, debootstrap and
# e2fsprogs. The machine has no network adapter, and is gone at the end, with all that was made.
#
#	RELEASE=trixie   another release than bookworm, which has kernel 6.1
#	KEEP=FOLDER      keep its disk's tree there, for the next time
#	ACCEL=tcg        emulate it, where /dev/kvm is there and of no use
set -eu

release=${RELEASE:-bookworm}
for tool in qemu-system-x86_64 debootstrap mkfs.ext4 go; do
	command -v "$tool" >/dev/null || { echo "vm.sh: $tool is not installed" >&2; exit 2; }
done
[ "$(id -u)" = 0 ] || { echo "vm.sh: root is needed, for debootstrap" >&2; exit 2; }

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
trap 'exit 130' INT TERM
folder=${KEEP:-$made}
tree=$folder/$release
mkdir -p "$folder"

if [ ! -e "$tree/complete" ]; then
	rm -rf "$tree"
	debootstrap --variant=minbase --include=linux-image-amd64,busybox,openssh-server,iproute2,iptables,nftables,ethtool,procps,kmod \
		"$release" "$tree" >"$made/debootstrap.log" || { tail "$made/debootstrap.log" >&2; exit 2; }
	: >"$tree/complete"
fi

cd "$(dirname "$0")/../.."
CGO_ENABLED=0 go build -o "$tree/usr/local/bin/" ./cmd/fleetdrop ./cmd/fleetlab
# Its first process: it runs fleetlab, says with what code it ended, and turns the machine off.
cat >"$tree/init" <<'EOF'
#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mountpoint -q /proc || mount -t proc proc /proc
mountpoint -q /sys || mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
hostname vm
ip link set lo up
. /words
fleetlab "$@"
echo $? >/dev/ttyS1
sync
echo o >/proc/sysrq-trigger
sleep 60
EOF
chmod 755 "$tree/init"
{
	printf 'set --'
	for word; do printf " '%s'" "$(printf %s "$word" | sed "s/'/'\\\\''/g")"; done
	echo
} >"$tree/words"

mkfs.ext4 -q -d "$tree" "$made/disk" 2560M
qemu-system-x86_64 -machine "accel=${ACCEL:-kvm:tcg}" -cpu max -smp 2 -m 1536 -nic none -display none -no-reboot \
	-kernel "$tree/vmlinuz" -initrd "$tree/initrd.img" -append "root=/dev/vda rw console=ttyS0 init=/init quiet psi=1" \
	-drive "file=$made/disk,if=virtio,format=raw" -serial stdio -serial "file:$made/code" -monitor none
code=$(tr -cd 0-9 <"$made/code")
exit "${code:-2}"
