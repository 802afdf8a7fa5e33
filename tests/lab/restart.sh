#!/bin/bash
# lab-restart: a stock Debian kernel whose driver domains are killed, one after
# the other, while it writes to its root and keeps one TCP connection; then
# weir-devd and weir-xenstored.
#   restart.sh [KILLS [MODE]]   so many of each driver domain (100), a fifth of
#                               the others; s or k, as in linux.sh
. "$(dirname "$0")/lab.sh"
. "$lab_here/weir.sh"
. "$lab_here/kvm.sh"
. "$lab_here/guest.sh"
kills=${1:-100} mode=${2:-s}
[ "$kills" != all ] || kills=100
[[ $kills =~ ^[1-9][0-9]{0,4}$ ]] || lab_die "kills: \"$kills\" is no number"
lab_begin "restart-$kills"
[ -x "$B/tests/steady" ] || lab_die "$B/tests/steady is not built: make lab-restart"
lab_guest tree "$B/tests/steady"
lab_ext4 "$lab_dir/tree" "$lab_dir/root.img" 256M
lab_guest_initrd

root=$lab_dir/root
lab_root root "$lab_here/in/restart.sh"
lab_weir "$root"
lab_bin "$root" "$B/tests/steady"
lab_kvm "$root" "$mode"
cp "$lab_here/in/console.sh" "$root/lab"
lab_put "$root" "$lab_vmlinuz" lab/vmlinuz
lab_put "$root" "$lab_dir/initrd.cpio.gz" lab/initrd
echo "$kills" >"$root/lab/kills"
lab_pack "$root"
# Reads wait for long and writes overtake them: at most moments the driver
# domain has answered others than the oldest requests, which the ring alone
# does not tell.
lab_linux "${LAB_SECONDS:-1800}" "$root" -m 2048 \
    -drive "file=$lab_dir/root.img,if=virtio,format=raw,throttling.iops-read=15"
lab_check "root passes fsck.ext4" fsck.ext4 -fn "$lab_dir/root.img"
# The files as the guest read them after the last kill, out of the image.
files_kept() {
    mkdir "$lab_dir/kept" &&
        debugfs -R "rdump /root/load $lab_dir/kept" "$lab_dir/root.img" &&
        debugfs -R "dump /root/sums $lab_dir/sums" "$lab_dir/root.img" &&
        [ "$(wc -l <"$lab_dir/sums")" = 48 ] &&
        (cd "$lab_dir/kept/load" && sha256sum -c "$lab_dir/sums")
}
lab_check "the image holds the files as the guest saw them" files_kept
lab_end
