#!/bin/bash
# The disk driver domain is killed under load, at random and at steps of the
# request path: nothing is lost, doubled, corrupted or hung, and nothing is left
# behind.  Without its log the same load sees it.  `make crashtest N=10000` is
# the long one.
SEED=${1:-$RANDOM$RANDOM}
ARGS=("$SEED")
. "$(dirname "$0")/crash_lib.sh"
crash_begin blk
for i in 0 1 2 3; do
    configure $((SEED + i))
    batch 12 $((SEED + i)) $backend || echo "FAILED: $says"
done
steps_begin
for much in lone busy; do
    $much
    steps 36 $((SEED + i)) || echo "FAILED at steps: $says"
done
steps_seen 10 || other=$((other + 1))
totals || exit 1
forget
nolog 15 "$SEED" 2
