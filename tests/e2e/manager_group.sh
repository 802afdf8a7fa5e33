#!/bin/bash
# weir-devd is started again from another control group (another shell's, say):
# its domains stay in the groups they have, with their limits, what it starts is
# limited beside them, and nothing is left behind; by `weir down` from a third
# group neither, nor after a manager that was killed.
. "$(dirname "$0")/manager_lib.sh"
cli_begin "$@"
cli_bridge
cli_image
cli_domains
printf '%s\n' 'private_memory=48' >>"$dir/web.cfg"
printf '%s\n' 'private_memory=40' >>"$dir/disk.cfg"
bin=$B/bin

# Where this shell is: "memory,cpu,pids" of version 1, or version 2.
groups=
for c in memory cpu pids; do
    m=$(awk -v c=$c '{ for (i = 7; i < NF && $i != "-"; i++);
            n = $(i + 1) == "cgroup" ? split($(i + 3), o, ",") : 0
            for (j = 1; j <= n; j++) if (o[j] == c) { print $5; exit } }' /proc/self/mountinfo)
    own=$(awk -F: -v c=$c '{ n = split($2, o, ","); for (i = 1; i <= n; i++) if (o[i] == c) print $3 }' /proc/self/cgroup)
    [ -n "$m" ] && groups="$groups $m${own%/}"
done
if [ -z "$groups" ]; then
    m=$(awk '/ - cgroup2 / { print $5 }' /proc/self/mountinfo | head -n 1)
    [ -n "$m" ] || skip "needs control groups"
    groups=$m$(sed -n 's/^0:://p' /proc/self/cgroup)
fi
mark=$(basename "$dir")
clean_groups() {
    local g n rc=0
    for g in $groups; do
        for n in a b c; do
            [ ! -d "$g/$mark-$n" ] || rmdir "$g/$mark-$n" || rc=1
        done
    done
    return $rc
}
# What a failure left is of this script alone.
trap 'cli_cleanup
    find /sys/fs/cgroup -depth -type d -path "*/$mark-[abc]*" -exec rmdir {} + 2>/dev/null' EXIT
for g in $groups; do
    mkdir "$g/$mark-a" "$g/$mark-b" "$g/$mark-c" 2>/dev/null || skip "$g is not writable"
done
in_group() { # a|b|c COMMAND...
    local n=$1
    shift
    (
        for g in $groups; do
            echo "$BASHPID" >"$g/$mark-$n/cgroup.procs" || exit 1
        done
        "$@"
    )
}
# The directories of domain $1, their limits, and that its program is in each.
dirs() {
    find /sys/fs/cgroup -type d -path "*/$tag/*-$1" 2>/dev/null | sort
}
limits() {
    local g
    for g in $(dirs "$1"); do
        for f in memory.limit_in_bytes memory.max cpu.shares cpu.weight pids.max; do
            [ ! -e "$g/$f" ] || echo "$g/$f $(cat "$g/$f")"
        done
    done
}
all_in() {
    local g
    for g in $(dirs "$1"); do
        grep -qx "$(pid "$1")" "$g/cgroup.procs" || die "$1 is not in $g: $(cat /proc/"$(pid "$1")"/cgroup)"
    done
}
look() {
    local d
    for d in disk net web; do
        w --json info $d | jq -r .cgroup
        limits $d
    done
}
nothing_left() {
    local found
    found=$(find /sys/fs/cgroup -type d -name "$tag*" 2>/dev/null)
    [ -z "$found" ] || die "left: $found"
    [ ! -e "$S" ] || die "left: $(ls -A "$S")"
}

in_group a w up --memory 512M "$dir"/{disk,net,web}.cfg >/dev/null || die up
tag=$(w --json info | jq -r .tag)
look >"$dir/was"
grep -q '/memory\.[^ ]* 50331648$' "$dir/was" || die "no limits: $(cat "$dir/was")"
all_in web

# The same groups, in the hands of a manager that lives elsewhere.
for n in b c a b; do
    devd_ends
    in_group $n up || die "up: $(cat "$dir/up.out")"
    until_ok 20 settled || die "it does not settle: $(w list)"
    look | cmp -s - "$dir/was" || die "other groups: $(look | diff "$dir/was" -)"
done

# A driver domain's next program, and a new domain, are limited there, too.
old=$(pid disk)
kill -KILL "$old"
next() { [ "$(pid disk)" != "$old" ] && settled; }
until_ok 20 next || die "disk: $(w list)"
look | cmp -s - "$dir/was" || die "other groups: $(look | diff "$dir/was" -)"
all_in disk
sed 's/^name="web"/name="more"/; s/10\.77\.0\.2/10.77.0.3/' "$dir/web.cfg" >"$dir/more.cfg"
w create "$dir/more.cfg" >/dev/null || die "create more"
all_in more
[ "$(dirname "$(w --json info more | jq -r .cgroup)")" = "$(dirname "$(head -n 1 "$dir/was")")" ] ||
    die "more: $(w --json info more | jq -r .cgroup)"
w destroy more || die destroy
[ -z "$(dirs more)" ] || die "left: $(dirs more)"

# The end, by a manager of another group.
in_group c w down || die down
nothing_left

# Without a manager, from another group.
in_group a w up --memory 512M "$dir"/{disk,net,web}.cfg >/dev/null || die "up again"
devd_ends
in_group b w down || die "down without a manager"
nothing_left

# Both are killed; the next instance leaves the old place.
in_group a w up --memory 512M "$dir"/{disk,net,web}.cfg >/dev/null || die "up again"
hv=$(server hv)
devd_ends
kill -KILL "$hv"
until_ok 10 test ! -d "/proc/$hv" || die "weir-hv does not die"
in_group b w up --memory 512M "$dir/disk.cfg" >/dev/null || die "up after both"
case $(w --json info disk | jq -r .cgroup) in
*"/$mark-b/"* | /sys/fs/cgroup/"$tag"/*) ;;
*) die "disk is in $(w --json info disk | jq -r .cgroup)" ;;
esac
[ "$(dirs web)" = "" ] || die "left: $(dirs web)"
in_group c w down || die down
nothing_left
clean_groups || die "groups stay"
echo "one place for control groups, whoever looks for them"
