#!/bin/sh
# lwip.sh DIR: the source of lwIP as Debian has it, unpacked and patched, in
# DIR.  A kernel can't link the package's shared library.  Kept in the cache;
# needs the network (apt) the first time.
set -eu
dir=$1
cache=${WEIR_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/weir-lab}/lwip
# Where this machine has its packages from, "URI SUITE".
from=$(apt-get indextargets \
    --format '$(ORIGIN) $(COMPONENT) $(REPO_URI) $(CODENAME)' \
    'Created-By: Packages' |
    awk '$1 == "Debian" && $2 == "main" && $4 !~ /-/ { print $3, $4; exit }')
keys=/usr/share/keyrings/debian-archive-keyring.gpg

if [ ! -d "$cache/src" ]; then
    command -v dpkg-source >/dev/null ||
        { echo "lwip.sh: no dpkg-source: install dpkg-dev" >&2; exit 1; }
    [ -n "$from" ] ||
        { echo "lwip.sh: apt has no lists of Debian: apt-get update" >&2; exit 1; }
    mkdir -p "$(dirname "$cache")"
    tmp=$(mktemp -d "$cache.XXXXXX")
    trap 'rm -rf "$tmp"' EXIT
    mkdir -p "$tmp/lists/partial"
    echo "deb-src [signed-by=$keys] $from main" >"$tmp/list"
    set -- -q -o Dir::Etc::sourcelist="$tmp/list" -o Dir::Etc::sourceparts=- \
        -o Dir::State::lists="$tmp/lists" -o APT::Sandbox::User=root
    (cd "$tmp" && timeout 120 apt-get "$@" update &&
        timeout 120 apt-get "$@" source lwip) >"$tmp/log" 2>&1 || {
        echo "lwip.sh: apt cannot get the source of lwip from $from:" \
            "$(tail -n 1 "$tmp/log")" >&2
        exit 1
    }
    mv "$tmp"/lwip-*/ "$tmp/src"
    rm -rf "$tmp/lists"
    mv "$tmp" "$cache" 2>/dev/null || [ -d "$cache/src" ]
fi
rm -f "$dir"
mkdir -p "$(dirname "$dir")"
ln -s "$cache/src" "$dir"
