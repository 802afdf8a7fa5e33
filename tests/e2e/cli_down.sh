#!/bin/bash
# weir-hv and its manager are killed together: nobody is left to end the
# domains.  Those that run end by themselves; one that is stopped can't, and
# `weir down` or the next start ends it.
. "$(dirname "$0")/cli_lib.sh"
cli_begin "$@"
cli_bridge
cli_image
cli_domains
tag=none
before=$(cli_snapshot)

is_dead() { # a zombie holds nothing
    ! [ -d "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status"
}

run_once() { # NAME of the one that is stopped, or -
    w up --memory 256M "$dir/disk.cfg" "$dir/net.cfg" "$dir/web.cfg" >/dev/null ||
        die "up"
    tag=$(w --json info | jq -r .tag)
    until_ok 20 fetch || die "the guest does not serve its file"
    stopped=$(w --json list | jq -r --arg n "$1" \
        '.[] | select(.name == $n) | .pid')
    others=$(w --json list | jq -r ".[].pid | select(. != ${stopped:-0})")
    [ -z "$stopped" ] || kill -STOP "$stopped"
    kill -9 "$(pgrep -f -- "weir-devd --state-dir $S")" \
        "$(pgrep -f -- "weir-hv --state-dir $S")"
    for p in $others; do
        until_ok 10 is_dead "$p" || die "process $p outlives weir-hv"
    done
}

down() {
    w down || die "down"
    [ "$(cli_snapshot)" = "$before" ] ||
        die "left behind: $(diff <(echo "$before") <(cli_snapshot))"
    tag=none
}

# All end by themselves.
run_once -
[ "$(echo "$others" | wc -l)" = 4 ] || die "processes: $others"
down
trap 'kill -9 "$stopped" $old 2>/dev/null; cli_cleanup' EXIT
old=
run_once disk
is_dead "$stopped" && die "a stopped process ended by itself?"
down
is_dead "$stopped" || die "down leaves process $stopped"
run_once net
old=$stopped
run_once -
is_dead "$old" || die "the next start leaves process $old"
down
echo "domains end with weir-hv; down and the next start end what is stopped"
