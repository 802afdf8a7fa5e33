#!/bin/bash
# soak.sh SECONDS [SEED]: everything at once, at random, under loads that check
# everything: disks and interfaces come and go, guests too, driver domains, the
# manager and the registry are killed, also in the middle of each other's work.
# After a warm-up the instance is counted; at the end (and now and then between)
# it must hold the same. `make soak SECONDS=1800`.
TIME=${1:-1800} SEED=${2:-$((RANDOM * 32768 + RANDOM))}
ARGS=("$TIME" "$SEED")
. "$(dirname "$0")/../e2e/manager_lib.sh" || exit 1
KILLS=${SOAK_KILLS:-disk net devd xenstored}
cli_begin "${ARGS[@]}"
programs_begin
RANDOM=$SEED
# What changes with the load, and what a new program begins with.
MAY_DIFFER=('domain load grants' 'domain left grants' 'domain right grants'
    'domain web grants' 'domain disk maps' 'domain net maps')

chance() { # IN
    [ $((RANDOM % $1)) = 0 ]
}

pick() {
    shift $((RANDOM % $#))
    picked=$1
}

nap() { # up to so many ms
    sleep "$(printf '0.%03d' $((RANDOM % $1)))"
}

wrong() {
    die "round $round, seed $SEED: $*
$(w list; w block-list; w network-list; tail -n 40 "$S/log/weir-devd.log")"
}

# ---- kills ---------------------------------------------------------------

declare -A killed
for k in $KILLS; do killed[$k]=0; done

another_devd() { # PID: than this, or none
    [ "$(server devd)" != "$1" ]
}

kill_one() { # disk|net|devd|xenstored
    if [ "$1" = devd ]; then
        local p
        p=$(server devd)
        [ "${p:-0}" -gt 1 ] && kill -KILL "$p" || return 0
        # On a loaded machine it is to be seen for a while; manager_back would
        # think that it lives.
        until_ok 10 another_devd "$p" || wrong "weir-devd does not die"
    elif [ "$1" = xenstored ] && [ $SECONDS -lt $store_next ]; then
        return 0 # it may die ten times a minute
    else
        sig KILL "$1" 2>/dev/null || return 0
    fi
    [ "$1" != xenstored ] || store_next=$((SECONDS + 7))
    killed[$1]=$((killed[$1] + 1))
}

# Until a manager is there again.
manager_back() {
    local tries
    for tries in 1 2 3; do
        devd_gone || return 0
        up && return 0
    done
    wrong "weir up: $(cat "$dir/up.out")"
}

# What an operator or a script does whose request broke off: looks, asks again.
# Others' refusals are wrong.
ask() { # VERB...
    local tries
    for tries in 1 2 3 4 5 6; do
        w "$@" >"$dir/ask.out" 2>&1 && return 0
        manager_back
        grep -qE 'ended before it answered|does not run in|does not answer' "$dir/ask.out" ||
            return 1
    done
    return 1
}

all_well() {
    manager_back
    until_ok 30 settled || wrong "it does not settle"
}

# ---- what there is beside the loads ---------------------------------------

has() { # CLASS DEVICE
    w --json "$1-list" web | jq -e --arg d "$2" \
        'any((.vdev // (.devid | tostring)) == $d)' >/dev/null
}

disk_in_or_out() {
    if has block xvdb; then ask block-detach web xvdb; else
        ask block-attach web "$dir/extra.img,raw,xvdb,w"; fi
}

vif_in_or_out() {
    if has network 7; then ask network-detach web 7; else
        ask network-attach web bridge=br0,devid=7; fi
}

guest_in_or_out() {
    if is_gone extra; then
        ask create "$dir/extra.cfg"
    else
        pick destroy shutdown
        ask "$picked" extra
    fi
}

all_out() {
    all_well
    ! has block xvdb || ask block-detach web xvdb
    ! has network 7 || ask network-detach web 7
    is_gone extra || ask destroy extra
    all_well
}

# ---- rounds --------------------------------------------------------------

one_round() {
    local what
    round=$((round + 1))
    pick disk_in_or_out vif_in_or_out guest_in_or_out
    what=$picked
    if chance 2; then # in the middle of it
        $what >/dev/null 2>&1 &
        nap 60
        pick $KILLS
        kill_one "$picked"
        if chance 4; then
            nap 30
            pick $KILLS
            kill_one "$picked"
        fi
        wait $!
    else
        pick $KILLS
        kill_one "$picked"
        nap 100
        manager_back
        $what || :
    fi
    all_well
    fetch 2>"$dir/fetch.err" || wrong "no service: $(cat "$dir/fetch.err")"
    for g in $LOADS; do
        is $g running || wrong "$g: $(tail -n 3 "$S/log/$g.log")"
    done
}

rounds() { # until SECONDS is so much
    while [ $SECONDS -lt "$1" ]; do one_round; done
}

same() {
    all_out
    LEFT_MS=15000 left_end "${MAY_DIFFER[@]}" 2>"$dir/left.out" ||
        wrong "$(cat "$dir/left.out")"
}

memory() {
    "$B/tests/crash_left" --state-dir "$S" | awk -F'\t' '
        /^(weir-hv|weir-devd|domain xenstored) memory KiB|^frames|^(weir-hv|weir-devd|domain xenstored) descriptors/ {
            printf "%s%s %s", n++ ? ", " : "", $1, $2 } END { print "" }'
}

cli_bridge
cli_image
cli_domains
for d in disk net; do printf '%s\n' restart_limit=0 restart_delay=0 >>"$dir/$d.cfg"; done
sed 's/^name="web"/name="extra"/; s/10\.77\.0\.2/10.77.0.3/' "$dir/web.cfg" >"$dir/extra.cfg"
truncate -s 1M "$dir/extra.img"
tag=none
before=$(cli_snapshot)
w up --memory 512M "$dir"/{disk,net,web}.cfg >/dev/null || die up
tag=$(w --json info | jq -r .tag)
until_ok 10 fetch || die "no service"
loads_begin "${SOAK_CAP:-5}"
echo "seed $SEED, $TIME s, kills of $KILLS"
round=0 SECONDS=0 store_next=0
rounds $((TIME < 200 ? TIME / 4 : 50))
all_out
sleep 1
left_begin
echo "after $round rounds of warm-up: $(memory)"
looks=0
while [ $SECONDS -lt "$TIME" ]; do
    rounds $((TIME - SECONDS < 60 ? TIME : SECONDS + 60))
    same
    looks=$((looks + 1))
done
echo "after $round rounds: $(memory); compared $looks times"
for k in $KILLS; do printf '%s of %s, ' "${killed[$k]}" "$k"; done
echo "kills"
loads_end
w down || die down
[ "$(cli_snapshot)" = "$before" ] ||
    die "left behind: $(diff <(echo "$before") <(cli_snapshot))"
