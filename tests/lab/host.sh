#!/bin/bash
# lab-host: a stock Debian kernel on an emulated AMD machine with KVM.  Weir's
# process domains work there, in control groups of version 2, and kernels of our
# own as VMs.
. "$(dirname "$0")/lab.sh"
. "$lab_here/weir.sh"
lab_begin host
root=$lab_dir/root
lab_root root "$lab_here/in/host.sh"
lab_weir "$root"
lab_bin "$root" "$B/tests/webguest" curl
# Tests of what differs from kernel to kernel run there too.
mkdir "$root/t" "$root/t/bin" "$root/t/tests"
for t in hv_puppet hv_domains hv_events hv_grant_ends hv_grants test_dd_host \
    test_dd_sandbox test_hv_held test_pagewin test_verify; do
    lab_bin "$root" "$B/tests/$t"
    mv "$root/usr/bin/$t" "$root/t/tests"
done
cp "$B/bin/weir-hv" "$root/t/bin"
# Kernels of our own as VMs, under nested paging.
lab_bin "$root" bash awk grep sed
mkdir "$root/t/guests"
cp "$B/guests/webguest.elf" "$B/guests/runtime_test.elf" "$root/t/guests" ||
    lab_die "guests are not built"
cp tests/e2e/vm_runtime.sh "$root/t"
for t in weir weir-devd weir-load weir-xenstored; do
    ln -s "/usr/bin/$t" "$root/t/bin/$t"
done
mkdir "$lab_dir/files"
head -c 8M /dev/urandom >"$lab_dir/files/random"
(cd "$lab_dir/files" && sha256sum random) >"$root/lab/sums"
truncate -s 16M "$lab_dir/web.img"
mke2fs -q -F -t ext4 -d "$lab_dir/files" "$lab_dir/web.img" ||
    lab_die "cannot make web.img"
lab_pack "$root"
lab_linux "${LAB_SECONDS:-1800}" "$root" -m 1024 \
    -drive "file=$lab_dir/web.img,if=virtio,format=raw"
lab_check "the file system is whole" fsck.ext4 -fn "$lab_dir/web.img"
lab_end
