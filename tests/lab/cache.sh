# cache.sh, sourced by lab.sh: Debian packages, unpacked and kept outside the
# source tree in WEIR_LAB_CACHE.
#
#   lab_deb PACKAGE      sets lab_deb to the folder of its files
#   lab_kernel           sets lab_kver, lab_vmlinuz, lab_kroot
lab_cache=${WEIR_LAB_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/weir-lab}

lab_cache_open() {
    mkdir -p "$lab_cache/deb" ||
        lab_skip "cannot make $lab_cache: set WEIR_LAB_CACHE"
    # One process at a time fills it.
    exec 9>"$lab_cache/lock"
}

lab_version() {
    apt-cache show --no-all-versions "$1" 2>/dev/null |
        sed -n 's/^Version: //p' | head -n 1
}

# What is kept serves when nothing can be asked.
lab_deb() {
    local name=$1 version
    flock 9
    version=$(lab_version "$name")
    if [ -z "$version" ]; then
        apt-get -q update >"$lab_cache/update.log" 2>&1
        version=$(lab_version "$name")
    fi
    if [ -n "$version" ]; then
        lab_deb=$lab_cache/deb/${name}_$(echo "$version" | tr ':/' '--')
        [ -d "$lab_deb" ] || lab_fetch "$name=$version" "$lab_deb"
    fi
    if [ -z "$version" ] || [ ! -d "$lab_deb" ]; then
        lab_deb=$(find "$lab_cache/deb" -maxdepth 1 -name "${name}_*" |
            sort -V | tail -n 1)
        [ -n "$lab_deb" ] || lab_skip "cannot download $name: its log is" \
            "$lab_cache/fetch.log"
        echo "lab: $name cannot be downloaded, taking $lab_deb" >&2
    fi
    flock -u 9
}

lab_fetch() { # PACKAGE=VERSION FOLDER
    local tmp
    tmp=$(mktemp -d "$lab_cache/new.XXXXXX") || return 1
    (cd "$tmp" && echo "downloading $1" &&
        timeout "$(lab_left 600)" apt-get -q -o Acquire::Retries=3 download "$1" &&
        mkdir files && dpkg-deb -x ./*.deb files && mv files "$2") \
        >"$lab_cache/fetch.log" 2>&1
    rm -rf "$tmp"
}

# Debian's current kernel; or the newest one that is kept.
lab_kernel() {
    local package
    package=$(apt-cache depends linux-image-amd64 2>/dev/null |
        sed -n 's/^ *Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n 1)
    if [ -z "$package" ]; then
        apt-get -q update >"$lab_cache/update.log" 2>&1
        package=$(apt-cache depends linux-image-amd64 2>/dev/null |
            sed -n 's/^ *Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n 1)
    fi
    if [ -z "$package" ]; then
        package=$(find "$lab_cache/deb" -maxdepth 1 -name 'linux-image-*' |
            sort -V | tail -n 1 | sed 's,.*/,,; s,_.*,,')
        [ -n "$package" ] || lab_skip "no kernel: apt-get knows no" \
            "linux-image-amd64 and $lab_cache keeps none"
    fi
    lab_deb "$package"
    lab_kroot=$lab_deb
    lab_kver=${package#linux-image-}
    lab_vmlinuz=$lab_kroot/boot/vmlinuz-$lab_kver
    flock 9
    [ -e "$lab_kroot/lib/modules/$lab_kver/modules.dep.bin" ] ||
        depmod -b "$lab_kroot" "$lab_kver" || lab_die "depmod failed"
    flock -u 9
}
