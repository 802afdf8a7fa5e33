# guest.sh, sourced after lab.sh: stock Debian guests for VM domains.
#
#   lab_guest ROOT PROGRAM...   a tree that boots as a guest: $lab_dir/ROOT
#   lab_guest_initrd            $lab_dir/initrd.cpio.gz: mounts root=
#   lab_guest_driver ROOT PART  one that boots as a driver domain
# The tree becomes an ext4 image (lab_ext4) or an initramfs (lab_pack).  The
# kernel is $lab_vmlinuz as it came.
lab_guest() {
    local root=$lab_dir/$1 p
    lab_root "$1" "$lab_here/in/guest/boot"
    shift
    rm "$root/init" "$root/lab/start"
    ln -s bin/busybox "$root/init"
    cp "$lab_here/in/guest/inittab" "$root/etc/inittab"
    cp "$lab_here/in/guest/shell" "$root/lab/shell"
    lab_bin "$root" ip bridge "$@"
    lab_modules "$root" xen-blkfront xen-netfront ext4
}

lab_guest_initrd() {
    lab_root initrd "$lab_here/in/guest/boot"
    cp "$lab_here/in/guest/init" "$lab_dir/initrd/init"
    lab_modules "$lab_dir/initrd" xen-blkfront ext4 "$@"
    lab_pack "$lab_dir/initrd"
}

# A tree that boots as a driver domain, with the kernel's own backends or Weir's:
# lab_guest_driver ROOT stock|weir
lab_guest_driver() {
    local root=$lab_dir/$1
    lab_guest "$1" xenstore-ls xenstore-read xenstore-write xenstore-list \
        xenstore-exists xenstore-watch modprobe
    cp "$lab_here/in/guest/backend" "$root/lab"
    lab_modules "$root" bridge
    case $2 in
    stock) lab_modules "$root" xen-blkback xen-netback ;;
    weir)
        lab_modules "$root" xen-privcmd xenfs xen-evtchn xen-gntdev \
            xen-gntalloc tun
        lab_bin "$root" "$B/bin/weir-blkback" "$B/bin/weir-netback"
        ;;
    esac
}
