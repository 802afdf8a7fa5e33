#!/bin/bash
# With ip= a guest is heard under these addresses alone, whatever it configures;
# the rules come before the guest and go with its interface.
. "$(dirname "$0")/cli_lib.sh"
cli_begin "$@"
command -v nft >/dev/null || skip "needs nft (nftables)"
nft list ruleset >/dev/null 2>&1 || skip "this kernel has no nf_tables"
cli_bridge
cli_image
cli_domains
echo 'on_crash="destroy"' >>"$dir/net.cfg" # its taps are to go with it

# guest NAME ADDRESS VIF: a web guest that believes it has ADDRESS
guest() {
    cli_cfg "$1" "name=\"$1\"" "kernel=\"$B/tests/webguest\"" \
        "args=['--ip','$2/24']" memory=64 \
        "disk=['format=raw,vdev=xvda,access=ro,target=$dir/web.img']" \
        "vif=['bridge=br0,$3']"
    w create "$dir/$1.cfg" >/dev/null || die "create $1"
}
answers() {
    curl -sS --noproxy '*' --max-time 2 -o "$dir/fetched" "http://$1/random" 2>/dev/null &&
        cmp -s "$dir/fetched" "$dir/src/random"
}
rules() {
    nft list table netdev "$tag" 2>/dev/null
}
chains() {
    rules | grep -c '^	chain '
}
vif() {
    w --json network-list "$1" | jq -r ".[0].$2"
}

# What a manager that was killed left behind: its table, and a chain in it.
w up --memory 256M >/dev/null || die up
tag=$(w --json info | jq -r .tag)
kill -9 "$(pgrep -f -- "weir-devd --state-dir $S")"
w down || die "down after a kill"
[ -z "$(nft list ruleset)" ] || die "left behind: $(nft list ruleset)"
nft add table netdev "$tag" && nft add chain netdev "$tag" old || die "no table"
nft add table netdev "$tag-x" || die "no foreign table"
w up --memory 256M "$dir/disk.cfg" "$dir/net.cfg" >/dev/null || die "up again"
[ -z "$(rules)" ] || die "a stale table stays: $(rules)"
nft list table netdev "$tag-x" >/dev/null || die "a foreign table was removed"
nft delete table netdev "$tag-x"

guest good 10.77.0.2 ip=10.77.0.2
until_ok 10 answers 10.77.0.2 || die "a guest with its own address is not heard"
[ "$(vif good filter)" = mac,ip ] || die "network-list: $(vif good filter)"
w network-list good | grep -q ' mac,ip ' || die "network-list: $(w network-list good)"
tap=$(vif good vifname)
rules >"$dir/rules"
for want in "chain $tap" "$(vif good mac)" 10.77.0.2 'hook ingress'; do
    grep -q "$want" "$dir/rules" || die "no $want in $(cat "$dir/rules")"
done
"$B/bin/weir-devd" --state-dir "$S" 2>/dev/null && die "two managers"
"$B/bin/weir-devd" --state-dir "$S" --clean 2>/dev/null && die "clean while one runs"
[ "$(rules)" = "$(cat "$dir/rules")" ] || die "a refused manager removed rules"
answers 10.77.0.2 || die "no service beside a refused manager"

guest bad 10.77.0.9 ip=10.77.0.3
guest list 10.77.0.6 'ip=10.77.0.5/24 10.77.0.6/24 fd00::6'
guest free 10.77.0.8 ip=10.77.0.7,antispoof=0
guest mac 10.77.0.4 mtu=1500
for a in 6 8 4; do
    until_ok 10 answers 10.77.0.$a || die "10.77.0.$a is not heard"
done
answers 10.77.0.9 && die "a guest speaks under a foreign address"
[ "$(w --json network-list bad | jq -r '.[0].stats.tx_packets')" -gt 0 ] ||
    die "the guest never tried"
ip neigh show dev br0 | grep '10.77.0.9 .*lladdr' && die "its ARP answer passed"
[ "$(vif mac filter)/$(vif free filter)/$(vif list filter)" = mac/none/mac,ip ] ||
    die "network-list: $(w network-list)"
[ "$(chains)" = 4 ] || die "chains: $(rules)"
rules | grep -q "$(vif free vifname)" && die "antispoof=0 has rules"
rules | grep -q fd00::6 || die "no IPv6 address: $(rules)"
w network-attach mac 'bridge=br0,ip=10.77.0.300' 2>/dev/null && die "a bad address"

# It goes with the interface, with the domain, however that ends.
w network-detach list 0 || die detach
[ "$(chains)" = 3 ] || die "after detach: $(rules)"
# Another guest: one without its interface ends when it notices.
guest late 10.77.0.10 ip=10.77.0.10
[ "$(chains)" = 4 ] || die "after another start: $(rules)"
w network-detach --force late 0 || die "detach by force"
[ "$(chains)" = 3 ] || die "after detach by force: $(rules)"
kill -9 "$(w --json list good | jq -r '.[0].pid')"
w destroy bad || die destroy
until_ok 5 is_gone good && until_ok 5 is_gone bad || die "guests stay"
[ "$(chains)" = 1 ] || die "after destroy: $(rules)"
kill -9 "$(w --json list net | jq -r '.[0].pid')"
no_chains() { [ "$(chains)" = 0 ]; }
until_ok 5 no_chains || die "after the driver domain's death: $(rules)"
w create "$dir/net.cfg" >/dev/null || die "a new driver domain"
guest good2 10.77.0.2 ip=10.77.0.2
until_ok 10 answers 10.77.0.2 || die "no service after all"
[ "$(chains)" = 1 ] || die "chains: $(rules)"
kill -9 "$(pgrep -f -- "weir-devd --state-dir $S")"
w down || die "down after a kill"
[ -z "$(nft list ruleset)" ] || die "after a killed manager: $(nft list ruleset)"
w up --memory 256M "$dir"/{disk,net,good}.cfg >/dev/null || die "up again"
until_ok 10 answers 10.77.0.2 || die "no service after that"
[ "$(chains)" = 1 ] || die "chains: $(rules)"
w down || die down
[ -z "$(nft list ruleset)" ] || die "down leaves: $(nft list ruleset)"
echo "addresses are kept, rules come and go with their interfaces"
