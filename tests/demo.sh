#!/bin/bash
# make demo: a guest serves files of an ext4 disk by HTTP, over a bridge,
# through two isolated driver domains.  Everything is made for the occasion and
# taken away again: a network namespace, a bridge, a disk image, an instance of
# Weir.  Exit 0: every checksum was equal and nothing was left behind.
#
#   B            build directory (build)
#   DEMO_MIB     size of the large file (256)
#   DEMO_KILL    driver domains that are killed during a download (disk net)
#   TMPDIR       where the image goes (/var/tmp); must support O_DIRECT
set -u
B=$(readlink -f "${B:-build}")
here=$(cd "$(dirname "$0")" && pwd)
top=$(dirname "$here")
mib=${DEMO_MIB:-256}
ns=weir-demo-$(od -An -N3 -tx1 /dev/urandom | tr -d ' ')
guest_ip=10.97.0.2
began=$SECONDS
kill=${DEMO_KILL-disk net}
dir= tag= up= failed=0
pids=()

title() {
    printf '\n== %s\n' "$*"
}

# One line: what is wrong and what to do.
die() {
    echo "demo: $*" >&2
    exit 1
}

in_ns() {
    nsenter --net="/run/netns/$ns" "$@"
}

weir() {
    in_ns "$B/bin/weir" --state-dir "$dir/state" "$@"
}

# ---- before and after ------------------------------------------------------

preflight() {
    local tool program
    [ "$(id -u)" = 0 ] ||
        die "needs root for namespaces and the bridge: run it as root"
    for tool in mke2fs ip nsenter curl jq sha256sum; do
        command -v "$tool" >/dev/null ||
            die "$tool is missing: sh tests/install-packages.sh demo"
    done
    for program in bin/weir bin/weir-hv bin/weir-devd bin/weir-xenstored \
        bin/weir-blkback bin/weir-netback tests/webguest; do
        [ -x "$B/$program" ] || die "$B/$program is not built: make demo"
    done
    "$B/bin/weir-hv" --check || exit 1
    [ -c /dev/net/tun ] ||
        die "/dev/net/tun is missing: load the kernel module tun"
}

# What the host had before and must have afterwards.
host_state() {
    ip -o link | awk -F ': ' '{ print "interface", $2 }'
    ls /run/weir 2>/dev/null | sed 's/^/run-weir /'
}

cleanup() {
    trap - EXIT INT TERM
    [ -n "$dir" ] || exit 1
    if [ -n "$up" ]; then
        weir down >/dev/null 2>&1
        # Only what this demonstration started, and only if it is still that.
        local pid
        for pid in "${pids[@]}"; do
            ours "$pid" && kill -9 "$pid" 2>/dev/null
        done
    fi
    ip netns del "$ns" 2>/dev/null
    rm -rf "$dir"
    exit 1
}

# Is process $1 one of this instance?
ours() {
    [ -d "/proc/$1" ] || return 1
    tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" | grep -qF "$dir/state" ||
        grep -qs "/$tag/" "/proc/$1/cgroup"
}

# ---- the machine -----------------------------------------------------------

make_files() {
    local n
    mkdir -p "$dir/files"
    (cd "$top" && find . \( -path ./.git -o -path ./build -o -path "$B" \) \
        -prune -o -type f \( -name '*.md' -o -name '*.[1-9]' \
        -o -name '*_abi.h' -o -name 'LICENSE' \) -print0 |
        xargs -0 cp --parents -t "$dir/files")
    n=$(find "$dir/files" -type f | wc -l)
    echo "the project's documentation: $n files"
    printf 'random file of %d MiB ...' "$mib"
    head -c $((mib << 20)) /dev/urandom >"$dir/files/random.bin" &&
        (cd "$dir/files" && find . -type f -print0 | sort -z |
            xargs -0 sha256sum >"$dir/sums") || die "no room in $dir?"
    printf ' done\next4 image ...'
    truncate -s $((mib + 64))M "$dir/disk.img" &&
        mke2fs -q -F -t ext4 -L weir-demo -d "$dir/files" "$dir/disk.img" ||
        die "cannot make an image in $dir: is there room?"
    # The originals' sums are kept; the files themselves are not needed again.
    rm -rf "$dir/files"
    printf ' done, %s\n' "$(du -h "$dir/disk.img" | cut -f1)"
}

make_network() {
    ip netns add "$ns" &&
        ip -n "$ns" link set lo up &&
        ip -n "$ns" link add weirbr0 type bridge &&
        ip -n "$ns" addr add 10.97.0.1/24 dev weirbr0 &&
        ip -n "$ns" link set weirbr0 up ||
        die "no bridge: the kernel needs network namespaces and bridge"
    echo "namespace $ns, bridge weirbr0, 10.97.0.1/24"
}

