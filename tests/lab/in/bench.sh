# lab-bench, inside: bench_vm's figures go out as they are, a group at a time.
. /lab/lib.sh
. /lab/weir.sh
weir_ready
for m in zram veth af_packet; do
    modprobe $m
done
cd /t
export B=/t
measured() {
    tests/bench_vm "$1" >/tmp/figures 2>"$lab_out" && grep '^{' /tmp/figures
}
for group in $(cat /lab/groups); do
    check "figures: $group" measured "$group"
    grep '^{' /tmp/figures >"$lab_out"
done
lab_over
