#!/bin/bash
# The disk driver domain is killed under load: its guests notice nothing, in
# their data or in the registry, and the outage is shown.  What tools ask for
# meanwhile is done when it is back.
. "$(dirname "$0")/restart_lib.sh"
cli_begin "$@"
[ -x "$B/tests/blk_check" ] || die "$B/tests/blk_check is not built"
cli_bridge
cli_image
cli_domains
printf '%s\n' restart_limit=0 restart_delay=0 >>"$dir/disk.cfg"
w up --memory 512M "$dir"/{disk,net,web}.cfg >/dev/null || die up
until_ok 10 fetch || die "no service"
[ "$(info disk on_crash)/$(info web on_crash)" = restart/destroy ] || die "default of on_crash"

# Under a guest that writes and reads back, another one idle.
check_begin 12
ids=$(info disk domid)/$(info disk store_evtchn)
watch_begin "/local/domain/$(info disk domid)/backend" \
    "/local/domain/$(info web domid)/device" "/local/domain/$(info check domid)/device" \
    @releaseDomain @introduceDomain
for i in 1 2 3 4 5 6; do
    killed disk
    sleep 0.3
done
fetch || die "no service after the kills"
is check running || die "the load did not last as long as the kills"
watch_end
check_end
[ "$(info disk domid)/$(info disk store_evtchn)" = "$ids" ] || die "another domid or port"
[ "$(info disk restarts)/$(info disk generation)" = 6/6 ] || die "$(w info disk)"
w --json info disk | jq -e '.outage_ms > 1 and .outage_ms <= .outage_max_ms and
    .outage_max_ms < 5000 and (.last_end | test("signal 9")) and
    (.last_end_time | test("^20.*Z$"))' >/dev/null || die "outage: $(w info disk)"
[ "$(grep -c 'disk: died: the program was killed by signal 9 .*; restart [1-6] at once' \
    "$S/log/weir-devd.log")" = 6 ] || die "log: $(cat "$S/log/weir-devd.log")"
[ "$(grep -c 'disk: serves again after [0-9]* ms: [12] disks\?, 0 vifs resumed' \
    "$S/log/weir-devd.log")" = 6 ] || die "log: $(cat "$S/log/weir-devd.log")"
grep -q 'serves again' "$S/log/disk.log" || die "the domain's log does not say it"
echo "outages: $(sed -n 's/.*disk: serves again after \([0-9]*\) ms.*/\1/p' \
    "$S/log/weir-devd.log" | xargs) ms"

# Nothing adds up.
kept() {
    local p
    for p in hv devd; do ls "/proc/$(pgrep -f "weir-$p --state-dir $S" | head -n 1)/fd" | wc -l; done
    ls "/proc/$(pid xenstored)/fd" "/proc/$(pid disk)/fd" | wc -l
    w --json info | jq .frames_used
    w --json info disk | jq -c '[.frames, .ports, .grants_active, .grants_mapped]'
    ls "$dir/s" | sort
}
killed disk
fetch
sleep 0.3
kept >"$dir/kept"
for i in 1 2 3 4 5 6 7 8; do killed disk; done
fetch
sleep 0.3
kept | cmp -s - "$dir/kept" || die "something adds up: $(kept | diff "$dir/kept" -)"

# Told to.
out=$(w restart disk 2>&1) || die "restart: $out"
[[ $out == *'serves again after '*' ms: 1 disk, 0 vifs resumed'* ]] || die "restart says $out"
fetch || die "no service after weir restart"
grep -q 'disk: restart 16 at once, as asked' "$S/log/weir-devd.log" || die "no line"
for d in web xenstored nobody; do
    w restart $d >"$dir/out" 2>&1 && die "restart $d"
    [ "$(wc -l <"$dir/out")" = 1 ] || die "restart $d: $(cat "$dir/out")"
done
w restart web 2>&1 | grep -q 'web is a guest: `weir destroy` and `weir create` it' ||
    die "restart of a guest: $(w restart web 2>&1)"
