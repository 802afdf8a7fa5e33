# lib.sh, sourced by a lab's script inside a machine.
#
#   lab_mount                 proc, sys, dev, run, cgroup2
#   pass NAME; fail NAME WHY; skip NAME WHY
#   check NAME COMMAND...     pass or fail, by the command's exit code
#   until_ok SECONDS CMD...   tries CMD until it succeeds, each lab_pause (0.2) s
#   lab_over                  END, power off
#
# Results go to the second serial line; what is said on stdout and stderr goes
# to the console and is the log.
export PATH=/usr/sbin:/usr/bin LC_ALL=C HOME=/root
lab_out=/dev/ttyS1

lab_mount() {
    mount -t proc proc /proc
    mount -t sysfs sys /sys
    [ -c /dev/null ] || mount -t devtmpfs dev /dev
    mkdir -p /dev/pts /dev/shm
    mount -t devpts pts /dev/pts
    mount -t tmpfs run /run
    mount -t tmpfs shm /dev/shm
    mkdir -p /sys/fs/cgroup
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    ip link set lo up
}

# With the seconds since the machine's start in its log.
lab_say() {
    echo "$*" >"$lab_out"
    echo "== $(cut -d. -f1 /proc/uptime) s: $*"
}

pass() {
    lab_say "PASS $1"
}

fail() {
    lab_say "FAIL $1: $2"
}

skip() {
    lab_say "SKIP $1: $2"
}

check() {
    lab_what=$1
    shift
    if "$@" >/tmp/check 2>&1; then
        pass "$lab_what"
    else
        fail "$lab_what" "$(tail -n 1 /tmp/check | tr -d '\r')"
        cat /tmp/check
        return 1
    fi
}

until_ok() {
    lab_end=$(($(date +%s) + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s)" -le $lab_end ] || return 1
        sleep ${lab_pause:-0.2}
    done
}

lab_over() {
    lab_say END
    sync
    poweroff -f
}
