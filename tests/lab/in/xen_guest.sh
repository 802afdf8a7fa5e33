# lab-xen, inside the PV guest: Linux' own frontends.  Results go to the
# console, which dom0 reads; SAY words tell it what to do next.
. /lab/lib.sh
lab_out=/dev/hvc0
# New processes are what costs most in a PV guest, and dom0 has work meanwhile.
lab_pause=1
word() {
    echo "SAY $1" >$lab_out
}
modprobe xen-blkfront
modprobe xen-netfront
modprobe ext4

until_ok 300 test -b /dev/xvda
check "disk is there" test -b /dev/xvda
check "ext4 mounts" mount -t ext4 /dev/xvda /mnt
cd /mnt
check "what the image held" sha256sum -c sums
check "fio finds no error" fio --name=verify --filename=/mnt/fio --size=24M \
    --rw=randrw --bsrange=4k-128k --direct=1 --ioengine=libaio --iodepth=16 \
    --verify=crc32c --verify_fatal=1 --do_verify=1 --randrepeat=0
rm -f /mnt/fio
dmesg | grep -E 'xvda|blkfront'

until_ok 300 test -d /sys/class/net/eth0
ip addr add 10.77.0.2/24 dev eth0
ip link set eth0 up
until_ok 120 ping -c 1 -W 2 10.77.0.1
check "answers ping" ping -c 3 -W 5 10.77.0.1
# Both ways: each fetches the other's file.
mkdir /mnt/www
head -c 64M /dev/urandom >/mnt/www/file
(cd /mnt/www && sha256sum file >sum)
httpd -p 80 -h /mnt/www
word network
fetch() {
    cd /tmp && wget -q -O file http://10.77.0.1/file &&
        wget -q -O sum http://10.77.0.1/sum && sha256sum -c sum
}
check "64 MiB to the guest, checksum equal" fetch
word fetched
until_ok 300 wget -q -O /dev/null http://10.77.0.1/done
killall httpd
rm -rf /tmp/file /mnt/www
cd /
check "unmounts" umount /mnt
word plug

# A second disk and a second interface come and go.
until_ok 300 test -b /dev/xvdb
check "second disk" test -b /dev/xvdb
mke() {
    mount -t ext4 /dev/xvdb /mnt && sha256sum -c /mnt/sums && umount /mnt
}
check "second disk's files" mke
word unplug-disk
until_ok 300 test ! -e /dev/xvdb
check "second disk is gone" test ! -e /dev/xvdb
until_ok 300 test -d /sys/class/net/eth1
ip addr add 10.78.0.2/24 dev eth1
ip link set eth1 up
check "second interface" until_ok 120 ping -c 1 -W 2 10.78.0.1
word unplug-net
until_ok 300 test ! -e /sys/class/net/eth1
check "second interface is gone" test ! -e /sys/class/net/eth1
word end
sleep 1
poweroff -f
