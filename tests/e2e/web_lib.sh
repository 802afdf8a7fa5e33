# web_lib.sh, sourced: a web guest to ask, on Weir or without it.
#
#   web_begin                 temporary directory $dir, cleanup
#   web_image SIZE SOURCE     $dir/disk.img, ext4, with the files of SOURCE
#   web_start_tap [ARGS]      the guest's server on the image and a tap
#   web_start_weir [ARGS]     the guest on Weir, through both driver domains
#   web_stop                  in order; the image may then be looked at
#   at CMD...                 run CMD on the bridge's side
#   get CURL-ARGS...          curl there, quietly
#
# After a start $url is the guest's address and $ns the network namespace.
B=${B:-build}
case $B in /*) ;; *) B=$PWD/$B ;; esac
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ip=10.77.0.2
url=http://$ip
ns= guest= dir= state= weir_up=

skip() {
    echo "$*"
    exit 77
}

die() {
    echo "FAILED: $*" >&2
    [ -z "$dir" ] || tail -n ${WEB_LOG_LINES:-20} "$dir"/*.log >&2 2>/dev/null
    exit 1
}

web_cleanup() {
    web_stop || true
    [ -z "$ns" ] || ip netns del "$ns" 2>/dev/null
    [ -z "$dir" ] || rm -rf "$dir"
}

web_begin() {
    [ "$(id -u)" = 0 ] || skip "needs root: network namespaces"
    [ -c /dev/net/tun ] || skip "needs /dev/net/tun"
    local tool
    for tool in curl mke2fs ip; do
        command -v "$tool" >/dev/null || skip "needs $tool"
    done
    dir=$(mktemp -d "${TMPDIR:-/tmp}/weir-web.XXXXXX")
    trap web_cleanup EXIT
    trap 'exit 1' INT TERM
}

web_image() {
    truncate -s "$1" "$dir/disk.img" &&
        mke2fs -q -F -t ext4 -L weir-web -d "$2" "$dir/disk.img" ||
        die "cannot make an image"
}

at() {
    ip netns exec "$ns" "$@"
}

get() {
    at curl -sS --noproxy '*' --max-time 60 "$@"
}

web_netns() {
    ns=weirweb$$
    ip netns add "$ns" && ip -n "$ns" link set lo up || die "no namespace"
}

web_wait() {
    local end=$((SECONDS + 20))
    while [ $SECONDS -lt $end ]; do
        at curl -s --noproxy '*' -o "$dir/probe" --max-time 1 "$url/" && return
        [ -z "$guest" ] || kill -0 "$guest" 2>/dev/null || break
        sleep 0.05
    done
    die "the guest does not answer"
}

web_start_tap() {
    web_netns
    ip -n "$ns" tuntap add dev web0 mode tap &&
        ip -n "$ns" addr add 10.77.0.1/24 dev web0 &&
        ip -n "$ns" link set web0 up || die "no tap"
    ip netns exec "$ns" "$B/tests/webguest-tap" --image "$dir/disk.img" --tap web0 \
        --ip $ip/24 "$@" 2>"$dir/guest.log" &
    guest=$!
    web_wait
}

web_stop() {
    local rc=0
    if [ -n "$guest" ]; then
        kill "$guest" 2>/dev/null
        wait "$guest" || rc=$?
        guest=
    fi
    if [ -n "$weir_up" ]; then
        web_stop_weir || rc=$?
        weir_up=
    fi
    return $rc
}

# shellcheck source=tests/e2e/web_weir.sh
. "$here/web_weir.sh"
