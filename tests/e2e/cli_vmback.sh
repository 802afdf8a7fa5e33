#!/bin/bash
# Driver domains that are VMs: what the registry tells them, and that the
# manager follows the states.  This script plays the backends in them.
. "$(dirname "$0")/cli_vmlib.sh"
vm_begin "$@"

tiny drv s driver_domain=1 && create drv
d=$(domid drv)
w list drv | grep -q 'driver vbd,vif' || die "role: $(w list drv)"
tiny front s "disk=['vg/lv,raw,xvda,r,backend=drv']" \
    "vif=['bridge=xenbr0,backend=drv,vifname=inner,rate=10Mb/s,mac=00:16:3e:00:00:07']"
w create "$dir/front.cfg" >"$dir/out" 2>&1 &
pid=$!
f=$((d + 1))
back=/local/domain/$d/backend
node() { w store read "$back/$1" 2>/dev/null; }
until_ok 5 node "vif/$f/0/state" || die "no backend directory"
[ "$(state front)" = building ] || die "started before its disk: $(w list)"
for kv in vbd/$f/51712/{params=vg/lv,mode=r,type=phy,device-type=disk,dev=xvda,online=1,state=1} \
    "vbd/$f/51712/frontend=/local/domain/$f/device/vbd/51712" "vbd/$f/51712/frontend-id=$f" \
    vif/$f/0/{handle=0,mac=00:16:3e:00:00:07,bridge=xenbr0,vifname=inner,rate=62500\,50000} \
    vif/$f/0/script=/etc/xen/scripts/vif-bridge; do
    [ "$(node "${kv%%=*}")" = "${kv#*=}" ] || die "$kv is \"$(node "${kv%%=*}")\""
done
node "vbd/$f/51712/hotplug-status" && die "hotplug-status is the agent's"
if command -v xenstore-ls >/dev/null; then
    p=$(XENSTORED_PATH=$S/xenstored.sock xenstore-ls -p "$back/vbd/$f")
    echo "$p" | grep -q "^51712 = .*(n$d,r$f)" || die "backend permissions: $p"
    p=$(XENSTORED_PATH=$S/xenstored.sock xenstore-ls -p "/local/domain/$f/device/vbd")
    echo "$p" | grep -q "^51712 = .*(n$f,r$d)" || die "frontend permissions: $p"
fi
w store write "$back/vbd/$f/51712/state" 2 && w store write "$back/vif/$f/0/state" 2
wait $pid || die "create front: $(cat "$dir/out")"
until_ok 5 is front running || die "front does not run: $(w list)"
w --json block-list front | jq -e '.[0] | .state == "attached" and .target == "vg/lv"' \
    >/dev/null || die "block-list: $(w block-list)"

# Detach in order: it is told, it closes, it is gone.
w block-detach front xvda &
pid=$!
closing_of() { [ "$(node "vbd/$1/51712/state")/$(node "vbd/$1/51712/online")" = 5/0 ]; }
until_ok 5 closing_of $f || die "not told to close"
w store write "$back/vbd/$f/51712/state" 6
wait $pid || die "detach"
node "vbd/$f/51712/state" && die "the directory stays"
w store read "/local/domain/$f/device/vbd/51712/state" 2>/dev/null && die "frontend stays"
# By force: the frontend's half goes at once, the backend has a moment.
w network-detach --force front 0 &
pid=$!
gone() { ! w store read "/local/domain/$f/device/vif/0/state"; }
until_ok 2 gone || die "the frontend's directory stays"
wait $pid || die "forced detach"
# Hot-plug that the backend refuses, with its own words.
(w block-attach front "/dev/x,raw,xvdb,w,backend=drv" 2>"$dir/err"; echo $? >"$dir/rc") &
pid=$!
until_ok 5 node "vbd/$f/51728/state" || die "no backend directory"
w store write "/local/domain/$d/error/backend/vbd/$f/51728/error" "6 no such disk"
w store write "$back/vbd/$f/51728/state" 5
wait $pid
[ "$(cat "$dir/rc")" = 1 ] && grep -q 'drv refused it: 6 no such disk' "$dir/err" ||
    die "refusal: $(cat "$dir/err")"
