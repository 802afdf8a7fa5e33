#!/bin/bash
# Driver domains are killed at any time while devices and guests come and go:
# each request ends well, and nothing stays behind.
. "$(dirname "$0")/restart_lib.sh"
cli_begin "$@"
[ -x "$B/tests/blk_check" ] || die "$B/tests/blk_check is not built"
cli_bridge
cli_image
cli_domains
for d in disk net; do printf '%s\n' restart_limit=0 restart_delay=0 >>"$dir/$d.cfg"; done
w up --memory 512M "$dir"/{disk,net,web}.cfg >/dev/null || die up
until_ok 10 fetch || die "no service"
w store ls / >"$dir/store"

truncate -s 1M "$dir/a.img"
(while sleep 0.0$((RANDOM % 10))$((RANDOM % 10)); do
    for d in disk net; do sig KILL $d; done 2>/dev/null
done) &
load=$! # the library ends it
end=$((SECONDS + ${DURATION:-20}))
n=0
while [ $SECONDS -lt $end ]; do
    n=$((n + 1))
    w block-attach web "$dir/a.img,raw,xvdb,w" || die "block-attach, round $n"
    w network-attach web bridge=br0 || die "network-attach, round $n"
    check_begin 1
    w block-detach --force web xvdb || die "block-detach, round $n"
    w network-detach --force web 1 || die "network-detach, round $n"
    check_end
    w create "$dir/check.cfg" >/dev/null || die "create, round $n"
    w destroy check || die "destroy, round $n"
done
kill "$load"
wait "$load" 2>/dev/null
load=
for d in disk net; do until_ok 10 is $d running || die "$d: $(w list)"; done
until_ok 5 is_gone check || die "check stays"
until_ok 10 fetch || die "no service"
devs() { w --json block-list | jq -c '[.[].vdev]'; w --json network-list | jq -c '[.[].devid]'; }
[ "$(devs | xargs)" = '[xvda] [0]' ] || die "devices stay: $(devs)"
w store ls "/local/domain/$(info disk domid)/backend" >"$dir/after"
[ "$(grep -c 'frontend-id' "$dir/after")" = 1 ] || die "stale nodes: $(cat "$dir/after")"
[ "$(ip -o link show master br0 | wc -l)" = 1 ] || die "stale taps: $(ip -o link)"
echo "$n rounds, $(info disk restarts) and $(info net restarts) kills"
w down || die down
