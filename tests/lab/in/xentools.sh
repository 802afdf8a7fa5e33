# xentools.sh, sourced after lib.sh in dom0: xenstored, xenconsoled, a bridge
# br0 with 10.77.0.1/24.
# Xen has the first serial line; dom0's console is hvc0.
exec </dev/null >/dev/hvc0 2>&1
xen_ready() {
    for m in xen-privcmd xenfs xen-evtchn xen-gntdev xen-gntalloc tun bridge \
        loop; do
        modprobe $m
    done
    mount -t xenfs xenfs /proc/xen
    # Xen's scripts look at their lock through it.
    ln -sf /proc/self/fd/0 /dev/stdin
    mkdir -p /run/xen /run/lock
    xenstored --pid-file /run/xen/xenstored.pid
    until_ok 60 xenstore-read /
    xen-init-dom0
    xenconsoled --log=guest --pid-file=/run/xen/xenconsoled.pid
    ip link add br0 type bridge
    ip addr add 10.77.0.1/24 dev br0
    ip link set br0 up
    echo 0 >/proc/sys/net/ipv6/conf/br0/accept_dad
}

# As until_ok, by the clock: here each try takes a while.
xen_until() {
    xen_end=$(($(date +%s) + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s)" -lt $xen_end ] || return 1
        sleep 1
    done
}

# A guest's console as xenconsoled keeps it.
xen_console() {
    tr -d '\r' <"/var/log/xen/console/guest-$1.log"
}

# The guest's new results as this machine's own.
xen_forward() {
    xen_console "$1" | grep -E '^(PASS|FAIL|SKIP) ' >/tmp/results
    tail -n "+$((${xen_told:-0} + 1))" /tmp/results | while read -r xen_line; do
        lab_say "${xen_line%% *} $1: ${xen_line#* }"
    done
    xen_told=$(wc -l </tmp/results)
}

# Waits until the guest has printed a line that begins with WORD, and hands its
# results on.  xen_results GUEST WORD SECONDS
xen_results() {
    xen_end=$(($(date +%s) + $3))
    until xen_said "$1" "$2"; do
        xen_forward "$1"
        [ "$(date +%s)" -lt $xen_end ] || {
            fail "$1 says $2" "not within $3 s"
            return 1
        }
        sleep 2
    done
    xen_forward "$1"
}

xen_said() {
    xen_console "$1" | grep -q "^$2"
}
