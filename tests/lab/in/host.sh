# lab-host, inside: /dev/kvm, then Weir with process domains.
. /lab/lib.sh
. /lab/weir.sh
weir_ready
until_ok 60 test -b /dev/vda
check "kvm works" kvm_caps
kvm_caps
cat >/tmp/web.cfg <<EOT
name="web"
kernel="/usr/bin/webguest"
memory=64
args=['--ip','10.77.0.2/24']
disk=['format=raw,vdev=xvda,access=ro,target=/dev/vda']
vif=['bridge=br0,ip=10.77.0.2']
EOT
check "weir up" weir up /tmp/disk.cfg /tmp/net.cfg /tmp/web.cfg || weir_logs
weir list

cd /tmp
until_ok 150 ping -c 1 -W 1 10.77.0.2
check "answers ping" ping -c 2 -W 5 10.77.0.2
until_ok 60 curl -s -m 2 -o index http://10.77.0.2/
check "file fetched" curl -sS -m 300 -o random http://10.77.0.2/random
check "checksum equal" sha256sum -c /lab/sums

# Control groups, version 2: limits are set, and the domains are in them.
limits() {
    for g in /sys/fs/cgroup/weir/*-disk /sys/fs/cgroup/weir/*-net \
        /sys/fs/cgroup/weir/*-web; do
        [ "$(cat "$g/memory.max")" != max ] &&
            [ "$(cat "$g/pids.max")" != max ] &&
            [ "$(cat "$g/memory.current")" -gt 0 ] &&
            [ "$(cat "$g/memory.current")" -lt "$(cat "$g/memory.max")" ] &&
            [ -n "$(cat "$g/cgroup.procs")" ] || {
            echo "$g: memory $(cat "$g/memory.current") of" \
                "$(cat "$g/memory.max"), processes $(cat "$g/cgroup.procs")"
            return 1
        }
    done
}
check "limits of control groups" limits
weir block-list
weir network-list
check "weir down" weir down
gone() {
    ! ls -d /sys/fs/cgroup/weir /sys/class/net/vif* 2>/dev/null
}
check "nothing left" gone

# The web guest again, as a VM; then the guest runtime, case by case.
rm -f index random
cat >/tmp/web.cfg <<EOT
name="web"
type="pvh"
kernel="/t/guests/webguest.elf"
memory=64
extra="--ip 10.77.0.2/24"
disk=['format=raw,vdev=xvda,access=ro,target=/dev/vda']
vif=['bridge=br0,ip=10.77.0.2']
EOT
check "weir up, a VM" weir up /tmp/disk.cfg /tmp/net.cfg /tmp/web.cfg || weir_logs
until_ok 150 ping -c 1 -W 1 10.77.0.2
check "the VM answers ping" ping -c 2 -W 5 10.77.0.2
until_ok 120 curl -s -m 2 -o index http://10.77.0.2/
check "file fetched from the VM" curl -sS -m 300 -o random http://10.77.0.2/random
check "its checksum" sha256sum -c /lab/sums
check "weir down, with a VM" weir down
B=/t bash /t/vm_runtime.sh
check "vm_runtime" test $? = 0

cd /t
for t in tests/*; do
    case $t in
    */hv_puppet) ;;
    *) check "$t" env B=/t timeout 300 "$t" ;;
    esac
done
lab_over
