#!/bin/bash
# The registry's quotas run out under load: nodes, memory, watches and
# transactions of a guest, then of a driver domain, while a disk is plugged in.
. "$(dirname "$0")/exhaust_lib.sh"
cli_begin "$@"
exhaust_begin 512M

# ---- of the guest: what it asks for is refused; the rest is as always ----
for q in nodes:'No space left on device' memory:'Cannot allocate memory' \
    watches:'Argument list too long' transactions:'No space left on device'; do
    what=${q%%:*}
    # 1000 nodes hold less than its memory.
    [ $what != memory ] || xs_tool quota "$(info greedy domid)" memory 500000 || die quota
    out=$(order greedy take "$what")
    [[ $out == [1-9]*" ${q#*:}" ]] || die "$what: $out"
    until_ok 5 grep -q "domain $(info greedy domid): quota '$what' reached" "$S/log/xenstored.log" ||
        die "the log does not name $what: $(tail -n 3 "$S/log/xenstored.log")"
    goes_on greedy steady
    plug || die "attach: the manager has no quota"
    out=$(order greedy open 1)
    [[ $out == "0 ${q#*:}" || $out == '0 Transport'*'not connected' ]] ||
        die "a disk without $what: $out"
    goes_on greedy steady
    order greedy give >/dev/null
    opens "with $what again"
    order greedy close >/dev/null
    unplug
    same "registry's $what of a guest"
done

# ---- of the driver domain ----
id=$(info disk domid)
for q in nodes:1000 memory:2621440 watches:128; do
    what=${q%%:*}
    xs_tool quota "$id" "$what" 1 || die "quota $what"
    case $what in
    nodes) text='*the registry has no more room for this driver domain *: detach *' ;;
    *) text='*state cannot be watched: *: detach *' ;;
    esac
    refused "weir: $text" plug
    [ "$(devices)" = 2 ] || die "it stays: $(w block-list)"
    goes_on greedy steady
    xs_tool quota "$id" "$what" "${q#*:}" || die "quota $what"
    plug || die "attach with $what again"
    opens "with $what again"
    order greedy close >/dev/null
    unplug
    same "registry's $what of a driver domain"
done
[ "$(info disk restarts)" = 0 ] || die "the driver domain died: $(w info disk)"
ended greedy steady
w down || die down
