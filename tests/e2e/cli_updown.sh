#!/bin/bash
# up and down leave no process, namespace, interface, control group or file;
# also when the manager or weir-hv was killed in between.
. "$(dirname "$0")/cli_lib.sh"
cli_begin "$@"
cli_bridge
cli_image
cli_domains

run_once() {
    tag=none
    w up --memory 256M "$dir/disk.cfg" "$dir/net.cfg" "$dir/web.cfg" >/dev/null ||
        die "up"
    tag=$(w --json info | jq -r .tag)
}
tag=none
before=$(cli_snapshot)

run_once
tag=$(w --json info | jq -r .tag)
[ "$(w --json list | jq -r '[.[].name] | join(" ")')" = "xenstored disk net web" ] ||
    die "list: $(w list)"
until_ok 10 fetch || die "the guest does not serve its file"

# Isolated from the host and from each other.
for ns in net mnt pid ipc uts; do
    all=$(w --json list | jq -r '.[].pid' | while read -r p; do
        readlink "/proc/$p/ns/$ns"
    done; readlink /proc/self/ns/$ns)
    [ "$(echo "$all" | sort -u | wc -l)" = 5 ] || die "$ns namespaces: $all"
done
for n in disk net web; do
    p=$(w --json list "$n" | jq -r '.[0].pid')
    id=$(w --json list "$n" | jq -r '.[0].domid')
    [ "$(awk '/^Uid/ { print $2 $3 $4 $5 }' /proc/"$p"/status)" = \
        "$(printf '%d%d%d%d' $((2000000 + id)){,,,})" ] || die "uid of $n"
    grep -q "$tag/$id-$n" "/proc/$p/cgroup" || die "cgroup of $n"
    [ "$(awk '/^Seccomp:/ { print $2 }' /proc/"$p"/status)" = 2 ] ||
        die "$n is not sealed"
done

# Debian's tools see the registry, with Xen's layout.
if command -v xenstore-read >/dev/null; then
    XENSTORED_PATH=$S/xenstored.sock xenstore-read /local/domain/4/name |
        grep -qx web || die "xenstore-read"
fi
[ "$(w store read /local/domain/4/device/vbd/51712/state)" = 4 ] || die "state"
w up 2>&1 | grep -q 'an instance runs there' || die "second up"
w down || die "down"
[ "$(cli_snapshot)" = "$before" ] ||
    die "left behind: $(diff <(echo "$before") <(cli_snapshot))"

# SIGTERM to the manager: everything but weir-hv ends, in order.
run_once
manager=$(pgrep -f -- "weir-devd --state-dir $S")
kill "$manager"
until_ok 20 test ! -d "/proc/$manager" || die "SIGTERM is not obeyed"
[ "$(w --json list | jq length)" = 0 ] || die "domains survive SIGTERM"
[ ! -e "$S/devd.sock" ] || die "devd.sock stays"
w down || die "down after SIGTERM"
[ "$(cli_snapshot)" = "$before" ] || die "left behind after SIGTERM"

# The manager is killed: down still takes everything away.
run_once
kill -9 "$(pgrep -f -- "weir-devd --state-dir $S")"
w down || die "down after the manager was killed"
[ "$(cli_snapshot)" = "$before" ] ||
    die "left behind after kill: $(diff <(echo "$before") <(cli_snapshot))"

# weir-hv is killed: every domain is dead, the manager ends by itself.
run_once
manager=$(pgrep -f -- "weir-devd --state-dir $S")
pids=$(w --json list | jq -r '.[].pid')
kill -9 "$(pgrep -f -- "weir-hv --state-dir $S")"
until_ok 20 test ! -d "/proc/$manager" || die "the manager survives weir-hv"
for p in $pids; do
    until_ok 5 test ! -d "/proc/$p" || die "process $p survives weir-hv"
done
w down || die "down after weir-hv was killed"
[ "$(cli_snapshot)" = "$before" ] || die "left behind after hv's death"
# The registry is killed: another goes on, and down takes that away, too.
run_once
registry=$(w --json list xenstored | jq -r '.[0].pid')
another() {
    local p
    p=$(w --json list xenstored | jq -r '.[0].pid') && [ "$p" -gt 0 ] &&
        [ "$p" != "$registry" ] && w store read /local/domain/0/name
}
kill -9 "$registry"
until_ok 20 another || die "no other registry: $(w list)"
w down || die "down after the registry was killed"
[ "$(cli_snapshot)" = "$before" ] ||
    die "left behind: $(diff <(echo "$before") <(cli_snapshot))"
echo "up, down, and four kinds of sudden end: nothing stays"
