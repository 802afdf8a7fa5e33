#!/bin/bash
# crash.sh [N [SEED]]: N kills (10000) of the disk driver domain under load,
# 200 to a configuration, which the seed chooses.
N=${1:-10000} SEED=${2:-$RANDOM}
ARGS=("$N" "$SEED")
. "$(dirname "$0")/crash_lib.sh"
crash_begin
BATCH=${CRASH_BATCH:-200}
echo "$N kills, $BATCH to a configuration, seed $SEED"
start=$SECONDS
for ((i = 0, left = N; left > 0; i++, left -= BATCH)); do
    n=$((left < BATCH ? left : BATCH))
    configure $((SEED + i))
    if batch $n $((SEED + i)) weir-blkback; then
        echo "ok $((N - left + n))/$N, $((SECONDS - start)) s: $says"
    else
        echo "FAILED after $((N - left)): $says"
    fi
done
totals
