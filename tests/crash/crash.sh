#!/bin/bash
# crash.sh KIND [N [SEED]]: `make crashtest` (blk) and `make crashtest-net`
# (net): N kills (10000) of the driver domain at random points under load, 200
# to a configuration, which the seed chooses; then at each step of the request
# path; then without the log, which must be seen.  The last lines are the
# figures; exit 0 when all is 0.
KIND=$1 N=${2:-10000} SEED=${3:-$((RANDOM * 32768 + RANDOM))}
ARGS=("$KIND" "$N" "$SEED")
. "$(dirname "$0")/crash_lib.sh"
crash_begin "$KIND"
BATCH=${CRASH_BATCH:-200}
LAST=$((N < 200 ? N : 200)) # step
echo "$N kills, $BATCH to a configuration, seed $SEED"
for ((i = 0, left = N; left > 0; i++, left -= BATCH)); do
    n=$((left < BATCH ? left : BATCH))
    configure $((SEED + i))
    if batch $n $((SEED + i)) $backend; then
        echo "ok $((N - left + n))/$N, $SECONDS s: $says"
    else
        echo "FAILED after $((N - left)): $says"
    fi
done
steps_begin
for much in lone : busy busy; do
    i=$((i + 1))
    configure $((SEED + i))
    $much
    if steps $LAST $((SEED + i)); then
        echo "ok, died at steps 1 to $LAST: $says"
    else
        echo "FAILED at steps: $says"
    fi
done
for k in $first_steps; do
    configure $((SEED + ++i))
    first
    first_step $k $((SEED + i)) || echo "FAILED at step $k: $says"
done
steps_seen || other=$((other + 1))
totals || exit 1
forget
nolog 50 "$SEED" 4
