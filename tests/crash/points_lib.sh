# points_lib.sh, sourced: the points of a program that is built with
# -DWEIR_CRASH_STEPS (ring/crash_point.h).
#
#   points_all PROGRAM         the address behind each call of weir_crash_point
#   points_died LOG...         the same of those where it died
#   points_lines PROGRAM       addresses to FILE:LINE of the calls, sorted

points_all() {
    objdump -d "$1" | awk '
        want { print substr($1, 1, length($1) - 1); want = 0 }
        /call .*<weir_crash_point>/ { want = 1 }'
}

points_died() {
    sed -n 's/.*died at point \([0-9a-f]*\)$/\1/p' "$@"
}

points_lines() {
    while read -r p; do printf '%x\n' $((0x$p - 1)); done |
        addr2line -se "$1" | sed 's/ (discr.*//' | sort -u
}
