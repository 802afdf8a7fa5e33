#!/bin/bash
# An installed tree serves a guest kernel's author and an operator: a
# freestanding program builds with pkg-config alone, every program answers
# --help and --version and has its man page, units and examples are there.
set -u
B=${B:-build}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() { echo "install: $*"; exit 1; }

make --no-print-directory B="$B" DESTDIR="$dir" PREFIX=/opt/weir install \
    >"$dir/log" 2>&1 || { cat "$dir/log"; fail "make install failed"; }
p=$dir/opt/weir

export PKG_CONFIG_PATH=$p/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$dir
flags=$(pkg-config --cflags --libs --static weir-front) ||
    fail "pkg-config does not know weir-front"
# The guest's own directory holds nothing of the source tree.
cp tests/e2e/install_guest.c "$dir/guest.c"
(cd "$dir" && ${CC:-cc} -std=c11 -ffreestanding -fno-builtin \
    -fno-stack-protector -fno-tree-loop-distribute-patterns -O2 -Wall -Wextra \
    -Werror -nostdlib -static -Wl,-e,guest_main -o guest guest.c $flags) ||
    fail "the freestanding guest does not build"
[ -z "$(nm -u "$dir/guest")" ] || fail "undefined symbols: $(nm -u "$dir/guest")"

# The example kernel's own Makefile, as its author would use it.
make --no-print-directory -C "$p/share/weir/examples/kernel" >"$dir/log" 2>&1 ||
    { cat "$dir/log"; fail "the example kernel does not build"; }
kernel=$p/share/weir/examples/kernel/example.elf
[ -z "$(nm -u "$kernel")" ] || fail "undefined symbols: $(nm -u "$kernel")"
readelf -n "$kernel" | grep -q '0x0*12\|PHYS32' || fail "no PVH note"

for prog in "$p"/sbin/*; do
    name=$(basename "$prog")
    "$prog" --version | grep -q '[0-9]\.[0-9]' || fail "$name --version"
    "$prog" --help | grep -qi usage || fail "$name --help"
    [ -s "$p/share/man/man8/$name.8" ] || fail "$name has no man page"
done
for unit in weir-hv weir-devd; do
    grep -q "ExecStart=/opt/weir/sbin/$unit" \
        "$p/lib/systemd/system/$unit.service" || fail "$unit.service"
done
[ -s "$p/share/weir/examples/disk.cfg" ] || fail "no examples"
echo "installed tree: $(find "$p" -type f | wc -l) files, guest $(stat -c %s \
    "$dir/guest") bytes"
