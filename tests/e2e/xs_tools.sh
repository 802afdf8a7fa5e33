#!/bin/bash
# Debian's xenstore-utils work unchanged against weir-xenstored.
#
# Every command below is the stock one; XENSTORED_PATH names our socket.
set -u
B=${B:-build}
for t in ls read write list exists rm chmod watch; do
    command -v xenstore-$t >/dev/null || {
        echo "xenstore-$t is not here: apt-get install xenstore-utils"
        exit 77
    }
done
dir=$(mktemp -d "${TMPDIR:-/tmp}/weir-xs.XXXXXX") || exit 1
pids=
cleanup() {
    for p in $pids; do kill "$p" 2>/dev/null; done
    rm -rf "$dir"
}
trap cleanup EXIT
export XENSTORED_PATH=$dir/s
failures=0

same() { # WHAT EXPECTED ACTUAL
    [ "$2" = "$3" ] && return
    printf 'FAIL %s\nexpected:\n%s\ngot:\n%s\n' "$1" "$2" "$3"
    failures=$((failures + 1))
}
fails() { # WHAT COMMAND...
    local what=$1
    shift
    "$@" >/dev/null 2>&1 && same "$what" "a failure" "success"
}

start() {
    "$B/bin/weir-xenstored" --standalone --socket "$dir/s" "$@" 2>"$dir/log" &
    server=$!
    pids="$pids $server"
    for _ in $(seq 500); do
        xenstore-exists / 2>/dev/null && return
        sleep 0.02
    done
    cat "$dir/log"
    echo "FAIL weir-xenstored does not answer"
    exit 1
}
start

same "socket is private" 600 "$(stat -c %a "$dir/s")"
xenstore-write /vm/a/name guest /vm/a/memory 512 || same write ok failed
same read "guest" "$(xenstore-read /vm/a/name)"
same "read -p" "/vm/a/memory: 512" "$(xenstore-read -p /vm/a/memory)"
same "read two" $'guest\n512' "$(xenstore-read /vm/a/name /vm/a/memory)"
fails "read of nothing" xenstore-read /vm/none
same list $'memory\nname' "$(xenstore-list /vm/a | sort)"
same "list -p" $'/vm/a/memory\n/vm/a/name' "$(xenstore-list -p /vm/a | sort)"
xenstore-exists /vm/a || same "exists" yes no
fails "exists of nothing" xenstore-exists /vm/b
xenstore-write /vm/a/empty "" && same "empty value" "" "$(xenstore-read /vm/a/empty)"
xenstore-write /vm/a/odd $'quote"tab\tend' || same "odd value" ok failed
same "odd value" 'quote"tab\tend' "$(xenstore-read /vm/a/odd)"

xenstore-chmod /vm/a/name n3 r4 b5
same "ls -f -p" \
    '/vm/a/empty = ""   (n0)
/vm/a/memory = "512"   (n0)
/vm/a/name = "guest"   (n3,r4,b5)
/vm/a/odd = "quote"tab\tend"   (n0)' "$(xenstore-ls -f -p /vm/a)"
xenstore-chmod -r -u /vm n7
same "chmod -r" 4 "$(xenstore-ls -f -p /vm/a | grep -c '(n7)')"
same "ls" $'empty = ""\nmemory = "512"\nname = "guest"\nodd = "quote"tab\\tend"' \
    "$(xenstore-ls /vm/a)"

# A directory longer than a message.
for i in $(seq 600); do printf '/many/node-%04d\nx\n' "$i"; done |
    xargs xenstore-write || same "600 writes" ok failed
same "long directory" 600 "$(xenstore-list /many | wc -l)"
same "long directory" 600 "$(xenstore-ls -f /many | sort -u | wc -l)"

# Watches: the first event is for the watch itself.
timeout 20 xenstore-watch -n 3 /vm >"$dir/seen" &
watcher=$!
pids="$pids $watcher"
for _ in $(seq 500); do [ -s "$dir/seen" ] && break; sleep 0.02; done
xenstore-write /vm/a/memory 1024
xenstore-rm /vm/a
wait "$watcher"
same "watch" $'/vm\n/vm/a/memory\n/vm/a' "$(cat "$dir/seen")"
fails "removed" xenstore-exists /vm/a/name
xenstore-rm -t /vm && fails "rm -t" xenstore-exists /vm
fails "a bad path" xenstore-write '/a b' x

# xenstore-write does all of it in one transaction and tries again: nobody's
# update is lost.
for w in 1 2 3 4; do
    (for i in $(seq 25); do xenstore-write "/race/$w/$i" "$i" /race/last "$w" ||
        echo "write $w/$i failed"; done) >>"$dir/race" 2>&1 &
    writers="${writers:-} $!"
done
for p in $writers; do wait "$p"; done
same "writers at once" "" "$(cat "$dir/race")"
same "writers at once" 100 "$(xenstore-ls -f /race | grep -cE '/[0-9]+/[0-9]+ =')"

# Only root and the owner are let in, even through an open file mode.
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    chmod 755 "$dir" && chmod 666 "$dir/s"
    fails "another user" setpriv --reuid=65534 --clear-groups \
        xenstore-read /tool
fi

# A second server does not take the place of a live one; a new one replaces
# what a killed one left.
"$B/bin/weir-xenstored" --standalone --socket "$dir/s" 2>"$dir/log2" &&
    same "second server" "a failure" "success"
grep -q "in use" "$dir/log2" || same "second server's message" "in use" \
    "$(cat "$dir/log2")"
kill -9 "$server"
wait "$server" 2>/dev/null
start --quota nodes=5
same "after kill" 0 "$(xenstore-list / | grep -c vm)"
kill "$server"
wait "$server"
same "exit code" 0 $?
[ -e "$dir/s" ] && same "socket file" gone there
"$B/bin/weir-xenstored" --help | grep -q standalone || same help yes no
"$B/bin/weir-xenstored" --version | grep -q '^weir-xenstored [0-9]' ||
    same version yes no
"$B/bin/weir-xenstored" --standalone 2>/dev/null
same "usage error" 2 $?
[ "$failures" = 0 ] && echo "all stock tools work"
exit $((failures > 0))
