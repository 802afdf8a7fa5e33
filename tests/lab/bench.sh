#!/bin/bash
# lab-bench: bench_vm on a stock Debian kernel on an emulated AMD machine with
# nested paging.  Emulation makes all slow, and some more than other: figures
# are good for their ratios and for a look at what KVM with Xen support gains,
# no more.
#   bench.sh s [GROUP...]   KVM as Debian builds it
#   bench.sh k [GROUP...]   KVM with Xen support
. "$(dirname "$0")/lab.sh"
. "$lab_here/weir.sh"
. "$lab_here/kvm.sh"
mode=${1:-s}
[ $# = 0 ] || shift
groups=${*:-memory creation calls events net blk}
lab_begin "bench-$mode"
root=$lab_dir/root
lab_root root "$lab_here/in/bench.sh"
lab_weir "$root"
lab_kvm "$root" "$mode"
lab_modules "$root" zram veth af_packet
lab_bin "$root" fio awk ip "$B/tests/bench_vm" "$B/tests/vm_echo"
mkdir -p "$root/t/bin" "$root/t/tests" "$root/t/guests"
mv "$root/usr/bin/bench_vm" "$root/usr/bin/vm_echo" "$root/t/tests"
for p in weir-hv weir-load weir-xenstored weir-blkback weir-netback; do
    cp "$B/bin/$p" "$root/t/bin"
done
cp "$B/guests/vm_guest.elf" "$B/guests/vm_first.elf" "$root/t/guests" ||
    lab_die "guests are not built"
echo "$groups" >"$root/lab/groups"
lab_pack "$root"
lab_linux "${LAB_SECONDS:-900}" "$root" -m 2048
grep '^{' "$lab_results" | tr -d '\r' >"$lab_dir/figures"
echo "under emulation, mode $mode: compare within the table only"
bash "$lab_here/../bench/table.sh" "$lab_dir/figures" "$lab_dir/bench.log"
lab_end
