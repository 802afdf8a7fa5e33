# manager_lib.sh, sourced: managers and registries that die, on top of
# restart_lib.sh.
#
#   programs_begin             $bin: the programs beside each other, so that one
#                              can be another build
#   put PROGRAM FILE           from its next start on
#   server hv|devd             the process
#   devd_gone, devd_ends       it is not there; SIGKILL and until that is so
#   up [NAME=VALUE...]         weir up again, with this in its environment
#   loads_begin, loads_end     guests that check everything they do, with a
#                              share of the processor each; what they found
#   settled                    nothing is on its way in any domain or device
. "$(dirname "${BASH_SOURCE[0]}")/restart_lib.sh" || exit 1
LOADS='load left right'

w() {
    "${bin:-$B/bin}/weir" --state-dir "$S" "$@"
}

programs_begin() {
    local p
    for p in crash_load crash_net crash_left crash_kill webguest; do
        [ -x "$B/tests/$p" ] || die "$B/tests/$p is not built"
    done
    bin=$dir/bin
    mkdir "$bin" && cp "$B"/bin/weir* "$bin" || die "no copies of the programs"
}

put() { # PROGRAM FILE
    [ -e "$dir/put-$(basename "$2")" ] || cp "$2" "$dir/put-$(basename "$2")"
    ln -f "$dir/put-$(basename "$2")" "$bin/$1" || die "no $2"
}

server() {
    pgrep -f "weir-$1[^ ]*( .*)? --state-dir $S( |\$)" | head -n 1
}

devd_gone() {
    [ -z "$(server devd)" ]
}

devd_ends() {
    local p
    p=$(server devd)
    [ -n "$p" ] && kill -KILL "$p"
    until_ok 10 devd_gone || die "weir-devd does not die"
}

up() {
    env "$@" "$bin/weir" --state-dir "$S" up >"$dir/up.out" 2>&1
}

loads_begin() { # CAP: percent of a processor
    local g m=1
    truncate -s 8M "$dir/load.img"
    cli_cfg load 'name="load"' "kernel=\"$B/tests/crash_load\"" memory=64 "cap=$1" \
        "args=['--seed','${SEED:-1}','--depth','4','--queues','2']" \
        "disk=['format=raw,vdev=xvda,access=rw,queues=2,target=$dir/load.img']"
    for g in left right; do
        cli_cfg $g "name=\"$g\"" "kernel=\"$B/tests/crash_net\"" memory=64 "cap=$1" \
            "args=['$g']" "vif=['mac=00:16:3e:57:00:0$m,bridge=br0']"
        m=$((m + 1))
    done
    w create $(printf "$dir/%s.cfg " $LOADS) >/dev/null || die "create $LOADS"
    loads_connected() {
        { w --json block-list load; w --json network-list left; w --json network-list right; } |
            jq -se 'map(.[].frontend_state) == ["Connected", "Connected", "Connected"]'
    }
    until_ok 15 loads_connected || die "the loads do not connect: $(w block-list; w network-list)"
}

# Counts in the words of crash_kill's and the guests' results.
loads_end() {
    local g id bad
    # First: it counts what there is before and after, and the others would
    # end meanwhile.
    "$B/tests/crash_kill" --state-dir "$S" --domain disk --guest load \
        --image "$dir/load.img" --kills 0 >"$dir/kill.out" 2>&1 ||
        die "load: $(cat "$dir/kill.out" "$S/log/load.log")"
    for g in left right; do
        id=$(info $g domid)
        w store write "/local/domain/$id/data/stop" 1 || die "$g can't be told to stop"
    done
    for g in $LOADS; do
        until_ok 30 grep -q 'result ios' "$S/log/$g.log" ||
            die "$g tells no result: $(tail -n 5 "$S/log/$g.log")"
        bad=$(sed -n 's/.*result ios/ios/p' "$S/log/$g.log" | tail -n 1)
        [[ $bad == *'ios '[1-9]*' lost 0 doubled 0 corrupted 0 hung 0 failed 0 noticed 0'* ]] ||
            die "$g: $(grep -v gaps "$S/log/$g.log")"
        echo "$g: $bad"
    done
    grep -q '^host .* lost 0 corrupted 0' "$dir/kill.out" || die "image: $(cat "$dir/kill.out")"
}

settled() {
    w --json list >"$dir/list" 2>&1 && w --json block-list >"$dir/blocks" 2>&1 &&
        w --json network-list >"$dir/nets" 2>&1 || return 1
    jq -e 'all(.state == "running" and .manager_state == "running")' "$dir/list" &&
        jq -se 'add | all(.state == "attached")' "$dir/blocks" "$dir/nets"
}
