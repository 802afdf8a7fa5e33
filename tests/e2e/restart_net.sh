#!/bin/bash
# Both driver domains are killed while a guest serves a file: the connection
# goes on and the file is the same; interface, filter and registry stay as they
# are, and nobody hears a frame twice.
. "$(dirname "$0")/restart_lib.sh"
cli_begin "$@"
command -v ping >/dev/null || skip "needs ping"
cli_bridge
mkdir "$dir/src"
head -c 40000000 /dev/urandom >"$dir/src/large"
cli_image 64M
cli_domains
for d in disk net; do echo restart_limit=0 >>"$dir/$d.cfg"; done
w up --memory 512M "$dir"/{disk,net,web}.cfg >/dev/null || die up
until_ok 10 fetch || die "no service"
host() { ip -o link show master br0; nft list ruleset 2>/dev/null; }
host >"$dir/host"
watch_begin "/local/domain/$(info net domid)/backend" "/local/domain/$(info disk domid)/backend" \
    "/local/domain/$(info web domid)/device"

curl -sS --noproxy '*' --max-time 60 --limit-rate 4M -o "$dir/got" "http://$IP/large" &
load=$!
ping -q -i 0.05 -W 2 -c 80 "$IP" >"$dir/ping" &
pinging=$!
n=0
while kill -0 $load 2>/dev/null && [ $n -lt 5 ]; do
    killed net
    killed disk
    n=$((n + 1))
    sleep 0.3
done
[ $n -ge 3 ] || die "the download was over after $n kills of each"
wait $load || die "the download: status $?"
load=
cmp "$dir/got" "$dir/src/large" || die "other bytes came through"
wait $pinging
grep -q ' duplicates' "$dir/ping" && die "frames came twice: $(cat "$dir/ping")"
lost=$(sed -n 's/.* \([0-9]*\)\(\.[0-9]*\)\?% packet loss.*/\1/p' "$dir/ping")
[ "${lost:-100}" -lt 50 ] || die "ping: $(cat "$dir/ping")"
watch_end
host | cmp -s - "$dir/host" || die "interfaces or filters changed: $(host | diff "$dir/host" -)"
[ "$(info net restarts)/$(info disk restarts)" = "$n/$n" ] || die "restarts: $(w list)"
grep -q 'net: serves again after [0-9]* ms: 0 disks, 1 vif resumed' "$S/log/weir-devd.log" ||
    die "log: $(cat "$S/log/weir-devd.log")"
echo "outages: $(sed -n 's/.*\(net\|disk\): serves again after \([0-9]*\) ms.*/\1 \2/p' \
    "$S/log/weir-devd.log" | xargs) ms; pings lost: $lost %"

# Its own guests by its switch, too, and a vif more afterwards.
w network-attach web bridge=br0 || die "network-attach after the kills"
killed net
w network-detach web 1 || die "network-detach"
fetch || die "no service"
w down || die down
echo "killed $n times each: one connection, one file"
