#!/bin/sh
# A freestanding archive may leave undefined only memcpy, memmove, memset,
# memcmp and what another archive named weir_* defines.
bad=$(nm -u "$1" | awk '$1=="U"{print $2}' | sort -u |
    grep -vE '^(memcpy|memmove|memset|memcmp|weir_[a-z0-9_]+)$')
[ -z "$bad" ] || {
    echo "$1: undefined symbols a guest kernel does not have: $bad" >&2
    exit 1
}
