# steps_lib.sh, sourced: operations at each step of which a program dies, on top
# of restart_lib.sh.
#
#   POINTS, SEED         from the environment, else "some" and a random one
#   steps_begin PROGRAM  $STEPS: its build that dies at points
#   extra_begin          the operations' image, and guest "extra"; disk.cfg,
#                        net.cfg, web.cfg
#   NAME_before, NAME    an operation: what it needs, and itself; the script adds
#                        NAME_after, back to what was
#   every N              `one` at each Nth point of operation $op, until it lives
#   trouble TEXT         the end: at point $n of $op
#   points_seen LOG...   at how many of all points it died, by its logs
. "$(dirname "${BASH_SOURCE[0]}")/../crash/points_lib.sh" || exit 1
POINTS=${POINTS:-some} SEED=${SEED:-$((RANDOM * 32768 + RANDOM))}

steps_begin() {
    STEPS=$B/tests/$1
    [ -x "$STEPS" ] || die "$STEPS is not built"
    RANDOM=$SEED
    echo "seed $SEED, $POINTS points"
}

extra_begin() {
    cli_bridge
    cli_image
    cli_domains
    sed 's/^name="web"/name="extra"/; s/10\.77\.0\.2/10.77.0.3/' "$dir/web.cfg" >"$dir/extra.cfg"
    truncate -s 1M "$dir/extra.img"
}

serves() {
    curl -sS --noproxy '*' --max-time 5 -o "$dir/served" "http://10.77.0.3/random" &&
        cmp "$dir/served" "$dir/src/random"
}

extra_serves() {
    w create "$dir/extra.cfg" && until_ok 10 serves
}

create_before() { :; }
create() { w create "$dir/extra.cfg"; }
shutdown_before() { extra_serves; }
shutdown() { w shutdown extra; }
destroy_before() { extra_serves; }
destroy() { w destroy extra; }
block_attach_before() { :; }
block_attach() { w block-attach web "$dir/extra.img,raw,xvdb,w"; }
block_detach_before() { block_attach; }
block_detach() { w block-detach web xvdb; }
network_attach_before() { :; }
network_attach() { w network-attach web bridge=br0,ip=10.77.0.9; }
network_detach_before() { network_attach; }
network_detach() { w network-detach web 1; }
restart_disk_before() { :; }
restart_disk() { w restart disk; }
restart_disk_after() { :; }

trouble() {
    die "$op, point $n: $*
$(w list; w block-list; w network-list; cat "$dir/up.out" "$dir/op.out" 2>/dev/null)
$(tail -n 25 "$S/log/weir-devd.log")"
}

every() {
    n=$((1 + RANDOM % $1))
    while one; do
        n=$((n + $1))
        [ $n -lt 20000 ] || trouble "no end"
    done
}

points_seen() {
    points_all "$STEPS" | points_lines "$STEPS" >"$dir/points"
    points_died "$@" | points_lines "$STEPS" | comm -12 "$dir/points" - >"$dir/seen"
    echo "at $(wc -l <"$dir/seen") of $(wc -l <"$dir/points") points" \
        "$(comm -23 "$dir/points" "$dir/seen" | xargs -r echo but not at)"
}
