#!/bin/bash
# weir-devd is killed and started again under VMs: one that runs, one that ended
# and is kept, one that reboots for ever, one that was asked to power off.
. "$(dirname "$0")/cli_vmlib.sh"
. "$(dirname "$0")/manager_lib.sh"
bin=$B/bin
vm_begin "$@"
tag=$(w --json info | jq -r .tag)
w down || die down
cli_snapshot >"$dir/outside"
w up --memory 256M >/dev/null || die up
again() {
    devd_ends
    up || die "up: $(cat "$dir/up.out")"
}
tiny idle s maxmem=8
tiny keep p 'on_poweroff="preserve"'
tiny loop r 'on_reboot="restart"'
create idle
create keep
until_ok 5 is keep shutdown || die "keep: $(w list)"
w mem-set idle 6 || die mem-set
shown() {
    for d in idle keep; do
        w --json info $d | jq -cS '[.name, .domid, .uuid, .state, .manager_state, .reason,
            .target_kib, .maxmem_mib, .start_ms, .log, .console_evtchn]'
    done
}
shown >"$dir/was"
again
shown | cmp -s - "$dir/was" || die "not as it was: $(shown | diff "$dir/was" -)"

# It goes on to be built again.
ends() { grep -c '(loop) is gone' "$S/log/weir-devd.log"; }
more() { [ "$(ends)" -gt "$n" ]; }
create loop
for i in 1 2 3; do
    n=$(ends)
    again
    until_ok 20 more || die "loop is not built again after $n times: $(w list)"
done
w destroy loop || die "destroy loop"
again
sleep 0.5
is_gone loop || die "loop is built again: $(w list)"

# Its time goes on, and its end is not the guest's.
w shutdown --timeout 4 idle >"$dir/out" 2>&1 &
until_ok 5 is idle stopping || die "idle is not asked: $(w list)"
again
wait %1 && die "a request that nobody answered: $(cat "$dir/out")"
is idle stopping || die "nobody knows that it was asked: $(w list)"
until_ok 10 is idle running || die "idle: $(w list)"

# A start that nobody waits for any more is taken back, or it was done.
tiny late s
w create "$dir/late.cfg" >"$dir/out" 2>&1 &
again
wait
done_or_not() { is_gone late || is late running; }
until_ok 10 done_or_not || die "late: $(w list)"
for d in idle keep; do w destroy $d || die "destroy $d"; done

# Devices of a driver domain that is a VM: this script plays its backends.
tiny drv s driver_domain=1
create drv
tiny front s "disk=['vg/lv,raw,xvda,r,backend=drv']"
w create "$dir/front.cfg" >"$dir/out" 2>&1 &
d=$(domid drv)
f=$((d + 1))
back=/local/domain/$d/backend/vbd/$f
node() { w store read "$back/$1/state" 2>/dev/null; }
until_ok 5 node 51712 || die "no backend directory"
w store write "$back/51712/state" 2
wait %% || die "create front: $(cat "$dir/out")"
attached() { w --json block-list front | jq -e "map(.state) == [\"$1\"]"; }
again
attached attached >/dev/null || die "not attached: $(w block-list)"
# Nobody took it before the manager died; then one that was taken meanwhile.
w block-attach front /dev/x,raw,xvdb,w,backend=drv >"$dir/out" 2>&1 &
until_ok 5 node 51728 || die "no directory of xvdb"
again
wait %%
without() { ! node "$1"; }
until_ok 10 without 51728 || die "xvdb is not taken back: $(w block-list)"
w block-attach front /dev/x,raw,xvdb,w,backend=drv >"$dir/out" 2>&1 &
until_ok 5 node 51728 || die "no directory of xvdb"
devd_ends
w store write "$back/51728/state" 2
up || die "up: $(cat "$dir/up.out")"
wait %%
[ "$(w --json block-list front | jq length)" = 2 ] || die "xvdb: $(w block-list)"
# Told to close before, and closed after.
w block-detach front xvdb >"$dir/out" 2>&1 &
closing() { [ "$(node 51728)" = 5 ]; }
until_ok 5 closing || die "not told to close"
again
wait %%
closing || die "closing twice: $(node 51728)"
w store write "$back/51728/state" 6
until_ok 5 attached attached || die "xvdb stays: $(w block-list)"
without 51728 || die "the directory of xvdb stays"
w destroy front || die "destroy front"
w destroy drv || die "destroy drv"
again
w down || die down
cli_snapshot | cmp -s - "$dir/outside" || die "left: $(cli_snapshot | diff "$dir/outside" -)"
echo "killed and started again: VMs as if nothing had been"
