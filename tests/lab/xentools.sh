# xentools.sh, sourced after lab.sh: machines with Xen under the kernel.
#
#   lab_xentools ROOT               Xen's toolstack and scripts, dom0's modules
#   lab_xen SECONDS ROOT DOM0 ARGS  boots Xen; dom0 gets DOM0 of the memory
lab_xentools() {
    local root=$1 lib p xen
    lab_deb xen-utils-4.17
    xen=$lab_deb
    lab_deb xen-utils-common
    cp -r "$lab_deb/etc/xen" "$root/etc"
    : >"$root/etc/xen/xl.conf"
    mkdir -p "$root/usr/lib/xen-4.17/bin" "$root/var/log/xen/console" \
        "$root/var/lib/xen" "$root/var/lib/xenstored" "$root/var/lock"
    for p in xl libxl-save-helper xenstored xenconsoled xenconsole \
        xen-init-dom0; do
        lab_bin "$root" "$xen/usr/lib/xen-4.17/bin/$p"
        mv "$root/usr/bin/$p" "$root/usr/lib/xen-4.17/bin"
        ln -s "/usr/lib/xen-4.17/bin/$p" "$root/usr/bin/$p"
    done
    # What ends a thread of libxl.
    lib=$(ldconfig -p | sed -n 's,.*libgcc_s.so.1 .*x86-64.* => ,,p' | head -n 1)
    [ -e "$root$lib" ] || lab_put "$root" "$lib" "$lib"
    lab_bin "$root" bash stat losetup flock head ip bridge modprobe xenstore-read \
        xenstore-write xenstore-ls xenstore-list xenstore-rm sha256sum
    lab_modules "$root" xen-privcmd xenfs xen-evtchn xen-gntdev xen-gntalloc \
        tun bridge loop
    cp "$lab_here/in/xentools.sh" "$root/lab"
}

# qemu64: with more of a processor Xen's dom0 ends early under emulation.  As in
# lab_linux no virtual machine may run on the first processor: cpus= in its file.
lab_xen() {
    local seconds=$1 root=$2 memory=$3
    shift 3
    lab_deb xen-hypervisor-4.17-amd64
    gunzip -c "$lab_deb/boot/xen-4.17-amd64.gz" >"$lab_dir/xen.elf" ||
        lab_die "no Xen"
    lab_boot "$seconds" -accel tcg,thread=multi -cpu qemu64,+svm,+npt -smp 3 \
        -kernel "$lab_dir/xen.elf" \
        -append "dom0_mem=$memory console=com1 com1=115200 noreboot" \
        -initrd "$lab_vmlinuz console=hvc0 panic=-1 quiet,$root.cpio.gz" "$@"
}
