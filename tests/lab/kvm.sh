# kvm.sh, sourced after lab.sh: KVM's modules with Xen support.  Debian leaves
# CONFIG_KVM_XEN out, other distributions have it; its own sources and headers
# give modules that fit the stock kernel.  Kept in the cache.
#
#   lab_kvm ROOT MODE   s: leaves the stock ones, k: puts these in their place
lab_kvm() {
    local out=$lab_cache/kvm-xen-${lab_kroot##*/} m
    [ "$2" = k ] || return 0
    # One lab builds it, others that want it wait.
    exec 8>"$lab_cache/kvm.lock"
    flock 8
    [ -e "$out/kvm-amd.ko" ] || lab_kvm_build "$out"
    flock -u 8
    for m in kvm kvm-amd; do
        cp "$out/$m.ko" "$(find "$1/lib/modules" -name "$m.ko")" ||
            lab_die "no $m.ko"
    done
}

# The headers name each other by absolute paths, so they are laid out anew.
lab_kvm_headers() { # FOLDER
    local short p
    short=$(echo "$lab_kver" | cut -d. -f1-2)
    mkdir -p "$1"
    for p in "linux-headers-$lab_kver" \
        "linux-headers-${lab_kver%-*}-common" "linux-kbuild-$short"; do
        lab_deb "$p"
        cp -a "$lab_deb/usr" "$1/" || lab_die "cannot copy $lab_deb"
    done
    sed -i "s,/usr/src/,$1/usr/src/," "$1/usr/src/linux-headers-$lab_kver/Makefile"
}

lab_kvm_build() {
    local tmp=$lab_dir/kvm short src common
    echo "building KVM with Xen support for $lab_kver"
    short=$(echo "$lab_kver" | cut -d. -f1-2)
    mkdir -p "$tmp/src"
    lab_kvm_headers "$tmp/headers"
    lab_deb "linux-source-$short"
    src=linux-source-$short
    tar -C "$tmp/src" --strip-components=1 -xJf \
        "$lab_deb/usr/src/$src.tar.xz" "$src/arch/x86/kvm" "$src/virt" ||
        lab_die "cannot unpack $lab_deb"
    # Rules and trace headers are looked for among the headers.
    common=$tmp/headers/usr/src/linux-headers-${lab_kver%-*}-common
    rm -rf "$common/arch/x86/kvm"
    ln -s "$tmp/src/virt" "$common/virt"
    ln -s "$tmp/src/arch/x86/kvm" "$common/arch/x86/kvm"
    timeout "$(lab_left 1200)" env -u MAKEFLAGS -u MFLAGS \
        make -C "$tmp/headers/usr/src/linux-headers-$lab_kver" \
        M="$tmp/src/arch/x86/kvm" CONFIG_KVM_XEN=y CONFIG_KVM_INTEL= \
        KCFLAGS="-DCONFIG_KVM_XEN=1 -I$tmp/src/arch/x86/kvm" \
        -j"$(nproc)" modules >"$lab_dir/kvm.log" 2>&1 || {
        [ "$(lab_left 2)" = 2 ] || lab_skip "out of time"
        lab_die "KVM does not build: $lab_dir/kvm.log"
    }
    strip -g "$tmp/src/arch/x86/kvm/kvm.ko" "$tmp/src/arch/x86/kvm/kvm-amd.ko"
    mkdir -p "$1"
    cp "$tmp/src/arch/x86/kvm/kvm.ko" "$1" &&
        cp "$tmp/src/arch/x86/kvm/kvm-amd.ko" "$1/new" &&
        mv "$1/new" "$1/kvm-amd.ko" || exit 1
    # Large, and not needed again for this kernel.
    rm -rf "$tmp" "$lab_deb"
}
