# cli_vmlib.sh, sourced: VM domains of an instance (cli_lib.sh).
#
#   vm_begin               an instance without domains, or a skip
#   tiny NAME ACTION LINE...  $dir/NAME.cfg: a guest that does ACTION (vm_tiny.S)
#   create NAME            from its file
#   info NAME KEY          one value of weir info
#   is NAME STATE          the manager's state of it
#   domid NAME              its domid
#   refused PATTERN CMD... fails with status 1 and one matching line
. "$(dirname "$0")/cli_lib.sh"
TINY=$(realpath "$(dirname "$0")/vm_tiny.S")

vm_begin() {
    cli_begin "$@"
    [ -x "$B/bin/weir-load" ] || die "$B/bin/weir-load is not built"
    "$B/bin/weir-hv" --check | grep -q 'VM domains: /dev/kvm can be used' ||
        skip "$("$B/bin/weir-hv" --check | grep 'VM domains')"
    command -v cc >/dev/null || skip "needs cc"
    cc -nostdlib -static -no-pie -Wl,-Ttext-segment=0x100000,--build-id=none \
        -o "$dir/tiny.elf" "$TINY" || die "the tiny guest does not assemble"
    cli_bridge
    w up --memory 256M >/dev/null || die up
}

tiny() {
    local name=$1 action=$2
    shift 2
    cli_cfg "$name" "name='$name'" 'type="pvh"' "kernel='$dir/tiny.elf'" \
        memory=4 "extra='$action'" "$@"
}

create() {
    w create "$dir/$1.cfg" >"$dir/out" 2>&1 || die "create $1: $(cat "$dir/out")"
}

info() {
    w --json info "$1" 2>/dev/null | jq -r ".$2"
}

is() {
    [ "$(info "$1" manager_state)" = "$2" ]
}

domid() {
    info "$1" domid
}

refused() {
    local want=$1 out rc
    shift
    out=$("$@" 2>&1 >/dev/null)
    rc=$?
    [ $rc = 1 ] || die "status $rc, wanted $want, got $out"
    [ "$(echo "$out" | wc -l)" = 1 ] || die "several lines: $out"
    [[ $out == $want ]] || die "wanted $want, got $out"
}
