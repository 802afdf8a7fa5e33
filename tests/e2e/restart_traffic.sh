#!/bin/bash
# The network driver domain is killed again and again under two guests' traffic
# over a tap and a bridge: TCP transfers both ways come to their ends with the
# right bytes, no UDP datagram comes twice or spoilt, and nobody sees it in the
# registry.  KILLS (20); PROGRAM: another program than weir-netback.
. "$(dirname "$0")/restart_lib.sh"
KILLS=${KILLS:-20}
cli_begin "$@"
for p in webguest net_guest udp_stream; do
    [ -x "$B/tests/$p" ] || die "$B/tests/$p is not built"
done
command -v ping >/dev/null || skip "needs ping"
mkdir -p "$dir/src"
head -c 48000000 /dev/urandom >"$dir/src/big"
cli_bridge
cli_image 160M
cli_domains
cli_cfg net 'name="net"' "kernel=\"${PROGRAM:-weir-netback}\"" driver_domain=1 memory=32 \
    'offers=["vif"]' restart_limit=0 restart_delay=0
sed -i "s/'--ip'/'--writable','--ip'/; s/access=ro/access=rw/" "$dir/web.cfg"
cli_cfg echo 'name="echo"' "kernel=\"$B/tests/net_guest\"" \
    "args=['echo','10.77.0.3']" memory=64 "vif=['bridge=br0']"
w up --memory 512M "$dir"/{disk,net,web}.cfg >/dev/null || die up
until_ok 10 fetch || die "no service"

# Transfers until told to stop; how many.
get() { curl -sS --noproxy '*' --max-time 100 "$@"; }
transfers() {
    local n=0
    while [ ! -e "$dir/stop" ]; do
        get -o "$dir/down" "http://$IP/big" && cmp "$dir/down" "$dir/src/big" ||
            { echo "download $n is wrong"; return; }
        head -c 2000000 /dev/urandom >"$dir/up"
        get -o "$dir/put" -T "$dir/up" "http://$IP/up" &&
            get -o "$dir/back" "http://$IP/up" && cmp "$dir/back" "$dir/up" ||
            { echo "upload $n is wrong: $(cat "$dir/put")"; return; }
        n=$((n + 1))
    done
    echo "$n transfers each way"
}
w create "$dir/echo.cfg" >/dev/null || die "create echo"
until_ok 4 ping -c 1 -W 1 10.77.0.3 || die "echo does not answer"
watch_begin "/local/domain/$(info net domid)/backend" \
    "/local/domain/$(info web domid)/device" "/local/domain/$(info echo domid)/device"
mkfifo "$dir/udp.in"
"$B/tests/udp_stream" 10.77.0.3 7 120 <"$dir/udp.in" >"$dir/udp.out" 2>&1 &
udp=$!
exec 8>"$dir/udp.in"
transfers >"$dir/tcp.out" 2>&1 8>&- &
tcp=$!
load=$tcp
ids=$(info net domid)/$(info net store_evtchn)
for ((i = 0; i < KILLS; i++)); do
    killed net
    sleep 0.$((RANDOM % 4))$((RANDOM % 10))
done
watch_end
: >"$dir/stop"
wait $tcp
load=
exec 8>&-
wait $udp || die "UDP: $(cat "$dir/udp.out")"
grep -q '^[1-9][0-9]* transfers' "$dir/tcp.out" || die "TCP: $(cat "$dir/tcp.out")"
[ "$(info net domid)/$(info net store_evtchn)" = "$ids" ] || die "another domid or port"
[ "$(info net restarts)" = "$KILLS" ] || die "$(w info net)"
[ "$(grep -c 'net: serves again after [0-9]* ms: 0 disks, 2 vifs resumed' \
    "$S/log/weir-devd.log")" = "$KILLS" ] || die "log: $(cat "$S/log/weir-devd.log")"
is echo running || die "echo is gone: $(w list)"
sed -n 's/.*net: serves again after \([0-9]*\) ms.*/\1/p' "$S/log/weir-devd.log" |
    sort -n | awk '{ v[NR] = $1 } END {
        printf "%d kills: outage median %d ms, maximum %d ms\n", NR, v[int((NR + 1) / 2)], v[NR] }'
cat "$dir/tcp.out" "$dir/udp.out"
