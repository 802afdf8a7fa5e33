#!/bin/bash
# The guest runtime from inside: a kernel of its own for each case, which says
# "passed" and powers off, or faults in a way that the console tells.
set -u
B=${B:-build}
case $B in /*) ;; *) B=$PWD/$B ;; esac
dir= up=
skip() { echo "$*"; exit 77; }
die() { echo "FAILED: $*" >&2; exit 1; }
weir() { "$B/bin/weir" --state-dir "$dir/state" "$@"; }
cleanup() {
    [ -z "$up" ] || weir down >/dev/null 2>&1
    [ -z "$dir" ] || rm -rf "$dir"
}
[ "$(id -u)" = 0 ] || skip "needs root"
[ -c /dev/kvm ] && [ -w /dev/kvm ] || skip "needs /dev/kvm"
"$B/bin/weir-hv" --check >/dev/null 2>&1 ||
    skip "$("$B/bin/weir-hv" --check 2>&1)"
[ -s "$B/guests/runtime_test.elf" ] || die "runtime_test.elf is not built"
dir=$(mktemp -d "${TMPDIR:-/tmp}/weir-runtime.XXXXXX")
trap cleanup EXIT
trap 'exit 1' INT TERM

# run CASE STATE PATTERN: the guest ends in this state, and its console, kept
# in $dir/console, has the pattern.  Times are those of a machine that is slow.
run() {
    local i state pid
    cat >"$dir/$1.cfg" <<EOT
name = "$1"
type = "pvh"
kernel = "$B/guests/runtime_test.elf"
memory = 16
extra = "$1"
on_crash = "preserve"
on_poweroff = "preserve"
on_reboot = "preserve"
EOT
    weir create "$dir/$1.cfg" >"$dir/create" 2>&1 || die "$(cat "$dir/create")"
    for ((i = 0; i < 600; i++)); do
        state=$(weir list | awk -v n="$1" '$1 == n { print $6 }')
        case $state in running | building) ;; *) break ;; esac
        sleep 0.1
    done
    : >"$dir/console"
    "$B/bin/weir" --state-dir "$dir/state" console "$1" </dev/null \
        >"$dir/console" 2>&1 &
    pid=$!
    for ((i = 0; i < 200; i++)); do
        ! grep -q "$3" "$dir/console" || break
        sleep 0.1
    done
    kill $pid 2>/dev/null
    wait $pid 2>/dev/null
    [ "$state" = "$2" ] ||
        die "$1: $state, not $2: $(cat "$dir/console"; weir list)"
    grep -q "$3" "$dir/console" ||
        die "$1: wanted $3: $(cat "$dir/console")"
    weir destroy "$1" >/dev/null 2>&1 || die "cannot destroy $1"
}

passes() { # CASE
    run "$1" shutdown '^passed'
    echo "ok: $1"
}

faults() { # CASE VECTOR ERROR ADDRESS (patterns)
    run "$1" crashed \
        "fault 0x0*$2 error 0x0*$3 at 0x[0-9a-f]* address 0x$4 "
    echo "ok: $1 is a fault, told with its place"
}

weir up >"$dir/log" 2>&1 || die "weir up: $(cat "$dir/log")"
up=1
for c in memory clock events grants floats; do
    passes $c
    if [ $c = clock ]; then
        said=$(sed -n 's/^unix time \([0-9]*\).*/\1/p' "$dir/console")
        now=$(date +%s)
        [ $((now - said)) -le 20 ] && [ $((said - now)) -le 2 ] ||
            die "the guest's clock says $said, it is $now"
    fi
done
faults null e 4 '0*8'
faults text e 7 '0*200040'
faults data e 15 '0*[1-9a-f][0-9a-f]*'
faults stack e 7 '0*3ff[0-9a-f]*'
faults ud2 6 0 '[0-9a-f]*'
faults int3 3 0 '[0-9a-f]*'
faults io d 0 '[0-9a-f]*'
faults level0 e '1\?0' '0*10'
run error crashed 'weir guest: error 5'
echo "ok: an error is told"
run reboot shutdown rebooting
echo "ok: reboot"
weir down >"$dir/log" 2>&1 || die "$(cat "$dir/log")"
up=
echo "vm_runtime: all as it should be"
