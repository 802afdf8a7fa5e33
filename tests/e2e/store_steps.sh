#!/bin/bash
# weir-xenstored dies at each step of what it does while a guest is built and
# ended and devices come and go: each request ends well, the registry is as it
# was, and nothing stays behind.
#
# store_steps.sh [OPERATION...]; POINTS=all: from the first point to the last of
# each operation (`make crashtest-store`), else at random ones; SEED.
. "$(dirname "$0")/restart_lib.sh" || exit 1
. "$(dirname "$0")/../crash/points_lib.sh" || exit 1
POINTS=${POINTS:-some} SEED=${SEED:-$((RANDOM * 32768 + RANDOM))}
SOME=150 # passages of points that an operation has, about
OPERATIONS=${*:-create block_attach network_attach block_detach network_detach
    shutdown destroy restart_disk}
cli_begin "$@"
STEPS=$B/tests/weir-xenstored-steps
for p in weir-xenstored-steps weir-devd-steps crash_left; do
    [ -x "$B/tests/$p" ] || die "$B/tests/$p is not built"
done
RANDOM=$SEED
echo "seed $SEED, $POINTS points"
# A manager that gives a program's last point to the next one alone.
mkdir "$dir/bin"
cp "$B/bin/weir" "$dir/bin/"
for p in weir-hv weir-blkback weir-netback weir-load; do ln -s "$B/bin/$p" "$dir/bin/$p"; done
ln "$STEPS" "$dir/bin/weir-xenstored" 2>/dev/null || cp "$STEPS" "$dir/bin/weir-xenstored"
ln "$B/tests/weir-devd-steps" "$dir/bin/devd" 2>/dev/null || cp "$B/tests/weir-devd-steps" "$dir/bin/devd"
printf '#!/bin/sh\nexec env WEIR_STORE_CRASH_FILE=%s %s --registry-restarts 0 "$@"\n' \
    "$dir/point" "$dir/bin/devd" >"$dir/bin/weir-devd"
chmod +x "$dir/bin/weir-devd"
w() { "$dir/bin/weir" --state-dir "$S" "$@"; }

serves() {
    curl -sS --noproxy '*' --max-time 5 -o "$dir/served" "http://10.77.0.3/random" &&
        cmp "$dir/served" "$dir/src/random"
}

# NAME_before, NAME, NAME_after: back to what was.
create_before() { :; }
create() { w create "$dir/extra.cfg" && until_ok 10 serves; }
create_after() { w destroy extra; }
shutdown_before() { create; }
shutdown() { w shutdown extra && until_ok 10 is_gone extra; }
shutdown_after() { :; }
destroy_before() { create; }
destroy() { w destroy extra; }
destroy_after() { :; }
block_attach_before() { :; }
block_attach() { w block-attach web "$dir/extra.img,raw,xvdb,w"; }
block_attach_after() { w block-detach web xvdb; }
network_attach_before() { :; }
network_attach() { w network-attach web bridge=br0,ip=10.77.0.9; }
network_attach_after() { w network-detach web 1; }
block_detach_before() { block_attach; }
block_detach() { block_attach_after; }
block_detach_after() { :; }
network_detach_before() { network_attach; }
network_detach() { network_attach_after; }
network_detach_after() { :; }
restart_disk_before() { :; }
restart_disk() { w restart disk; }
restart_disk_after() { :; }

trouble() { # TEXT
    die "$op, point $n: $*
$(w list; w block-list; w network-list; cat "$dir/op.out")
$(tail -n 25 "$S/log/weir-devd.log")"
}

tree_as_it_was() {
    w store ls / | cmp -s - "$dir/tree"
}

# The operation, with a registry whose n-th point is its last; true: it died.
one() {
    local before
    ${op}_before >"$dir/op.out" 2>&1 || trouble "cannot begin"
    echo "$n" >"$dir/point"
    before=$(info xenstored generation)
    killed xenstored
    ($op) >"$dir/op.out" 2>&1 || trouble "it fails"
    [ "$(info xenstored generation)" -gt $((before + 1)) ]
    dead=$?
    # Later deaths than its end are none of it.
    killed xenstored
    ${op}_after >"$dir/op.out" 2>&1 || trouble "cannot be undone"
    until_ok 5 tree_as_it_was ||
        trouble "another registry: $(w store ls / | diff "$dir/tree" -)"
    left_end frames 'domain xenstored frames' '*memory KiB' '*mappings' 2>"$dir/left.out" ||
        trouble "$(cat "$dir/left.out")"
    deaths=$((deaths + 1))
    return $dead
}

every_point() {
    n=1
    while one; do
        n=$((n + 1))
        [ $n -lt 5000 ] || trouble "no end"
    done
}

cli_bridge
cli_image
cli_domains
printf '%s\n' restart_limit=0 restart_delay=0 >>"$dir/disk.cfg"
sed 's/^name="web"/name="extra"/; s/10\.77\.0\.2/10.77.0.3/' "$dir/web.cfg" >"$dir/extra.cfg"
truncate -s 1M "$dir/extra.img"
w up --memory 512M "$dir"/{disk,net,web}.cfg >/dev/null || die up
until_ok 10 fetch || die "no service"
w create "$dir/extra.cfg" >/dev/null && w destroy extra || die "extra"
killed xenstored
sleep 0.5
w store ls / >"$dir/tree" || die "store ls"
tag=$(w --json info | jq -r .tag)
deaths=0
left_begin
for op in $OPERATIONS; do
    if [ "$POINTS" = all ]; then
        every_point
        echo "$op: $((n - 1)) points"
    else
        # Its own return is of the first ones.
        n=$((1 + RANDOM % (RANDOM % 2 ? 12 : SOME)))
        one || :
    fi
done
fetch || die "no service after all"
points_all "$STEPS" | points_lines "$STEPS" >"$dir/points"
points_died "$S"/log/xenstored.log* | points_lines "$STEPS" | comm -12 "$dir/points" - >"$dir/seen"
echo "$deaths operations, $(points_died "$S"/log/xenstored.log* | wc -l) deaths, at $(wc -l <"$dir/seen") of $(wc -l <"$dir/points") points" \
    "$(comm -23 "$dir/points" "$dir/seen" | xargs -r echo but not at)"
w down || die down