w down || die down

# A longer outage: the next program comes after 3 s.
printf '%s\n' restart_delay=3000 >"$dir/delay"
grep -v restart_delay "$dir/disk.cfg" | cat - "$dir/delay" >"$dir/disk2.cfg"
mv "$dir/disk2.cfg" "$dir/disk.cfg"
cli_cfg victim 'name="victim"' "kernel=\"$B/tests/blk_check\"" "args=['--seconds','60']" \
    memory=64 "disk=['format=raw,vdev=xvda,access=rw,target=$dir/v.img']"
truncate -s 64M "$dir/v.img"
for f in a b x; do truncate -s 1M "$dir/$f.img"; done
w up --memory 512M "$dir"/{disk,net,web,victim}.cfg >/dev/null || die up
until_ok 10 fetch || die "no service"
w block-attach web "$dir/a.img,raw,xvdb,w" || die "attach a"
out_now() {
    # At once; the second one soon after, if the host is not too busy.
    for _ in 1 2 3 4; do
        killed disk
        sig KILL disk
        until_ok 1 is disk restarting && break
    done
    w list disk | grep -q ' restarting ' || die "not restarting: $(w list)"
}
begin() { # NAME COMMAND...: in the background
    local f=$1
    shift
    (w "$@" >"$dir/$f.out" 2>&1; echo $? >"$dir/$f.rc") &
}
done_well() { # NAME...
    local f
    for f in "$@"; do
        until_ok 20 test -s "$dir/$f.rc" || die "$f hangs"
        [ "$(cat "$dir/$f.rc")" = 0 ] || die "$f: $(cat "$dir/$f.out")"
    done
}
out_now
# A block device that is not attached anywhere else; what was there; a guest.
begin attach block-attach web "$dir/b.img,raw,xvdc,w"
begin detach block-detach web xvdb
cli_cfg late 'name="late"' "kernel=\"$B/tests/blk_check\"" "args=['--seconds','1']" \
    memory=64 "disk=['format=raw,vdev=xvda,access=rw,target=$dir/l.img']"
truncate -s 64M "$dir/l.img"
begin create create "$dir/late.cfg"
# An end of a guest waits for nobody.
timeout 2 "$B/bin/weir" --state-dir "$S" destroy victim || die "destroy of a guest waits"
until_ok 1 is_gone victim || die "a guest stays: $(w list)"
w shutdown --timeout 1 disk 2>&1 | grep -q 'serves' || die "shutdown of what is used"
sleep 0.3
is disk restarting || die "the outage was too short for this test"
done_well attach detach create
is disk running || die "$(w list)"
until_ok 20 is_gone late || die "late stays"
grep -q ' 0 mismatches, 0 errors' "$S/log/late.log" || die "late: $(cat "$S/log/late.log")"
w --json block-list web | jq -e 'map(.vdev) | sort == ["xvda", "xvdc"]' >/dev/null ||
    die "devices: $(w block-list web)"
fetch || die "no service after that"
# Images of those that left are free.
w block-attach web "$dir/a.img,raw,xvdd,w" || die "a.img is not free"
w block-attach web "$dir/v.img,raw,xvde,w" || die "v.img is not free"
# Destroyed in the middle: its devices go, as without a restart.
out_now
w destroy disk 2>&1 | grep -q 'serves web' || die "destroyed what is used"
w destroy --force disk || die "destroy"
until_ok 5 is_gone disk || die "disk stays"
no_devices() { [ "$(devices)" = 0 ]; }
until_ok 5 no_devices || die "devices stay: $(w block-list)"
sleep 3.2
is_gone disk || die "it came back"
until_ok 5 is_gone web || die "a web server without its disk goes on: $(w list)"
w create "$dir/disk.cfg" "$dir/web.cfg" >/dev/null || die "create others"
# And the end of all in the middle.
w block-attach web "$dir/a.img,raw,xvdb,w" || die "attach to the other one"
out_now
w down || die down
echo "killed under load: data, registry and tools as if nothing had been"
