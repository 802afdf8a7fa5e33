# jobs.sh, sourced: several jobs at a time, and how they ended.
#
#   job_of                     process to job: `begin` of the caller adds its own
#   passed, failed, skipped    counts: `finish JOB EXIT-CODE` of the caller adds
#   jobs_possible MIB N...     the least N, as far as memory goes with so much for
#                              each
#   reap                       waits until one has ended, and finishes it
#   tell_counts FILE           added to that file, or as the closing line; false:
#                              that line tells of a failure
#
# A signal ends the jobs, which clean up by themselves, and their runner.
passed=0 failed=0 skipped=0
declare -A job_of

ended() {
    trap - INT TERM HUP
    [ ${#job_of[@]} = 0 ] || kill "${!job_of[@]}" 2>/dev/null
    wait
    exit 1
}
trap ended INT TERM HUP

jobs_possible() {
    local most n
    most=$(awk -v mib="$1" '/^MemAvailable:/ { print int($2 / 1024 / mib) }' \
        /proc/meminfo)
    for n in "${@:2}"; do
        [ "$n" -ge "$most" ] || most=$n
    done
    [ "$most" -ge 1 ] || most=1
    echo "$most"
}

reap() {
    local pid rc
    wait -n -p pid "${!job_of[@]}"
    rc=$?
    [ -n "$pid" ] || return
    set -- "${job_of[$pid]}"
    unset "job_of[$pid]"
    finish "$1" $rc
}

tell_counts() {
    if [ -n "$1" ]; then
        echo "$passed $failed $skipped" >>"$1"
        return 0
    fi
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ]
}
