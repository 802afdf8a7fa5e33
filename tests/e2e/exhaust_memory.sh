#!/bin/bash
# Memory runs out under load: the machine's, a domain's frames, a program's own.
# (Of a VM that asks for more than its quota: vm_memory.c, vm_quota.c.)
. "$(dirname "$0")/exhaust_lib.sh"
cli_begin "$@"
exhaust_begin 32M

# ---- of the machine, with guests that may have more than there is ----
cli_cfg big 'name="big"' 'kernel="weir-blkback"' driver_domain=1
guest hog disk memory=32
out=$(order hog take frames)
[[ $out == [1-9]*' Cannot allocate memory' ]] || die "frames of the machine: $out"
[ "$(w --json info | jq '.frames_total - .frames_used')" -lt 64 ] || die "there is room: $(w info)"
goes_on greedy steady hog
refused "weir: $dir/big.cfg:*weir-hv has no room for *" w create "$dir/big.cfg"
if plug 2>"$dir/err"; then # its pages are asked for when the guest connects
    out=$(order greedy open 1)
    [ "$out" != '0 Success' ] || die "a disk without memory"
    order greedy close >/dev/null
    unplug
fi
goes_on greedy steady hog
order hog give >/dev/null
plug || die "attach with memory again"
opens "with memory again"
order greedy close >/dev/null
unplug
w create "$dir/big.cfg" >/dev/null || die "create with memory again"
w destroy big || die destroy
until_ok 5 is_gone big || die "big stays"
ended hog
same "memory of the machine" 'weir-hv mappings' # of threads that ended

# ---- of a domain: its quota of frames ----
left_begin
out=$(order greedy take frames)
[[ $out == [1-9]*' Cannot allocate memory' ]] || die "frames of a guest: $out"
goes_on greedy steady
plug || die "attach: only the guest has none"
out=$(order greedy open 1)
[ "$out" = '0 Cannot allocate memory' ] || die "a disk without frames: $out"
order greedy give >/dev/null
opens "with frames again"
order greedy close >/dev/null
unplug
same "frames of a domain"

# ---- of a program: what is not machine memory, where there are such limits ----
if grep -q 'no control group controller.*memory' "$S/log/weir-devd.log"; then
    echo "private memory: not tried, this host has no control group for it"
else
    left_begin
    guest glutton disk private_memory=8
    w store write "$(home glutton)/order" '1 eat'
    until_ok 20 is_gone glutton || die "more than its 8 MiB: $(w list)"
    grep -q 'killed by signal 9' "$S/log/glutton.log" || die "$(cat "$S/log/glutton.log")"
    goes_on greedy steady
    same "private memory of a program"
fi
ended greedy steady
w down || die down
