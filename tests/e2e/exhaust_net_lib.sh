# exhaust_net_lib.sh, sourced: something runs out while vifs are under load, on
# top of exhaust_lib.sh.
#
#   net_begin LINE...        driver domain "net" with these lines; guests greedy
#                            and peer transfer data over taps and a bridge,
#                            steady and friend over the backend's switch
#   plug VIF..., unplug N... vifs more of greedy
#   with_another VIF         a second one of greedy connects and carries frames
#   limit PID WHAT SOFT, relax PID WHAT NAME   see prlimit; as it was
#   short CMD...             while something is short: guests go on, weir-netback
#                            neither dies nor burns the CPU nor fills its log
#   again WHAT PATTERN...    the transfers are as fast as at the beginning, and
#                            nothing is left: see same
#   refusal N PATTERN        of greedy's vif N; the reason its node has
. "$(dirname "${BASH_SOURCE[0]}")/exhaust_lib.sh"
LOADS='friend greedy peer steady' # in the order of join

net_guest() { # NAME MAC-BYTE VIF LINE...
    local n=$1 mac=00:16:3e:57:57:$2 vif=$3
    shift 3
    cli_cfg "$n" "name=\"$n\"" "kernel=\"$B/tests/exhaust_netguest\"" memory=32 \
        "vif=['mac=$mac,backend=net,$vif']" "$@"
    w create "$dir/$n.cfg" >/dev/null || die "create $n"
}

net_begin() {
    local n
    cli_bridge
    cli_cfg net 'name="net"' 'kernel="weir-netback"' driver_domain=1 "$@"
    w up --memory 512M "$dir/net.cfg" >/dev/null || die up
    net_guest greedy 02 bridge=br0 "${GREEDY[@]}"
    net_guest peer 03 bridge=br0
    net_guest steady 04 sink=switch
    net_guest friend 05 sink=switch
    all give # they are there
    goes_on $LOADS
    served=$(pid net)
    order greedy take grants >/dev/null # what it knows of them stays
    order greedy give >/dev/null
    with_another bridge=br0,backend=net
    speeds >"$dir/pace"
    echo "segments a second: $(xargs <"$dir/pace"); CPU of weir-netback: $(burnt 0.4) ms"
    left_begin
}

plug() {
    local v
    for v in "$@"; do w network-attach greedy "$v" || return 1; done
}
unplug() {
    local v
    for v in "$@"; do w network-detach greedy "$v" || return 1; done
}
with_another() {
    local out
    plug "$1" || die "attach $1"
    out=$(order greedy open 1)
    [[ $out == [01]' Success' ]] || die "open: $out"
    [ "$(order greedy send 1 200)" = '200 Success' ] || die "its frames"
    order greedy close >/dev/null
    unplug 1 || die detach
}
vif() { # N KEY
    w --json network-list greedy | jq -r ".[] | select(.devid == $1).$2"
}
refusal() { # N PATTERN
    until_ok 5 [ -n "$(vif "$1" error)" ]
    [[ $(vif "$1" error) == $2 ]] || die "the reason: $(vif "$1" error)"
}

segments() { # as the guests told last, and when
    local n
    for n in $LOADS; do echo "$n $(ios "$n") $EPOCHREALTIME"; done
}
speeds() { # segments a second of each
    segments >"$dir/was"
    sleep 0.4
    segments | join "$dir/was" - | awk '{ print $1, int(($4 - $2) / ($5 - $3)) }'
}
# As the program's user: that needs no rights over other users' limits.
limit() { # PID WHAT SOFT
    local u
    u=$(awk '/^Uid:/ { print $2 }' "/proc/$1/status")
    setpriv --reuid "$u" --regid "$u" --clear-groups \
        prlimit --pid "$1" --"$2"="$3:" || die "limit of $1"
}
relax() { # PID WHAT NAME-IN-LIMITS: to the hard limit, as it was
    limit "$1" "$2" "$(awk -v n="$3" 'index($0, n) == 1 {
        $0 = substr($0, length(n) + 1); print $2 }' "/proc/$1/limits")"
}

cpu_ms() { awk '{ print ($14 + $15) * 10 }' "/proc/$1/stat"; }
burnt() { # SECONDS
    local was
    was=$(cpu_ms "$served")
    sleep "$1"
    echo $(($(cpu_ms "$served") - was))
}

said() { cat "$S"/log/{net,weir-devd,weir-hv,xenstored}.log 2>/dev/null | wc -l; }

all() { # WORD: an order to each guest
    local n
    for n in $LOADS; do order "$n" "$1" >/dev/null & done
    wait $(jobs -p)
}

short() {
    local lines ms
    lines=$(said)
    "$@"
    goes_on $LOADS
    [ "$(pid net)" = "$served" ] || die "weir-netback died"
    [ $(($(said) - lines)) -le 20 ] ||
        die "$(($(said) - lines)) lines: $(tail -n 3 "$S"/log/*.log)"
    all rest
    ms=$(burnt 0.5)
    [ "$ms" -lt 150 ] || die "weir-netback is busy with nothing: $ms ms of 500"
    all work
}

fast() {
    speeds | join "$dir/pace" - | awk '$3 < $2 / 2 { bad = 1 } END { exit bad }'
}
again() { # WHAT PATTERN...
    until_ok 10 fast || die "$1: slow: $(speeds | xargs), not $(xargs <"$dir/pace")"
    [ "$(pid net)" = "$served" ] || die "weir-netback died: $(w info net)"
    # AddressSanitizer keeps what was freed for a while.
    ! grep -q __asan_init "$B/bin/weir-netback" || set -- "$@" '*memory KiB'
    same "$@"
}

net_end() {
    ended $LOADS
    grep -h 'frames came' "$S"/log/{greedy,steady}.log
    w down || die down
}
