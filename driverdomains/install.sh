#!/bin/sh
# Called by `make install`: puts programs, libraries, headers, man pages,
# pkg-config files and systemd units below DESTDIR and PREFIX.
set -eu
d=$DESTDIR$PREFIX
for p in $PROGRAMS; do install -D -m 755 "$p" "$d/sbin/$(basename "$p")"; done
for l in $LIBRARIES; do install -D -m 644 "$l" "$d/lib/$(basename "$l")"; done
for e in $EXAMPLES; do
    install -D -m 644 "$e" "$d/share/weir/examples/$(basename "$e")"
done
for e in $EXAMPLE_KERNEL; do
    install -D -m 644 "$e" "$d/share/weir/examples/kernel/$(basename "$e")"
done
for l in $LD_SCRIPTS; do
    install -D -m 644 "$l" "$d/lib/weir/$(basename "$l")"
done
for h in $HEADERS; do install -D -m 644 "$h" "$d/include/weir/$h"; done
for m in $MANS; do
    install -D -m 644 "$m" "$d/share/man/man${m##*.}/$(basename "$m")"
done
for f in $PCS $UNITS; do
    case $f in
    *.pc.in) to=$d/lib/pkgconfig/$(basename "$f" .in) ;;
    *) to=$d/lib/systemd/system/$(basename "$f" .in) ;;
    esac
    mkdir -p "$(dirname "$to")"
    sed -e "s|@PREFIX@|$PREFIX|g" -e "s|@VERSION@|$VERSION|g" "$f" >"$to"
    chmod 644 "$to"
done
echo "installed below $d"
