#!/bin/bash
# Grant references, mappings of grants and event channels run out under load,
# of a guest and of its driver domain.
. "$(dirname "$0")/exhaust_lib.sh"
cli_begin "$@"
[ -x "$B/tests/blk_check" ] || die "$B/tests/blk_check is not built"
GREEDY=(max_grants=1 max_ports=12)
exhaust_begin 512M max_maps=400
for v in c d e f g h; do truncate -s 4M "$dir/$v.img"; done
dev() { w --json block-list greedy | jq -r ".[] | select(.vdev == \"xvd$1\").$2"; }

# ---- references and channels of a guest ----
for what in grants ports; do
    out=$(order greedy take $what)
    [[ $out == [1-9]*' No space left on device' ]] || die "$what: $out"
    [ $what = ports ] || [ "$(order greedy wait 32)" = '1 Success' ] ||
        die "it does not wait"
    goes_on greedy steady
    plug || die "attach: nothing of the driver domain is short"
    out=$(order greedy open 1)
    [[ $out == '0 No space left on device' || $out == '0 Transport'*'not connected' ]] ||
        die "a disk without $what: $out"
    goes_on greedy steady
    [ $what = ports ] || [ "$(order greedy waits)" = '1 Success' ] || die "what was free?"
    order greedy give >/dev/null
    [ "$(order greedy waits)" = '0 Success' ] || die "it waits for ever"
    opens "with $what again"
    [ "$(dev b backend_state)" = Connected ] || die "$(w block-list greedy)"
    order greedy close >/dev/null
    unplug
    same "$what of a guest"
done

# ---- mappings of the driver domain: 400, for rings, requests (up to 256 pages
# each here) and what is kept mapped for later.  What one guest left mapped and
# does not use is no reason to let others wait, or to refuse a disk. ----
full() { [ "$(info disk grants_mapped)" -ge 340 ]; }
[ "$(order greedy rest 320)" = '0 Success' ] || die "it does not rest"
[ "$(info disk grants_mapped)" -ge 320 ] || die "nothing is kept mapped"
check_begin 4
until_ok 5 full || die "the quota is not used: $(info disk grants_mapped)"
goes_on steady
[ "$(order greedy work)" = '0 Success' ] || die "it rests for ever"
goes_on greedy
plug || die attach
opens "a disk while pages are short"
goes_on greedy steady
order greedy close >/dev/null
unplug
check_end
same "mappings of a driver domain under load"

# ---- so few that rings alone use them up; event channels of a driver domain.
# The page table that a ring may need counts as a mapping, and stays: two disks
# are room for one. ----
for what in maps ports; do
    [ $what = maps ] && quota=4 text='*cannot be mapped: No space left*raise max_maps= *'
    [ $what = ports ] && quota=8 text='*event channel *: No space left*raise max_ports= *'
    cli_cfg few 'name="few"' 'kernel="weir-blkback"' driver_domain=1 max_$what=$quota
    w create "$dir/few.cfg" >/dev/null || die "create few"
    n=0 last=()
    for v in b c d e f g h; do
        plug $v few || die "attach $v"
        n=$((n + 1))
        out=$(order greedy open $n)
        [ "$out" = '0 Success' ] || break
        last=("$v" "${last[0]}")
    done
    [[ $out == '0 Transport'*'not connected' ]] && [ $n -gt 2 ] || die "disk $n of few: $out"
    until_ok 5 [ "$(dev $v backend_state)" != Connected ]
    [[ $(dev $v error) == $text ]] || die "the reason: $(dev $v error)"
    goes_on greedy steady
    for i in 1 2; do
        unplug "${last[i - 1]}"
        order greedy close $((n - i)) >/dev/null
    done
    opens "with $what again" $((n - 2))
    goes_on greedy steady
    order greedy close >/dev/null
    for d in $(w --json block-list greedy | jq -r '.[].vdev'); do
        [ $d = xvda ] || w block-detach greedy $d || die "detach $d"
    done
    w destroy few || die "destroy few"
    until_ok 5 is_gone few || die "few stays"
    same "$what of a driver domain"
done
ended greedy steady
w down || die down
