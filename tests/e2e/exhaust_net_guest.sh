#!/bin/bash
# Grant references and event channels of a guest run out while its vif and
# others' are under load.
. "$(dirname "$0")/exhaust_net_lib.sh"
cli_begin "$@"
GREEDY=(max_grants=3 max_ports=16)
net_begin

# Its first vif has what it needs.
without() { # WHAT
    out=$(order greedy take "$1")
    [[ $out == [1-9]*' No space left on device' ]] || die "$1: $out"
    plug bridge=br0 || die "attach: nothing of the driver domain is short"
    out=$(order greedy open 1)
    [[ $out == '0 Transport'*'not connected' ]] || die "a vif without $1: $out"
}
for what in grants ports; do
    short without $what
    order greedy give >/dev/null
    [ "$(order greedy open 1)" = '1 Success' ] || die "with $what again"
    [ "$(order greedy send 1 200)" = '200 Success' ] || die "its frames"
    order greedy close >/dev/null
    unplug 1 || die detach
    again "$what of a guest"
done
net_end
