#!/bin/bash
# A driver domain that stands still is found out by its heartbeat, killed and
# restarted; one that was paused, or that a manager which stood still itself
# did not hear, is not.
. "$(dirname "$0")/restart_lib.sh"
cli_begin "$@"
[ -x "$B/tests/blk_check" ] || die "$B/tests/blk_check is not built"
cli_bridge
cli_image
cli_domains
printf '%s\n' heartbeat=2 restart_limit=0 >>"$dir/disk.cfg"
printf '%s\n' heartbeat=0 >>"$dir/net.cfg"
w up --memory 512M "$dir"/{disk,net,web}.cfg >/dev/null || die up
until_ok 10 fetch || die "no service"
check_begin 12

p=$(pid disk)
began=$(date +%s%N)
kill -STOP "$p"
other() { [ "$(pid disk)" != "$p" ] && is disk running; }
until_ok 15 other || die "a hang is not seen: $(w list)"
took=$((($(date +%s%N) - began) / 1000000))
[ $took -lt 8000 ] || die "seen after $took ms"
[ -d "/proc/$p" ] && die "the hanging program lives on"
echo "stopped; served again after $took ms"
grep -q 'disk: no answer for 2 s: it hangs and is killed' "$S/log/weir-devd.log" ||
    die "log: $(cat "$S/log/weir-devd.log")"
[ "$(info disk last_end)" = 'it hung: no answer for 2 s' ] || die "$(w info disk)"
w --json info disk | jq -e '.outage_ms > 1500' >/dev/null ||
    die "the outage began with its last answer: $(w info disk)"
check_end
fetch || die "no service"

# What only looks like it.
p=$(pid disk) n=$(pid net)
w pause disk || die pause
kill -STOP "$n"
sleep 5
w unpause disk || die unpause
kill -CONT "$n"
manager=$(pgrep -f "weir-devd --state-dir $S")
kill -STOP "$manager"
sleep 5
kill -CONT "$manager"
# A pause it cannot have heard of, and its end.
kill -STOP "$manager"
w pause disk
sleep 4
kill -CONT "$manager"
sleep 4
[ "$(state disk)" = paused ] || die "not paused: $(w list)"
w unpause disk
sleep 3
[ "$(pid disk)/$(pid net)" = "$p/$n" ] || die "killed without reason: $(cat "$S/log/weir-devd.log")"
fetch || die "no service"

# With on_crash=destroy a hang is an end.
cli_cfg other 'name="other"' 'kernel="weir-blkback"' driver_domain=1 heartbeat=1 \
    'on_crash="destroy"'
w create "$dir/other.cfg" >/dev/null || die "create other"
sig STOP other
until_ok 10 is_gone other || die "other hangs on: $(w list)"
grep -q 'it hung: no answer for 1 s' "$S/log/other.log" || die "$(cat "$S/log/other.log")"
w down || die down
echo "hangs are seen, and nothing else is taken for one"
