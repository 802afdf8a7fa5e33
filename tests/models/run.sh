#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks the models with Spin: the protocol as built has no error, and each
# variant with one rule taken out has one.
set -eu
cd "$(dirname "$0")"
models=$PWD
command -v spin >/dev/null || {
    echo "spin is not installed (apt-get install spin)"
    exit 77
}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
failed=0

# check WANT MODEL DEFINE...: WANT is ok, stuck (somebody waits for ever) or
# wrong (an assertion does not hold)
check() {
    want=$1 model=$2
    shift 2
    spin -a "$@" "$models/$model.pml" >spin.log 2>&1 || {
        cat spin.log
        exit 1
    }
    ${CC:-cc} -O1 -w -DSAFETY -DVECTORSZ=1024 -o pan pan.c
    ./pan -m200000 >pan.log 2>&1 || true
    if grep -q 'max search depth too small\|out of memory' pan.log; then
        got=incomplete
    elif grep -q 'errors: 0$' pan.log; then
        got=ok
    elif grep -q '^pan.*invalid end state' pan.log; then
        got=stuck
    elif grep -q 'assertion violated' pan.log; then
        got=wrong
    else
        got=unexpected
    fi
    states=$(sed -n 's/ *\([0-9.e+]*\) states, stored.*/\1/p' pan.log)
    printf '%s %s: %s, %s states\n' "$model" "${*:-as built}" "$got" "$states"
    [ "$got" = "$want" ] || {
        cat pan.log
        failed=1
    }
}

check ok ring_notify
check stuck ring_notify -DNO_RECHECK
check stuck ring_notify -DNO_ARM_BARRIER
check stuck ring_notify -DNO_PUSH_BARRIER
check stuck ring_notify -DNO_ARM
check ok blk_log
check wrong blk_log -DSWAP_TAKE
check wrong blk_log -DLATE_WIRE
check wrong blk_log -DSWAP_PUBLISH
check wrong blk_log -DFREE_EARLY
check wrong blk_log -DNO_RESET
check stuck blk_log -DNO_STORE
check wrong blk_log -DNO_LOG
exit $failed
