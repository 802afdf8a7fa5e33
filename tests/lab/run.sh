#!/bin/bash
# run.sh NAME[:PART]...: labs, several at a time, begun in the order given.
#
#   LAB_JOBS      how many at a time (2, as far as processors and memory go)
#   LAB_SCRIPTS   where NAME.sh are (tests/lab)
#   LAB_UNTIL     a time as `date +%s` gives it: what has not begun a while before
#                 is skipped, what runs then is ended and skipped
#
# Each part's words go to B/lab/NAME-PART.out.  One that fails runs once more,
# as tests/run.sh has it with tests: machines are shared, and a processor under
# emulation may stall.  When it passes then it is listed as FLAKY; a defect that
# is there every time still fails.
cd "$(dirname "$0")/../.." || exit 1
. tests/jobs.sh || exit 1
B=${B:-build}
export B
logs=$B/lab
mkdir -p "$logs" || exit 1
scripts=${LAB_SCRIPTS:-tests/lab}
needs=150 # s; with less left a lab is not begun
tally=${WEIR_TALLY:-}
unset WEIR_TALLY
declare -A began again

skip() { # PART REASON
    echo "skip  lab-$1: $2"
    skipped=$((skipped + 1))
}

begin() { # PART
    local name=${1%%:*} part=${1#*:} file=$logs/${1/:/-}
    [ "$part" != "$name" ] || part=all
    : >"$file.tally"
    WEIR_TALLY=$file.tally bash "$scripts/$name.sh" "$part" \
        >"$file.out" 2>&1 </dev/null &
    job_of[$!]=$1
    began[$1]=$SECONDS
}

# Its counts as its script told them; one that told none has failed.
finish() { # PART EXIT-CODE
    local file=$logs/${1/:/-} p=0 f=0 s=0 took=$((SECONDS - began[$1]))
    read -r p f s <"$file.tally" || { [ "$2" = 77 ] && s=1 || f=1; }
    rm -f "$file.tally"
    if [ "$f" != 0 ] && [ -z "${again[$1]:-}" ] && in_time; then
        again[$1]=1
        queue+=("$1")
        mv "$file.out" "$file.out.first"
        cp "$logs/${1/:/-}/console.log" "$file.console.first" 2>/dev/null
        echo "FLAKY? lab-$1 ($took s), $file.out.first; once more"
        grep '^FAIL ' "$file.out.first" | tail -n 12 | sed 's/^/      /'
        return
    fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    if [ "$f" != 0 ]; then
        echo "FAIL  lab-$1 ($p passed, $f failed, $took s), $file.out:"
        tail -n 70 "$file.out" | sed 's/^/      /'
    elif [ "$p" = 0 ]; then
        echo "skip  lab-$1: $(grep -E '^(skip|SKIP) ' "$file.out" | tail -n 1)"
    else
        echo "ok    lab-$1 ($p, $took s)"
        grep '^SKIP ' "$file.out" | sort -u | sed 's/^SKIP/skip /'
    fi
}

in_time() {
    [ $(($(date +%s) + needs)) -lt "${LAB_UNTIL:-9999999999}" ]
}

queue=("$@")
if [ -z "${LAB_SCRIPTS:-}" ] && ! why=$(sh tests/install-packages.sh lab 2>&1); then
    for lab in "${queue[@]}"; do
        skip "$lab" "$(echo "$why" | tail -n 1)"
    done
    queue=()
fi
most=$(jobs_possible 3072 "${LAB_JOBS:-2}" "$(nproc)")
while [ ${#queue[@]} != 0 ] || [ ${#job_of[@]} != 0 ]; do
    if [ ${#queue[@]} = 0 ] || [ ${#job_of[@]} -ge "$most" ]; then
        reap
        continue
    fi
    lab=${queue[0]}
    queue=("${queue[@]:1}")
    if in_time; then
        begin "$lab"
    else
        skip "$lab" "out of time"
    fi
done
tell_counts "$tally"
