#!/bin/bash
# check.sh [labs]: everything `make check` runs, and the closing line; with
# labs what `make check-all` runs.
#
#   builds           of all below, as many steps at a time as processors
#   release build    every test program and script
#   address+undefined   every test program, and the scripts that say so
#                       (tests/e2e and tests/isolation read B)
#   thread           the programs that use threads
#   fuzzers          corpora replayed
#   labs             whole machines (tests/lab/run.sh)
# Each part is a make target of its own, so that one can be run alone.
set -u
make=${MAKE:-make}
B=${B:-build}
WEIR_TALLY=$(mktemp)
export WEIR_TALLY
trap 'rm -f "$WEIR_TALLY"' EXIT
start=$(date +%s)
broken=0
part() {
    local from
    from=$(date +%s)
    echo "== $1 =="
    shift
    "$@" || { echo "FAIL  $*"; broken=$((broken + 1)); }
    echo "== $(($(date +%s) - from)) s =="
}
case " ${MAKEFLAGS:-}" in
*" -j"*) jobs= ;;
*) jobs=-j$(nproc) ;;
esac
part "builds" $make --no-print-directory $jobs check-build
part "release build" $make --no-print-directory check-release
part "address and undefined-behaviour sanitizers" \
    $make --no-print-directory check-asan
part "thread sanitizer" $make --no-print-directory check-tsan
part "fuzzer corpora" $make --no-print-directory check-corpora
[ "${1:-}" != labs ] || part "labs" $make --no-print-directory labs-run
echo "took $(($(date +%s) - start)) s"
awk -v b=$broken '{ p += $1; f += $2; s += $3 }
    END { f += b
          printf "%d passed, %d failed, %d skipped\n", p, f, s
          exit f > 0 }' "$WEIR_TALLY"
