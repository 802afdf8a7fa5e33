#!/bin/bash
# lab-xen: Xen 4.17 with a stock Debian kernel as dom0, none of whose own
# backends is loaded.  weir-blkback and weir-netback serve a stock Debian kernel
# in a PV guest that xl makes, with Xen's own scripts.  Then the other way round:
# the example kernel, a PVH guest, on the stock kernel's own backends.
. "$(dirname "$0")/lab.sh"
. "$lab_here/xentools.sh"
. "$lab_here/fio.sh"
lab_begin xen
guest=$lab_dir/guest
lab_root guest "$lab_here/in/xen_guest.sh"
lab_fio "$guest"
lab_bin "$guest" head ip modprobe sha256sum
lab_modules "$guest" xen-blkfront xen-netfront ext4
lab_pack "$guest"

root=$lab_dir/root
lab_root root "$lab_here/in/xen.sh"
lab_xentools "$root"
lab_bin "$root" "$B/bin/weir-blkback" "$B/bin/weir-netback" fsck.ext4 mke2fs
lab_modules "$root" nvme ext4 xen-blkback xen-netback
mkdir "$root/guest"
cp "$B/guests/example.elf" "$root/guest" || lab_die "example.elf is not built"
cp "$lab_vmlinuz" "$root/guest/vmlinuz"
mv "$guest.cpio.gz" "$root/guest/initrd"
lab_pack "$root"

mkdir "$lab_dir/files"
head -c 8M /dev/urandom >"$lab_dir/files/random"
(cd "$lab_dir/files" && sha256sum random >sums)
truncate -s 192M "$lab_dir/disk.img"
mke2fs -q -F -t ext4 -d "$lab_dir/files" "$lab_dir/disk.img" ||
    lab_die "cannot make disk.img"

lab_xen "${LAB_SECONDS:-1800}" "$root" 1024M -m 2048 \
    -drive "file=$lab_dir/disk.img,if=none,id=d0,format=raw" \
    -device nvme,serial=weir,drive=d0
lab_check "the file system is whole" fsck.ext4 -fn "$lab_dir/disk.img"
lab_end
