# weir.sh, sourced after lab.sh: machines that run Weir.
#
#   lab_weir ROOT      Weir's programs, what they need, KVM and virtio disks
lab_weir() {
    local p
    for p in weir weir-hv weir-load weir-devd weir-xenstored weir-blkback \
        weir-netback; do
        [ -x "$B/bin/$p" ] || lab_die "$B/bin/$p is not built: make"
        lab_bin "$1" "$B/bin/$p"
    done
    lab_bin "$1" "$B/tests/kvm_caps" ip bridge modprobe xenstore-ls \
        xenstore-read xenstore-write
    lab_modules "$1" kvm-amd virtio_pci virtio_blk tun bridge nf_tables ext4
    cp "$lab_here/in/weir.sh" "$1/lab"
}
