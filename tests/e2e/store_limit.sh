#!/bin/bash
# weir-xenstored hangs: the manager ends it and goes on.  It does not stay up:
# the instance ends in order.
. "$(dirname "$0")/restart_lib.sh"
cli_begin "$@"
cli_bridge
cli_image
cli_domains
truncate -s 1M "$dir/b.img"
cli_snapshot >"$dir/nothing"
log=$S/log/weir-devd.log
w up --memory 256M "$dir"/{disk,net,web}.cfg >/dev/null || die up
until_ok 10 fetch || die "no service"

# A tool that asks it, and the manager.
until_ok 5 sig STOP xenstored || die "no registry"
w store read /local/domain/1/name >"$dir/out" 2>&1 &
asks=$!
w block-attach web "$dir/b.img,raw,xvdc,w" || die "attach while it hangs"
grep -q 'xenstored: died: it did not serve (.*) and was killed' "$log" || die "log: $(tail "$log")"
wait $asks && grep -qx xenstored "$dir/out" || die "a tool that waited: $(cat "$dir/out")"
fetch || die "no service"
w --json info xenstored | jq -e '.outage_ms >= 5000' >/dev/null || die "outage: $(w info xenstored)"
w block-detach web xvdc || die "detach after it hung"

# Again and again.
devd=$(pgrep -f "weir-devd --state-dir $S")
last() { sig KILL xenstored; ! kill -0 "$devd" 2>/dev/null; }
w store watch /local/domain/0 >"$dir/out" 2>"$dir/err" &
watch=$!
until_ok 30 last || die "no end of restarts: $(w list)"
[ "$(grep -c 'xenstored: died: ' "$log")" = 10 ] || die "log: $(cat "$log")"
grep -q 'xenstored: does not come back: restart limit reached: 10 in 60 s; at last the program was killed by signal 9' "$log" ||
    die "log: $(cat "$log")"
[ "$(tail -n 1 "$log")" = 'weir-devd: stopped' ] || die "not in order: $(cat "$log")"
wait $watch && die "the tool that watched ended well"
[ "$(wc -l <"$dir/err")" = 1 ] || die "it says: $(cat "$dir/err")"
w store ls / >"$dir/out" 2>&1 && die "a registry without a manager"
[ "$(wc -l <"$dir/out")" = 1 ] || die "store ls: $(cat "$dir/out")"
[ "$(w --json list | jq length)" = 0 ] || die "domains stay: $(w list)"
w down || die down

# Under a manager that takes over: it never had a connection.
mkdir "$dir/bin" && cp "$B"/bin/weir* "$dir/bin" || die "no copies of the programs"
"$dir/bin/weir" --state-dir "$S" up --memory 256M "$dir"/{disk,net,web}.cfg >/dev/null || die "up again"
store=$(w --json list | jq -r '.[] | select(.name == "xenstored").pid')
kill -KILL "$(pgrep -f "weir-devd --state-dir $S")" "$store" || die "no programs"
rm "$dir/bin/weir-xenstored"
timeout 60 "$dir/bin/weir-devd" --state-dir "$S" --registry-restarts 1 2>"$dir/out"
rc=$?
[ $rc = 1 ] && [ "$(tail -n 1 "$dir/out")" = 'weir-devd: stopped' ] ||
    die "not in order: $rc, $(cat "$dir/out")"
[ "$(w --json list | jq length)" = 0 ] || die "domains stay: $(w list)"
w down || die "down again"
cli_snapshot | cmp -s - "$dir/nothing" || die "something stays: $(cli_snapshot | diff "$dir/nothing" -)"
echo "the registry came back as often as it may; then the instance ended in order"
