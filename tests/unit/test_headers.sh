#!/bin/sh
# SPDX-License-Identifier: MIT
# Each public header of ring/ compiles alone, freestanding, with gcc and clang,
# and asks for no header beyond the freestanding ones.
set -eu
cd "$(dirname "$0")/../.."
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0
for cc in gcc clang; do
    command -v $cc >/dev/null || continue
    for h in ring/*.h; do
        printf '#include "%s"\n#include "%s"\nextern int empty;\n' "$h" "$h" \
            >"$tmp/one.c"
        if ! $cc -std=c11 -ffreestanding -nostdlib -Wall -Wextra -Wpedantic \
            -Wshadow -Wpointer-arith -Wcast-qual -Wstrict-prototypes -Werror \
            -I. -fsyntax-only "$tmp/one.c"; then
            echo "$h does not compile alone with $cc" >&2
            failed=1
        fi
    done
done
# Beyond our own, only what every C11 compiler brings.
if grep -hE '^ *# *include *<' ring/*.h | sort -u |
    grep -vE '<(stdbool|stddef|stdint|stdarg|limits)\.h>'; then
    echo "a header of ring/ includes what a guest kernel does not have" >&2
    failed=1
fi
exit $failed
