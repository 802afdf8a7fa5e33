#!/bin/bash
# run.sh [TEST...]: run test programs and scripts, several at a time since most
# of them wait for something.
#
#   TEST_JOBS    how many (processors + 1, as far as memory goes)
#   TEST_FIRST   names of those to begin with, as they take long
#   TEST_ALONE   names of those that would disturb others or be disturbed: they
#                run one by one when the others are through
#   TEST_TIMEOUT seconds that each may take (300)
#
# A cmocka program counts as many tests as it reports; a script counts as one.
# Exit 0 passed, 77 skipped (its last line is the reason), else failed.  With
# WEIR_TALLY=FILE the counts are added to that file instead of being printed
# as the closing line.
#
# A test that fails runs once more, alone, since machines are shared and a
# stalled CPU breaks time limits.  When it passes then, it is listed as FLAKY
# with the log of the failure, to be mended; a defect that is there every time
# still fails.
. "$(dirname "$0")/jobs.sh" || exit 1
B=${B:-build}
export B
logs=$B/test-logs
mkdir -p "$logs"
declare -A began again
first=() others=() alone=()

name_of() { # TEST
    name=${1#"$B"/tests/}
    log=$logs/${name//\//_}.log
}

now_ms() {
    echo $(($(date +%s%N) / 1000000))
}

begin() { # TEST
    name_of "$1"
    timeout "${TEST_TIMEOUT:-300}" "$1" >"$log" 2>&1 </dev/null &
    job_of[$!]=$1
    began[$1]=$(now_ms)
}

finish() { # TEST EXIT-CODE
    local n took
    took=$(($(now_ms) - began[$1]))
    name_of "$1"
    if [ "$2" != 0 ] && [ "$2" != 77 ] && [ -z "${again[$1]:-}" ]; then
        again[$1]=1
        alone+=("$1")
        cp "$log" "$log.first"
        printf 'FLAKY? %s (exit %d), %s; once more\n' "$name" "$2" "$log.first"
        tail -n 12 "$log" | sed 's/^/      /'
        return
    fi
    n=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test(s)\.$/\1/p' "$log" |
        awk '{ s += $1 } END { print s + 0 }')
    case $2 in
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
        printf 'FAIL  %s (exit %d, %d ms), %s:\n' "$name" "$2" "$took" "$log"
        tail -n 40 "$log" | sed 's/^/      /'
        ;;
    esac
}

for t in "$@"; do
    name_of "$t"
    case " ${TEST_ALONE:-} " in
    *" ${name##*/} "*) alone+=("$t") && continue ;;
    esac
    case " ${TEST_FIRST:-} " in
    *" ${name##*/} "*) first+=("$t") ;;
    *) others+=("$t") ;;
    esac
done
most=$(jobs_possible 1024 "${TEST_JOBS:-$(($(nproc) + 1))}")
for t in "${first[@]}" "${others[@]}"; do
    while [ ${#job_of[@]} -ge "$most" ]; do reap; done
    begin "$t"
done
while [ ${#job_of[@]} != 0 ]; do reap; done
for ((i = 0; i < ${#alone[@]}; i++)); do # the second tries, too
    begin "${alone[i]}"
    reap
done
tell_counts "${WEIR_TALLY:-}"
