#!/bin/bash
# run.sh FUZZER...: fuzz each for SECONDS_EACH seconds from its stored corpus.
# New inputs go to B/fuzz/new/NAME; a crash is left in B/fuzz and fails.
failed=0
for f in "$@"; do
    new=$B/fuzz/new/$f
    mkdir -p "$new"
    echo "fuzz_$f: ${SECONDS_EACH:-60} s"
    "$B/fuzz/fuzz_$f" -max_total_time="${SECONDS_EACH:-60}" -timeout=5 \
        -print_final_stats=1 -artifact_prefix="$B/fuzz/" "$new" \
        "tests/fuzz/corpus/$f" >"$B/fuzz/$f.log" 2>&1 || {
        failed=$((failed + 1))
        tail -n 40 "$B/fuzz/$f.log"
    }
    grep -E 'number_of_executed_units|new_units_added' "$B/fuzz/$f.log"
done
[ "$failed" = 0 ]
