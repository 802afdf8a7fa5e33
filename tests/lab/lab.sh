# lab.sh, sourced: whole machines under software emulation, for what the host
# lacks.  README.md tells how a lab is written.
#
#   lab_begin NAME             $lab_dir (B/lab/NAME), tools checked, clean-up
#   lab_root NAME SCRIPT       a new root tree, $lab_dir/NAME
#   lab_bin ROOT PROGRAM...    programs with their libraries
#   lab_modules ROOT MODULE... kernel modules with what they depend on
#   lab_put ROOT FILE PATH     one file at PATH
#   lab_pack ROOT              ROOT.cpio.gz: an initramfs
#   lab_boot SECONDS ARGS...   QEMU with ARGS until it ends
#   lab_end                    results, counts, exit
#
# Downloads are in cache.sh.
lab_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$lab_here/cache.sh"
B=${B:-build}
case $B in /*) ;; *) B=$PWD/$B ;; esac
export B
export LC_ALL=C
# AMD with nested paging.  The family is a recent one: for older ones Linux
# searches all of PCI for an aperture.  Under emulation XSETBV of a guest passes
# by KVM, so nobody has XSAVE.
lab_cpu=max,+svm,family=23,model=49,-xsave
lab_pid='' lab_tail='' lab_cut=''

lab_die() {
    echo "lab: $*" >&2
    exit 1
}

# What the host lacks: the lab counts as skipped.
lab_skip() {
    echo "skip  ${lab_name:-lab}: $*"
    [ -z "${WEIR_TALLY:-}" ] || echo "0 0 1" >>"$WEIR_TALLY"
    exit 77
}

# Seconds that something may take: N, or what is left until LAB_UNTIL.
lab_left() { # N
    local n=$((${LAB_UNTIL:-9999999999} - $(date +%s)))
    [ "$n" -lt "$1" ] || n=$1
    [ "$n" -gt 1 ] || n=1
    echo "$n"
}

lab_cleanup() {
    trap - EXIT
    [ -z "$lab_tail" ] || kill "$lab_tail" 2>/dev/null
    if [ -n "$lab_pid" ]; then
        kill "$lab_pid" 2>/dev/null
        wait "$lab_pid" 2>/dev/null
    fi
    # Logs stay, what is large goes.
    [ -z "${lab_dir:-}" ] || [ -n "${LAB_KEEP:-}" ] ||
        find "$lab_dir" -mindepth 1 -maxdepth 1 ! -name '*.log' \
            -exec rm -rf {} +
}

lab_begin() {
    local tool
    lab_name=$1
    lab_dir=$B/lab/$1
    for tool in qemu-system-x86_64 busybox modprobe depmod dpkg-deb mke2fs \
        fsck.ext4; do
        command -v "$tool" >/dev/null ||
            lab_skip "$tool is missing: sh tests/install-packages.sh lab"
    done
    rm -rf "$lab_dir"
    mkdir -p "$lab_dir" || exit 1
    lab_room
    trap 'exit 1' INT TERM HUP
    trap 'rc=$?; lab_cleanup; exit $rc' EXIT
    lab_results=$lab_dir/results.log
    lab_console=$lab_dir/console.log
    : >"$lab_results"
    : >"$lab_console"
    lab_began=$SECONDS
    lab_cache_open
    lab_kernel
}

# MiB of memory for a machine and its emulator; of disk for its images.
lab_room() {
    local have
    have=$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo)
    [ "$have" -ge 3072 ] ||
        lab_skip "it takes 3072 MiB of memory, $have MiB are free"
    have=$(df -m --output=avail "$lab_dir" | tail -n 1)
    [ "$have" -ge 2048 ] ||
        lab_skip "it takes 2048 MiB of disk, $lab_dir has $have MiB left"
}

# ---- root trees ------------------------------------------------------------

# SCRIPT is run as the machine's only task, after lib.sh's lab_mount.
lab_root() {
    local root=$lab_dir/$1 d
    mkdir -p "$root/usr/bin" "$root/usr/lib64" "$root/usr/lib" "$root/lab"
    for d in bin lib lib64; do
        ln -s "usr/$d" "$root/$d"
    done
    ln -s usr/bin "$root/sbin"
    ln -s bin "$root/usr/sbin"
    for d in dev proc sys run tmp var etc root mnt; do
        mkdir -p "$root/$d"
    done
    ln -s /run "$root/var/run"
    echo root:x:0:0::/root:/bin/sh >"$root/etc/passwd"
    echo root:x:0: >"$root/etc/group"
    cp -L "$(command -v busybox)" "$root/usr/bin/busybox"
    # busybox's own shell would take its applets before any program.
    lab_bin "$root" sh
    cp "$lab_here/in/lib.sh" "$lab_here/in/start" "$root/lab"
    cp "$lab_here/in/init" "$root/init"
    cp "$2" "$root/lab/run" || lab_die "no script $2"
}

lab_put() {
    mkdir -p "$1/$(dirname "$3")"
    cp -L "$2" "$1/$3" || lab_die "cannot copy $2"
}

# Libraries go where the loader looks for them; /lib is /usr/lib there as here.
lab_bin() {
    local root=$1 p path lib
    shift
    for p in "$@"; do
        path=$(command -v "$p") || lab_die "program $p is missing"
        lab_put "$root" "$path" "usr/bin/${p##*/}"
        for lib in $(ldd "$path" 2>/dev/null | grep -o '/[^ ]*'); do
            [ -e "$root$lib" ] || lab_put "$root" "$lib" "$lib"
        done
    done
}

