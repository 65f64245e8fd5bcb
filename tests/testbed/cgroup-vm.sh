#!/bin/bash
# cgroup-vm.sh PROGRAM SCENARIO: boots a virtual machine whose only control groups are those of version 2, puts gridwrap (PROGRAM, the
# published file) and a busybox image into it, and runs the shell script SCENARIO there as root. Its output is this script's stdout.
# What is in the machine: /gridwrap, /image (a root filesystem), busybox on PATH, user 12345, /sys/fs/cgroup mounted with all controllers on.
# The processor is emulated: inside of virtual machines KVM is often missing, or too slow and not whole. A run takes one to four minutes.
# Exit 77 with one line on stderr where a machine cannot be had: no qemu, no kernel package.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"

missing() { note "$@"; exit 77; }

(($# == 2)) || fail "usage: $0 PROGRAM SCENARIO"
program=$(readlink -f "$1")
scenario=$(readlink -f "$2")
command -v qemu-system-x86_64 >/dev/null || missing "qemu-system-x86_64 is missing; run: $here/packages.sh test"
need_command busybox cpio

# The kernel package is only unpacked, never installed.
kernel_dir=$testbed_base/kernel
if [[ ! -e $kernel_dir/complete ]]; then
    mkdir -p "$kernel_dir"
    package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '/Depends: linux-image-[0-9]/ { print $2; exit }')
    [[ -n $package ]] || missing "no kernel package linux-image-cloud-amd64 is known to apt"
    (cd "$kernel_dir" && apt-get download -q "$package" >/dev/null 2>&1) || missing "the kernel package $package cannot be fetched"
    dpkg-deb --fsys-tarfile "$kernel_dir"/*.deb | tar -x -C "$kernel_dir" --wildcards './boot/vmlinuz-*' './lib/modules/*/kernel/fs/overlayfs/overlay.ko'
    rm -f "$kernel_dir"/*.deb
    touch "$kernel_dir/complete"
fi
kernel=$(echo "$kernel_dir"/boot/vmlinuz-*)

work=$(mktemp -d /var/tmp/gridwrap-vm.XXXXXX)
trap 'rm -rf --one-file-system -- "$work"' EXIT
root=$work/root
mkdir -p "$root"/{bin,lib64,usr/lib,proc,sys,dev,tmp,etc,newroot,work} "$root"/image/{bin,proc,sys,dev,tmp,etc,var/tmp}
install -m 0755 "$(command -v busybox)" "$root/bin/busybox"
install -m 0755 "$(command -v busybox)" "$root/image/bin/busybox"
for applet in $(busybox --list); do [[ $applet == busybox ]] || ln -sf busybox "$root/image/bin/$applet"; done
install -m 0755 "$program" "$root/gridwrap"
install -m 0755 "$scenario" "$root/scenario.sh"
cp "$kernel_dir"/lib/modules/*/kernel/fs/overlayfs/overlay.ko "$root/overlay.ko"
printf 'root:x:0:0::/:/bin/sh\npilot:x:12345:12345::/work:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\npilot:x:12345:\n' >"$root/etc/group"
# The published file brings the runtime but not the C library.
{ ldd "$program"; for l in libgcc_s.so.1 libstdc++.so.6 libz.so.1 librt.so.1 libpthread.so.0; do ldconfig -p | awk -v l="$l" '$1 == l && /x86-64/ { print "=>", $NF }'; done; } |
    grep -oE '/[^ ]+\.so[^ ]*' | sort -u | while read -r library; do
    install -D -m 0755 "$(readlink -f "$library")" "$root$library"
done

# pivot_root does not work from the first root of a machine; a second one is made, as every ordinary start does.
cat >"$root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
insmod /overlay.ko
mount -t tmpfs -o mode=0755,size=80% tmpfs /newroot
cp -a /bin /lib* /usr /etc /gridwrap /image /scenario.sh /newroot/ 2>/dev/null
mkdir -p /newroot/proc /newroot/sys /newroot/dev /newroot/tmp /newroot/work
chmod 1777 /newroot/tmp /newroot/work
mount --move /proc /newroot/proc
mount --move /sys /newroot/sys
mount --move /dev /newroot/dev
cat >/newroot/second <<'SECOND'
#!/bin/sh
export PATH=/bin
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for controller in memory pids cpu; do echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control; done
ip link set lo up
sh /scenario.sh 2>&1
echo "== END"
poweroff -f
SECOND
exec switch_root /newroot /bin/sh /second
INIT
chmod 0755 "$root/init"
(cd "$root" && find . -print0 | cpio --null -o -H newc --quiet >"$work/initrd")

timeout -k 5 "${GRIDWRAP_VM_SECONDS:-500}" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -m 2048 -smp 2 -nodefaults -no-reboot -display none -serial stdio \
    -kernel "$kernel" -initrd "$work/initrd" -append "console=ttyS0 quiet loglevel=3 panic=-1 cgroup_no_v1=all rdinit=/init" </dev/null | tr -d '\r'
