#!/bin/bash
# A VM on driver domains that are killed: the example kernel reads its whole
# disk and answers pings as if nothing had been.
. "$(dirname "$0")/cli_vmlib.sh"
. "$(dirname "$0")/restart_lib.sh"
vm_begin "$@"
command -v ping >/dev/null || skip "needs ping"
[ -s "$B/guests/example.elf" ] ||
    make --no-print-directory B="$B" "$B/guests/example.elf" >"$dir/make.log" ||
    die "example.elf is not built"
for d in disk net; do
    cli_cfg $d "name='$d'" "kernel='weir-${d/disk/blk}back'" driver_domain=1 \
        restart_limit=0 restart_delay=0 memory=32
    w create "$dir/$d.cfg" >/dev/null || die "create $d"
done
head -c 100663296 /dev/urandom >"$dir/disk.img"
want=$(gzip -1 -c "$dir/disk.img" | tail -c 8 | od -An -tu4 | awk '{ print $1 }')
cli_cfg example 'name="example"' 'type="pvh"' "kernel='$B/guests/example.elf'" memory=16 \
    "extra='ip=$IP write'" "vif=['bridge=br0']" \
    "disk=['format=raw,vdev=xvda,access=rw,bps=8M,target=$dir/disk.img']"
create example
begun() { w --json block-list example | jq -e '.[0].frontend_state == "Connected"' >/dev/null; }
until_ok 20 begun || die "it does not read: $(w block-list)"
watch_begin "/local/domain/$(info disk domid)/backend" "/local/domain/$(info example domid)/device/vbd"
for n in 1 2 3 4; do killed disk; done
watch_end # before it closes the disk
said() { w console example </dev/null 2>/dev/null | grep -q "$1"; }
said 'disk: [0-9]* sectors' && die "the disk was read before the last kill"
until_ok 60 said 'disk: [0-9]* sectors' || die "it reads no further: $(w console example </dev/null)"
said "disk: 196608 sectors, CRC-32 $want" ||
    die "wanted CRC-32 $want: $(w console example </dev/null)"
until_ok 10 said 'disk: block 1 written' || die "$(w console example </dev/null)"
dd if="$dir/disk.img" bs=4096 skip=1 count=1 status=none |
    cmp -s - <(head -c 4096 "$dir/disk.img") || die "the image lacks what was written"
until_ok 10 ping -q -c 1 -W 1 "$IP" || die "no ping"
ping -q -i 0.05 -W 2 -c 100 "$IP" >"$dir/ping" &
pinging=$!
for i in 1 2 3 4; do
    killed net
    sleep 0.5
done
wait $pinging
grep -q ' duplicates' "$dir/ping" && die "frames came twice: $(cat "$dir/ping")"
lost=$(sed -n 's/.* \([0-9]*\)\(\.[0-9]*\)\?% packet loss.*/\1/p' "$dir/ping")
[ "${lost:-100}" -lt 50 ] || die "ping: $(cat "$dir/ping")"
ping -q -c 5 -i 0.05 -W 2 "$IP" >/dev/null || die "no ping afterwards"
w shutdown example || die "shutdown"
until_ok 10 is_gone example || die "example stays"
echo "outages: $(sed -n 's/.*\(net\|disk\): serves again after \([0-9]*\) ms.*/\1 \2/p' \
    "$S/log/weir-devd.log" | xargs) ms; pings lost: $lost %"
w down || die down
echo "disk killed $n times, net 4 times: the VM saw nothing"