lab_modules() {
    local root=$1 m kind file
    shift
    for m in "$@"; do
        while read -r kind file _; do
            [ "$kind" = insmod ] || continue
            [ -e "$root${file#"$lab_kroot"}" ] ||
                lab_put "$root" "$file" "${file#"$lab_kroot"}"
        done < <(modprobe -d "$lab_kroot" -S "$lab_kver" --show-depends "$m" ||
            lab_die "kernel $lab_kver has no module $m")
    done
}

lab_applets() {
    local root=$1 m=$1/lib/modules/$lab_kver a
    for a in $(busybox --list); do
        [ "$a" = busybox ] || [ -e "$root/usr/bin/$a" ] ||
            ln -s busybox "$root/usr/bin/$a"
    done
    [ -d "$m" ] || return 0
    cp "$lab_kroot/lib/modules/$lab_kver"/modules.[bo]* "$m" &&
        depmod -b "$root" "$lab_kver" || lab_die "depmod failed"
}

lab_pack() {
    lab_applets "$1"
    (cd "$1" && find . | busybox cpio -o -H newc 2>/dev/null) |
        gzip -1 >"$1.cpio.gz" || lab_die "cannot pack $1"
}

# An ext4 image of the tree: lab_ext4 ROOT IMAGE SIZE
lab_ext4() {
    lab_applets "$1"
    truncate -s "$3" "$2" && mke2fs -q -F -t ext4 -E root_owner=0:0 \
        -d "$1" "$2" || lab_die "cannot make $2"
}

# ---- the machine -----------------------------------------------------------

# What a machine that came to nothing is busy with: the stacks of processors and
# of blocked tasks by its kernel's SysRq, in console.log, if it still hears keys;
# then the processors' registers and local APICs, in monitor.log.  An interrupt
# that was sent and is neither pending nor in service there got lost.
lab_tell() {
    local what
    {
        for what in "sendkey alt-sysrq-w" "sendkey alt-sysrq-l" \
            "info registers -a" "info lapic 0" "info lapic 1"; do
            echo "$what"
            sleep 1
        done
    } | timeout 10 tee "$lab_dir/monitor.in" >/dev/null
    timeout 2 cat "$lab_dir/monitor.out" | tr -d '\r' >"$lab_dir/monitor.log"
}

# A machine that lives says a result now and then; LAB_STALL (600) seconds
# without one, or a kernel that says that it hangs, are its end.  SECONDS are the
# most it may take.  LAB_UNTIL, a time as date +%s gives it, ends a lab as
# skipped: whoever runs several has used up the time there is.
lab_watch() {
    local most=$1 stall=${LAB_STALL:-600}
    local from=$SECONDS last=$SECONDS was=0 now hangs
    hangs='soft lockup - CPU#[0-9]* stuck for ([6-9][0-9]|[0-9]{3,})s'
    while sleep 1 && kill -0 "$lab_pid" 2>/dev/null; do
        now=$(wc -l <"$lab_results")
        [ "$now" = "$was" ] || last=$SECONDS
        was=$now
        if [ $((SECONDS - from)) -ge "$most" ]; then
            lab_result FAIL "machine: no end within $most s"
        elif [ $((SECONDS - last)) -ge "$stall" ]; then
            lab_result FAIL "machine: no sign of life for $stall s, after:" \
                "$(tail -n 1 "$lab_results")"
        elif grep -qE "$hangs" "$lab_console"; then
            lab_result FAIL "machine: its kernel hangs, after:" \
                "$(tail -n 1 "$lab_results")"
        elif [ "$(date +%s)" -ge "${LAB_UNTIL:-9999999999}" ]; then
            lab_result SKIP "machine: out of time after $((SECONDS - from)) s"
        else
            continue
        fi
        lab_cut=1
        tail -n 1 "$lab_results" | grep -q '^SKIP' || lab_tell
        kill -9 "$lab_pid" 2>/dev/null
        return
    done
}

