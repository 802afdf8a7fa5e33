#!/bin/bash
# VM domains from the command line: created, shown, ended in every way, with
# what the configuration wants done about it; bad input; and the example kernel
# on disks and interfaces of process domains.
. "$(dirname "$0")/cli_vmlib.sh"
vm_begin "$@"

# It runs, is shown as what it is, and the registry is as libxl leaves it.
tiny idle s maxmem=8 "uuid='01234567-89ab-cdef-0123-456789abcdef'"
create idle
said() { w console idle </dev/null | grep -q 'tiny guest'; }
until_ok 5 said || die "no console output"
n=$(domid idle)
w list idle | grep -qE "^idle +$n +pvh/[ks] +1 +guest" || die "list: $(w list idle)"
[ "$(info idle type)/$(info idle vcpus)/$(info idle maxmem_mib)" = pvh/1/8 ] ||
    die "info: $(w info idle)"
for node in name=idle domid="$n" vm=/vm/01234567-89ab-cdef-0123-456789abcdef \
    memory/target=4096 memory/static-max=4096 cpu/0/availability=online \
    control/platform-feature-xs_reset_watches=1 console/type=xenconsoled; do
    [ "$(w store read "/local/domain/$n/${node%%=*}")" = "${node#*=}" ] ||
        die "registry: $node is $(w store read "/local/domain/$n/${node%%=*}")"
done
[ "$(w store read /vm/01234567-89ab-cdef-0123-456789abcdef/name)" = idle ] || die "/vm"
if command -v xenstore-ls >/dev/null; then
    perms=$(XENSTORED_PATH=$S/xenstored.sock xenstore-ls -p "/local/domain/$n")
    echo "$perms" | grep -q "^control = .*(n0,r$n)" || die "control: $perms"
    echo "$perms" | grep -q "^ shutdown = .*(n$n)" || die "shutdown: $perms"
    echo "$perms" | grep -q "^device = .*(n0,r$n)" || die "device: $perms"
    echo "$perms" | grep -q "^data = .*(n$n)" || die "data: $perms"
fi
cli_cfg x 'name="x"' 'type="pvh"' "kernel='$dir/tiny.elf'" memory=4 \
    "uuid='01234567-89AB-cdef-0123-456789abcdef'"
refused "weir: $dir/x.cfg:5: uuid: 01234567-*-456789abcdef is in use by domain $n (idle): *" \
    w create "$dir/x.cfg"
w mem-set idle 6 && [ "$(w store read "/local/domain/$n/memory/target")" = 6144 ] ||
    die "mem-set"
refused 'weir: domain idle can have 1 to 8 MiB*' w mem-set idle 9
refused 'weir: "lots": give MiB*' w mem-set idle lots
w pause idle && [ "$(state idle)" = paused ] || die "pause"
w unpause idle && [ "$(state idle)" = running ] || die "unpause"
# A guest that does not listen: told so after its time, and not killed.
refused 'weir: it did not power off in time*' w shutdown --timeout 1 idle
refused 'weir: it did not reboot in time*' w reboot --timeout 1 idle
[ "$(state idle)" = running ] || die "killed by a shutdown"
[ "$(w store read "/local/domain/$n/control/shutdown")" = reboot ] || die "not asked"
w destroy idle || die destroy
until_ok 5 is_gone idle || die "idle stays"
w store ls "/vm/01234567-89ab-cdef-0123-456789abcdef" 2>/dev/null && die "/vm stays"

# Every end and what is done about it.
tiny off p && create off && until_ok 5 is_gone off || die "power-off: $(w list)"
grep -q 'shut down: it powered off' "$S/log/off.log" || die "no reason in the log"
tiny keep p 'on_poweroff="preserve"' && create keep
until_ok 5 is keep shutdown || die "power-off, preserve: $(w list)"
[ "$(info keep shutdown)" = poweroff ] || die "no code: $(w info keep)"
w console keep </dev/null | grep -q 'tiny guest' || die "console of a kept one"
w destroy keep || die "destroy a kept one"
for how in c t; do
    tiny crash $how 'on_crash="preserve"' && create crash
    until_ok 5 is crash crashed || die "crash $how, preserve: $(w list)"
    w list crash | grep -qE 'crashed .*(triple fault|says that it crashed)' ||
        die "list does not say why: $(w list)"
    w destroy crash && until_ok 5 is_gone crash || die "destroy a crashed one"
