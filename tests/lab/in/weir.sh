# weir.sh, sourced after lib.sh in a machine that runs Weir.
#
#   weir_ready         modules, a bridge br0 with 10.77.0.1/24, configurations of
#                      the two driver domains in /tmp
#   weir_deb LINE...   /tmp/deb.cfg: a stock guest that boots from xvda and has
#                      10.77.0.2, with its devices as the lines say
weir_ready() {
    for m in virtio_pci virtio_blk tun bridge kvm-amd; do
        modprobe $m
    done
    # With the first VM and after the last one Linux patches its scheduler
    # (preempt_notifier_key), and a processor that translates it at the moment
    # may keep the breakpoint of that for good.
    kvm_caps hold &
    # An address of its own: a bridge takes its ports' else, and vifs all have
    # the same, here and inside of a driver VM, whose bridge would keep the
    # answers to itself.
    ip link add br0 address 02:00:0a:4d:00:01 type bridge
    ip addr add 10.77.0.1/24 dev br0
    ip link set br0 up
    cat >/tmp/disk.cfg <<EOT
name="disk"
kernel="weir-blkback"
driver_domain=1
EOT
    cat >/tmp/net.cfg <<EOT
name="net"
kernel="weir-netback"
driver_domain=1
memory=32
EOT
    check "weir-hv finds all it needs" weir-hv --check
}

weir_deb() {
    cat >/tmp/deb.cfg <<EOT
name="deb"
type="pvh"
kernel="/lab/vmlinuz"
ramdisk="/lab/initrd"
cmdline="console=hvc0 root=/dev/xvda ro panic=5 lab_ip=10.77.0.2/24"
vcpus=2
memory=256
EOT
    printf '%s\n' "$@" >>/tmp/deb.cfg
}

# What Weir's programs last said, after a failure.
weir_logs() {
    tail -n 20 /run/weir/log/*.log
}
