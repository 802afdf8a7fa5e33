# lab-restart, inside: driver domains, the manager and the registry die under a
# stock guest, which sees nothing.
. /lab/lib.sh
. /lab/weir.sh
. /lab/console.sh
weir_ready
kills=$(cat /lab/kills)
until_ok 60 test -b /dev/vda
# Emulated, on a machine with other work, a living program may be silent for
# longer than the heartbeat's 5 s.
for d in disk net; do
    printf '%s\n' 'on_crash="restart"' restart_limit=0 restart_delay=0 \
        heartbeat=20 >>/tmp/$d.cfg
done
weir_deb "disk=['format=raw,vdev=xvda,access=rw,target=/dev/vda']" \
    "vif=['bridge=br0']"
deb() {
    guest_do deb "$@"
}
info() { # DOMAIN KEY
    weir info "$1" | sed -n "s/^$2  *//p"
}
# A number below 256 at random.
random() {
    od -An -N1 -tu1 /dev/urandom | tr -d ' '
}

check "weir up" weir up /tmp/disk.cfg /tmp/net.cfg || weir_logs
check "weir create" weir create /tmp/deb.cfg || weir_logs
check "boots to its shell" guest_open deb || {
    weir list
    weir_logs
    guest_close deb
    lab_over
}
check "root is ext4 on xvda" deb 10 'grep "^/dev/xvda / ext4 rw" /proc/mounts'
until_ok 60 ping -c 1 -W 2 10.77.0.2
boot=$(sed -n 's/^@ready //p' /tmp/deb.con)

# The load, and what the guest's kernel has said so far.
steady serve 5000 >/tmp/served 2>&1 &
served=$!
deb 20 'mkdir -p /root/load/1 /root/load/2 /root/load/3'
load_begin() {
    deb 20 "for w in 1 2 3; do (steady files /root/load/\$w >/tmp/files\$w 2>&1; \
echo \$? >/tmp/rc\$w) </dev/null & done; \
(steady stream 10.77.0.1 5000 >/tmp/stream 2>&1; echo \$? >/tmp/rc4) </dev/null & \
sleep 3; pidof steady | wc -w | grep 4; dmesg >/tmp/dmesg"
}
check "files are written, a connection is open" load_begin

# What its kernel said since then.  One line is of the emulated processor, which
# stands still when the machine has other work, and is only shown.
quiet() {
    deb 20 'dmesg >/tmp/after; diff /tmp/dmesg /tmp/after; echo compared' |
        tr -d '\r' >/tmp/diff
    grep '^[+-][^+-]' /tmp/diff >/tmp/new
    if grep -q 'hrtimer: interrupt took' /tmp/new; then
        lab_say "not counted: $(grep 'hrtimer: interrupt took' /tmp/new)"
    fi
    grep compared /tmp/diff && ! grep -v 'hrtimer: interrupt took' /tmp/new
}

# Which comes back: its restarts and its state.
back() {
    weir info "$name" >/tmp/info &&
        [ "$(sed -n 's/^restarts  *//p' /tmp/info)" -gt "$restarts" ] &&
        grep -q '^manager_state  *running' /tmp/info
}
hit() { # SIGNAL DOMAIN
    name=$2 restarts=$(info "$2" restarts)
    kill "-$1" "$(info "$2" pid)" &&
        lab_pause=0.05 until_ok 200 back || {
        weir info "$name"
        return 1
    }
    sed -n 's/^outage_ms  *//p' /tmp/info >>"/tmp/outages.$1.$2"
}
kill_all() {
    n=0
    while [ $n -lt "$kills" ]; do
        n=$((n + 1))
        for d in disk net; do
            usleep $(($(random) * 4000))
            hit KILL $d || {
                fail "kill $n of $d" "it does not come back"
                return 1
            }
        done
        [ $((n % 20)) != 0 ] || pass "$n kills of each"
    done
}
kill_all && pass "both driver domains came back from $kills kills" || {
    weir list
    weir_logs
}
check "both go on after the kills" deb 20 'kill -USR1 $(pidof steady)'

