#!/bin/bash
# weir-devd is killed and started again: domains and their I/O go on, what ended
# meanwhile is found, what was counted is known, and all of it can be commanded.
. "$(dirname "$0")/manager_lib.sh"
cli_begin "$@"
cli_bridge
cli_image
cli_domains
truncate -s 1M "$dir/a.img"
printf '%s\n' restart_limit=2 restart_period=600 restart_delay=0 >>"$dir/net.cfg"
sed 's/^name="web"/name="again"/; s/10\.77\.0\.2/10.77.0.3/' "$dir/web.cfg" >"$dir/again.cfg"
printf '%s\n' 'on_crash="restart"' >>"$dir/again.cfg"
sed 's/^name="web"/name="once"/; s/10\.77\.0\.2/10.77.0.4/' "$dir/web.cfg" >"$dir/once.cfg"
cli_snapshot >"$dir/outside"
bin=$B/bin
w up --memory 512M "$dir"/{disk,net,web,again,once}.cfg >/dev/null || die up
tag=$(w --json info | jq -r .tag)
until_ok 10 fetch || die "no service"
back() {
    up || die "up: $(cat "$dir/up.out")"
    [ "${1:-}" = loosely ] || until_ok 20 settled || die "it does not settle: $(w list)"
}
log() {
    grep -q "$1" "$S/log/weir-devd.log" || die "no line \"$1\": $(cat "$S/log/weir-devd.log")"
}

# Nothing happens but its death; a guest's data goes on.
check_begin 8
shown() {
    w --json list | jq -c 'map([.name, .domid, .pid, .restarts])'
    { w --json block-list; w --json network-list; } |
        jq -cS 'map(del(.stats) | select(.frontend_name != "check"))'
    for d in disk net web; do w --json info $d | jq -cS '[.start_ms, .log, .cgroup, .on_crash]'; done
}
shown >"$dir/was"
watch_begin "/local/domain/$(info disk domid)/backend/vbd/$(info web domid)" \
    "/local/domain/$(info web domid)" @introduceDomain @releaseDomain
for i in 1 2; do
    devd_ends
    fetch || die "no service without a manager"
    back
    shown | cmp -s - "$dir/was" || die "not as it was: $(shown | diff "$dir/was" -)"
done
watch_end
log 'went on: 6 domains, 7 devices, 0 ended meanwhile'
check_end

# It commands them.
w block-attach web "$dir/a.img,raw,xvdb,w" || die "attach"
w block-attach again "$dir/a.img,raw,xvdb,w" 2>&1 | grep -q 'in use' || die "no lock"
devd_ends
back
w block-attach again "$dir/a.img,raw,xvdb,w" 2>&1 | grep -q 'in use' || die "the lock is lost"
w block-detach web xvdb || die "detach"
w block-attach again "$dir/a.img,raw,xvdb,w" || die "the lock stays"
w network-attach web bridge=br0 || die "attach a vif"
w network-detach web 1 || die "detach the vif"
killed disk

# Programs that end while there is no manager.
disk=$(info disk restarts) pid=$(pid again)
# The first thread is a zombie before the others are gone.
ended() {
    [ "$(ls /proc/$1/task 2>/dev/null | wc -l)" -le 1 ] &&
        { [ ! -d /proc/$1 ] || grep -q '^State:.*Z' /proc/$1/status; }
}
kill_all() {
    local d p=
    for d in "$@"; do p="$p $(pid "$d")"; done
    devd_ends
    kill -KILL $p || die "nobody to kill: $p"
    for d in $p; do until_ok 10 ended "$d" || die "$d does not end"; done
}
kill_all disk again once
back
log 'went on: 5 domains, [0-9]* devices, 3 ended meanwhile'
log 'domain [0-9]* (once) crashed: .*killed by signal 9'
until_ok 20 is again running || die "again: $(w list)"
[ "$(pid again)" != "$pid" ] || die "again has its dead program"
is_gone once || die "once: $(w list)"
[ "$(info disk restarts)" = $((disk + 1)) ] || die "disk: $(w info disk)"
w --json info disk | jq -e '.last_end | test("signal 9")' >/dev/null || die "disk: $(w info disk)"
until_ok 10 fetch || die "no service"

# What was counted is known: two restarts are the limit, and that stays.
killed net
kill_all net
back loosely
until_ok 20 is net running || die "net: $(w list)"
kill_all net
back loosely
is net crashed || die "net: no limit: $(w list)"
info net reason | grep -q 'restart limit reached: 2 in 600 s' || die "net: $(w info net)"
devd_ends
back loosely
is net crashed || die "net: $(w list)"
w restart net >/dev/null || die "restart net"
until_ok 10 fetch || die "no service after the restart"

# Nothing stays.
devd_ends
back
w down || die down
cli_snapshot | cmp -s - "$dir/outside" || die "left: $(cli_snapshot | diff "$dir/outside" -)"
echo "killed and started again: as if nothing had been"
