#!/bin/bash
# What run.sh makes of tests: these are scripts of a few lines.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/run_lib.sh" || exit 1
unset WEIR_TALLY TEST_FIRST TEST_ALONE TEST_TIMEOUT
export B=$dir/b TEST_JOBS=2
mkdir -p "$B/tests"
run() { # TEST...
    : >"$dir/at"
    rm -f "$dir/once"
    bash "$here/run.sh" "${@/#/$B/tests/}" >"$dir/out" 2>&1
    rc=$?
}
test_is() { # NAME LINE...: a test that does that
    printf '%s\n' '#!/bin/bash' "${@:2}" >"$B/tests/$1"
    chmod 755 "$B/tests/$1"
}
test_is good 'echo "[  PASSED  ] 3 test(s)."'
test_is script :
test_is bad 'echo "what was found"; exit 1'
test_is none 'echo "needs a moon"; exit 77'
test_is flaky "[ -e $dir/once ] && exit 0" "touch $dir/once; exit 3"
test_is hangs 'sleep 60'
# Where it stands among the others: a letter at its begin, one at its end.
for t in a b c d; do
    test_is $t "printf $t >>$dir/at; sleep 0.5; printf ${t^} >>$dir/at" "exit \${$t:-0}"
done

run good script none
says "4 passed, 0 failed, 1 skipped" 0 "ok    good (3, " "ok    script (1, " \
    "skip  none: needs a moon"
run good bad
says "3 passed, 1 failed, 0 skipped" 1 'FLAKY? bad (exit 1)' "FAIL  bad (exit 1" \
    "      what was found"
[ "$(wc -l <"$B/test-logs/bad.log.first")" = 1 ] || wrong "no log of the failure"
run flaky good
says "4 passed, 0 failed, 0 skipped" 0 'FLAKY? flaky (exit 3)' "ok    flaky"
TEST_TIMEOUT=1 run hangs
says "0 passed, 1 failed, 0 skipped" 1 "FAIL  hangs (exit 124"
grep -q 'wait' "$dir/out" && wrong "wait says something"

# Two at a time; those that are alone come last and have nobody beside them,
# not even each other; so has a second try.
TEST_FIRST=c run a b c
says "3 passed, 0 failed, 0 skipped" 0
[[ $(cat "$dir/at") =~ ^(ca|ac)[CA]b?[CA]b?B$ ]] || wrong "order: $(cat "$dir/at")"
TEST_ALONE="a b" run a b c d
[[ $(cat "$dir/at") =~ ^[cd]{2}[CD]{2}aAbB$ ]] || wrong "order: $(cat "$dir/at")"
a=1 run a b c
says "2 passed, 1 failed, 0 skipped" 1 "FAIL  a "
[[ $(cat "$dir/at") =~ aA$ ]] || wrong "the second try has company: $(cat "$dir/at")"
TEST_JOBS=1 run a b
[ "$(cat "$dir/at")" = aAbB ] || wrong "order: $(cat "$dir/at")"

# Counts are added, and told once.
WEIR_TALLY=$dir/tally run good none
WEIR_TALLY=$dir/tally run bad
[ "$(cat "$dir/tally")" = "$(printf '3 0 1\n0 1 0')" ] || wrong "tally: $(cat "$dir/tally")"
[ $rc = 0 ] || wrong "with a tally the exit code is check.sh's business"

# Who is ended ends its tests.
bash "$here/run.sh" "$B/tests/hangs" >"$dir/out" 2>&1 &
pid=$!
sleep 0.5
kill -TERM $pid
wait $pid && wrong "a runner that was ended succeeds"
pgrep -f "$B/tests/hangs" >/dev/null && wrong "its test lives on"
[ $bad = 0 ] && echo "tests are run as they should be"
exit $bad