# The manager, which the next `weir up` replaces, and the registry, which the
# manager does.  Ten times a minute the registry may die.
no_manager() {
    [ -z "$(pidof weir-devd)" ]
}
up_again() {
    weir up && [ -n "$(pidof weir-devd)" ] && weir info deb
}
registry_back() {
    [ -n "$(pidof weir-xenstored)" ] && [ "$(pidof weir-xenstored)" != "$registry" ] &&
        weir list
}
kill_servers() {
    n=0
    while [ $n -lt $(((kills + 4) / 5)) ]; do
        n=$((n + 1))
        usleep $(($(random) * 4000))
        kill -KILL "$(pidof weir-devd)" && until_ok 60 no_manager || {
            fail "manager, kill $n" "it does not end"
            return 1
        }
        usleep $(($(random) * 2000))
        up_again >/tmp/up 2>&1 || {
            fail "manager, kill $n" "$(tail -n 1 /tmp/up)"
            return 1
        }
        usleep $(($(random) * 4000))
        registry=$(pidof weir-xenstored)
        kill -KILL "$registry"
        until_ok 200 registry_back || {
            fail "registry, kill $n" "it does not come back"
            return 1
        }
        sleep 6
    done
}
kill_servers && pass "manager and registry came back from $n kills of each" || {
    weir list
    weir_logs
}
check "both go on after these" deb 20 'kill -USR1 $(pidof steady)'
check "the driver domains are the same" test \
    "$(info disk restarts) $(info net restarts)" = "$kills $kills"

# A hang.
for d in disk net; do
    check "$d came back from a hang" hit STOP $d
    check "which its heartbeat saw" test \
        "$(info $d last_end)" = 'it hung: no answer for 20 s'
done
check "no restart beside these" test \
    "$(info disk restarts) $(info net restarts)" = "$((kills + 1)) $((kills + 1))"

# What the guest saw.
same_boot() {
    [ "$(deb 20 'cat /proc/sys/kernel/random/boot_id')" = "$boot" ]
}
check "the guest is the same" same_boot
check "root is mounted as before" deb 20 \
    'grep "^/dev/xvda / ext4 rw" /proc/mounts'
check "both go on after the hangs" deb 20 'pidof steady | wc -w | grep 4'
check "its dmesg has nothing new" quiet
check "files end" deb 60 "kill \$(pidof steady); \
$(guest_until '[ -e /tmp/rc1 -a -e /tmp/rc2 -a -e /tmp/rc3 ]'); \
cat /tmp/files?; ! grep -v -x 0 /tmp/rc1 /tmp/rc2 /tmp/rc3 -h"
check "the connection ends" deb 60 "$(guest_until '[ -e /tmp/rc4 ]'); \
cat /tmp/stream; grep -x 0 /tmp/rc4"
wait $served
check "its other end too" test $? = 0
deb 20 'cat /tmp/files? /tmp/stream' | tr -d '\r' >/tmp/said
cat /tmp/said /tmp/served
sums_cross() {
    grep '^stream:' /tmp/said || return
    sent=$(sed -n 's/^stream: sent \(.*\) received.*/\1/p' /tmp/said)
    got=$(sed -n 's/^stream:.*received \(.*\) silence.*/\1/p' /tmp/said)
    grep "^stream: sent $got received $sent " /tmp/served
}
check "checksums of the stream are equal, both ways" sums_cross
none_wrong() {
    [ "$(grep -c '^files: [1-9][0-9]* written, [1-9][0-9]* read back, 0 wrong' \
        /tmp/said)" = 3 ]
}
check "files were written and none is wrong" none_wrong
check "files read from the disk again" deb 60 "cd /root/load && for f in */*; do \
dd if=\$f bs=256k iflag=direct 2>/dev/null | sha256sum | sed \"s,-,\$f,\"; \
done >/root/sums; sync; wc -l </root/sums | grep 48"
lab_say "the guest: $(xargs </tmp/said)"
for f in /tmp/outages.*; do
    lab_say "outages ${f#/tmp/outages.}: $(sort -n "$f" | awk '{ v[NR] = $1 }
        END { print NR ", median " v[int((NR + 1) / 2)] " ms, p99 " \
            v[int((NR * 99 + 99) / 100)] " ms, most " v[NR] " ms" }')"
done
weir info disk
weir info net
check "its dmesg has nothing new at the end" quiet
check "weir shutdown" weir shutdown deb
check "it is down" until_ok 400 guest_is_gone deb
guest_close deb
check "weir down" weir down || weir_logs
lab_over
