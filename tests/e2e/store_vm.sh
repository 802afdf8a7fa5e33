#!/bin/bash
# A VM whose requests, connections and watches go through a registry that is
# killed all the time: while its devices connect, while it waits for an order,
# and while it ends.
. "$(dirname "$0")/cli_vmlib.sh"
. "$(dirname "$0")/restart_lib.sh"
vm_begin "$@"
command -v ping >/dev/null || skip "needs ping"
[ -s "$B/guests/example.elf" ] ||
    make --no-print-directory B="$B" "$B/guests/example.elf" >"$dir/make.log" ||
    die "example.elf is not built"
w down || die down
# A manager that does not count.
mkdir "$dir/bin"
cp "$B/bin/weir" "$dir/bin/"
for p in weir-hv weir-xenstored weir-blkback weir-netback weir-load; do
    ln -s "$B/bin/$p" "$dir/bin/$p"
done
printf '#!/bin/sh\nexec %s/bin/weir-devd --registry-restarts 0 "$@"\n' "$B" >"$dir/bin/weir-devd"
chmod +x "$dir/bin/weir-devd"
w() { "$dir/bin/weir" --state-dir "$S" "$@"; }
for d in disk net; do
    cli_cfg $d "name='$d'" "kernel='weir-${d/disk/blk}back'" driver_domain=1 memory=32
done
w up --memory 256M "$dir"/{disk,net}.cfg >/dev/null || die up
head -c 4194304 /dev/urandom >"$dir/disk.img"
want=$(gzip -1 -c "$dir/disk.img" | tail -c 8 | od -An -tu4 | awk '{ print $1 }')
cli_cfg example 'name="example"' 'type="pvh"' "kernel='$B/guests/example.elf'" memory=16 \
    "extra='ip=$IP write'" "vif=['bridge=br0']" \
    "disk=['format=raw,vdev=xvda,access=rw,target=$dir/disk.img']"
# Without what the first device of a kind makes for all.
tree() { w store ls / | grep -vE '^ *(vbd|vif|vm) = ""$'; }
tree >"$dir/tree"
said() { w console example </dev/null 2>/dev/null | grep -q "$1"; }
(while sleep "0.$((RANDOM % 5))$((RANDOM % 10))"; do sig KILL xenstored; done 2>/dev/null) &
load=$! # the library ends it
for n in 1 2 3; do
    create example
    until_ok 60 said "disk: 8192 sectors, CRC-32 $want" ||
        die "round $n: it does not read its disk: $(w console example </dev/null; w block-list)"
    until_ok 20 said 'disk: block 1 written' || die "round $n: $(w console example </dev/null)"
    until_ok 20 ping -q -c 1 -W 1 "$IP" || die "round $n: no ping: $(w network-list)"
    w shutdown --timeout 20 example || die "round $n: shutdown"
    until_ok 10 is_gone example || die "round $n: it stays"
    want=$(gzip -1 -c "$dir/disk.img" | tail -c 8 | od -An -tu4 | awk '{ print $1 }')
done
kill "$load"
wait "$load" 2>/dev/null
load=
tree_as_it_was() { tree | cmp -s - "$dir/tree"; }
until_ok 5 tree_as_it_was || die "the registry is another: $(tree | diff "$dir/tree" -)"
for d in disk net; do
    [ "$(info $d restarts)" = 0 ] || die "$d was restarted: $(cat "$S/log/weir-devd.log")"
done
echo "$n lives of a VM, $(info xenstored restarts) of its registry"
w down || die down
