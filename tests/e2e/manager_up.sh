#!/bin/bash
# `weir up` where the manager or weir-hv is gone: what it does and says, and
# what a tool says whose manager ends.
. "$(dirname "$0")/manager_lib.sh" || exit 1
cli_begin "$@"
cli_bridge
cli_image
cli_domains
ends() { ! kill -0 "$1" 2>/dev/null; }
end_of() { # SIGNAL SERVER
    local p
    p=$(server "$2")
    [ "${p:-0}" -gt 1 ] || die "no weir-$2"
    kill "-$1" "$p"
    [ "$1" = STOP ] || until_ok 10 ends "$p" || die "weir-$2 does not die"
}
refused() { # PATTERN: the last command failed with this one line
    [ $rc = 1 ] && [ "$(wc -l <"$dir/out")" = 1 ] && grep -q -- "$1" "$dir/out" ||
        die "exit $rc, not \"$1\": $(cat "$dir/out")"
}
try() {
    w "$@" >"$dir/out" 2>&1
    rc=$?
}

w up --memory 256M "$dir"/{disk,net,web}.cfg >"$dir/out" 2>&1 || die "up: $(cat "$dir/out")"
until_ok 10 fetch || die "no service"
hv=$(server hv) devd=$(server devd)
programs() { w --json list | jq -c 'map([.name, .domid, .pid, .restarts])'; }
before=$(programs)
try up "$dir/disk.cfg"
refused 'an instance runs there'
[ "$(server hv)/$(server devd)" = "$hv/$devd" ] || die "another instance"

# A tool in the middle of a request.
kill -STOP "$devd"
w shutdown web >"$dir/out" 2>&1 &
tool=$!
sleep 0.3
kill -KILL "$devd"
wait $tool
rc=$?
refused 'what was asked may be done or not'

# The manager is started again, and only that.
try up --memory 128M
refused 'leave out --memory'
try up "$dir"/{disk,net,web}.cfg
[ $rc = 0 ] && [ "$(wc -l <"$dir/out")" = 1 ] &&
    grep -q 'weir-devd was gone and runs again, with 4 domains' "$dir/out" ||
    die "up again: $rc, $(cat "$dir/out")"
[ "$(server hv)" = "$hv" ] || die "another weir-hv"
[ "$(programs)" = "$before" ] || die "not as it was: $before, now $(programs)"
[ "$(grep -c 'weir-devd: ready' "$S/log/weir-devd.log")" = 2 ] ||
    die "the log began anew: $(cat "$S/log/weir-devd.log")"
for d in disk net web; do until_ok 10 is $d running || die "$d: $(w list)"; done
until_ok 10 fetch || die "no service"
try up
refused 'an instance runs there'

# Without files, and when a file's domain can't be built.
end_of KILL devd
cli_cfg bad 'name="bad"' "kernel=\"$B/tests/webguest\"" memory=64 \
    "disk=['format=raw,vdev=xvda,access=ro,target=$dir/nothing.img']"
try up "$dir/bad.cfg"
[ $rc = 1 ] && grep -q '/bad.cfg:.*nothing.img' "$dir/out" || die "up: $rc, $(cat "$dir/out")"
try up
refused 'an instance runs there'
[ "$(programs)" = "$before" ] || die "not as it was: $before, now $(programs)"
fetch || die "no service"

# One that takes long to go on is waited for no longer, and not ended: all that
# runs would end with it.
mkdir "$dir/slow" && ln "$B/bin/weir" "$dir/slow" 2>/dev/null || cp "$B/bin/weir" "$dir/slow"
printf '#!/bin/sh\nkill -STOP $$\nexec "%s" "$@"\n' "$B/bin/weir-devd" >"$dir/slow/weir-devd"
chmod +x "$dir/slow/weir-devd"
end_of KILL devd
bin=$dir/slow
try up
bin=
refused 'weir-devd does not answer yet'
kill -CONT "$(server devd)" || die "weir-devd was ended"
until_ok 10 w list >/dev/null || die "the manager does not go on"
[ "$(programs)" = "$before" ] || die "not as it was: $before, now $(programs)"

# weir-hv is gone: nothing can go on.
end_of STOP devd
end_of KILL hv
try up
refused 'weir-hv is gone and its weir-devd is about to end'
kill -CONT "$(server devd)"
until_ok 20 devd_gone || die "weir-devd stays without weir-hv"
w up --memory 256M "$dir"/{disk,net,web}.cfg >/dev/null || die "up after weir-hv's end"
until_ok 10 fetch || die "no service"

# Both are gone.
end_of STOP hv
end_of KILL devd
end_of KILL hv
w up --memory 256M "$dir"/{disk,net,web}.cfg >/dev/null || die "up after both ends"
until_ok 10 fetch || die "no service"
w down || die down
echo "up says what it does"
