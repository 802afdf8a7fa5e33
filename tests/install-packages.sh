#!/bin/sh
# install-packages.sh SECTION...: install what is missing of tests/packages.
set -eu
list=$(dirname "$0")/packages
want=
for section in "$@"; do
    want="$want $(awk -v s="$section" '$1 == s { print $2 }' "$list")"
done
missing=
for p in $want; do
    dpkg-query -W -f '${Status}' "$p" 2>/dev/null |
        grep -q 'ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
    echo "missing packages, install them as root: apt-get install$missing" >&2
    exit 1
fi
command -v apt-get >/dev/null || {
    echo "no apt-get here; install:$missing" >&2
    exit 1
}
echo "installing:$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
{ apt-get -q update && apt-get -q -y install --no-install-recommends $missing; } \
    >"$log" 2>&1 || { tail -20 "$log" >&2; exit 1; }
