#!/bin/bash
# File descriptors run out while vifs are under load: of weir-netback, and of
# the manager, which makes taps.
. "$(dirname "$0")/exhaust_net_lib.sh"
cli_begin "$@"
command -v prlimit >/dev/null && command -v setpriv >/dev/null || skip "needs prlimit, setpriv"
GREEDY=(max_grants=3 max_ports=40)
net_begin

squeeze() { # PID MORE: room for so many descriptors more than it has now
    local n
    n=$(ls "/proc/$1/fd" | sort -n | awk -v more="$2" '
        { for (; at < $1 && more >= 0; at++) if (more-- == 0) exit; at++ }
        END { print at + (more > 0 ? more : 0) }')
    limit "$1" nofile "$n"
}

# ---- descriptors of weir-netback: of a tap, of event channels ----
refused_tap() {
    squeeze "$served" 0
    refused 'weir: *the driver domain has no file descriptor left: detach a device*' \
        plug bridge=br0
}
short refused_tap
few_left() {
    local i
    for i in 1 2 3; do # for a tap and not all of 3 channels
        squeeze "$served" $i
        plug bridge=br0 || die "there are $i descriptors"
        out=$(order greedy open 1)
        [[ $out == '0 Transport'*'not connected' ]] || die "with $i descriptors: $out"
        refusal 1 '*event channel *: Too many open files: *no file descriptor left: detach *'
        unplug 1 || die detach
    done
}
short few_left
relax "$served" nofile 'Max open files'
with_another bridge=br0
again "descriptors of weir-netback"

# ---- of the manager, which makes taps ----
p=$(pgrep -f "weir-devd .*--state-dir $S" | head -n 1)
no_taps() {
    local i came=
    for i in 0 1 2 3 4; do
        squeeze "$p" $i
        if plug bridge=br0 2>"$dir/err"; then
            unplug 1 || die "detach with $i descriptors"
            came+=+
        else
            [ "$(wc -l <"$dir/err")" = 1 ] && grep -q 'or raise .* limit (LimitNOFILE=)$' "$dir/err" ||
                die "$i: $(cat "$dir/err")"
            came+=-
        fi
    done
    [[ $came == -*+ ]] || die "attached: $came"
}
short no_taps
relax "$p" nofile 'Max open files'
with_another bridge=br0
again "descriptors of weir-devd"

net_end
