#!/bin/bash
# Two instances side by side share nothing: same domain names and numbers, both
# on one bridge; the end of one is not noticed by the other.
. "$(dirname "$0")/cli_lib.sh"
cli_begin "$@"
cli_bridge
cli_image
cli_domains
cp "$dir/web.img" "$dir/web2.img"
mkdir "$dir/two"
for f in disk net web; do cp "$dir/$f.cfg" "$dir/two/"; done
sed -i "s/$IP/10.77.0.3/; s/web.img/web2.img/" "$dir/two/web.cfg"
sed -i "s/bridge=br0/bridge=br0,mac=00:16:3e:00:00:99/" "$dir/two/web.cfg"
w2() {
    "$B/bin/weir" --state-dir "$dir/s2" "$@"
}

w up --memory 256M "$dir"/{disk,net,web}.cfg >/dev/null || die "first up"
w2 up --memory 256M "$dir"/two/{disk,net,web}.cfg >/dev/null || die "second up"
until_ok 10 fetch || die "the first guest does not serve"
IP=10.77.0.3 until_ok 10 fetch || die "the second guest does not serve"
IP=10.77.0.2
[ "$(w --json list | jq -c '[.[] | [.name, .domid]]')" = \
    "$(w2 --json list | jq -c '[.[] | [.name, .domid]]')" ] ||
    die "numbers differ: $(w list; w2 list)"
[ "$(w --json info | jq -r .tag)" != "$(w2 --json info | jq -r .tag)" ] ||
    die "one tag for two"
[ "$(ip -o link | grep -c 'master br0')" = 2 ] || die "taps: $(ip -br link)"
# An image is exclusive across instances, too.
truncate -s 1M "$dir/own.img"
w block-attach web "$dir/own.img,raw,xvdb,w" || die "attach in the first"
w2 block-attach web "$dir/own.img,raw,xvdb,w" 2>"$dir/err" &&
    die "one image, two writers"
grep -q 'in use by another disk' "$dir/err" || die "message: $(cat "$dir/err")"
w down || die "first down"
[ ! -e "$S" ] || die "$S stays: $(ls "$S")"
IP=10.77.0.3 fetch || die "the second felt the first's end"
[ "$(w2 --json list | jq length)" = 4 ] || die "the second lost domains"
w2 block-attach web "$dir/own.img,raw,xvdb,w" || die "the image is not free"
w2 down || die "second down"
[ "$(ip -o link | grep -c 'master br0')" = 0 ] || die "a tap stays"
echo "two instances, one after the other down"
