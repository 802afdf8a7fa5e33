#!/bin/bash
# What run.sh makes of labs: these are scripts of a few lines.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../run_lib.sh" || exit 1
unset WEIR_TALLY LAB_UNTIL
export LAB_SCRIPTS=$dir B=$dir/b LAB_JOBS=2
run() {
    "$here/run.sh" "$@" >"$dir/out" 2>&1
    rc=$?
}
lab() { # NAME LINE...: a lab that does that
    printf '%s\n' "${@:2}" >"$dir/$1.sh"
}
lab good 'echo "3 0 1" >>"$WEIR_TALLY"; echo "SKIP a part"'
lab bad 'echo "FAIL a part: broken"; echo "2 1 0" >>"$WEIR_TALLY"; exit 1'
lab dead 'echo "lab: no such thing" >&2; exit 1'
lab none 'echo "skip  none: no QEMU"; echo "0 0 1" >>"$WEIR_TALLY"; exit 77'
lab flaky "[ -e $dir/once ] && echo 1 0 0 >>\$WEIR_TALLY && exit 0" \
    "touch $dir/once; echo 0 1 0 >>\$WEIR_TALLY; exit 1"
lab slow "echo + >>$dir/at; sleep 0.5; echo - >>$dir/at; echo 1 0 0 >>\$WEIR_TALLY"

run good:x none good
says "6 passed, 0 failed, 3 skipped" 0 "ok    lab-good:x (3," "skip  a part" \
    "skip  lab-none: skip  none: no QEMU"
run good bad dead
says "5 passed, 2 failed, 1 skipped" 1 "FAIL  lab-bad (2 passed, 1 failed" \
    "FAIL  lab-dead" "      lab: no such thing" "FLAKY? lab-bad"
run flaky
says "1 passed, 0 failed, 0 skipped" 0 "FLAKY? lab-flaky" "ok    lab-flaky (1,"

# Two at a time, and no more; its counts go where a caller wants them.
WEIR_TALLY=$dir/tally run slow:1 slow:2 slow:3 slow:4
[ "$(cat "$dir/tally")" = "4 0 0" ] || wrong "counts for a caller"
! grep -q passed, "$dir/out" || wrong "a closing line for a caller"
most=$(awk '{ n += $1 == "+" ? 1 : -1; if (n > m) m = n } END { print m }' \
    "$dir/at")
want=$(($(nproc) > 1 ? 2 : 1))
[ "$most" -le $want ] || wrong "$most at a time"

LAB_UNTIL=$(($(date +%s) + 20)) run good bad
says "0 passed, 0 failed, 2 skipped" 0 "skip  lab-good: out of time" \
    "skip  lab-bad: out of time"

# A signal ends labs too.
lab long "trap 'kill \$!; touch $dir/told; exit 1' TERM; touch $dir/on; sleep 30 & wait; :"
"$here/run.sh" long >"$dir/out" 2>&1 &
pid=$!
for _ in $(seq 200); do
    [ -e "$dir/on" ] && break
    sleep 0.05
done
kill $pid
wait $pid
[ -e "$dir/told" ] || wrong "a lab is not told of the end"
[ $bad = 0 ] && echo "run.sh counts, repeats, skips and ends labs"
exit $bad
