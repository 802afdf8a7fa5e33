# crash_lib.sh, sourced: an instance of Weir whose driver domain dies again and
# again, and what its guests and the host saw of that.
#
#   crash_begin KIND              kind.blk or kind.net; namespace, $dir, cleanup
#   pick NAME WORD...             NAME becomes one of the words
#   batch KILLS SEED PROGRAM      one instance in the present configuration;
#                                 adds to the totals, false when anything was
#                                 noticed
#   steps_begin, steps, steps_seen   a program that dies at each point
#   nolog KILLS SEED TIMES        without the log it must be noticed
#   totals                        the lines of figures; false unless all 0
#
# Each batch is an instance of its own, and must leave nothing behind.
#
# A kind has: $driver, $guests (the first is asked for outages), $backend (the
# program), $first_steps; configure SEED: $c_* and $says; busy, lone, first: much
# load, little, what $first_steps rest on; lay_out SEED PROGRAM: the files
# $dir/NAME.cfg of driver and guests; connected; $stop, a command that makes the
# guests end; unreached: points they do not lead to.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../e2e/cli_lib.sh"
. "$here/points_lib.sh"

crash_begin() {
    local p
    . "$here/kind.$1"
    for p in crash_kill $backend-steps $backend-nolog; do
        [ -x "$B/tests/$p" ] || die "$B/tests/$p is not built: make tests"
    done
    cli_begin "${ARGS[@]}"
    shm=$(mktemp -d /dev/shm/weir-crash.XXXXXX 2>/dev/null) || shm=$dir
    trap 'crash_cleanup' EXIT
    : >"$dir/outages"
    : >"$dir/died"
    crash_ready
    forget
}

crash_cleanup() {
    [ "$shm" = "$dir" ] || rm -rf "$shm"
    cli_cleanup
}

# NAME WORD...: NAME becomes one of them; a seed always chooses the same.
pick() {
    local name=$1
    shift
    dice=$((dice * 6364136223846793005 + 1442695040888963407))
    printf -v "$name" %s "${@:1 + (dice >> 40 & 0xffff) % $#:1}"
}

# Adds the counts of a line "WORD N WORD N ..." to the totals.
add() {
    local n
    while [ $# -ge 2 ]; do
        n=$2
        case $1 in
        lost) lost=$((lost + n)) ;;
        doubled) doubled=$((doubled + n)) ;;
        corrupted) corrupted=$((corrupted + n)) ;;
        hung) hung=$((hung + n)) ;;
        failed) failed=$((failed + n)) ;;
        noticed) noticed=$((noticed + n)) ;;
        kills) kills=$((kills + n)) ;;
        ios) ios=$((ios + n)) ;;
        esac
        shift 2
    done
}

wrong() {
    echo "  $*" >&2
    other=$((other + 1))
}

faults() {
    echo $((lost + doubled + corrupted + hung + failed + noticed + other))
}

# Guests' results; those that hang have a deadline of their own.
collect() {
    local g result
    for g in $guests; do
        until_ok 15 grep -q 'result ios' "$S/log/$g.log" || :
        result=$(sed -n 's/.*result \(ios.*\)/\1/p' "$S/log/$g.log" | tail -n 1)
        add $result
        [ -n "$result" ] || wrong "$g told no result: $(tail -n 3 "$S/log/$g.log")"
        grep -hE 'LOST|DOUBLED|CORRUPTED|HUNG|FAILED|NOTICED' "$S/log/$g.log" |
            head -n 5 | sed 's/^/  /' >&2
    done
    points_died "$S/log/$driver.log"* >>"$dir/died"
    [ -z "${CRASH_KEEP:-}" ] || cp -r "$S/log" "$CRASH_KEEP.$seed"
}

batch() { # KILLS SEED PROGRAM-PATH
    local n=$1 seed=$2 program=$3 before rc=0 faults_before g
    faults_before=$(faults)
    rm -rf "$S"
    tag=none
    before=$(cli_snapshot)
    lay_out "$seed" "$program"
    w up --memory 256M "$dir/$driver.cfg" $(printf "$dir/%s.cfg " $guests) >/dev/null ||
        die "up: $says"
    tag=$(w --json info | jq -r .tag)
    until_ok 10 connected || wrong "a guest does not connect: $(w block-list; w network-list)"
    "$B/tests/crash_kill" --state-dir "$S" --domain "$driver" --guest "${guests%% *}" \
        --other "$(set -- $guests; echo "${2:-}")" \
        --image "${image:-}" --stop "$stop" --kills "$n" --seed "$seed" \
        --delay "${CRASH_DELAY:-30}" --watch "${CRASH_WATCH:-0}" \
        >"$dir/kill.out" 2>"$dir/kill.err" || rc=$?
    [ $rc = 0 ] || sed 's/^/  /' "$dir/kill.err" >&2
    grep '^outage' "$dir/kill.out" >>"$dir/outages"
    add $(sed -n 's/^host //p' "$dir/kill.out")
    collect
    w down || wrong "weir down failed"
    [ "$(cli_snapshot)" = "$before" ] ||
        wrong "left behind: $(diff <(echo "$before") <(cli_snapshot))"
    [ $rc = 0 ] && [ "$(faults)" = "$faults_before" ] && return 0
    [ "$(faults)" != "$faults_before" ] || wrong "crash_kill: exit $rc"
    echo "  $says" >&2
    return 1
}

