# restart_lib.sh, sourced: driver domains that die, on top of cli_lib.sh.
#
#   pid NAME, info NAME KEY, devices   of weir list, info, block-list
#   is NAME STATE                      the manager's state of it
#   watch_begin PATH..., watch_end     nothing below them may change between
#   sig SIGNAL NAME                    to its program, if it has one
#   killed NAME                        SIGKILL; until it serves again
#   check_begin SECONDS                a guest "check" that writes and reads
#                                      back its disk; check_end: what it found
. "$(dirname "${BASH_SOURCE[0]}")/cli_lib.sh" || exit 1

pid() {
    w --json list "$1" 2>/dev/null | jq -r '.[0].pid'
}

info() {
    w --json info "$1" 2>/dev/null | jq -r ".$2"
}

is() {
    [ "$(info "$1" manager_state)" = "$2" ]
}

devices() {
    w --json block-list | jq length
}

# The first event of each watch says that it is there.
watch_begin() {
    : >"$dir/watched"
    w store watch "$@" >"$dir/watched" 2>&1 &
    watch=$!
    watches=$#
    watching() { [ "$(wc -l <"$dir/watched")" -ge "$watches" ]; }
    until_ok 5 watching || die "no watch: $(cat "$dir/watched")"
    sleep 0.2
    cp "$dir/watched" "$dir/before"
}

watch_end() {
    kill "$watch" 2>/dev/null
    wait "$watch" 2>/dev/null
    watch=
    cmp -s "$dir/before" "$dir/watched" ||
        die "guests could see it in the registry: $(tail -n +$((watches + 1)) "$dir/watched")"
}

# Between two programs it has no number: 0 would be this script's group.
sig() { # SIGNAL NAME
    local p
    p=$(pid "$2")
    [ "${p:-0}" -gt 1 ] 2>/dev/null && kill "-$1" "$p"
}

killed() {
    local n
    n=$(info "$1" restarts)
    until_ok 10 sig KILL "$1" || die "$1 has no program: $(w list)"
    restarted() { [ "$(info "$name" restarts)" -gt "$n" ] && is "$name" running; }
    name=$1
    until_ok 20 restarted || die "$1 does not come back: $(w list; tail -n 5 "$S/log/weir-devd.log")"
}

check_begin() {
    rm -f "$dir/check.img" # the check knows zeros
    truncate -s 64M "$dir/check.img"
    cli_cfg check 'name="check"' "kernel=\"$B/tests/blk_check\"" \
        "args=['--seconds','$1','--seed','$$']" memory=64 \
        "disk=['format=raw,vdev=xvda,access=rw,target=$dir/check.img']"
    w create "$dir/check.cfg" >/dev/null || die "create check"
    connected() {
        [ "$(w --json block-list check | jq -r '.[0].frontend_state')" = Connected ]
    }
    until_ok 10 connected || die "check does not connect: $(w block-list check)"
}

check_end() {
    until_ok 60 is_gone check || die "check does not end: $(w list; w block-list)"
    grep -q '[1-9][0-9]* I/Os, .* 0 mismatches, 0 errors' "$S/log/check.log" ||
        die "data: $(cat "$S/log/check.log")"
    tail -n 1 "$S/log/check.log"
}
