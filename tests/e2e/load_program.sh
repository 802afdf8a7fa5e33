#!/bin/bash
# weir-load as a command: what it says of files, one line each, and its exit
# codes.  The lab's Debian kernel is looked at where it is kept.
cd "$(dirname "$0")/../.." || exit 1
B=${B:-build}
load=$B/bin/weir-load
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

die() {
    echo "$*" >&2
    exit 1
}

# CODE PATTERN ARGUMENTS...: exit code, and one line that matches
says() {
    local code=$1 pattern=$2 rc
    shift 2
    "$load" "$@" >"$dir/out" 2>&1
    rc=$?
    [ $rc = "$code" ] || die "weir-load $*: exit $rc: $(cat "$dir/out")"
    grep -qE -- "$pattern" "$dir/out" ||
        die "weir-load $* does not say $pattern: $(cat "$dir/out")"
    [ "$code" != 1 ] || [ "$(wc -l <"$dir/out")" = 1 ] ||
        die "weir-load $*: more than a line: $(cat "$dir/out")"
}

says 0 '^usage: weir-load --check' --help
says 0 '^weir-load [0-9]' --version
says 2 '^usage:'
says 2 '^usage:' --check
says 2 '^usage:' --check a b c
says 2 '^usage:' --serve --check x
says 2 '^usage:' --check --cmdline x /bin/sh
says 2 '--memory 0: not a number' --check --memory 0 x
says 2 '--memory 1x: not a number' --check --memory 1x x

: >"$dir/empty"
echo '#!/bin/sh' >"$dir/script"
says 1 "^$dir/none: found .*No such file.*; needed " --check "$dir/none"
says 1 "^$dir: found a directory; needed " --check "$dir"
says 1 "^$dir/empty: found an empty file; needed " --check "$dir/empty"
says 1 "^$dir/script: found a file that begins with 23 21 2f 62; needed " \
    --check "$dir/script"
says 1 "^/dev/null: found a character device; needed " --check /dev/null
says 1 "found a 64-bit ELF file without a PVH entry .*; needed .*CONFIG_PVH=y" \
    --check "$(command -v bash)"
mkfifo "$dir/fifo"
says 1 "found a pipe; needed " --check "$dir/fifo"

# A kernel of ours, not built with sanitizers: who has less than weir-load's
# own limits keeps those; "at the least" is true, to the page, with ramdisks
# that go below the kernel and others.
ours=$B/guests/runtime_test.elf
if [ -s "$ours" ]; then
    (ulimit -t 60 &&
        says 0 '^kernel  *64-bit' --check "$ours") || exit 1
    for kib in 4 900 1100 4000 5000; do
        head -c $((kib * 1024)) /dev/zero >"$dir/ramdisk"
        says 0 '^needs  *memory=[0-9]* at the least' \
            --check "$ours" "$dir/ramdisk"
        mib=$(sed -n 's/^needs  *memory=\([0-9]*\) .*/\1/p' "$dir/out")
        says 0 "^fits  *into memory=$mib" \
            --check --memory "$mib" "$ours" "$dir/ramdisk"
        says 1 "needed memory=$mib at the least" \
            --check --memory $((mib - 1)) "$ours" "$dir/ramdisk"
    done
    cp "$ours" "$dir/odd" # its second segment, in the tables' place
    printf '\0\0\012' |
        dd of="$dir/odd" bs=1 seek=$((64 + 56 + 24)) conv=notrunc status=none
    says 1 'found a segment from 0xa0000 to .*; needed a kernel that leaves' \
        --check "$dir/odd"
fi

kernel=$(find "${WEIR_LAB_CACHE:-$HOME/.cache/weir-lab}" -name 'vmlinuz-*' \
    2>/dev/null | sort -V | tail -n 1)
if [ -n "$kernel" ]; then
    says 0 '^kernel  *64-bit, PVH entry 0x[0-9a-f]*, guest linux$' \
        --check "$kernel"
    grep -q '^hypercalls  vmcall in two functions' "$dir/out" ||
        die "no stubs: $(cat "$dir/out")"
    says 0 '^fits  *into memory=256' --check --memory 256 --cmdline 'root=x' \
        "$kernel"
    says 1 "takes memory up to .*, and memory=32; needed memory=" \
        --check --memory 32 "$kernel"
    says 1 "a command line of 2048 bytes; needed at most the 2047" --check \
        --memory 256 --cmdline "$(printf '%02048d' 0)" "$kernel"
    says 1 "^$dir/empty: found an empty file; needed a ramdisk" \
        --check "$kernel" "$dir/empty"
    head -c 3000000 "$kernel" >"$dir/short"
    says 1 'found 3000000 bytes, cut off: the payload ends at' \
        --check "$dir/short"
    cp "$kernel" "$dir/bad"
    printf 'xxxxxxxx' |
        dd of="$dir/bad" bs=1 seek=2000000 conv=notrunc status=none
    says 1 'data that is corrupt; needed an intact file' --check "$dir/bad"
fi
