# lab-xen, inside dom0.
. /lab/lib.sh
. /lab/xentools.sh
modprobe nvme
modprobe ext4
xen_ready
check "Xen is there" xl info
until_ok 60 test -b /dev/nvme0n1
ip link add br1 type bridge
ip addr add 10.78.0.1/24 dev br1
ip link set br1 up

no_backends() {
    ! ls -d /sys/bus/xen-backend/drivers/v?? 2>/dev/null
}
check "no backend of the kernel" no_backends
weir-blkback --platform xen >/run/blkback.log 2>&1 &
blkback=$!
weir-netback >/run/netback.log 2>&1 & # finds the platform itself
netback=$!
xen_until 150 grep -q ready /run/blkback.log
xen_until 150 grep -q ready /run/netback.log
check "weir-blkback is ready" grep ready /run/blkback.log
check "weir-netback is ready" grep ready /run/netback.log
logs() {
    cat /run/blkback.log /run/netback.log /var/log/xen/xen-hotplug.log
    xenstore-ls -f /local/domain/0/backend
    xen_console pv | tail -n 40
}

# The second disk is a file: Xen's script gives it a loop device.
mkdir /run/files /run/images
head -c 1M /dev/urandom >/run/files/random
(cd /run/files && sha256sum random | sed 's, , /mnt/,2' >sums)
truncate -s 32M /run/images/second
mke2fs -q -F -t ext4 -d /run/files /run/images/second

cat >/tmp/pv.cfg <<EOT
name="pv"
type="pv"
kernel="/guest/vmlinuz"
ramdisk="/guest/initrd"
extra="console=hvc0 quiet panic=-1"
memory=448
vcpus=2
disk=['format=raw,vdev=xvda,access=rw,target=/dev/nvme0n1']
vif=['mac=00:16:3e:00:00:01,bridge=br0']
on_poweroff="destroy"
on_reboot="destroy"
on_crash="destroy"
EOT
# libxl gives a script 40 s, which is too little on a loaded host: again then.
plug() { # PLUG UNPLUG...
    xen_plug=$1 xen_try=0
    shift
    until $xen_plug >/tmp/plug 2>&1; do
        cat /tmp/plug
        xen_try=$((xen_try + 1))
        [ $xen_try -lt 4 ] && grep -q "because of timeout" /tmp/plug || return 1
        "$@" # fails too when it was late
    done
}
plug_pv() {
    xl create /tmp/pv.cfg
}
check "xl create" plug plug_pv xl destroy pv || { logs; lab_over; }

# Both ways: each fetches the other's file.
mkdir /run/www
head -c 64M /dev/urandom >/run/www/file
(cd /run/www && sha256sum file >sum)
httpd -p 80 -h /run/www
xen_results pv "SAY network" 1200 || { logs; lab_over; }
fetch() {
    cd /run && wget -q -O file http://10.77.0.2/file &&
        wget -q -O sum http://10.77.0.2/sum && sha256sum -c sum
}
check "64 MiB from the guest, checksum equal" fetch || logs
xen_results pv "SAY fetched" 800 || logs
echo >/run/www/done
xen_results pv "SAY plug" 400 || logs
killall httpd
rm -f /run/file /run/www/file

plug_disk() {
    xl block-attach pv format=raw,vdev=xvdb,access=rw,target=/run/images/second
}
plug_net() {
    xl network-attach pv mac=00:16:3e:00:00:02 bridge=br1 vifname=second
}
check "xl block-attach" plug plug_disk xl block-detach pv xvdb || logs
xen_results pv "SAY unplug-disk" 400 || logs
check "xl block-detach" xl block-detach pv xvdb || logs
check "xl network-attach" plug plug_net xl network-detach pv 1 || logs
check "vifname" test -e /sys/class/net/second
xen_results pv "SAY unplug-net" 400 || logs
check "xl network-detach" xl network-detach pv 1 || logs
xen_results pv "SAY end" 400 || logs
gone() {
    ! xl list | grep -qE "^$1 |null"
}
check "the guest ends" xen_until 300 gone pv || logs

# One that is destroyed in the middle of its work.
connected() {
    xenstore-ls -f /local/domain/0/backend/vbd | grep -q 'state = "4"'
}
clean() {
    ! ls -d /sys/class/net/vif* && gone pv && [ -z "$(losetup -a)" ] &&
        ! xenstore-ls -f /local/domain/0/backend | grep -q state
}
check "xl create, once more" plug plug_pv xl destroy pv
check "connected" xen_until 400 connected || logs
check "xl destroy" xl destroy pv || logs
check "nothing of it is left" xen_until 150 clean || logs

# What cannot be served says so, and serves the others on.
xenstore-write /local/domain/0/backend/vbd/9/1/frontend-id 9 \
    /local/domain/0/backend/vbd/9/1/frontend /local/domain/9/device/vbd/1 \
    /local/domain/0/backend/vbd/9/1/params /nothing \
    /local/domain/0/backend/vbd/9/1/online 1 \
    /local/domain/0/backend/vbd/9/1/state 1
refused() {
    xenstore-read /local/domain/0/backend/vbd/9/1/hotplug-error |
        grep -q /nothing
}
check "a disk without an image has its reason" until_ok 60 refused
xenstore-rm /local/domain/0/backend/vbd/9

kill $blkback $netback
ended() {
    wait $blkback && wait $netback
}
check "SIGTERM ends both" ended || logs
cat /run/blkback.log /run/netback.log

# The example kernel, a PVH guest, on the backends of the stock kernel.
modprobe xen-blkback
modprobe xen-netback
check "the kernel's own backends" ls -d /sys/bus/xen-backend/drivers/vbd
weir-blkback --platform xen >/run/alone.log 2>&1
check "weir-blkback leaves these alone" grep "xen-blkback" /run/alone.log
head -c 4M /dev/urandom >/run/images/example
# The last 8 bytes of gzip's output: CRC-32 and length.
crc=$(gzip -c </run/images/example | tail -c 8 | od -A n -t u4 |
    awk '{ print $1 }')
cat >/tmp/example.cfg <<EOT
name="example"
type="pvh"
kernel="/guest/example.elf"
cmdline="ip=10.77.0.3 write"
memory=32
cpus="1-2"
disk=['format=raw,vdev=xvda,access=rw,target=/run/images/example']
vif=['mac=00:16:3e:00:00:03,bridge=br0']
on_poweroff="destroy"
on_reboot="destroy"
on_crash="preserve"
EOT
example_logs() {
    xl list
    xl dmesg | tail -n 20
    xen_console example
    xenstore-ls -f /local/domain/0/backend
}
check "xl create, a PVH guest" xl create /tmp/example.cfg || example_logs
check "example kernel: connected" xen_until 300 xen_said example \
    "net: connected" || example_logs
check "its disk's checksum" xen_said example \
    "disk: 8192 sectors, CRC-32 $crc" || example_logs
check "it writes" xen_said example "disk: block 1 written"
blocks() {
    sync
    dd if=/run/images/example of=/run/b0 bs=4096 count=1
    dd if=/run/images/example of=/run/b1 bs=4096 count=1 skip=1
    cmp /run/b0 /run/b1
}
check "it answers ping" ping -c 5 -W 5 10.77.0.3 || example_logs
check "xl shutdown" xl shutdown example
check "it ends" xen_until 300 gone example || example_logs
check "what it wrote is in the image" blocks
lab_over
