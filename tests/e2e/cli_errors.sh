#!/bin/bash
# Wrong inputs: each is refused with the file, line, key and remedy, and leaves
# nothing half-created.
. "$(dirname "$0")/cli_lib.sh"
cli_begin "$@"
cli_bridge
cli_image
cli_domains
n=0

# refused PATTERN CMD...: fails with status 1 and one matching line.
refused() {
    local want=$1 out rc
    shift
    out=$("$@" 2>&1 >/dev/null)
    rc=$?
    n=$((n + 1))
    [ $rc = 1 ] || die "case $n: status $rc: $out"
    [ "$(echo "$out" | wc -l)" = 1 ] || die "case $n: several lines: $out"
    [[ $out == $want ]] || die "case $n: wanted $want, got $out"
}

# Without an instance.
refused "weir: weir-hv does not run in $S: start it with \`weir up\`*" w list
refused "weir: weir-devd does not run in $S:*" w create "$dir/disk.cfg"
refused "weir: the registry does not answer on *weir up*" w store ls
refused "weir: --memory 1x: give a size like 4G*" w up --memory 1x
cli_cfg bad 'name="bad"' 'kernel="weir-blkback"' 'colour="red"'
refused "weir: $dir/bad.cfg:3: colour: unknown key: *weir.cfg(5)*" \
    w up "$dir/disk.cfg" "$dir/bad.cfg"
[ ! -e "$S" ] || die "a refused up made $S"

w up --memory 256M "$dir/disk.cfg" "$dir/net.cfg" || die up
probe() {
    w --json list | jq -c '[.[] | [.name, .domid]]'
    ip -o link | wc -l
    w store ls /local | wc -l
    find /sys/fs/cgroup -type d -path "*$(w --json info | jq -r .tag)*" | wc -l
}
before=$(probe)

# cfg PATTERN LINE...: a file for a domain named x is refused.
cfg() {
    local want=$1
    shift
    cli_cfg x 'name="x"' "kernel=\"$B/tests/webguest\"" "args=['--ip','$IP/24']" "$@"
    refused "weir: $dir/x.cfg:4: $want" w create "$dir/x.cfg"
}
cfg 'memroy: unknown key: correct it*' 'memroy=4'
cfg 'memory: "big": give a whole number*' 'memory="big"'
cfg 'memory: weir-hv has 256 MiB in all: lower memory=*' 'memory=4096'
cfg 'type: "hvm" domains do not exist here: use "process" or "pvh"' 'type="hvm"'
cfg 'on_crash: "panic": use "destroy", "preserve" or "restart"' 'on_crash="panic"'
cfg 'vif: bad MAC address "00:16:3e:zz:00:01": write six*' \
    "vif=['mac=00:16:3e:zz:00:01,bridge=br0']"
cfg 'vif: bad MAC address "01:00:5e:00:00:01": it is a group address*' \
    "vif=['mac=01:00:5e:00:00:01,bridge=br0']"
cfg 'vif: *nobridge*' "vif=['bridge=nobridge']"
cfg 'vif: no bridge: add bridge=NAME*' "vif=['mtu=1500']"
cfg 'vif: vifname lo: that interface exists*' "vif=['bridge=br0,vifname=lo']"
cfg 'vif: backend "disk" (domain 2, running) offers no vif devices*' \
    "vif=['bridge=br0,backend=disk']"
cfg "disk: $dir/none.img: No such file or directory: make the image*" \
    "disk=['$dir/none.img,raw,xvda,w']"
cfg 'disk: bad vdev "floppy"*' "disk=['$dir/web.img,raw,floppy,w']"
cfg 'disk: only format=raw is served*' "disk=['$dir/web.img,qcow2,xvda,w']"
cfg 'disk: backend "nobody": no such domain*' \
    "disk=['$dir/web.img,raw,xvda,w,backend=nobody']"
truncate -s 1000 "$dir/odd.img"
cfg "disk: $dir/odd.img: its size of 1000 bytes is not a multiple*" \
    "disk=['$dir/odd.img,raw,xvda,w']"
cp "$dir/web.img" "$dir/ro.img" && chmod 0444 "$dir/ro.img"
cfg "disk: $dir/ro.img: a read-only file: attach it with access=ro*" \
    "disk=['$dir/ro.img,raw,xvda,w']"
cfg "disk: $dir: neither a regular file nor a block device" \
    "disk=['$dir,raw,xvda,w']"
cli_cfg x 'name="x"' "kernel=\"$B/tests/webguest\"" "disk=['$dir/web.img,raw,xvda,r'," \
    "'$dir/none.img,raw,xvdb,r']"