done
tiny crash t && create crash && until_ok 5 is_gone crash || die "crash, destroy"
# A loop of reboots or crashes goes on, and slows down.
tiny again r && create again
reboots() { grep -c 'it reboots' "$S/log/again.log"; }
many() { [ "$(reboots)" -ge 3 ]; }
until_ok 10 many || die "not restarted: $(w list)"
ids=$(grep -o 'domain [0-9]* (again) shut down' "$S/log/weir-devd.log" | sort -u | wc -l)
[ "$ids" -ge 3 ] || die "a rebooted domain keeps its domid"
sleep 2
[ "$(reboots)" -le 8 ] || die "no back-off: $(reboots) in 3 s"
# A request that is refused does not take its place, and it comes back.
until_ok 5 is_gone again || die "no back-off"
cli_cfg x 'name="again"' 'type="pvh"' memory=4 "kernel='$dir/tiny.elf'" \
    "vif=['bridge=br0,backend=nobody']"
refused "weir: $dir/x.cfg:5: vif: backend \"nobody\": no such domain*" w create "$dir/x.cfg"
before=$(reboots)
more() { [ "$(reboots)" -gt "$before" ]; }
until_ok 10 more || die "a refused request ends its restarts"
w destroy again || die "destroy between restarts"
sleep 1
is_gone again || die "it came back"
tiny once r 'on_reboot="destroy"' && create once && until_ok 5 is_gone once ||
    die "reboot, destroy"

# Bad input.  Each is one line with the file, what was found and the remedy.
bad() { # bad PATTERN LINE...
    local want=$1
    shift
    cli_cfg x 'name="x"' 'type="pvh"' memory=4 "$@"
    refused "weir: $dir/x.cfg:$want" w create "$dir/x.cfg"
}
before=$(w store ls /local | wc -l)
bad "4: kernel: $dir/none: No such file*" "kernel='$dir/none'"
bad "4: kernel: $dir: not a regular file" "kernel='$dir'"
bad "4: kernel: $dir/empty: an empty file" "kernel='$(: >"$dir/empty")$dir/empty'"
bad "4: kernel: $TINY: *" "kernel='$TINY'"
head -c 4200 "$dir/tiny.elf" >"$dir/cut.elf"
bad "4: kernel: $dir/cut.elf: *" "kernel='$dir/cut.elf'"
bad "5: vcpus: \"9\": give a whole number from 1 to 8" "kernel='$dir/tiny.elf'" vcpus=9
bad "5: cap: its vCPUs are threads of weir-hv*" "kernel='$dir/tiny.elf'" cap=50
bad "5: ramdisk: $dir/none: No such file*" "kernel='$dir/tiny.elf'" "ramdisk='$dir/none'"
bad "5: disk: no driver domain offers vbd devices*" "kernel='$dir/tiny.elf'" \
    "disk=['/dev/zero,raw,xvda,w']"
bad "5: vif: backend \"nobody\": no such domain*" "kernel='$dir/tiny.elf'" \
    "vif=['bridge=br0,backend=nobody']"
cli_cfg x 'name="x"' 'type="pvh"' "kernel='$dir/tiny.elf'" memory=4096
refused "weir: $dir/x.cfg:4: memory: weir-hv has 256 MiB in all: lower memory=*" \
    w create "$dir/x.cfg"
