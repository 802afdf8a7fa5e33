#!/bin/bash
# File descriptors of each program run out under load.
. "$(dirname "$0")/exhaust_lib.sh"
cli_begin "$@"
command -v prlimit >/dev/null && command -v setpriv >/dev/null || skip "needs prlimit, setpriv"
of() { pgrep -f "weir-$1 .*--state-dir $S" | head -n 1; }
exhaust_begin 64M

# As the program's user: that needs no rights over other users' limits.
files_limit() { # PID SOFT
    local u
    u=$(awk '/^Uid:/ { print $2 }' "/proc/$1/status")
    setpriv --reuid "$u" --regid "$u" --clear-groups \
        prlimit --pid "$1" --nofile="$2:" || die "limit of $1"
}
squeeze() { # PID MORE: room for so many more than it has now
    local top
    top=$(ls "/proc/$1/fd" | awk '$1 < 4000' | sort -n | tail -n 1)
    files_limit "$1" $((top + 1 + $2))
}
hard_of() { awk '/^Max open files/ { print $5 }' "/proc/$1/limits"; }
relax() { files_limit "$1" "$(hard_of "$1")"; } # to the hard limit, as it was
cpu_ms() { awk '{ print ($14 + $15) * 10 }' "/proc/$1/stat"; }
idles() { # NAME PID: it must not burn the CPU
    local was
    was=$(cpu_ms "$2")
    sleep 1
    [ $(($(cpu_ms "$2") - was)) -lt 500 ] || die "$1 is busy without descriptors"
}
hold() { # SOCKET N
    coproc HOLD { "$B/tests/exhaust_tool" hold "$1" "$2"; }
    held=$HOLD_PID
    read -r -u "${HOLD[0]}" _ || die "nothing is held"
}
let_go() {
    exec {HOLD[1]}>&-
    wait "$held"
}
said() { grep -q "$2" "$S/log/$1.log"; }

# ---- the manager ----
p=$(of devd)
squeeze "$p" 2
hold "$S/devd.sock" 12
refused 'weir: weir-devd has no file descriptor left: *raise its limit*' w block-list
idles weir-devd "$p"
until_ok 5 said weir-devd 'a tool is refused: no file descriptor' ||
    die "weir-devd says nothing"
let_go
plug 2>"$dir/err" && w block-detach greedy xvdb
[ "$(wc -l <"$dir/err")" -le 1 ] || die "an attach: $(cat "$dir/err")"
goes_on greedy steady
relax "$p"
plug || die "attach with descriptors again"
unplug
same "descriptors of weir-devd"

# ---- weir-hv: connections, event channels, new domains ----
p=$(of hv)
squeeze "$p" 3
hold "$S/hv.sock" 12
refused 'weir: weir-hv closed the connection: *' w list
idles weir-hv "$p"
until_ok 5 said weir-hv 'a control connection is refused: no file descriptor' ||
    die "weir-hv says nothing"
let_go
squeeze "$p" 0
cli_cfg more 'name="more"' "kernel=\"$B/tests/blk_check\"" memory=8
refused "weir: $dir/more.cfg:*: weir-hv has no file descriptor left: *" w create "$dir/more.cfg"
goes_on greedy steady
relax "$p"
same "descriptors of weir-hv"

# ---- a driver domain ----
p=$(pid disk)
squeeze "$p" 0
refused 'weir: *the driver domain has no file descriptor left: detach a device*' plug
goes_on greedy steady
squeeze "$p" 1
plug || die "there is one descriptor"
out=$(order greedy open 1)
[[ $out == '0 Transport'*'not connected' ]] || die "without event channels: $out"
goes_on greedy steady
order greedy close >/dev/null
unplug
relax "$p"
plug || die "attach with descriptors again"
opens "with descriptors again"
order greedy close >/dev/null
unplug
same "descriptors of a driver domain"

# ---- the registry ----
p=$(pid xenstored)
squeeze "$p" 4
hold "$S/xenstored.sock" 12
idles weir-xenstored "$p"
until_ok 5 said xenstored 'no file descriptor is left: new connections wait' ||
    die "weir-xenstored says nothing"
plug || die "attach: the manager has its connection"
unplug
let_go
relax "$p"
goes_on greedy steady
same "descriptors of weir-xenstored"
ended greedy steady
w down || die down
