# web_weir.sh, sourced by web_lib.sh: the web guest on an instance of Weir of
# its own, in the namespace $ns, with a disk and a network driver domain; as a
# process domain, or as a VM with web_kind=vm.

weir() {
    nsenter --net="/run/netns/$ns" "$B/bin/weir" --state-dir "$state" "$@"
}

web_configs() { # GUEST-ARGS...
    local arg args=
    for arg; do
        args="$args, \"$arg\""
    done
    cat >"$dir/disk.cfg" <<EOT
name = "disk"
kernel = "$B/bin/weir-blkback"
driver_domain = 1
memory = 32
EOT
    cat >"$dir/net.cfg" <<EOT
name = "net"
kernel = "$B/bin/weir-netback"
driver_domain = 1
memory = 32
EOT
    echo 'name = "web"' >"$dir/web.cfg"
    if [ "${web_kind:-}" = vm ]; then
        cat >>"$dir/web.cfg" <<EOT
type = "pvh"
kernel = "$B/guests/webguest.elf"
memory = ${web_memory:-96}
extra = "--ip $ip/24 $*"
EOT
    else
        cat >>"$dir/web.cfg" <<EOT
kernel = "$B/tests/webguest"
memory = 64
args = [ "--ip", "$ip/24"$args ]
EOT
    fi
    cat >>"$dir/web.cfg" <<EOT
disk = [ "format=raw, vdev=xvda, access=${web_access:-ro}, target=$dir/disk.img" ]
vif = [ "bridge=weirbr0" ]
EOT
}

web_bridge() {
    ip -n "$ns" link add weirbr0 type bridge &&
        ip -n "$ns" addr add 10.77.0.1/24 dev weirbr0 &&
        ip -n "$ns" link set weirbr0 up || die "no bridge"
}

# Skips where VM domains can't run; has the kernel built.
web_need_vm() {
    [ -c /dev/kvm ] && [ -w /dev/kvm ] || skip "needs /dev/kvm"
    make --no-print-directory B="$B" "$B/guests/webguest.elf" \
        >"$dir/make.log" 2>&1 ||
        skip "webguest.elf is not built: $(tail -n 1 "$dir/make.log")"
    web_kind=vm
}

web_start_weir() {
    local program
    for program in weir weir-hv weir-devd weir-xenstored weir-blkback \
        weir-netback; do
        [ -x "$B/bin/$program" ] || die "$B/bin/$program is not built"
    done
    "$B/bin/weir-hv" --check >"$dir/check" 2>&1 || skip "$(cat "$dir/check")"
    command -v nsenter >/dev/null || skip "needs nsenter"
    web_netns
    web_bridge
    state=$dir/state
    web_configs "$@"
    weir_up=1
    weir up "$dir/disk.cfg" "$dir/net.cfg" "$dir/web.cfg" \
        >"$dir/up.log" 2>&1 || die "weir up: $(cat "$dir/up.log")"
    web_wait
}

web_stop_weir() {
    weir down >"$dir/down.log" 2>&1 || {
        cat "$dir/down.log" >&2
        return 1
    }
}
