#!/bin/bash
# isolation.sh: every attack of tests/isolation, by sealed domains of a real
# weir-hv; then the calls again with the filter opened for each in turn, which
# must let each through; then each other rule taken out (mutants.sh).
set -u
B=${B:-build}
export B
here=$(dirname "$0")
if [ "$(id -u)" != 0 ]; then
    echo "needs root: domains get user ids of their own"
    exit 77
fi
if ! reason=$("$B/bin/weir-hv" --check 2>&1); then
    echo "this kernel can't: $reason"
    exit 77
fi
rc=0
"$B/tests/isolation-runner" || rc=1
"$B/tests/isolation-runner" --broken || rc=1
bash "$here/mutants.sh" || rc=1
exit $rc
