#!/bin/bash
# A driver domain that does not stay up: restarts slow down and end in a clear
# state, with its guests' I/O held until weir restart, or their devices gone.
. "$(dirname "$0")/restart_lib.sh"
cli_begin "$@"
cli_bridge
cli_image
cli_domains
# Its program can be taken away from it.
mkdir "$dir/bin"
cp "$B/bin/weir-blkback" "$dir/bin/weir-blkback"
cli_cfg disk 'name="disk"' "kernel=\"$dir/bin/weir-blkback\"" driver_domain=1 \
    restart_limit=4 restart_period=60 restart_delay=50
w up --memory 256M "$dir"/{disk,net,web}.cfg >/dev/null || die up
until_ok 10 fetch || die "no service"

cp /bin/false "$dir/bin/other" && mv "$dir/bin/other" "$dir/bin/weir-blkback"
sig KILL disk
until_ok 10 is disk crashed || die "no end of restarts: $(w list)"
[ "$(info disk restarts)" = 4 ] || die "restarts: $(info disk restarts)"
want='restart limit reached: 4 in 60 s; at last the program exited with status 1; its guests'\'' I/O waits: `weir restart disk`'
[ "$(info disk reason)" = "$want" ] || die "reason: $(info disk reason)"
w list disk | grep -qF "$want" || die "list: $(w list)"
for when in 'restart 1 at once' 'restart 2 in 50 ms' 'restart 3 in 100 ms' 'restart 4 in 200 ms'; do
    grep -q "disk: died: .*; $when" "$S/log/weir-devd.log" ||
        die "no \"$when\": $(grep disk: "$S/log/weir-devd.log")"
done
sleep 1
[ "$(info disk restarts)/$(devices)" = 4/1 ] || die "it went on, or lost its device"

# The guest waits, however long.
MAXTIME=60
fetch &
fetching=$!
sleep 2
kill -0 $fetching 2>/dev/null || die "the guest's I/O was not held"
w block-attach web "$dir/web.img,raw,xvdb,r" 2>&1 |
    grep -q 'disk" (domain [0-9]*, crashed) offers no vbd\|no driver domain offers vbd' ||
    die "attach to a crashed driver domain: $(w block-attach web "$dir/web.img,raw,xvdb,r" 2>&1)"
w restart disk 2>"$dir/err" && die "restart of what cannot start"
grep -q 'restart limit reached' "$dir/err" || die "restart: $(cat "$dir/err")"
kill -0 $fetching 2>/dev/null || die "the guest's I/O was not held"
cp "$B/bin/weir-blkback" "$dir/bin/other" && mv "$dir/bin/other" "$dir/bin/weir-blkback"
w restart disk >/dev/null 2>&1 || die "restart"
wait $fetching || die "what the guest had begun did not end well"
[ "$(info disk reason)" = "" ] || die "reason stays: $(info disk reason)"
w --json info disk | jq -e '.outage_ms > 2000' >/dev/null || die "outage: $(w info disk)"
# And again: the count began anew.
killed disk
fetch || die "no service after another kill"
w down || die down

# Devices go at the limit.
printf '%s\n' 'restart_io="fail"' >>"$dir/disk.cfg"
w up --memory 256M "$dir"/{disk,net,web}.cfg >/dev/null || die up
until_ok 10 fetch || die "no service"
cp /bin/false "$dir/bin/other" && mv "$dir/bin/other" "$dir/bin/weir-blkback"
sig KILL disk
until_ok 10 is disk crashed || die "no end of restarts: $(w list)"
no_devices() { [ "$(devices)" = 0 ]; }
until_ok 5 no_devices || die "devices stay: $(w block-list)"
[[ $(info disk reason) == 'restart limit reached: '*'its devices are removed: `weir restart disk`' ]] ||
    die "reason: $(info disk reason)"
until_ok 5 is_gone web || die "a web server without its disk goes on: $(w list)"
[ "$(state net)/$(state disk)" = running/crashed ] || die "others went along: $(w list)"
cp "$B/bin/weir-blkback" "$dir/bin/other" && mv "$dir/bin/other" "$dir/bin/weir-blkback"
w restart disk >/dev/null 2>&1 || die "restart"
w create "$dir/web.cfg" >/dev/null || die "a guest after weir restart"
until_ok 10 fetch || die "no service after weir restart"
w down || die down

# Neither: as a guest.
sed -i '/restart_io/d' "$dir/disk.cfg"
echo 'on_crash="preserve"' >>"$dir/disk.cfg"
w up --memory 256M "$dir"/{disk,net,web}.cfg >/dev/null || die up
until_ok 10 fetch || die "no service"
sig KILL disk
until_ok 5 is disk crashed || die "not kept: $(w list)"
[ "$(info disk restarts)/$(devices)" = 0/1 ] || die "on_crash=preserve: $(w list)"
w restart disk >/dev/null 2>&1 || die "restart of a kept one"
fetch || die "no service from it"
w down || die down
echo "restarts end in a clear state; I/O held, and failed"
