#!/bin/bash
# weir-hv as a program: options, messages, exit codes, one instance a place,
# and what it leaves behind.
set -u
B=${B:-build}
hv=$B/bin/weir-hv
dir=$(mktemp -d /tmp/weir-hv-prog.XXXXXX)
pids=()
cleanup() {
    for p in "${pids[@]}"; do kill -9 "$p" 2>/dev/null; done
    rm -rf "$dir"
}
trap cleanup EXIT
fail() {
    echo "FAIL: $*"
    exit 1
}
expect() { # EXIT TEXT COMMAND...: exit status and a text in the output
    local want=$1 text=$2 out rc
    shift 2
    out=$("$@" 2>&1)
    rc=$?
    [ $rc = "$want" ] || fail "$*: exit $rc, not $want: $out"
    case $out in *"$text"*) ;; *) fail "$*: no \"$text\" in: $out" ;; esac
}
await() { # COMMAND...: true within 5 s
    for _ in $(seq 100); do
        "$@" && return
        sleep 0.05
    done
    fail "never: $*"
}
"$hv" --check || {
    echo "this machine can't run process domains (weir-hv --check)"
    exit 77
}
expect 0 "--state-dir DIR" "$hv" --help
expect 0 "weir-hv " "$hv" --version
expect 2 "usage:" "$hv" --nonsense
expect 2 "usage:" "$hv" extra
for size in 0 4X 12345 1P -1 4GG 2T; do
    expect 2 "--memory $size: not a size" "$hv" --state-dir "$dir" --memory $size
done
expect 1 "No such file" "$hv" --state-dir "$dir/none/there"

"$hv" --state-dir "$dir" --memory 64M & pids+=($!)
first=$!
await test -S "$dir/hv.sock"
[ "$(stat -c %a "$dir/hv.sock")" = 600 ] || fail "mode of hv.sock"
expect 1 "another weir-hv serves $dir/hv.sock" "$hv" --state-dir "$dir"
kill -0 $first || fail "the first instance did not survive the second"

# A killed one leaves its socket; the next replaces it.
kill -9 $first
wait $first 2>/dev/null
[ -S "$dir/hv.sock" ] || fail "the socket went by itself"
"$hv" --state-dir "$dir" --memory 64M & pids+=($!)
second=$!
sleep 0.3
kill -HUP $second
sleep 0.1
kill -0 $second || fail "SIGHUP ends it"
kill -TERM $second
wait $second || fail "SIGTERM: exit $?"
[ -e "$dir/hv.sock" ] && fail "the socket was left"
echo ok