# Without the log a run must fail, for what guests notice.
nolog() { # KILLS SEED TIMES
    local i caught
    for ((i = 0; i < $3; i++)); do
        configure $(($2 + i))
        busy # so that no kill comes between two requests
        if batch "$1" $(($2 + i)) "$B/tests/$backend-nolog" 2>"$dir/nolog.err"; then
            echo "NOT SEEN without the log: $says"
            return 1
        fi
        caught=$(grep -oE 'LOST|DOUBLED|CORRUPTED|HUNG|FAILED|NOTICED|died by itself' \
            "$dir/nolog.err" | sort -u | xargs)
        [ -n "$caught" ] || {
            echo "it failed, but not for the log: $(cat "$dir/nolog.err")"
            return 1
        }
        echo "without the log, after $kills kills: $caught"
        forget
    done
}

# A program that dies at its first passage of a point, then at its second, ...:
# it takes the number from a pipe.  $program runs it.
steps_begin() {
    mkdir "$dir/step"
    cp "$B/tests/$backend-steps" "$dir/step/program"
    mkfifo "$dir/step/numbers"
    exec 9<>"$dir/step/numbers"
    printf '%s\n' '#!/usr/bin/sh' 'read n <${0%/*}/numbers' \
        '[ "$n" = 0 ] || set -- --crash-after "$n" "$@"' \
        'exec ${0%/*}/program "$@"' >"$dir/step/start"
    chmod 755 "$dir/step" "$dir/step/start"
    program=$dir/step/start
    points_all "$dir/step/program" >"$dir/points"
    [ -s "$dir/points" ] || die "no points to die at in $backend-steps"
}

# Then at the first ones again, each after one that dies in the middle of
# requests.
AGAIN=12
steps() { # LAST SEED
    local k
    {
        seq "$1"
        for ((k = 1; k <= AGAIN; k++)); do printf '%d\n' $((20 + k)) $k; done
        echo 0
    } >&9
    CRASH_WATCH=1 batch $(($1 + 2 * AGAIN)) "$2" "$program"
}

# One death, while the guests connect.
first_step() { # STEP SEED
    printf '%d\n' "$1" 0 >&9
    CRASH_WATCH=1 batch 1 "$2" "$program"
}

# Each line of the request path that has a point was died at, but those that
# these guests don't lead to: unreached prints them.
steps_seen() { # [ENOUGH]: so many lines will do
    points_lines "$dir/step/program" <"$dir/points" | grep -vxF "$(unreached)" >"$dir/lines"
    points_lines "$dir/step/program" <"$dir/died" | comm -12 "$dir/lines" - >"$dir/seen"
    echo "died at $(wc -l <"$dir/seen") of $(wc -l <"$dir/lines") points" \
        "$(comm -23 "$dir/lines" "$dir/seen" | xargs -r echo but not at)"
    [ "$(wc -l <"$dir/seen")" -ge "${1:-$(wc -l <"$dir/lines")}" ]
}

forget() {
    lost=0 doubled=0 corrupted=0 hung=0 failed=0 noticed=0 kills=0 ios=0 other=0
}

# COLUMN: median, p99 and maximum in ms of the outages.
percentiles() {
    awk -v c="$1" '{ print $c }' "$dir/outages" | sort -n | awk '
        { v[NR] = $1 }
        function at(p, i) { i = int(NR * p + 0.999999); return v[i < 1 ? 1 : i] / 1000 }
        END { if (NR) printf "median %.1f ms, p99 %.1f ms, maximum %.1f ms", at(.5), at(.99), at(1)
              else printf "none" }'
}

totals() {
    echo "lost $lost, doubled $doubled, corrupted $corrupted, hung $hung;" \
        "failed $failed, noticed $noticed, other $other; $kills kills, $ios I/Os"
    echo "outage as guests see it: $(percentiles 2)"
    echo "outage as the manager measures it: $(percentiles 3)"
    echo "before that, the kernel ends the program: $(percentiles 4)"
    [ "$(faults)" = 0 ]
}