make_configs() {
    cat >"$dir/disk.cfg" <<EOT
name = "disk"
kernel = "weir-blkback"
driver_domain = 1
memory = 32
EOT
    cat >"$dir/net.cfg" <<EOT
name = "net"
kernel = "weir-netback"
driver_domain = 1
memory = 32
EOT
    cat >"$dir/web.cfg" <<EOT
name = "web"
kernel = "$B/tests/webguest"
memory = 64
args = [ "--ip", "$guest_ip/24" ]
disk = [ "format=raw, vdev=xvda, access=ro, backend=disk, target=$dir/disk.img" ]
vif = [ "bridge=weirbr0, backend=net" ]
EOT
}

# Also of programs that were started since.
note_pids() {
    mapfile -t -O "${#pids[@]}" pids < <(
        weir --json list | jq '.[].pid'
        pgrep -f -- "--state-dir $dir/state"
    )
}

start_machine() {
    local from to i
    from=$(date +%s%N)
    up=1
    weir up "$dir/disk.cfg" "$dir/net.cfg" "$dir/web.cfg" || {
        tail -q -n 3 "$dir"/state/log/*.log >&2
        die "weir up failed: the last lines of its logs are above"
    }
    tag=$(weir --json info | jq -r .tag)
    note_pids
    for ((i = 0; i < 100; i++)); do
        in_ns curl -s --noproxy '*' -m 1 -o "$dir/probe" \
            "http://$guest_ip/" && break
        sleep 0.05
    done
    [ "$i" -lt 100 ] || {
        weir log web >&2
        die "the guest does not answer: its log is above"
    }
    to=$(date +%s%N)
    echo "hypervisor, registry, two driver domains and the guest answer after" \
        "$(((to - from) / 1000000)) ms"
    weir list
    echo
    in_ns bridge link show | sed 's/^/bridge: /'
    timeout 1 "$B/bin/weir" --state-dir "$dir/state" console web \
        </dev/null 2>/dev/null | sed 's/^/web console: /'
}

# ---- the guest at work -----------------------------------------------------

compare() { # NAME SUM
    if [ "$(awk -v n="./$1" '$2 == n { print $1 }' "$dir/sums")" = "$2" ]; then
        return 0
    fi
    echo "DIFFERENT: $1"
    failed=1
    return 1
}

fetch_documents() {
    local name sum n=0 bad=0
    while read -r _ name; do
        name=${name#./}
        [ "$name" != random.bin ] || continue
        sum=$(in_ns curl -sf --noproxy '*' -m 10 "http://$guest_ip/$name" |
            sha256sum | cut -d' ' -f1)
        n=$((n + 1))
        compare "$name" "$sum" || bad=$((bad + 1))
    done <"$dir/sums"
    echo "$n documents fetched, $((n - bad)) with the SHA-256 of the original"
}

fetch_large() {
    local pid size code rate
    in_ns curl -sf --noproxy '*' -m 50 -o "$dir/random.bin" \
        -w '%{http_code} %{speed_download}' "http://$guest_ip/random.bin" \
        >"$dir/result" &
    pid=$!
    while kill -0 $pid 2>/dev/null; do
        size=$(stat -c %s "$dir/random.bin" 2>/dev/null || echo 0)
        printf '\rrandom.bin: %4d of %d MiB' $((size >> 20)) "$mib"
        sleep 0.25
    done
    wait $pid
    read -r code rate <"$dir/result"
    printf '\rrandom.bin: HTTP %s, %d MiB at %d MiB/s, checking ...' \
        "${code:-none}" "$mib" $((${rate:-0} >> 20))
    compare random.bin "$(sha256sum <"$dir/random.bin" | cut -d' ' -f1)" &&
        printf ' SHA-256 equal\n'
    rm -f "$dir/random.bin"
}

kill_driver() { # NAME MIB
    local pid
    pid=$(weir --json list "$1" | jq '.[0].pid')
    # Dead at this moment, if the download before it was quick.
    [ "${pid:-0}" -gt 1 ] || return 0
    kill -9 "$pid" && printf '\rat %d MiB: SIGKILL to %s, pid %d\n' "$2" "$1" "$pid"
}

# Slowed down, so that more than a second is between kills: a program that lives
# shorter makes the next one wait.
fetch_while_killing() {
    local pid size name at=0 code
    in_ns curl -sf --noproxy '*' -m 110 -o "$dir/random.bin" \
        --limit-rate $((mib / 8 + 1))M -w '%{http_code}' \
        "http://$guest_ip/random.bin" >"$dir/result" &
    pid=$!
    while kill -0 $pid 2>/dev/null; do
        size=$(($(stat -c %s "$dir/random.bin" 2>/dev/null || echo 0) >> 20))
        if [ $size -gt $(((at + 1) * mib / 5)) ]; then
            at=$((at + 1))
            for name in $kill; do kill_driver "$name" $size; done
        fi
        printf '\rrandom.bin: %4d of %d MiB' $size "$mib"
        sleep 0.1
    done
    wait $pid
    read -r code <"$dir/result"
    printf '\rrandom.bin: HTTP %s, checking ...' "${code:-none}"
    compare random.bin "$(sha256sum <"$dir/random.bin" | cut -d' ' -f1)" &&
        printf ' SHA-256 equal\n'
    rm -f "$dir/random.bin"
    for name in $kill; do
        outages "$name"
    done
    note_pids
}

outages() { # NAME: of all its restarts
    local n ms
    n=$(weir --json info "$1" | jq .restarts)
    ms=$(sed -n "s/^weir-devd: $1: serves again after \([0-9]*\) ms.*/\1/p" \
        "$dir/state/log/weir-devd.log" | xargs)
    if [ "${n:-0}" -gt 0 ] && [ "$(echo "$ms" | wc -w)" = "$n" ]; then
        echo "$1: killed $n times, outages of $ms ms"
    else
        echo "$1: ${n:-0} restarts, outages \"$ms\""
        failed=1
    fi
}

statistics() {
    weir block-list
    echo
    weir network-list
    echo
    # Rates need something to measure: another download while top looks.
    in_ns curl -sf --noproxy '*' -m 50 -o /dev/null \
        "http://$guest_ip/random.bin" &
    weir top -n 1 -d 1
    kill $! 2>/dev/null
    wait $! 2>/dev/null
}

stop_machine() {
    local from to
    from=$(date +%s%N)
    weir down || {
        echo "weir down failed"
        failed=1
    }
    to=$(date +%s%N)
    up=
    ip netns del "$ns" || failed=1
    echo "guest, driver domains, registry, hypervisor ended in" \
        "$(((to - from) / 1000000)) ms"
}

# ---- nothing is left -------------------------------------------------------

left() { # WHAT LIST
    if [ -z "$2" ]; then
        printf '  %-12s none\n' "$1"
    else
        printf '  %-12s LEFT: %s\n' "$1" "$(echo "$2" | xargs)"
        failed=1
    fi
}

check_nothing_left() {
    local pid alive=
    for pid in "${pids[@]}"; do
        ! ours "$pid" || alive="$alive $pid"
    done
    rm -f "$dir"/*.cfg "$dir/disk.img" "$dir/sums" "$dir/result" "$dir/probe"
    rmdir "$dir/state" 2>/dev/null
    left processes "$alive$(pgrep -f -- "$dir/" | tr '\n' ' ' | xargs)"
    left namespaces "$(ip netns list | grep -F "$ns")"
    left cgroups "$(find /sys/fs/cgroup -type d -name "$tag*" 2>/dev/null)"
    left mounts "$(grep -F "$dir" /proc/self/mounts)"
    host_state >"$dir/after"
    left interfaces "$(grep -vxFf "$dir/before" "$dir/after" |
        grep "^interface ${tag:0:1}.*-[0-9]*\.[0-9]*")"
    left /run/weir "$(grep -vxFf "$dir/before" "$dir/after" |
        grep '^run-weir')"
    rm -f "$dir/before" "$dir/after"
    left files "$(find "$dir" -mindepth 1)"
    rm -rf "$dir"
}

preflight
dir=$(mktemp -d "${TMPDIR:-/var/tmp}/weir-demo.XXXXXX") || exit 1
trap cleanup EXIT
trap 'exit 1' INT TERM HUP
host_state >"$dir/before"

title "a disk with real files"
make_files
title "a network"
make_network
title "Weir"
make_configs
start_machine
title "curl, from the bridge's side"
fetch_documents
fetch_large
if [ -n "$kill" ]; then
    title "again, while its driver domains are killed: $kill"
    fetch_while_killing
fi
title "what the devices did"
statistics
title "down, in order"
stop_machine
title "left behind"
check_nothing_left
trap - EXIT
echo
if [ "$failed" = 0 ]; then
    echo "demo: all checksums equal, nothing left, $((SECONDS - began)) s"
else
    echo "demo: FAILED, see above"
fi
exit "$failed"
