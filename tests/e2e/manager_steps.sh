#!/bin/bash
# weir-devd is killed at each step of what it does: building and ending a guest,
# attaching and detaching a disk and a vif, the return of a driver domain, its
# own return. After `weir up` what was begun is done or taken back, nothing of it
# stays behind, and guests under load noticed nothing.
#
# manager_steps.sh [OPERATION...]; POINTS=all: from the first point to the last of
# each operation, POINTS=N: each Nth, else a random one of each operation; SEED.
# `make crashtest-manager` takes all of the manager's.
. "$(dirname "$0")/manager_lib.sh" || exit 1
. "$(dirname "$0")/steps_lib.sh" || exit 1
OPERATIONS='nothing create block_attach network_attach network_plain block_detach network_detach
    shutdown destroy rebuild restart_disk kill_disk kill_net'
cli_begin "$@"
steps_begin weir-devd-steps
programs_begin

# ---- operations ----------------------------------------------------------
# NAME_whole: done or not done.

there() {
    ! is_gone "$1"
}

has() { # CLASS: web has a second one, and it is attached
    w --json "$1-list" web | jq -e 'length == 2 and all(.state == "attached")'
}

has_not() {
    w --json "$1-list" web | jq -e 'length == 1'
}

has_or_not() {
    has "$1" || has_not "$1"
}

guest_or_none() {
    is_gone extra || { is extra running && until_ok 10 serves; }
}

nothing_before() { :; }
nothing() { :; }
nothing_whole() { :; }
nothing_after() { :; }

create_whole() { guest_or_none; }
create_after() { ! there extra || w destroy extra; }

shutdown_whole() { guest_or_none; }
shutdown_after() { create_after; }

destroy_whole() { guest_or_none; }
destroy_after() { create_after; }

dies() { # and comes back, or the manager dies first
    sig KILL "$1"
    back() { [ "$(pid "$name")" != "$was" ] && is "$name" running || devd_gone; }
    until_ok 10 back
}
# A guest that is to be built again when it dies.
rebuild_before() { extra_serves && name=extra was=$(pid extra); }
rebuild() { dies extra; }
rebuild_whole() { until_ok 15 is extra running && until_ok 10 serves; }
rebuild_after() { w destroy extra; }

block_attach_whole() { has_or_not block; }
block_attach_after() { has_not block || block_detach; }

network_attach_whole() { has_or_not network; }
network_attach_after() { has_not network || network_detach; }

# One without a filter, and all of its taps outlive their driver domain.
network_plain_before() { :; }
network_plain() { w network-attach web bridge=br0,antispoof=0; }
network_plain_whole() {
    has_or_not network || return
    kill_net_before && kill_net && kill_net_whole || return
    w --json network-list web | jq -r '.[].vifname' >"$dir/taps"
    while read -r tap; do ip link show "$tap" || return; done <"$dir/taps"
}
network_plain_after() { network_attach_after; }

block_detach_whole() { has_or_not block; }
block_detach_after() { block_attach_after; }

network_detach_whole() { has_or_not network; }
network_detach_after() { network_attach_after; }

restart_disk_whole() { until_ok 15 is disk running; }

kill_disk_before() { name=disk was=$(pid disk); }
kill_disk() { dies disk; }
kill_disk_whole() { until_ok 15 is disk running; }
kill_disk_after() { :; }

kill_net_before() { name=net was=$(pid net); }
kill_net() { dies net; }
kill_net_whole() { until_ok 15 is net running; }
kill_net_after() { :; }

# ---- one death -----------------------------------------------------------

# The operation, and the death in it; true: it died.  Later deaths than the
# operation's end are none of it.
one() {
    local dead=no
    ${op}_before >"$dir/op.out" 2>&1 || trouble "cannot begin"
    devd_ends
    put weir-devd "$STEPS"
    if up WEIR_CRASH_AT="$n"; then
        ($op) >"$dir/op.out" 2>&1
        sleep 0.1
        devd_gone && dead=yes
    else
        dead=yes
    fi
    devd_ends
    put weir-devd "$B/bin/weir-devd"
    up || trouble "weir up fails"
    until_ok 20 settled || trouble "it does not settle"
    ${op}_whole >/dev/null 2>&1 || trouble "neither done nor taken back"
    ${op}_after >"$dir/op.out" 2>&1 || trouble "cannot be undone"
    left_end 'domain load grants' 'domain disk maps' 'domain * memory KiB' \
        2>"$dir/left.out" || trouble "$(cat "$dir/left.out")"
    deaths=$((deaths + 1))
    [ $dead = yes ]
}

extra_begin
for d in disk net; do printf '%s\n' restart_limit=0 restart_delay=0 >>"$dir/$d.cfg"; done
printf '%s\n' 'on_crash="restart"' >>"$dir/extra.cfg"
put weir-devd "$B/bin/weir-devd"
w up --memory 512M "$dir"/{disk,net,web}.cfg >/dev/null || die up
until_ok 10 fetch || die "no service"
loads_begin "${CAP:-3}"
sleep 1
tag=$(w --json info | jq -r .tag)
deaths=0
left_begin

# The manager's own return comes first in each.
for op in ${*:-$OPERATIONS}; do
    case $POINTS in
    some)
        n=$((1 + RANDOM % 12))
        one || :
        ;;
    all) every 1 ;;
    *) every "$POINTS" ;;
    esac
    [ "$POINTS" = some ] || echo "$op: dies up to point $n"
done
fetch || die "no service after all"
loads_end
echo "$deaths times; died $(points_seen "$S/log/weir-devd.log")"
w down || die down
