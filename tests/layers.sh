#!/bin/bash
# Arrows of the design point one way: who may include whom.
fail=0
check() { # FOLDER-PATTERN ALLOWED-PREFIXES
    local bad
    bad=$(git ls-files -- "$1" 2>/dev/null | grep -E '\.[ch]$' |
        xargs -r grep -nE '^#include "' /dev/null |
        grep -vE "#include \"($2)") || return 0
    echo "not allowed to include:"
    echo "$bad"
    fail=1
}
check 'ring/*' 'ring/'
check 'xenbus/*' 'ring/|xenbus/|hypervisor/client/'
check 'hypervisor/*' 'ring/|hypervisor/'
check 'frontends/*' 'ring/|xenbus/|frontends/'
check 'backends/*' 'ring/|xenbus/|hypervisor/client/|backends/'
# weir-hv itself is neither its client library nor the loader.
if git ls-files hypervisor | grep -vE '^hypervisor/(client|loader)/' |
    grep -E '\.[ch]$' | xargs -r grep -nE \
    '#include "(xenbus|frontends|backends|hypervisor/loader)/'; then
    fail=1
fi
# The public headers compile alone.
for h in $(git ls-files 'ring/*.h' 'xenbus/*.h' 'frontends/*.h' \
    'backends/*.h' 'hypervisor/*.h' 'driverdomains/*.h'); do
    printf '#include "%s"\n' "$h" |
        ${CC:-cc} -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -I. \
            -fsyntax-only -x c - || { echo "$h does not compile alone"; fail=1; }
done
# Lines of code.  Comments do not count, or the budgets would be met by taking
# them out.
code() {
    for f in "$@"; do ${CC:-cc} -fpreprocessed -dD -E -P -x c "$f"; done |
        grep -c '[^[:space:]]'
}
hv=$(git ls-files hypervisor | grep -vE '^hypervisor/(client|loader)/' |
    grep -E '\.[ch]$')
lines=$(code $hv)
echo "weir-hv: $lines lines of code, $(cat $hv | wc -l) with comments and blanks"
[ "$lines" -le 10000 ] || fail=1
# backends/net/host is the device manager's part, not the backend's.
for b in blk net; do
    n=$(code $(git ls-files "backends/$b" | grep -v '^backends/net/host/' |
        grep -E '\.[ch]$'))
    echo "backends/$b: $n lines of code"
    [ "$n" -le 3000 ] || { echo "backends/$b: more than 3000"; fail=1; }
done
# The driver domain links nothing of the host side, nor the other way round.
if git ls-files backends/net | grep -v '^backends/net/host/' |
    grep -E '\.[ch]$' | xargs -r grep -nE '#include "backends/net/host/'; then
    fail=1
fi
if git ls-files backends/net/host | grep -E '\.[ch]$' |
    xargs -r grep -nE '#include "' /dev/null | grep -v '"backends/net/host/'; then
    fail=1
fi
exit $fail
