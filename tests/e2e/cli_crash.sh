#!/bin/bash
# A crash is shown with its reason, and on_crash is obeyed: destroy, preserve,
# restart; for guests and for driver domains.
. "$(dirname "$0")/cli_lib.sh"
cli_begin "$@"
cli_bridge
cli_image
cli_domains
printf '%s\n' 'on_crash="destroy"' heartbeat=0 >>"$dir/disk.cfg"
w up --memory 256M "$dir"/{disk,net}.cfg >/dev/null || die up

pid() {
    w --json list "$1" | jq -r '.[0].pid'
}
info() {
    w --json info "$1" | jq -r ".$2"
}
devices() {
    w --json block-list | jq length
}

# destroy
w create "$dir/web.cfg" >/dev/null || die "create web"
until_ok 10 fetch || die "no service"
kill -9 "$(pid web)"
until_ok 5 is_gone web || die "a crashed guest stays: $(w list)"
no_devices() { [ "$(devices)" = 0 ]; }
until_ok 5 no_devices || die "its devices stay"
grep -q 'killed by signal 9' "$S/log/web.log" || die "no reason in the log"
w log web | grep -q 'killed by signal 9' || die "weir log of a dead domain"

# preserve
{ cat "$dir/web.cfg"; echo 'on_crash="preserve"'; } >"$dir/keep.cfg"
w create "$dir/keep.cfg" >/dev/null || die "create keep"
until_ok 10 fetch || die "no service"
p=$(pid web)
kill -9 "$p"
kept() { [ "$(info web manager_state)" = crashed ]; }
until_ok 5 kept || die "not kept: $(w list)"
[[ "$(info web reason)" == *signal* || "$(info web reason)" == *ended* ]] ||
    die "reason: $(info web reason)"
[ "$(devices)" = 1 ] || die "a kept domain lost its devices"
w list | grep -q 'web .*crashed' || die "list does not show the crash"
w block-attach web "$dir/web.img,raw,xvdb,r" 2>&1 |
    grep -q 'domain web is crashed: devices can be attached' || die "attach to a dead one"
w block-detach web xvda || die "a dead guest has to let go of its disk"
[ "$(devices)" = 0 ] || die "a dead guest keeps its disk"
w destroy web || die "destroy a crashed domain"
until_ok 5 is_gone web || die "the crashed domain stays"
[ "$(devices)" = 0 ] || die "its devices stay"

# restart
{ cat "$dir/web.cfg"; echo 'on_crash="restart"'; } >"$dir/again.cfg"
w create "$dir/again.cfg" >/dev/null || die "create again"
until_ok 10 fetch || die "no service"
p=$(pid web)
kill -9 "$p"
again() {
    [ "$(state web)" = running ] && [ "$(pid web)" != "$p" ]
}
until_ok 10 again || die "not restarted: $(w list)"
until_ok 10 fetch || die "the restarted guest does not serve"
[ "$(info web restarts)" = 1 ] || die "restarts: $(info web restarts)"

# A driver domain that dies and is not to come back takes its devices along and
# nobody else.
kill -9 "$(pid disk)"
until_ok 5 is_gone disk || die "a dead driver domain stays"
no_devices() { [ "$(devices)" = 0 ]; }
until_ok 5 no_devices || die "its devices stay"
[ "$(state net)/$(state xenstored)" = running/running ] || die "others died"
# A guest may live on without its disk; if it ends, it is built again as soon
# as there is a driver domain.
w create "$dir/disk.cfg" >/dev/null || die "a new driver domain"
w destroy web || die "destroy web"
until_ok 5 is_gone web || die "web stays"
sleep 0.5
is_gone web || die "destroyed, and restarted: $(w list)"
w create "$dir/web.cfg" >/dev/null || die "a guest on the new driver domain"
until_ok 10 fetch || die "no service from the new driver domain"

# A program that does not come up in order: nothing stays.
cli_cfg hang 'name="hang"' 'kernel="/bin/sleep"' 'args=["60"]'
before=$(w --json list | jq -c '[.[] | .name]')
(w create "$dir/hang.cfg" 2>"$dir/err"; echo $? >"$dir/rc") &
sleep 0.3
timeout 2 "$B/bin/weir" --state-dir "$S" list >/dev/null ||
    die "a hanging start holds the manager up"
fetch || die "a hanging start holds others up"
wait
[ "$(cat "$dir/rc")" = 1 ] || die "a hanging start succeeded"
grep -q 'not ready within 10 s' "$dir/err" || die "message: $(cat "$dir/err")"
[ "$(w --json list | jq -c '[.[] | .name]')" = "$before" ] || die "the hanging one stays"

# A driver domain that stands still: what needs it fails after a deadline,
# everything else goes on.
truncate -s 1M "$dir/x.img"
p=$(pid disk)
kill -STOP "$p"
(w block-attach web "$dir/x.img,raw,xvdb,w" 2>"$dir/err"; echo $? >"$dir/rc") &
sleep 0.3
timeout 2 "$B/bin/weir" --state-dir "$S" --json block-list web |
    jq -e '[.[].state] | contains(["attaching"])' >/dev/null || die "block-list hangs"
w network-attach web bridge=br0 || die "a still disk domain holds the network up"
w network-detach web 1 || die "network-detach"
wait
[ "$(cat "$dir/rc")" = 1 ] || die "an attach nobody took succeeded"
grep -q 'did not take it in time' "$dir/err" || die "message: $(cat "$dir/err")"
refused_gone() { [ "$(devices)" = 1 ]; }
until_ok 10 refused_gone || die "the refused disk stays: $(w block-list)"
kill -CONT "$p"
until_ok 10 fetch || die "no service after the driver domain went on"
w block-attach web "$dir/x.img,raw,xvdb,w" || die "the image is not free"
w block-detach web xvdb || die "detach"

# pause, unpause, shutdown
w pause web || die pause
[ "$(state web)" = paused ] || die "not paused"
MAXTIME=1 fetch 2>/dev/null && die "a paused guest serves"
w unpause web || die unpause
until_ok 10 fetch || die "not unpaused"
w console web </dev/null | grep -q webguest || die "console"
w shutdown --timeout 5 web || die shutdown
until_ok 5 is_gone web || die "shutdown"
w down || die down
echo "crashes: destroyed, kept, restarted"
