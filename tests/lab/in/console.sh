# console.sh, sourced after lib.sh: talks to guests over their consoles
# (guest/shell is the other end).
#
#   guest_open NAME [SECONDS]         opens the console, waits for the guest
#   guest_do NAME SECONDS COMMAND     its output; its exit code; 99: no answer
#                                     within the time, or five times that: CI
#                                     machines may be shared
#   guest_start NAME COMMAND          does not wait; guest_wait NAME SECONDS
#   guest_close NAME
# A guest's console is kept in /tmp/NAME.con, and in the machine's log.

# Numbers go on in subshells.
guest_next() {
    guest_seq=$(($(cat /tmp/guest.seq 2>/dev/null || echo 0) + 1))
    echo $guest_seq >/tmp/guest.seq
}

guest_open() {
    : >"/tmp/$1.con"
    rm -f "/tmp/$1.in"
    mkfifo "/tmp/$1.in"
    sleep 100000 >"/tmp/$1.in" &
    echo $! >"/tmp/$1.pids"
    weir console "$1" <"/tmp/$1.in" 2>&1 |
        tee "/tmp/$1.con" >/dev/console &
    echo $! >>"/tmp/$1.pids"
    until_ok "${2:-900}" grep -q '^@ready' "/tmp/$1.con"
}

guest_close() {
    [ -e "/tmp/$1.pids" ] || return 0
    kill $(cat "/tmp/$1.pids") 2>/dev/null
    rm "/tmp/$1.pids"
}

guest_start() {
    guest_next
    echo "$guest_seq $2" >"/tmp/$1.in"
}

guest_wait() {
    until_ok $(($2 * 5)) grep -q "^@$guest_seq [0-9]" "/tmp/$1.con" || {
        echo "$1 gives no answer within $2 s"
        return 99
    }
    sed -n "/^@$guest_seq begin/,/^@$guest_seq [0-9]/p" "/tmp/$1.con" |
        grep -v "^@$guest_seq "
    return "$(sed -n "s/^@$guest_seq \([0-9]*\).*/\1/p" "/tmp/$1.con")"
}

guest_do() {
    guest_start "$1" "$3"
    guest_wait "$1" "$2"
}

# A shell line for a guest: waits up to 50 s until CONDITION holds.
guest_until() {
    echo "n=0; until $1; do n=\$((n+1)); [ \$n -lt 250 ] || exit 1; sleep 0.2; done"
}

# 64 MiB each way between the bridge and a file on the guest's disk.  Who
# listens has an input that never ends, for at its end nc would close.
guest_send() { # NAME ADDRESS SOURCE SUM
    guest_start "$1" \
        "mkfifo /tmp/open; timeout 500 nc -l -p 5000 <>/tmp/open >/root/data"
    until_ok 500 sh -c "nc $2 5000 <$3" && guest_wait "$1" 60 &&
        guest_do "$1" 60 "sha256sum /root/data" | grep "$4"
}

guest_receive() { # NAME BRIDGE-ADDRESS SUM
    mkfifo /tmp/open
    timeout 500 nc -l -p 5001 <>/tmp/open >/tmp/data &
    guest_nc=$!
    sleep 1
    guest_do "$1" 120 "nc $2 5001 </root/data" && wait $guest_nc &&
        sha256sum /tmp/data | grep "$3"
}

# The same data from a guest's file to another guest.
guest_pass() { # FROM TO ADDRESS SUM
    guest_start "$2" "mkfifo /tmp/open; timeout 500 nc -l -p 5001 <>/tmp/open | sha256sum"
    guest_passed=$guest_seq
    until_ok 500 guest_do "$1" 120 "nc $3 5001 </root/data" || return
    guest_seq=$guest_passed
    guest_wait "$2" 60 | grep "$4"
}

guest_fio() { # NAME
    guest_do "$1" 120 "fio --name=v --filename=/root/fio --size=${2:-48m} \
--rw=randwrite --bsrange=4k-64k --ioengine=libaio --iodepth=16 --direct=1 \
--verify=crc32c --verify_fatal=1 --do_verify=1"
}

# The number of the domain of that name.
guest_id() {
    weir list | awk -v n="$1" '$1 == n { print $2 }'
}

guest_is_other() { # NAME NUMBER: it was built anew
    guest_now=$(guest_id "$1")
    [ -n "$guest_now" ] && [ "$guest_now" != "$2" ]
}

guest_is_gone() {
    [ -z "$(guest_id "$1")" ]
}
