#!/bin/bash
# weir-xenstored dies at each step of what it does while a guest is built and
# ended and devices come and go: each request ends well, the registry is as it
# was, and nothing stays behind.
#
# store_steps.sh [OPERATION...]; POINTS=all: from the first passage of a point to
# the last of each operation, POINTS=N: each Nth, else at random ones; SEED.
# `make crashtest-store` takes all.
. "$(dirname "$0")/restart_lib.sh" || exit 1
. "$(dirname "$0")/steps_lib.sh" || exit 1
SOME=150 # passages of points that an operation has, about
OPERATIONS=${*:-create block_attach network_attach block_detach network_detach
    shutdown destroy restart_disk}
cli_begin "$@"
steps_begin weir-xenstored-steps
for p in weir-devd-steps crash_left; do
    [ -x "$B/tests/$p" ] || die "$B/tests/$p is not built"
done
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

create() { extra_serves; }
create_after() { w destroy extra; }
shutdown() { w shutdown extra && until_ok 10 is_gone extra; }
shutdown_after() { :; }
destroy_after() { :; }
block_attach_after() { block_detach; }
block_detach_after() { :; }
network_attach_after() { network_detach; }
network_detach_after() { :; }

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

extra_begin
printf '%s\n' restart_limit=0 restart_delay=0 >>"$dir/disk.cfg"
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
    case $POINTS in
    some) # its own return is of the first ones
        n=$((1 + RANDOM % (RANDOM % 2 ? 12 : SOME)))
        one || :
        ;;
    all) every 1 ;;
    *) every "$POINTS" ;;
    esac
    [ "$POINTS" = some ] || echo "$op: dies up to passage $n"
done
fetch || die "no service after all"
echo "$deaths operations, $(points_died "$S"/log/xenstored.log* | wc -l) deaths, $(points_seen "$S"/log/xenstored.log*)"
w down || die down
