#!/bin/bash
# collect.sh [NAME...]: run every bench program in $B/tests (or those named),
# print one table and write $B/bench.json.
#
# A bench program prints one JSON object a figure, on a line of its own:
#   {"name","unit","higher_is_better","weir","peer_name","peer"}
# each the median of at least five runs that took turns with the peer's; other
# lines are progress.  peer is null where nothing is compared.  Exit 77 is a
# skip whose last line is the reason.  collect.sh fails when a program failed,
# or when a name of tests/bench/names was neither measured nor skipped; a
# budget that was missed is shown, not a failure.
set -u
here=$(dirname "$0")
B=${B:-build}
export B
lines=$(mktemp "${TMPDIR:-/tmp}/weir-bench.XXXXXX") || exit 1
trap 'rm -f "$lines" "$lines".*' EXIT
failed=0 skipped=0

command -v jq >/dev/null || {
    echo "make bench: jq is needed: apt-get install jq" >&2
    exit 1
}

run_one() {
    local name=${1##*/} start=$SECONDS rc
    printf '%-24s running\n' "$name" >&2
    "$1" >"$lines.one" 2>"$lines.err" </dev/null
    rc=$?
    # A line of a broken program must not spoil the others' figures.
    grep '^{' "$lines.one" | jq -c 'select(.name and .unit and (.weir != null))' \
        >>"$lines" || rc=1
    case $rc in
    0) printf '%-24s done, %d s\n' "$name" $((SECONDS - start)) >&2 ;;
    77)
        skipped=$((skipped + 1))
        printf '%-24s skipped: %s\n' "$name" \
            "$(cat "$lines.one" "$lines.err" | grep -v '^{' | tail -n 1)" >&2
        ;;
    *)
        failed=$((failed + 1))
        printf '%-24s FAILED, exit %d:\n' "$name" "$rc" >&2
        tail -n 20 "$lines.err" | sed 's/^/    /' >&2
        ;;
    esac
}

if [ $# -gt 0 ]; then
    programs=("${@/#/$B/tests/}")
else
    programs=("$B"/tests/bench_*)
fi
for program in "${programs[@]}"; do
    if [ ! -x "$program" ]; then
        echo "$program: no such bench program" >&2
        failed=$((failed + 1))
        continue
    fi
    run_one "$program"
done

bash "$here/table.sh" "$lines" "$B/bench.json" || exit 1

missing=
if [ $# -eq 0 ]; then
    missing=$(grep '^[a-z]' "$here/names" | while read -r name; do
        jq -e --arg n "$name" 'any(.name == $n)' "$B/bench.json" >/dev/null ||
            printf '%s ' "$name"
    done)
fi
jq -r '"\(length) figures, \(map(select(.met == true)) | length) budgets met, "
    + "\(map(select(.met == false)) | length) missed"' "$B/bench.json"
[ -z "$missing" ] || echo "not measured: $missing"
echo "$B/bench.json written"
[ "$failed" = 0 ] && { [ -z "$missing" ] || [ "$skipped" -gt 0 ]; }