refused 'weir: *iops= is for backends of Weir on this host; drv is a VM*' \
    w block-attach front "/dev/x,raw,xvdc,w,backend=drv,iops=5"
refused 'weir: *queues= is for backends*' \
    w network-attach front "bridge=b,backend=drv,queues=2"
refused 'weir: *domain drv cannot serve itself*' \
    w block-attach drv "/dev/x,raw,xvda,w,backend=drv"

# A process is served by it, too.
cli_image
cli_cfg web 'name="web"' "kernel='$B/tests/webguest'" "args=['--ip','$IP/24']" memory=64 \
    "disk=['/dev/y,raw,xvda,r,backend=drv']" "vif=['bridge=b,backend=drv']"
w create "$dir/web.cfg" >"$dir/out" 2>&1 &
pid=$!
p=$((f + 1))
until_ok 5 node "vbd/$p/51712/state" || die "no backend directory for a process"
w store write "$back/vbd/$p/51712/state" 2 && w store write "$back/vif/$p/0/state" 2
wait $pid || die "create web: $(cat "$dir/out")"

# A restart that fails because of its driver domain is tried again.
tiny again r "disk=['/dev/z,raw,xvda,r,backend=drv']"
w create "$dir/again.cfg" >"$dir/out" 2>&1 &
pid=$!
a=$((p + 1))
until_ok 5 node "vbd/$a/51712/state" || die "no backend directory"
w store write "$back/vbd/$a/51712/state" 2
wait $pid || die "create again: $(cat "$dir/out")"
until_ok 5 closing_of $a || die "not told to close"
w store write "$back/vbd/$a/51712/state" 6
until_ok 5 node "vbd/$((a + 1))/51712/state" || die "not restarted: $(w list)"
w store write "$back/vbd/$((a + 1))/51712/state" 6
until_ok 5 node "vbd/$((a + 2))/51712/state" || die "not tried again: $(w list)"
w destroy again || die "destroy again"
sleep 1
is_gone again || die "destroyed, and tried again: $(w list)"

# A disk that goes while the domain is being built, served already or not: the
# domain is not built without it.
tiny drv2 s driver_domain=1 && create drv2
two=/local/domain/$(domid drv2)/backend
tiny half s "disk=['/dev/h,raw,xvda,w,backend=drv','/dev/i,raw,xvdb,w,backend=drv2']"
half() { # half WANT CMD...: what create says when CMD takes one away
    local want=$1 h
    shift
    (w create "$dir/half.cfg" >"$dir/out" 2>&1; echo $? >"$dir/rc") &
    pid=$!
    building() { [ "$(state half)" = building ]; }
    until_ok 5 building || die "half: $(w list)"
    h=$(domid half)
    until_ok 5 w store read "$two/vbd/$h/51728/state" || die "no backend directory"
    w store write "$two/vbd/$h/51728/state" 2
    attached() { w --json block-list half | jq -e '.[] | select(.state == "attached")'; }
    until_ok 5 attached || die "half: $(w block-list half)"
    "$@" || die "half: $*"
    until_ok 8 is_gone half || die "$*: built without its disk: $(w list)"
    wait $pid
    [ "$(cat "$dir/rc")" = 1 ] && grep -q "$want" "$dir/out" || die "$*: $(cat "$dir/out")"
}
half 'disk xvda of domain half: detached while it started' w block-detach half xvda
half 'disk xvdb of domain half: detached while it started' w block-detach half xvdb
half 'disk xvdb of domain half: its driver domain is gone' w destroy --force drv2

# It serves others: it goes only by force, and its devices go with it.
refused 'weir: domain drv serves *: detach their devices first*' w destroy drv
w destroy --force drv || die "destroy drv"
none() { [ "$(w --json block-list | jq length)/$(w --json network-list | jq length)" = 0/0 ]; }
until_ok 5 none || die "devices of a driver VM that is gone: $(w block-list)"
[ "$(state front)" = running ] || die "its guest is gone: $(w list)"
refused 'weir: *no driver domain offers vbd devices*' \
    w block-attach front "/dev/x,raw,xvdb,w"
w destroy front && until_ok 5 is_gone front || die "destroy front"
w down || die down
echo "driver VMs: attach, detach, force, refusal, death"
