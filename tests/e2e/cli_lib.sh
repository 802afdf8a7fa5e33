# cli_lib.sh, sourced: an instance of Weir to command, in a network namespace
# of the script's own, and a check that nothing of it stays behind.
#
#   cli_begin              namespace, $dir, $S (state directory), cleanup
#   w ARGS...              weir on that instance
#   cli_cfg NAME LINE...   $dir/NAME.cfg
#   cli_bridge             br0 with 10.77.0.1/24
#   cli_image [SIZE]       $dir/web.img: ext4 with $dir/src
#   cli_domains            disk.cfg, net.cfg, web.cfg in $dir
#   until_ok SECONDS CMD   tries CMD until it succeeds
#   cli_snapshot           what must be the same before and after
#   left_begin             notes what the instance holds (tests/crash/leaks.h)
#   left_end [PATTERN...]  false, with lines on stderr, unless it soon holds the
#                          same; keys that match a PATTERN may differ
B=${B:-build}
case $B in /*) ;; *) B=$PWD/$B ;; esac
export B
IP=10.77.0.2

skip() {
    echo "$*"
    exit 77
}

die() {
    echo "FAILED: $*" >&2
    tail -n 15 "${S:-/nonexistent}"/log/*.log >&2 2>/dev/null
    exit 1
}

w() {
    "$B/bin/weir" --state-dir "$S" "$@"
}

cli_cleanup() {
    local s
    for s in "$dir"/s*/hv.sock; do
        [ -S "$s" ] && "$B/bin/weir" --state-dir "${s%/hv.sock}" down
    done
    [ -z "${load:-}" ] || kill "$load" 2>/dev/null
    [ -z "${loop:-}" ] || losetup -d "$loop" 2>/dev/null
    rm -rf "$dir"
}

cli_begin() {
    [ "$(id -u)" = 0 ] || skip "needs root: namespaces, control groups, taps"
    local p
    for p in curl mke2fs ip jq unshare; do
        command -v $p >/dev/null || skip "needs $p"
    done
    for p in weir weir-hv weir-devd weir-xenstored weir-blkback weir-netback; do
        [ -x "$B/bin/$p" ] || die "$B/bin/$p is not built"
    done
    "$B/bin/weir-hv" --check >/dev/null || skip "$("$B/bin/weir-hv" --check | head -n 1)"
    # A fresh network namespace ends with the script.
    [ -n "${CLI_IN_NS:-}" ] || CLI_IN_NS=1 exec unshare -n bash "$0" "$@"
    dir=$(mktemp -d "${TMPDIR:-/tmp}/weir-cli.XXXXXX")
    S=$dir/s
    trap cli_cleanup EXIT
    trap 'exit 1' INT TERM
    ip link set lo up
}

cli_cfg() {
    local f=$dir/$1.cfg
    shift
    printf '%s\n' "$@" >"$f"
}

cli_bridge() {
    ip link add br0 type bridge && ip addr add 10.77.0.1/24 dev br0 &&
        ip link set br0 up || die "no bridge"
}

cli_image() {
    mkdir -p "$dir/src"
    head -c 300000 /dev/urandom >"$dir/src/random"
    truncate -s "${1:-16M}" "$dir/web.img" &&
        mke2fs -q -F -t ext4 -d "$dir/src" "$dir/web.img" || die "no image"
}

cli_domains() {
    cli_cfg disk 'name="disk"' 'kernel="weir-blkback"' driver_domain=1
    cli_cfg net 'name="net"' 'kernel="weir-netback"' driver_domain=1 memory=32
    cli_cfg web 'name="web"' "kernel=\"$B/tests/webguest\"" \
        "args=['--ip','$IP/24']" memory=64 \
        "disk=['format=raw,vdev=xvda,access=ro,target=$dir/web.img']" \
        "vif=['bridge=br0']"
}

until_ok() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.05
    done
}

fetch() {
    curl -sS --noproxy '*' --max-time "${MAXTIME:-10}" -o "$dir/fetched" "http://$IP/random" &&
        cmp "$dir/fetched" "$dir/src/random"
}

state() {
    w --json list 2>/dev/null | jq -r --arg n "$1" \
        '.[] | select(.name == $n) | .state'
}

is_gone() {
    [ -z "$(state "$1")" ]
}

cli_snapshot() {
    # Only what carries this instance's mark, so that other tests may run.
    pgrep -af -- "--state-dir $dir" | grep -v pgrep
    find /sys/fs/cgroup -maxdepth 6 -type d -name "${tag:-none}*" 2>/dev/null
    ip -o link | awk -F': ' '{ print $2 }'
    nft list tables 2>/dev/null
    grep -c "$dir" /proc/self/mountinfo
    ls -A "$dir" | grep '^s'
}

left_begin() {
    "$B/tests/crash_left" --state-dir "$S" >"$dir/left" ||
        die "crash_left does not count"
}

left_end() {
    "$B/tests/crash_left" --state-dir "$S" --before "$dir/left" \
        --ms "${LEFT_MS:-5000}" "$@"
}
