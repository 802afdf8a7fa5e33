#!/bin/bash
# Disks and interfaces come and go while the guest works; a device taken away
# from a guest that uses it is an error for the guest and nobody else.
. "$(dirname "$0")/cli_lib.sh"
cli_begin "$@"
cli_bridge
cli_image
cli_domains
w up --memory 256M "$dir/disk.cfg" "$dir/net.cfg" "$dir/web.cfg" >/dev/null || die up
until_ok 10 fetch || die "the guest does not serve"
tag=$(w --json info | jq -r .tag)

disks() {
    w --json block-list web | jq -r '.[].vdev' | sort | tr '\n' ' '
}
taps() {
    ip -o link | grep -c 'master br0'
}

# Load: fetch the file over and over; every failure is noted.
(
    while :; do
        fetch 2>>"$dir/load.err" && echo >>"$dir/load.ok"
    done
) &
load=$!

truncate -s 8M "$dir/extra.img"
for i in 1 2 3 4 5; do
    w block-attach web "format=raw,vdev=xvdb,access=rw,target=$dir/extra.img" ||
        die "attach $i"
    w network-attach web "bridge=br0,mac=00:16:3e:00:00:0$i,rate=10Mb/s" ||
        die "network attach $i"
    [ "$(disks)" = "xvda xvdb " ] || die "disks: $(disks)"
    [ "$(taps)" = 2 ] || die "taps: $(taps)"
    [ "$(w store read /local/domain/2/backend/vbd/4/51728/params)" = "$dir/extra.img" ] ||
        die "params"
    [ "$(w store read /local/domain/3/backend/vif/4/1/rate)" = 62500,50000 ] ||
        die "rate node"
    # Another user of the image is refused while it is attached.
    w block-attach web "format=raw,vdev=xvdc,access=rw,target=$dir/extra.img" \
        2>/dev/null && die "the image has two users"
    w block-detach web xvdb || die "detach $i"
    w network-detach web "00:16:3e:00:00:0$i" || die "network detach $i"
    [ "$(disks)" = "xvda " ] && [ "$(taps)" = 1 ] || die "after detach $i"
    w store read /local/domain/4/device/vbd/51728/state 2>/dev/null &&
        die "the frontend's directory stays"
    w store read /local/domain/2/backend/vbd/4/51728/state 2>/dev/null &&
        die "the backend's directory stays"
done
# Free again.
flock -n -x "$dir/extra.img" true || die "the image is still locked"

# A block device, when the host has loop devices.
if loop=$(losetup -f --show "$dir/extra.img" 2>/dev/null); then
    w block-attach web "$loop,raw,xvdb,w" || die "attach $loop"
    [ "$(w --json block-list web | jq -r '.[]|select(.vdev=="xvdb").size')" = 8388608 ] ||
        die "size of $loop"
    w block-attach web "$loop,raw,xvdc,w" 2>"$dir/err" && die "$loop twice"
    grep -q 'in use' "$dir/err" || die "message: $(cat "$dir/err")"
    w block-detach web xvdb || die "detach $loop"
    losetup -d "$loop"
fi
loop=

sleep 0.3
kill "$load" && wait "$load" 2>/dev/null
load=
[ -s "$dir/load.ok" ] || die "the load did nothing"
[ ! -s "$dir/load.err" ] || die "the load saw errors: $(head -n 3 "$dir/load.err")"

# top and the listings count what happened.
w --json block-list web | jq -e '.[0].stats.rd_req > 0 and
    .[0].frontend_state == "Connected" and .[0].backend_state == "Connected"' \
    >/dev/null || die "counters: $(w --json block-list web)"
(for i in 1 2 3 4 5 6 7 8 9; do fetch; sleep 0.1; done) &
w --json top -n1 -d1 | jq -e \
    '[.[] | select(.class == "vif")] | length == 1 and
     .[0].frontend == "web" and .[0].per_second.rx_packets > 0' >/dev/null ||
    die "top"
wait

# Under load the devices in use go: the guest loses them in order.
(MAXTIME=2; while fetch 2>/dev/null; do :; done) &
load=$!
sleep 0.2
w network-detach web 0 || die "detach the interface in use"
[ "$(taps)" = 0 ] || die "the tap stays"
kill "$load" 2>/dev/null
load=
w block-detach web xvda || die "detach the disk in use"
[ "$(disks)" = "" ] || die "the disk stays"
[ "$(state disk)/$(state net)" = running/running ] || die "a driver domain died"
# What a guest does without its disk is its own affair.
is_gone web || w destroy web 2>/dev/null || is_gone web || die destroy
until_ok 5 is_gone web || die "the guest stays"
w create "$dir/web.cfg" >/dev/null || die "the same guest again"
until_ok 10 fetch || die "the new guest does not serve"

# A guest destroyed under load leaves its devices behind nowhere.
(MAXTIME=2; while fetch 2>/dev/null; do :; done) &
load=$!
sleep 0.2
w destroy web || die "destroy under load"
wait "$load" 2>/dev/null
load=
[ "$(taps)" = 0 ] || die "the tap stays after destroy"
[ "$(w --json block-list | jq length)" = 0 ] || die "the disk stays after destroy"
w --json info disk | jq -e '.grants_mapped == 0' >/dev/null ||
    die "grants stay mapped: $(w --json info disk)"
[ -z "$(find /sys/fs/cgroup -type d -path "*$tag/*-web")" ] || die "cgroup of web stays"
w create "$dir/web.cfg" >/dev/null || die "create after destroy"
until_ok 10 fetch || die "the third guest does not serve"
w down || die down
echo "hot-plug under load: $(wc -l <"$dir/load.ok") fetches, no error"
