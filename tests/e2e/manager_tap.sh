#!/bin/bash
# An interface that is somebody else's bears the name of a vif's tap: the vif is
# refused, and a manager that dies at any step of that leaves a successor which
# lets the interface be.
. "$(dirname "$0")/manager_lib.sh"
cli_begin "$@"
STEPS=$B/tests/weir-devd-steps
[ -x "$STEPS" ] || die "$STEPS is not built"
cli_bridge
cli_image
cli_domains
programs_begin
put weir-devd "$STEPS"
w up --memory 256M "$dir"/{disk,net,web}.cfg >/dev/null || die up
tag=$(w --json info | jq -r .tag)
tap=$(ip -o link show master br0 | awk -F'[: ]+' '{ print $2 }')
[[ $tap == *.0 ]] || die "no tap on the bridge: $tap"
tap=${tap%.0}.1
ip tuntap add "$tap" mode tap || die "no interface $tap"
index() {
    ip -o link show "$tap" 2>/dev/null | cut -d: -f1
}
at=$(index)
[ -n "$at" ] || die "no interface $tap"
: >"$dir/out"
for ((n = 1; n <= 80; n++)); do
    devd_ends
    up "WEIR_CRASH_AT=$n"
    w network-attach web bridge=br0 >"$dir/out" 2>&1 && die "point $n: attached"
    devd_ends
    up || die "point $n: $(cat "$dir/up.out")"
    until_ok 20 settled || die "point $n: it does not settle: $(w list)"
    [ "$(index)" = "$at" ] || die "point $n: $tap is removed"
    [ "$(w --json network-list | jq length)" = 1 ] || die "point $n: $(w network-list)"
    grep -q "$tap exists" "$dir/out" && break
done
grep -q "$tap exists" "$dir/out" || die "never refused: $(cat "$dir/out")"
# Else it never died with the vif in a record.
[ "$(grep -c 'went on: 3 domains, 3 devices' "$S/log/weir-devd.log")" -ge 3 ] ||
    die "the steps are others: $(cat "$S/log/weir-devd.log")"
ip link del "$tap" && until_ok 10 w network-attach web bridge=br0 || die "attach: no"
w down || die down
echo "$((n - 1)) deaths, and somebody else's interface is there"
