# lab-linux, inside: one stock guest, its disks, its interfaces, its ends.
. /lab/lib.sh
. /lab/weir.sh
. /lab/console.sh
weir_ready
mode=$(cat /lab/mode)
have=$(kvm_caps | sed -n 's/^xen_hvm //p')
case $mode in
k) check "KVM has Xen support" test "$have" != 0 ;;
s) check "KVM has no Xen support" test "$have" = 0 ;;
esac
until_ok 60 test -b /dev/vdc
weir_deb "disk=['format=raw,vdev=xvda,access=rw,target=/dev/vda']" \
    "vif=['bridge=br0']" \
    'on_reboot="restart"'
deb() {
    guest_do deb "$@"
}

check "weir up" weir up /tmp/disk.cfg /tmp/net.cfg || weir_logs
check "weir create" weir create /tmp/deb.cfg || weir_logs
weir list
check "boots to its shell" guest_open deb || {
    weir list
    weir_logs
    weir store ls /
    guest_close deb
    lab_over
}

check "Xen detected" deb 10 'dmesg | grep "Hypervisor detected: Xen"'
check "two vCPUs" deb 10 'test $(nproc) = 2'
check "root is ext4 on xvda" deb 10 'grep "^/dev/xvda / ext4 rw" /proc/mounts'
deb 10 'dmesg | grep -i -e xen -e blkfront -e clocksource; cat /proc/interrupts'

# The network.
check "guest pings the bridge" deb 20 'ping -c 3 -W 5 10.77.0.1'
check "bridge pings the guest" ping -c 3 -W 5 10.77.0.2
sum=$(cat /lab/data.sum)
check "64 MiB to the guest" \
    guest_send deb 10.77.0.2 /dev/vdb "$sum"
check "64 MiB from the guest" \
    guest_receive deb 10.77.0.1 "$sum"

check "fio verifies crc32c" guest_fio deb

# Devices come and go.
check "second disk attached" weir block-attach deb \
    format=raw,vdev=xvdb,access=rw,target=/dev/vdc
check "it appears" deb 20 "$(guest_until '[ -b /dev/xvdb ]')"
contents() {
    deb 60 "sha256sum /dev/xvdb" | grep "$(cat /lab/second.sum)"
}
check "its contents" contents
check "written by the guest" deb 30 \
    'dd if=/root/data of=/dev/xvdb bs=1M count=8 conv=fsync,notrunc'
check "second disk detached" weir block-detach deb xvdb
check "it is gone" deb 20 "$(guest_until '[ ! -b /dev/xvdb ]')"
arrived() {
    [ "$(head -c 8M /dev/vdb | md5sum)" = "$(head -c 8M /dev/vdc | md5sum)" ]
}
check "what was written arrived" arrived
check "second vif attached" weir network-attach deb bridge=br0
check "eth1 appears" deb 20 "$(guest_until '[ -e /sys/class/net/eth1 ]')"
check "eth1 passes packets" deb 30 "ip addr add 10.77.0.3/24 dev eth1; \
ip link set eth1 up; sleep 1; ping -I eth1 -c 3 -W 5 10.77.0.1"
check "second vif detached" weir network-detach deb 1
check "eth1 is gone" deb 20 "$(guest_until '[ ! -e /sys/class/net/eth1 ]')"
check "the first one works" deb 20 'ping -c 2 -W 5 10.77.0.1'
weir block-list
weir network-list

# Reboot: another boot, the disk as it was left.
boot=$(sed -n 's/^@ready //p' /tmp/deb.con)
id=$(guest_id deb)
check "weir reboot" weir reboot deb
check "it is built anew" until_ok 400 guest_is_other deb "$id"
guest_close deb
check "boots again" guest_open deb
rebooted() {
    [ "$(sed -n 's/^@ready //p' /tmp/deb.con)" != "$boot" ] &&
        deb 60 "sha256sum /root/data" | grep "$(cat /lab/data.sum)"
}
check "another boot, the same disk" rebooted
check "weir shutdown" weir shutdown deb
check "it is down" until_ok 400 guest_is_gone deb
guest_close deb
check "weir down" weir down || weir_logs
lab_over
