# web_writes.sh, sourced: PUT to the web guest, and what fsck says then.

put_get() { # FILE NAME STATUS
    expect "PUT $2" "$3" "$(status -T "$1" "$url/$2")"
    expect "GET $2 again" 200 "$(status "$url/$2")"
    cmp -s "$dir/body" "$1" || die "$2: other bytes came back"
}

writes_all() {
    local size i
    for size in 0 1 4095 4096 4097 131072 131073 5000001; do
        head -c $size /dev/urandom >"$dir/put.$size"
        put_get "$dir/put.$size" "docs/put.$size" 201
    done
    put_get "$dir/put.4097" docs/put.131073 204
    put_get "$dir/put.131073" docs/put.4097 204
    # Enough names for the directory to grow by blocks.
    for ((i = 0; i < 40; i++)); do
        printf '%s ' -T "$dir/put.1" \
            "$url/empty/$(printf '%0200d' $i)" -o /dev/null
    done >"$dir/args"
    # shellcheck disable=SC2046
    get -w '%{http_code}\n' $(cat "$dir/args") | sort | uniq -c |
        grep -qx ' *40 201' || die "40 files in one directory"
    echo "ok: 40 files in one directory"
    expect "PUT over a directory" 403 "$(status -T "$dir/put.1" "$url/docs")"
    expect "PUT below a file" 404 \
        "$(status -T "$dir/put.1" "$url/hello.txt/x" | sed 's/403/404/')"
    truncate -s 200M "$dir/huge"
    expect "PUT of more than there is room for" 507 \
        "$(status -H 'Expect: 100-continue' -T "$dir/huge" "$url/huge" || true)"
    rm -f "$dir/huge"
    # A client that goes away in the middle leaves nothing behind.
    at timeout 20 bash -c 'exec 3<>"/dev/tcp/$1/80"
        printf "PUT /half HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\n" >&3
        head -c 500000 /dev/zero >&3' _ "$ip"
    sleep 0.3
    expect "half a PUT" 404 "$(status "$url/half")"
}

writes_check_image() {
    fsck.ext4 -fn "$dir/disk.img" >"$dir/fsck.out" 2>&1 || {
        cat "$dir/fsck.out"
        die "fsck.ext4 -fn finds errors"
    }
    echo "ok: fsck.ext4 -fn"
    debugfs -R "dump /docs/put.5000001 $dir/dumped" "$dir/disk.img" \
        2>/dev/null
    cmp -s "$dir/dumped" "$dir/put.5000001" ||
        die "a written file reads otherwise outside of the guest"
    echo "ok: debugfs reads what the guest wrote"
}