refused "weir: $dir/x.cfg:4: disk: $dir/none.img: No such file*" w create "$dir/x.cfg"
cli_cfg x 'name="disk"' "kernel=\"weir-blkback\"" 'driver_domain=1'
refused "weir: $dir/x.cfg:1: name: \"disk\" is in use by domain 2: choose*" \
    w create "$dir/x.cfg"
cli_cfg x 'name="x"' 'kernel="no-such-program"'
refused "weir: $dir/x.cfg:2: kernel: $B/bin/no-such-program: No such file*" \
    w create "$dir/x.cfg"
cli_cfg x 'name="x"' 'kernel = '
refused "weir: $dir/x.cfg:2: config parsing error*" w create "$dir/x.cfg"
refused "weir: $dir/nowhere.cfg: No such file or directory: give the path*" \
    w create "$dir/nowhere.cfg"
# A program that ends before it is sealed.
cli_cfg x 'name="x"' 'kernel="/bin/false"'
refused "weir: $dir/x.cfg:2: kernel: *" w create "$dir/x.cfg"
# The second of two files is wrong: the first is not built either.
cli_cfg ok 'name="ok"' 'kernel="weir-blkback"' driver_domain=1
cli_cfg x 'name="x"' 'memroy=1'
refused "weir: $dir/x.cfg:2: memroy: unknown key*" w create "$dir/ok.cfg" "$dir/x.cfg"

# Two driver domains for one class: name the candidates.
w create "$dir/ok.cfg" >/dev/null || die "second disk driver domain"
cfg 'disk: 2 driver domains offer vbd devices: add backend= with one of disk, ok' \
    "disk=['$dir/web.img,raw,xvda,r']"
w destroy ok || die "destroy ok"
until_ok 5 is_gone ok || die "ok stays"

refused 'weir: domain "nobody" does not exist: `weir list` shows*' w destroy nobody
refused 'weir: domain "nobody" does not exist*' w shutdown nobody
refused 'weir: domain "nobody" does not exist*' w info nobody
refused 'weir: domain "nobody" does not exist*' w console nobody
refused 'weir: domain "nobody" does not exist*' w pause nobody
refused 'weir: domain "nobody" does not exist*' w block-list nobody
refused 'weir: domain "nobody" has no log*' w log nobody
refused 'weir: domain "nobody" does not exist*' \
    w block-attach nobody "$dir/web.img,raw,xvdb,r"
refused 'weir: domain disk has no disk "xvda": `weir block-list disk`*' \
    w block-detach disk xvda
refused 'weir: *domain disk cannot serve itself*' \
    w block-attach disk "$dir/web.img,raw,xvdb,r"
refused 'weir: domain xenstored is the registry: *weir down*' w destroy xenstored
refused 'weir: "bridge=br0,mac=1": bad MAC address*' \
    w network-attach disk bridge=br0,mac=1
refused 'weir: store: /no/such: No such file or directory' w store read /no/such
w frobnicate 2>/dev/null; [ $? = 2 ] || die "unknown verb: status"
w create 2>/dev/null; [ $? = 2 ] || die "usage: status"
[ "$(probe)" = "$before" ] || die "something was left: $(diff <(echo "$before") <(probe))"

# The driver domain of others is not destroyed without --force.
w create "$dir/web.cfg" >/dev/null || die "create web"
refused 'weir: domain disk serves web: detach their devices first, or use --force' \
    w destroy disk
refused "weir: $dir/web.cfg:1: name: \"web\" is in use*" w create "$dir/web.cfg"
chmod u+w "$dir/web.img"
cp "$dir/net.cfg" "$dir/net2.cfg"
sed -i 's/"net"/"net3"/' "$dir/net2.cfg"
refused "weir: $dir/net2.cfg: name: \"net3\" is in use by $dir/net2.cfg*" \
    w create "$dir/net2.cfg" "$dir/net2.cfg"
is_gone net3 || die "one of two files of one name was built"
refused 'weir: *in use by another disk: detach that one*' \
    w block-attach net "$dir/web.img,raw,xvdb,w"
refused 'weir: *has vbd device 51712 already*' \
    w block-attach web "$dir/web.img,raw,xvda,r"
mac=$(w --json network-list web | jq -r '.[0].mac')
refused 'weir: *the MAC address is in use by another vif*' \
    w network-attach web "bridge=br0,mac=$mac"
until_ok 10 fetch || die "the guest does not serve after all that"
w down || die down
echo "$n wrong inputs refused"
