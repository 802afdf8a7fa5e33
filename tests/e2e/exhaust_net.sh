#!/bin/bash
# Mappings and event channels of driver domains run out while vifs are under
# load.
. "$(dirname "$0")/exhaust_net_lib.sh"
cli_begin "$@"
GREEDY=(max_grants=8 max_ports=40) # for 9 vifs
# 435 pages of each guest; then there is room for another pool, some rings of 3
# pages and a page table for each 2 MiB.
net_begin memory=32 max_maps=$((5 * 435 + 20))

# ---- mappings of the driver domain: pools first, which are a shortcut, then
# rings, which are not ----
until_refused() { # VIF [nopool]: vifs more until the one of number $last
    local v=$1
    shift
    out='- Success'
    last=0
    while [ $last -lt 8 ] && [ "${out#* }" = Success ]; do
        last=$((last + 1))
        plug "$v" || die "attach $last"
        out=$(order greedy open $last "$@")
        [ $last != 1 ] || one=$out
        [ $last != 2 ] || two=$out
    done
    [[ $out == '0 Transport'*'not connected' ]] && [ $last -gt 2 ] || die "vif $last: $out"
}
mapped() {
    until_refused bridge=br0
    [ "$one/$two" = '1 Success/0 Success' ] || die "vifs: $one, $two"
    refusal $last '*ring pages cannot be mapped: No space left*raise max_maps= *'
    [ "$(info net grants_mapped)" = $((5 * 435 + 3 * (last - 2))) ] ||
        die "$(info net grants_mapped) mappings, $last vifs"
    [ "$(order greedy send 2 200)" = '200 Success' ] || die "frames without a pool"
}
short mapped
killed net # its successor maps as much
served=$(pid net)
[ "$(order greedy send 2 200)" = '200 Success' ] || die "frames without a pool, after a restart"
order greedy close 1 >/dev/null
out=$(order greedy open $last) # its pages may need page tables of their own
[[ $out == [01]' Success' ]] || die "with mappings again: $out"
[ "$(order greedy send $last 200)" = '200 Success' ] || die "its frames"
order greedy close >/dev/null
[ "$(order greedy open 1)" = '1 Success' ] || die "a pool with mappings again"
order greedy close >/dev/null
unplug $(seq $last) || die detach
again "mappings of the driver domain" 'net restarts' 'weir-netback*' '*net memory*'

# ---- event channels of a driver domain ----
cli_cfg few 'name="few"' 'kernel="weir-netback"' driver_domain=1 max_ports=8
w create "$dir/few.cfg" >/dev/null || die "create few"
channels() {
    until_refused bridge=br0,backend=few nopool
    refusal $last '*event channel *: No space left*raise max_ports= *'
    [ "$(order greedy send 1 200)" = '200 Success' ] || die "frames of those that have some"
}
short channels
order greedy close 1 >/dev/null
[ "$(order greedy open $last nopool)" = '0 Success' ] || die "with channels again"
[ "$(order greedy send $last 200)" = '200 Success' ] || die "its frames"
order greedy close >/dev/null
unplug $(seq $last) || die detach
w destroy few || die "destroy few"
until_ok 5 is_gone few || die "few stays"
again "event channels of a driver domain" 'weir-hv mappings' # of a thread that ended
net_end
