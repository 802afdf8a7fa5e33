#!/bin/bash
# Full file systems: an image's, which its guest hears of in the writes that
# need room and in nothing else; the state directory's, which costs log lines
# and nothing else.
. "$(dirname "$0")/exhaust_lib.sh"
cli_begin "$@"
mkdir "$dir/small" "$S"
mount -t tmpfs -o size=2M none "$dir/small" || skip "no tmpfs can be mounted"
mount -t tmpfs -o size=1M none "$S" || die "tmpfs"
umount_all() {
    cli_cleanup
    umount "$dir/small" "$S" 2>/dev/null
    rm -rf "$dir"
}
trap umount_all EXIT
exhaust_begin 512M

# ---- an image with holes, on a file system without room for them ----
truncate -s 8M "$dir/small/b.img"
w block-attach greedy "$dir/small/b.img,raw,xvdb,w" || die attach
opens "with room"
[ "$(order greedy write 1 0 32)" = '32 Success' ] || die "the first MiB"
"$B/tests/exhaust_tool" fill "$dir/small/rest" >/dev/null || die fill
out=$(order greedy write 1 64 32)
[ "$out" = '0 Input/output error' ] || die "without room: $out"
[ "$(order greedy read 1 0 32)" = '32 Success' ] || die "what was written before"
[ "$(order greedy write 1 0 32)" = '32 Success' ] || die "again, in its place"
[ "$(order greedy read 1 0 32)" = '32 Success' ] || die "what was written again"
goes_on greedy steady
until_ok 5 grep -q 'write of .*No space left on device: make room on' "$S/log/disk.log" ||
    die "the log does not say it: $(tail -n 3 "$S/log/disk.log")"
rm "$dir/small/rest"
[ "$(order greedy write 1 64 8)" = '8 Success' ] || die "with room again"
[ "$(order greedy read 1 64 8)" = '8 Success' ] || die "the sums"
order greedy close >/dev/null
unplug
same "room for an image"

# ---- the state directory ----
"$B/tests/exhaust_tool" fill "$S/filler" >/dev/null || die fill
for i in 1 2 3; do
    w block-attach greedy "$dir/small/b.img,raw,xvdb,w" || die "attach $i"
    opens "open $i"
    [ "$(order greedy read 1 0 8)" = '8 Success' ] || die "read $i"
    order greedy close >/dev/null
    unplug
done
[ "$(order greedy say 200)" = '200 Success' ] || die "it stops at its log"
killed disk
goes_on greedy steady
rm "$S/filler"
order greedy say 1 >/dev/null
until_ok 5 grep -q '[1-9][0-9]* lines were lost: No space left on device' "$S/log/greedy.log" ||
    die "the log is silent about its gap: $(tail -n 3 "$S/log/greedy.log")"
[ -z "$(grep -v ' line [0-9]* of many, .* than that$\|lines were lost' "$S/log/greedy.log")" ] ||
    die "a log with parts of lines"
for p in hv devd; do
    [ -n "$(pgrep -f "weir-$p.*--state-dir $S")" ] || die "weir-$p ended"
done
same "room for logs"
ended greedy steady
w down || die down