truncate -s 8M "$dir/big"
cli_cfg x 'name="x"' 'type="pvh"' "kernel='$dir/tiny.elf'" memory=4 "ramdisk='$dir/big'"
refused "weir: $dir/x.cfg:5: ramdisk: $dir/big: *" w create "$dir/x.cfg"
long=$dir/$(printf '%0120d' 0) # messages have a beginning of the name
mv "$dir/big" "$long"
cli_cfg x 'name="x"' 'type="pvh"' "kernel='$dir/tiny.elf'" memory=4 "ramdisk='$long'"
refused "weir: $dir/x.cfg:5: ramdisk: $dir/0*" w create "$dir/x.cfg"
[ "$(w store ls /local | wc -l)" = "$before" ] || die "something was left"
is_gone x || die "x is there"

# A host without /dev/kvm: processes as ever, VMs are refused.
first=$S
S=$dir/s2
unshare -m sh -c "mount --bind /dev/null /dev/kvm &&
    exec '$B/bin/weir' --state-dir '$S' up --memory 64M" || die "up without /dev/kvm"
refused "weir: $dir/idle.cfg:2: type: /dev/kvm is not there or can't be used: *" \
    w create "$dir/idle.cfg"
cli_cfg disk 'name="disk"' 'kernel="weir-blkback"' driver_domain=1
w create "$dir/disk.cfg" >/dev/null || die "a process without /dev/kvm"
w down || die "down without /dev/kvm"
S=$first

# A manager that is killed: its domains do not notice, the next one has them.
create idle
n=$(domid idle)
kill -9 "$(pgrep -f -- "weir-devd --state-dir $S")"
[ "$(state xenstored)/$(state idle)" = running/running ] || die "killed with it: $(w list)"
"$B/bin/weir-devd" --state-dir "$S" 2>>"$S/log/weir-devd.log" &
ready() { [ -S "$S/devd.sock" ] && [ "$(info xenstored manager_state)" = running ]; }
until_ok 20 ready || die "no new manager: $(tail "$S/log/weir-devd.log")"
[ "$(state idle)/$(info idle manager_state)/$(domid idle)" = "running/running/$n" ] ||
    die "idle: $(w list)"
w destroy idle && until_ok 5 is_gone idle || die "not the new manager's: $(w list)"
create idle && w destroy idle || die "a domain of the new manager"

# ---- the example kernel, served by processes --------------------------------
EXAMPLE=$B/guests/example.elf
[ -e "$EXAMPLE" ] || {
    w down || die down
    echo "VMs: every end, bad input (no example kernel in this build)"
    exit 0
}
cli_domains
w create "$dir/disk.cfg" "$dir/net.cfg" >/dev/null || die "driver domains"
head -c 1M /dev/urandom >"$dir/d.img"
crc=$(gzip -1 <"$dir/d.img" | tail -c 8 | od -An -tu4 -N4 | tr -d ' ')
cli_cfg ex 'name="ex"' 'type="pvh"' "kernel='$EXAMPLE'" memory=32 \
    "extra='ip=$IP'" "disk=['$dir/d.img,raw,xvda,w']" "vif=['bridge=br0']"
create ex
summed() { w console ex </dev/null | grep -q "disk: 2048 sectors, CRC-32 $crc"; }
until_ok 20 summed || die "the disk reads wrong: $(w console ex </dev/null)"
pings() { ping -c 1 -W 1 $IP; }
until_ok 20 pings || die "no answer to ping: $(w network-list)"
old=$(domid ex)
w reboot --timeout 20 ex || die reboot
[ "$(domid ex)" != "$old" ] && [ "$(info ex restarts)" = 1 ] || die "reboot: $(w list)"
until_ok 20 pings || die "no answer after a reboot"
w pause ex && w shutdown --timeout 20 ex || die "shutdown of a paused one"
is_gone ex || die "it is there after its shutdown"
[ "$(w --json block-list | jq length)" = 0 ] || die "its disk stays"
create ex
until_ok 20 pings || die "no answer again"
w down || die down
[ ! -e "$S" ] || die "left behind: $(ls "$S")"
pgrep -af -- "--state-dir $S" && die "processes stay"
echo "VMs: every end, bad input, disk and network of processes"
