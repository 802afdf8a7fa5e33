#!/bin/bash
# run.sh FUZZER...: fuzz each for SECONDS_EACH seconds from its stored corpus.
# New inputs go to B/fuzz/new/NAME; a crash is left in B/fuzz and fails.  Then
# the guest that forges everything makes FUZZ_VM_CALLS hypercalls to a weir-hv
# with sanitizers.
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
vm=$B/asan/tests/vm_fuzz
if [ -x "$vm" ]; then
    mkdir -p "$B/fuzz"
    echo "vm_fuzz: ${FUZZ_VM_CALLS:-10000000} hypercalls"
    FUZZ_CALLS=${FUZZ_VM_CALLS:-10000000} FUZZ_LIVES=${FUZZ_VM_LIVES:-1000} \
        B=$B/asan ASAN_OPTIONS=abort_on_error=1 \
        UBSAN_OPTIONS=print_stacktrace=1 "$vm" >"$B/fuzz/vm.log" 2>&1
    case $? in
    0 | 77) ;;
    *)
        failed=$((failed + 1))
        tail -n 40 "$B/fuzz/vm.log"
        ;;
    esac
    grep -aE '^fuzz: [0-9]|no /dev/kvm|no KVM' "$B/fuzz/vm.log"
fi
[ "$failed" = 0 ]
