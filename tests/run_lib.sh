# run_lib.sh, sourced: what the tests of run.sh and lab/run.sh have in common.
#
#   $dir          the test's own folder; $dir/out: what the last run said
#   $rc           how that ended
#   wrong TEXT    the test goes on, and has failed: $bad
#   says CLOSING-LINE EXIT-CODE LINE-BEGINNING...
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0

wrong() {
    echo "wrong: $*"
    sed 's/^/    /' "$dir/out"
    bad=1
}

says() {
    [ "$(tail -n 1 "$dir/out")" = "$1" ] || wrong "not the closing line: $1"
    [ $rc = "$2" ] || wrong "exit code $rc, not $2"
    shift 2
    for line in "$@"; do
        grep -q "^$line" "$dir/out" || wrong "no line: $line"
    done
}
