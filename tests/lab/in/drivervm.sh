# lab-drivervm, inside: VM drv has the disk and is on the bridge, VM deb uses
# both through drv.
. /lab/lib.sh
. /lab/weir.sh
. /lab/console.sh
weir_ready
until_ok 60 test -b /dev/vdb
cat >/tmp/drv.cfg <<EOT
name="drv"
type="pvh"
kernel="/lab/vmlinuz"
ramdisk="/lab/driver"
cmdline="console=hvc0 panic=5 lab_run=/lab/backend"
driver_domain=1
vcpus=1
memory=320
disk=['format=raw,vdev=xvdb,access=rw,backend=disk,target=/dev/vda']
vif=['bridge=br0,backend=net,antispoof=0']
EOT
weir_deb "disk=['format=raw,vdev=xvda,access=rw,backend=drv,target=/dev/xvdb']" \
    "vif=['backend=drv']"
check "weir up" weir up /tmp/disk.cfg /tmp/net.cfg || weir_logs
broken() {
    guest_do drv 10 'cat /run/*.log; xenstore-ls backend; dmesg | tail -n 20'
    weir list
    weir_logs
    weir store ls /
    guest_close deb
    guest_close drv
    lab_over
}
check "driver VM created" weir create /tmp/drv.cfg || broken
check "driver VM boots" guest_open drv || broken
guest_do drv 10 'cat /run/*.log; lsmod; ip -br link'
check "guest created" weir create /tmp/deb.cfg || broken
check "guest boots on the driver VM's disk" guest_open deb || broken
guest_do drv 10 'cat /run/*.log; xenstore-ls backend; dmesg | tail -n 20'

case $(cat /lab/part) in
stock)
    check "driver VM runs the kernel's backends" guest_do drv 10 \
        'lsmod | grep xen_blkback && lsmod | grep xen_netback'
    ;;
weir)
    check "driver VM runs weir-blkback and weir-netback" guest_do drv 10 \
        'pidof weir-blkback && pidof weir-netback && ! lsmod | grep -e xen_blkback -e xen_netback'
    ;;
esac
check "root is ext4 on xvda" \
    guest_do deb 10 'grep "^/dev/xvda / ext4 rw" /proc/mounts'
check "ping through the driver VM" \
    guest_do deb 20 'ping -c 3 -W 5 10.77.0.1'
sum=$(cat /lab/data.sum)
check "64 MiB to the guest" \
    guest_send deb 10.77.0.2 /dev/vdb "$sum"
# The kernel's netback hands on frames whose data are the guest's pages, and the
# driver VM's own netfront can't grant what it only maps, here or under Xen.  So
# there the data end in the driver VM; a network card would take them further.
case $(cat /lab/part) in
stock)
    check "64 MiB from the guest" guest_pass deb drv 10.77.0.9 "$sum"
    ;;
weir)
    check "64 MiB from the guest" guest_receive deb 10.77.0.1 "$sum"
    ;;
esac
check "fio verifies crc32c" guest_fio deb
weir block-list
weir network-list

check "weir shutdown of the guest" weir shutdown deb
check "it is down" until_ok 400 guest_is_gone deb
guest_close deb
guest_do drv 10 'cat /run/*.log; dmesg | tail -n 20; ip -br link'
check "its devices are gone from the driver VM" guest_do drv 10 \
    "$(guest_until '! ls /sys/class/net | grep vif')"
check "weir shutdown of the driver VM" weir shutdown drv
check "it is down" until_ok 400 guest_is_gone drv
guest_close drv
check "weir down" weir down || weir_logs
lab_over