# lab_boot SECONDS ARGS...: the first serial line is the console, the second
# one takes results.  One line each, as they come.
lab_boot() {
    local seconds=$1 rc from=$SECONDS
    shift
    lab_cut=
    rm -f "$lab_dir"/monitor.*
    mkfifo "$lab_dir/monitor.in" "$lab_dir/monitor.out" || exit 1
    tail -n +1 -f "$lab_results" &
    lab_tail=$!
    # It does not outlive this script, whatever ends that.
    setpriv --pdeathsig KILL qemu-system-x86_64 -display none -nodefaults \
        -no-reboot -d cpu_reset -D "$lab_dir/cpu.log" \
        -chardev "pipe,id=monitor,path=$lab_dir/monitor" \
        -mon chardev=monitor -serial "file:$lab_console" \
        -serial "file:$lab_results" "$@" </dev/null 2>"$lab_dir/qemu.log" &
    lab_pid=$!
    lab_watch "$seconds"
    wait "$lab_pid" 2>/dev/null
    rc=$?
    lab_pid=
    sleep 0.1
    kill "$lab_tail" 2>/dev/null
    wait "$lab_tail" 2>/dev/null
    lab_tail=
    if [ -z "$lab_cut" ]; then
        [ "$rc" = 0 ] || lab_result FAIL "machine: qemu ended with $rc:" \
            "$(head -n 1 "$lab_dir/qemu.log")"
        grep -q '^END' "$lab_results" ||
            lab_result FAIL "machine: ended before the lab did" \
                "$(grep -m 1 -A 12 'Triple fault' "$lab_dir/cpu.log" | tr '\n' ' ')"
    fi
    echo "machine ran $((SECONDS - from)) s"
}

# A stock Debian kernel: lab_linux SECONDS ROOT ARGS...
#
# The first processor is kept for the kernel, so that no virtual machine runs on
# it (README.md, what emulation gets wrong).
lab_linux() {
    local seconds=$1 root=$2
    shift 2
    lab_boot "$seconds" -accel tcg,thread=multi -cpu "$lab_cpu" -smp 3 \
        -kernel "$lab_vmlinuz" -initrd "$root.cpio.gz" \
        -append "console=ttyS0 isolcpus=0 panic=-1 loglevel=5 sysrq_always_enabled=1 \
softlockup_all_cpu_backtrace=1 ${LAB_APPEND:-}" "$@"
}

# Results found out on the host: lab_result PASS|FAIL|SKIP NAME
lab_result() {
    echo "$*" | tee -a "$lab_results"
}

lab_check() { # NAME COMMAND...
    local name=$1
    shift
    [ -z "$lab_cut" ] || return 0 # nothing to be found out
    if "$@" >"$lab_dir/check.log" 2>&1; then
        lab_result PASS "$name"
    else
        lab_result FAIL "$name: $(tail -n 1 "$lab_dir/check.log")"
    fi
}

lab_end() {
    local p f s
    tr -d '\r' <"$lab_results" >"$lab_dir/all.log"
    p=$(grep -c '^PASS ' "$lab_dir/all.log")
    f=$(grep -c '^FAIL ' "$lab_dir/all.log")
    s=$(grep -c '^SKIP ' "$lab_dir/all.log")
    if [ "$f" != 0 ]; then
        echo "-- the end of $lab_console"
        tr -d '\r' <"$lab_console" | tail -n "${LAB_TAIL:-60}"
        [ ! -f "$lab_dir/monitor.log" ] ||
            grep -E '^CPU#|RIP=|^dumping|^I[RS]R' "$lab_dir/monitor.log"
        echo "-- failed, see $lab_dir/*.log"
        grep '^FAIL ' "$lab_dir/all.log"
    fi
    times >"$lab_dir/times.log"
    echo "lab-$lab_name took $((SECONDS - lab_began)) s," \
        "of processors $(tail -n 1 "$lab_dir/times.log")"
    [ -z "${WEIR_TALLY:-}" ] || echo "$p $f $s" >>"$WEIR_TALLY"
    echo "$p passed, $f failed, $s skipped"
    [ "$f" = 0 ] && [ $((p + s)) != 0 ]
    exit
}
