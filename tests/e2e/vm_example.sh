#!/bin/bash
# The example kernel as a VM: reads its whole disk (the checksum is that of the
# image), writes a block, answers ping, and ends when it is asked to.
. "$(dirname "$0")/web_lib.sh"

web_begin
[ -c /dev/kvm ] && [ -w /dev/kvm ] || skip "needs /dev/kvm"
[ -s "$B/guests/example.elf" ] ||
    make --no-print-directory B="$B" "$B/guests/example.elf" >"$dir/make.log" ||
    die "example.elf is not built"
command -v ping >/dev/null || skip "needs ping"

crc() {
    # The last 8 bytes of a gzip file: CRC-32 and length, little-endian.
    gzip -1 -c "$1" | tail -c 8 | od -An -tu4 | awk '{ print $1 }'
}

console() { # PATTERN: until the console has it, 30 s at most
    local i pid
    "$B/bin/weir" --state-dir "$state" console example </dev/null \
        >"$dir/console" 2>&1 &
    pid=$!
    for ((i = 0; i < 300; i++)); do
        ! grep -q "$1" "$dir/console" || break
        sleep 0.1
    done
    kill $pid 2>/dev/null
    wait $pid 2>/dev/null
    grep -q "$1" "$dir/console" ||
        die "the console does not say: $1: $(cat "$dir/console")"
}

gone() { # the domain has ended, within 10 s
    local i
    for ((i = 0; i < 100; i++)); do
        weir list | grep -q '^example ' || return 0
        sleep 0.1
    done
    die "the guest has not ended: $(weir list)"
}

mkdir "$dir/files"
head -c 3000000 /dev/urandom >"$dir/files/data"
web_image 9M "$dir/files"
want=$(crc "$dir/disk.img")
head -c 4096 "$dir/disk.img" >"$dir/block"
cmp -s "$dir/block" <(dd if="$dir/disk.img" bs=4096 skip=1 count=1 \
    status=none) && die "block 1 is block 0 already: nothing would be shown"

web_netns
web_bridge
state=$dir/state
web_configs
cat >"$dir/web.cfg" <<EOT
name = "example"
type = "pvh"
kernel = "$B/guests/example.elf"
memory = 16
extra = "ip=$ip write"
disk = [ "format=raw, vdev=xvda, access=rw, target=$dir/disk.img" ]
vif = [ "bridge=weirbr0" ]
EOT
weir_up=1
weir up "$dir/disk.cfg" "$dir/net.cfg" "$dir/web.cfg" >"$dir/up.log" 2>&1 ||
    die "weir up: $(cat "$dir/up.log")"

console 'net: connected'
grep -q "disk: 18432 sectors, CRC-32 $want" "$dir/console" ||
    die "wanted CRC-32 $want: $(cat "$dir/console")"
echo "ok: the disk's checksum"
grep -q 'disk: block 1 written' "$dir/console" || die "$(cat "$dir/console")"
dd if="$dir/disk.img" bs=4096 skip=1 count=1 status=none |
    cmp -s - "$dir/block" || die "the image lacks what was written"
echo "ok: what it wrote is in the image"
at ping -q -c 20 -i 0.02 -W 2 "$ip" >"$dir/ping" ||
    die "ping: $(tail -n 3 "$dir/ping")"
at ping -q -c 5 -i 0.02 -W 2 -s 1400 "$ip" >"$dir/ping" ||
    die "long ping: $(tail -n 3 "$dir/ping")"
echo "ok: ping"
weir shutdown example >"$dir/shutdown" 2>&1 || die "$(cat "$dir/shutdown")"
gone
echo "ok: shut down as it was asked to"
web_stop || die "weir down"
echo "vm_example: all as it should be"
