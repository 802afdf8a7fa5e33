# exhaust_lib.sh, sourced: something runs out under load, on top of
# restart_lib.sh.
#
#   exhaust_begin MEMORY [LINE...]   a driver domain "disk" with these lines;
#                            guests steady and greedy, the latter with those of
#                            GREEDY; left_begin
#   plug [V [BACKEND]], unplug [V]   another disk xvdV (b) of greedy
#   opens WHAT [N]           greedy can use its N-th disk (1)
#   guest NAME BACKEND [LINE...]   a guest exhaust_guest with a disk of its own
#                            and these lines in its configuration; waits for I/O
#   order NAME WORD...       what it is to do; its answer
#   goes_on NAME...          each does I/O now; their sums are checked by them
#   ended NAME...            told to end: they found nothing wrong
#   same WHAT [PATTERN...]   after left_begin: the instance holds the same, but
#                            for keys that match a pattern
#   refused PATTERN CMD...   fails with one line
. "$(dirname "${BASH_SOURCE[0]}")/restart_lib.sh"

xs_tool() { # VERB ARGS...
    "$B/tests/exhaust_tool" "$1" "$S/xenstored.sock" "${@:2}"
}

exhaust_begin() {
    cli_cfg disk 'name="disk"' 'kernel="weir-blkback"' driver_domain=1 "${@:2}"
    w up --memory "$1" "$dir/disk.cfg" >/dev/null || die up
    guest steady disk
    guest greedy disk "${GREEDY[@]}"
    truncate -s 4M "$dir/b.img"
    left_begin
}

plug() {
    w block-attach greedy "$dir/${1:-b}.img,raw,xvd${1:-b},w${2:+,backend=$2}"
}

unplug() {
    w block-detach greedy "xvd${1:-b}" || die "detach ${1:-b}"
}

opens() {
    local out
    out=$(order greedy open "${2:-1}")
    [ "$out" = '0 Success' ] || die "$1: $out; $(w block-list greedy)"
}

guest() { # NAME BACKEND LINE...
    local n=$1 by=$2
    shift 2
    truncate -s 16M "$dir/$n.img"
    cli_cfg "$n" "name=\"$n\"" "kernel=\"$B/tests/exhaust_guest\"" memory=16 \
        "disk=['format=raw,vdev=xvda,access=rw,backend=$by,target=$dir/$n.img']" "$@"
    w create "$dir/$n.cfg" >/dev/null || die "create $n"
    order "$n" give >/dev/null # the node is there
    goes_on "$n"
}

home() { # NAME
    echo "/local/domain/$(info "$1" domid)/device"
}

ios() {
    w store read "$(home "$1")/ios" 2>/dev/null
}

order() { # NAME WORD...
    local at n=$1 out seq=${EPOCHREALTIME//[!0-9]/}
    shift
    seq=${seq: -12} # another number each time, also in subshells
    at=$(home "$n")
    w store write "$at/order" "$seq $*" || return 1
    for _ in $(seq 600); do
        out=$(w store read "$at/done" 2>/dev/null)
        [ "${out%% *}" = $seq ] && break
        is "$n" running || die "$n does not run: $(tail -n 3 "$S/log/$n.log")"
        sleep 0.05
    done
    [ "${out%% *}" = $seq ] || die "$n does not answer $*: $out"
    out=${out#* }
    echo "${out%"${out##*[! ]}"}"
}

does_io() { # NAME SINCE
    local now
    now=$(ios "$1")
    [ -n "$now" ] && [ "$((10#$now))" -gt "$2" ]
}

goes_on() {
    local n was
    for n in "$@"; do
        was=$(ios "$n")
        until_ok 10 does_io "$n" $((10#${was:-0})) ||
            die "$n does no I/O: $(w list; tail -n 3 "$S/log/$n.log")"
    done
}

ended() {
    local n
    for n in "$@"; do w store write "$(home "$n")/stop" 1 || die "stop $n"; done
    for n in "$@"; do
        until_ok 20 is_gone "$n" || die "$n does not end"
        grep -q 'ended in order' "$S/log/$n.log" ||
            die "$n: $(tail -n 3 "$S/log/$n.log")"
    done
}

same() { # WHAT PATTERN...
    # The registry's journal grows with what it ever held.
    LEFT_MS=10000 left_end 'domain xenstored frames' frames "${@:2}" || die "$1: not as before: $(w list; w block-list)"
    echo "$1: ok"
}

refused() { # PATTERN CMD...
    local want=$1 out rc
    shift
    out=$("$@" 2>&1 >/dev/null)
    rc=$?
    [ $rc = 1 ] || die "$*: status $rc: $out"
    [ "$(echo "$out" | wc -l)" = 1 ] || die "$*: several lines: $out"
    [[ $out == $want ]] || die "$*: wanted $want, got $out"
}
