#!/bin/bash
# weir-xenstored is killed under load and while devices come and go: guests,
# tools and the manager go on, the registry is as it was, nothing adds up.
. "$(dirname "$0")/restart_lib.sh"
cli_begin "$@"
[ -x "$B/tests/blk_check" ] || die "$B/tests/blk_check is not built"
# A manager that does not count, beside the others.
mkdir "$dir/bin"
cp "$B/bin/weir" "$dir/bin/"
for p in weir-hv weir-xenstored weir-blkback weir-netback weir-load; do
    ln -s "$B/bin/$p" "$dir/bin/$p"
done
printf '#!/bin/sh\nexec %s/bin/weir-devd --registry-restarts 0 "$@"\n' "$B" >"$dir/bin/weir-devd"
chmod +x "$dir/bin/weir-devd"
bin=$dir/bin
w() { "$bin/weir" --state-dir "$S" "$@"; }
cli_bridge
cli_image
cli_domains
truncate -s 1M "$dir/a.img"
cli_snapshot >"$dir/nothing"
w up --memory 512M "$dir"/{disk,net,web}.cfg >/dev/null || die up
until_ok 10 fetch || die "no service"
log=$S/log/weir-devd.log
settled_tree() { # what the two programs of a pair write last is awaited
    local n
    for n in 1 2 3 4 5 6 7 8 9 10; do
        w store ls / >"$1" || die "store ls"
        sleep 0.3
        w store ls / | cmp -s "$1" - && return
    done
    die "the registry does not settle"
}
settled_tree "$dir/tree"
kept() {
    ls "/proc/$(pgrep -f "weir-devd .*--state-dir $S" | head -n 1)/fd" | wc -l
    ls "/proc/$(pid xenstored)/fd" | wc -l
    # Its journal may have grown.
    echo $(($(w --json info | jq .frames_used) - $(info xenstored frames)))
    w --json info xenstored | jq -c '[.ports, .grants_active, .grants_mapped]'
    ls "$dir/s" | sort
}
kept >"$dir/kept"

# Under guests that are busy, and one that watches.
"$bin/weir" --state-dir "$S" store watch /local/domain/77 >"$dir/watched" 2>&1 &
watch=$!
check_begin 6
for i in 1 2 3 4 5 6; do
    killed xenstored
    fetch || die "no service after kill $i"
    w store write "/local/domain/77/$i" "$i" || die "store write"
    sleep 0.2
done
is check running || die "the load did not last as long as the kills"
for i in 1 2 3 4 5 6; do
    until_ok 5 grep -q "^/local/domain/77/$i\$" "$dir/watched" ||
        die "a tool that watches did not see write $i: $(cat "$dir/watched")"
done
kill $watch
wait $watch 2>/dev/null
w store rm /local/domain/77 || die "store rm"
[ "$(info xenstored restarts)/$(info xenstored generation)" = 6/6 ] || die "$(w info xenstored)"
w --json info xenstored | jq -e '.outage_ms > 0 and .outage_ms <= .outage_max_ms and
    .outage_max_ms < 9000 and (.last_end | test("signal 9")) and
    (.last_end_time | test("^20.*Z$"))' >/dev/null || die "outage: $(w info xenstored)"
[ "$(grep -c 'xenstored: died: the program was killed by signal 9 (Killed); restart [1-6] ' "$log")" = 6 ] ||
    die "log: $(cat "$log")"
[ "$(grep -c 'xenstored: serves again after [0-9]* ms' "$log")" = 6 ] || die "log: $(cat "$log")"
echo "outages: $(sed -n 's/.*xenstored: serves again after \([0-9]*\) ms.*/\1/p' "$log" | xargs) ms"
check_end

# Devices and guests come and go; each request meets a death somewhere.
(while sleep "0.$((RANDOM % 5))$((RANDOM % 10))"; do sig KILL xenstored; done 2>/dev/null) &
load=$! # the library ends it
end=$((SECONDS + ${DURATION:-5}))
n=0
while [ $SECONDS -lt $end ]; do
    n=$((n + 1))
    w block-attach web "$dir/a.img,raw,xvdb,w" || die "block-attach, round $n"
    w network-attach web bridge=br0 || die "network-attach, round $n"
    # The guest lets go by itself: it still sees what changes.
    w block-detach web xvdb || die "block-detach, round $n"
    w network-detach web 1 || die "network-detach, round $n"
    check_begin 1
    check_end >/dev/null
    w create "$dir/check.cfg" >/dev/null || die "create, round $n"
    w destroy check || die "destroy, round $n"
done
kill "$load"
wait "$load" 2>/dev/null
load=
until_ok 5 is_gone check || die "check stays"
fetch || die "no service"
echo "$n rounds, $(info xenstored restarts) kills"

settled_tree "$dir/after"
cmp -s "$dir/tree" "$dir/after" || die "the registry is another: $(diff "$dir/tree" "$dir/after")"
as_before() { kept | cmp -s - "$dir/kept"; }
until_ok 5 as_before || die "something adds up: $(kept | diff "$dir/kept" -)"
# What a guest is told, it hears.
w shutdown --timeout 10 web || die "shutdown of a guest"
until_ok 5 is_gone web || die "web stays"
killed xenstored
sig KILL xenstored
w down || die down
cli_snapshot | cmp -s - "$dir/nothing" || die "something stays: $(cli_snapshot | diff "$dir/nothing" -)"

echo "the registry comes back and nobody lost anything"
