#!/bin/bash
# run.sh [TEST...]: run test programs and scripts one after the other.
#
# A cmocka program counts as many tests as it reports; a script counts as one.
# Exit 0 passed, 77 skipped (its last line is the reason), else failed.  With
# WEIR_TALLY=FILE the counts are added to that file instead of being printed
# as the closing line.
#
# A test that fails runs once more, since machines are shared and a stalled CPU
# breaks time limits.  When it passes then, it is listed as FLAKY with the log
# of the failure, to be mended; a defect that is there every time still fails.
passed=0 failed=0 skipped=0
B=${B:-build}
export B
logs=$B/test-logs
mkdir -p "$logs"
for t in "$@"; do
    name=${t#"$B"/tests/}
    log=$logs/$(echo "$name" | tr / _).log
    start=$(date +%s%N)
    timeout "${TEST_TIMEOUT:-300}" "$t" >"$log" 2>&1 </dev/null
    rc=$?
    if [ $rc != 0 ] && [ $rc != 77 ]; then
        cp "$log" "$log.first"
        printf 'FLAKY? %s (exit %d), %s; once more\n' "$name" "$rc" "$log.first"
        tail -n 12 "$log" | sed 's/^/      /'
        timeout "${TEST_TIMEOUT:-300}" "$t" >"$log" 2>&1 </dev/null
        rc=$?
    fi
    took=$((($(date +%s%N) - start) / 1000000))
    n=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test(s)\.$/\1/p' "$log" |
        awk '{ s += $1 } END { print s + 0 }')
    case $rc in
    0)
        [ "$n" -gt 0 ] || n=1
        passed=$((passed + n))
        printf 'ok    %s (%d, %d ms)\n' "$name" "$n" "$took"
        ;;
    77)
        skipped=$((skipped + 1))
        printf 'skip  %s: %s\n' "$name" "$(tail -n 1 "$log")"
        ;;
    *)
        passed=$((passed + n))
        failed=$((failed + 1))
        printf 'FAIL  %s (exit %d, %d ms), %s:\n' "$name" "$rc" "$took" "$log"
        tail -n 40 "$log" | sed 's/^/      /'
        ;;
    esac
done
if [ -n "${WEIR_TALLY:-}" ]; then
    echo "$passed $failed $skipped" >>"$WEIR_TALLY"
    exit 0
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
