#!/bin/bash
# Memory runs out while vifs are under load: address space of weir-netback,
# frames of a driver domain.  (Of guests and the machine: exhaust_memory.sh.)
. "$(dirname "$0")/exhaust_net_lib.sh"
cli_begin "$@"
command -v prlimit >/dev/null && command -v setpriv >/dev/null || skip "needs prlimit, setpriv"
GREEDY=(max_grants=3 max_ports=40)
net_begin

# ---- address space of weir-netback ----
no_space() {
    local more size came=
    for more in 0 200 400 8000; do # KiB
        size=$(awk '/^VmSize/ { print $2 }' "/proc/$served/status")
        limit "$served" as $(((size + more) * 1024))
        plug bridge=br0 || die "attach with $more KiB"
        out=$(order greedy open 1)
        case $out in
        '1 Success')
            [ "$(order greedy send 1 200)" = '200 Success' ] || die "its frames"
            order greedy close >/dev/null
            came+=+
            ;;
        '0 Transport'*'not connected')
            refusal 1 '*Cannot allocate memory: raise *private_memory= *'
            came+=-
            ;;
        *) die "with $more KiB: $out" ;;
        esac
        unplug 1 || die detach
    done
    [[ $came == -*+ ]] || die "connected: $came"
}
if grep -q __asan_init "$B/bin/weir-netback"; then
    echo "private memory: not tried, this build ends without it"
else
    short no_space
    relax "$served" as 'Max address space'
    with_another bridge=br0
    again "private memory of weir-netback"
fi

# ---- frames of a driver domain: for what goes by grant copy.  One vif's pages
# use up its 256; another one's frames are dropped, and go on afterwards ----
cli_cfg few 'name="few"' 'kernel="weir-netback"' driver_domain=1 memory=1
w create "$dir/few.cfg" >/dev/null || die "create few"
no_frames() {
    for i in 1 2; do
        plug bridge=br0,backend=few || die "attach $i"
        out=$(order greedy open $i nopool)
        [ "$out" = '0 Success' ] || die "open $i: $out"
        out=$(order greedy send $i 200)
        [ "$out" = "$([ $i = 1 ] && echo 200 Success || echo 0 Connection timed out)" ] ||
            die "frames of vif $i: $out"
    done
    [ "$(grep -c 'device 2: no 64 pages for grant copies: .*memory=' "$S/log/few.log")" = 1 ] ||
        die "the log: $(cat "$S/log/few.log")"
}
short no_frames
order greedy close 1 >/dev/null
[ "$(order greedy send 2 200)" = '200 Success' ] || die "with memory again"
order greedy close >/dev/null
unplug 1 2 || die detach
w destroy few || die "destroy few"
until_ok 5 is_gone few || die "few stays"
again "memory of a driver domain" 'weir-hv mappings' # of a thread that ended
net_end
