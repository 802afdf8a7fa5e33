#!/bin/bash
# lab-linux: an unmodified Debian kernel as a VM domain, its own frontends on
# weir-blkback and weir-netback.
#   linux.sh s   KVM as Debian builds it: rewritten stubs, events by weir-hv
#   linux.sh k   KVM with Xen support
. "$(dirname "$0")/lab.sh"
. "$lab_here/weir.sh"
. "$lab_here/kvm.sh"
. "$lab_here/guest.sh"
. "$lab_here/fio.sh"
mode=${1:-s}
lab_begin "linux-$mode"
lab_guest tree
lab_fio "$lab_dir/tree"
lab_ext4 "$lab_dir/tree" "$lab_dir/root.img" 384M
lab_guest_initrd
head -c 64M /dev/urandom >"$lab_dir/data.img"
head -c 32M /dev/urandom >"$lab_dir/second.img"

root=$lab_dir/root
lab_root root "$lab_here/in/linux.sh"
lab_weir "$root"
lab_kvm "$root" "$mode"
cp "$lab_here/in/console.sh" "$root/lab"
lab_put "$root" "$lab_vmlinuz" lab/vmlinuz
lab_put "$root" "$lab_dir/initrd.cpio.gz" lab/initrd
echo "$mode" >"$root/lab/mode"
sha256sum <"$lab_dir/data.img" | cut -d' ' -f1 >"$root/lab/data.sum"
sha256sum <"$lab_dir/second.img" | cut -d' ' -f1 >"$root/lab/second.sum"
lab_pack "$root"
lab_linux "${LAB_SECONDS:-1800}" "$root" -m 2048 \
    -drive "file=$lab_dir/root.img,if=virtio,format=raw" \
    -drive "file=$lab_dir/data.img,if=virtio,format=raw,readonly=on" \
    -drive "file=$lab_dir/second.img,if=virtio,format=raw"
lab_check "root passes fsck.ext4" fsck.ext4 -fn "$lab_dir/root.img"
lab_end
