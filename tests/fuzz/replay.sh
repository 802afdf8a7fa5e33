#!/bin/bash
# replay.sh FUZZER...: run each fuzzer over its stored corpus once.
passed=0 failed=0
for f in "$@"; do
    log=$B/test-logs/fuzz_$f.log
    mkdir -p "$B/test-logs"
    if "$B/fuzz/fuzz_$f" -runs=0 "tests/fuzz/corpus/$f" >"$log" 2>&1; then
        passed=$((passed + 1))
        echo "ok    corpus of fuzz_$f ($(ls "tests/fuzz/corpus/$f" | wc -l) inputs)"
    else
        failed=$((failed + 1))
        echo "FAIL  corpus of fuzz_$f, $log:"
        tail -n 30 "$log" | sed 's/^/      /'
    fi
done
if [ -n "${WEIR_TALLY:-}" ]; then
    echo "$passed $failed 0" >>"$WEIR_TALLY"
    exit 0
fi
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
