#!/bin/bash
# lab-drivervm: a VM domain exports devices to another one; both run stock
# Debian kernels.
#   drivervm.sh stock   the kernel's xen-blkback and xen-netback: no Weir in the
#                       data path but weir-hv's ABI
#   drivervm.sh weir    weir-blkback and weir-netback on /dev/xen
. "$(dirname "$0")/lab.sh"
. "$lab_here/weir.sh"
. "$lab_here/kvm.sh"
. "$lab_here/guest.sh"
. "$lab_here/fio.sh"
part=${1:-stock}
mode=${2:-k}
lab_begin "drivervm-$part"
lab_guest tree
lab_fio "$lab_dir/tree"
lab_ext4 "$lab_dir/tree" "$lab_dir/root.img" 384M
lab_guest_initrd
lab_guest_driver driver "$part"
lab_pack "$lab_dir/driver"
head -c 64M /dev/urandom >"$lab_dir/data.img"

root=$lab_dir/root
lab_root root "$lab_here/in/drivervm.sh"
lab_weir "$root"
lab_kvm "$root" "$mode"
cp "$lab_here/in/console.sh" "$root/lab"
lab_put "$root" "$lab_vmlinuz" lab/vmlinuz
lab_put "$root" "$lab_dir/initrd.cpio.gz" lab/initrd
lab_put "$root" "$lab_dir/driver.cpio.gz" lab/driver
echo "$part" >"$root/lab/part"
sha256sum <"$lab_dir/data.img" | cut -d' ' -f1 >"$root/lab/data.sum"
lab_pack "$root"
lab_linux "${LAB_SECONDS:-1800}" "$root" -m 2048 \
    -drive "file=$lab_dir/root.img,if=virtio,format=raw" \
    -drive "file=$lab_dir/data.img,if=virtio,format=raw,readonly=on"
lab_check "root passes fsck.ext4" fsck.ext4 -fn "$lab_dir/root.img"
lab_end
