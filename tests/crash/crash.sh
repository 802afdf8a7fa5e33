#!/bin/bash
# crash.sh [N [SEED]]: `make crashtest`: N kills (10000) of the disk driver
# domain at random points under load, 200 to a configuration, which the seed
# chooses; then at each step of the request path; then without the log, which
# must be seen.  The last lines are the figures; exit 0 when all is 0.
N=${1:-10000} SEED=${2:-$RANDOM$RANDOM}
ARGS=("$N" "$SEED")
. "$(dirname "$0")/crash_lib.sh"
crash_begin weir-blkback-steps weir-blkback-nolog
BATCH=${CRASH_BATCH:-200}
LAST=$((N < 200 ? N : 200)) # step
echo "$N kills, $BATCH to a configuration, seed $SEED"
for ((i = 0, left = N; left > 0; i++, left -= BATCH)); do
    n=$((left < BATCH ? left : BATCH))
    configure $((SEED + i))
    if batch $n $((SEED + i)) weir-blkback; then
        echo "ok $((N - left + n))/$N, $SECONDS s: $says"
    else
        echo "FAILED after $((N - left)): $says"
    fi
done
steps_begin
for c_depth in 1 4 32; do
    i=$((i + 1)) depth=$c_depth
    configure $((SEED + i))
    c_depth=$depth
    describe $((SEED + i))
    if steps $LAST $((SEED + i)); then
        echo "ok, died at steps 1 to $LAST: $says"
    else
        echo "FAILED at steps: $says"
    fi
done
steps_seen || other=$((other + 1))
totals || exit 1
forget
nolog 50 "$SEED" 4
