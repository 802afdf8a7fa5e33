#!/bin/bash
# The driver domain is killed under load, at random and at steps of the request
# path: nothing is lost, doubled, corrupted or hung, and nothing is left behind.
# Without its log the same load sees it.  `make crashtest` and `make
# crashtest-net` are the long ones.
KIND=${1:-blk} SEED=${2:-$((RANDOM * 32768 + RANDOM))}
ARGS=("$KIND" "$SEED")
. "$(dirname "$0")/crash_lib.sh"
crash_begin "$KIND"
for i in 0 1 2 3; do
    configure $((SEED + i))
    batch 12 $((SEED + i)) $backend || echo "FAILED: $says"
done
steps_begin
for much in lone busy; do
    $much
    steps 36 $((SEED + i)) || echo "FAILED at steps: $says"
done
steps_seen 6 || other=$((other + 1))
totals || exit 1
forget
nolog 50 "$SEED" 1
