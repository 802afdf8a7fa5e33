# web_suite.sh, sourced after a start: what an HTTP client may expect of the
# web guest.  $dir/files holds what the image was made of.

expect() { # WHAT WANTED GOT
    [ "$2" = "$3" ] || die "$1: wanted '$2', got '$3'"
    echo "ok: $1"
}

status() {
    get -o "$dir/body" -w '%{http_code}' "$@"
}

# Raw bytes to the guest; the status of the first answer, or "closed".
raw() { # PRINTF-FORMAT
    at timeout 20 bash -c 'exec 3<>"/dev/tcp/$1/80" || exit 1
        printf "$2" >&3
        read -r -t 18 version code rest <&3; echo "${code:-closed}"' \
        _ "$ip" "$1"
}

suite_files() {
    mkdir -p "$dir/files/docs/a b" "$dir/files/empty" "$dir/files/site"
    echo hello >"$dir/files/hello.txt"
    : >"$dir/files/zero.bin"
    cp "$here/../../ARCHITECTURE.md" "$here/../../README.md" "$dir/files/docs"
    echo 'a & b' >"$dir/files/docs/a b/<x>&.txt"
    echo '<p>home</p>' >"$dir/files/site/index.html"
    ln -s docs/README.md "$dir/files/link.md"
    ln -s /loop "$dir/files/loop"
    head -c 16777216 /dev/urandom >"$dir/files/big.bin"
    # A hole between two pieces.
    printf start >"$dir/files/sparse.bin"
    printf end | dd of="$dir/files/sparse.bin" bs=1 seek=3000000 \
        conv=notrunc status=none
}

suite_get() {
    local f name
    for f in hello.txt docs/ARCHITECTURE.md docs/README.md sparse.bin \
        zero.bin big.bin; do
        expect "GET $f" 200 "$(status "$url/$f")"
        cmp -s "$dir/body" "$dir/files/$f" || die "$f differs"
    done
    expect "GET of a name to be escaped" 200 \
        "$(status "$url/docs/a%20b/%3Cx%3E%26.txt")"
    cmp -s "$dir/body" "$dir/files/docs/a b/<x>&.txt" || die "escaped: differs"
    expect "GET through a symbolic link" 200 "$(status "$url/link.md")"
    cmp -s "$dir/body" "$dir/files/docs/README.md" || die "link differs"
    expect "GET of a looping link" 404 \
        "$(status "$url/loop" | sed 's/403/404/')"
    expect "index.html of a directory" 200 "$(status "$url/site/")"
    cmp -s "$dir/body" "$dir/files/site/index.html" || die "index differs"
    expect "listing of a directory" 200 "$(status "$url/docs/")"
    for name in README.md ARCHITECTURE.md 'a%20b/'; do
        grep -q "href=\"./$name\"" "$dir/body" || die "listing lacks $name"
    done
    expect "directory without its slash" 301 "$(status "$url/docs")"
    expect "... leads to it" 200 "$(status -L "$url/docs")"
    expect "HEAD" "200 6 0" "$(get -I -o "$dir/head" \
        -w '%{http_code} %header{content-length} %{size_download}' \
        "$url/hello.txt")"
}

suite_ranges() {
    local first last
    for first in 0 1 4095 4096 131071 131072 9999999; do
        last=$((first + 200000))
        expect "range $first-$last" 206 \
            "$(status -r "$first-$last" "$url/big.bin")"
        tail -c +$((first + 1)) "$dir/files/big.bin" | head -c 200001 |
            cmp -s - "$dir/body" || die "range $first-$last differs"
    done
    expect "suffix range" 206 "$(status -r -4 "$url/hello.txt")"
    expect "... its bytes" llo "$(cat "$dir/body")"
    expect "range beyond the end" 416 "$(status -r 6- "$url/hello.txt")"
    expect "range of an empty file" 416 "$(status -r 0-0 "$url/zero.bin")"
    expect "two ranges: the whole file" 200 \
        "$(status -H 'Range: bytes=0-0,2-2' "$url/hello.txt")"
    expect "If-Range that does not hold" 200 \
        "$(status -H 'If-Range: "x"' -r 0-0 "$url/hello.txt")"
}

suite_bad() {
    expect "missing file" 404 "$(status "$url/nothing")"
    expect "file with a slash" 404 "$(status "$url/hello.txt/")"
    expect "path out of the root" 400 \
        "$(status --path-as-is "$url/../etc/passwd")"
    expect "POST" 405 "$(status -d x "$url/hello.txt")"
    expect "no such version" 505 "$(raw 'GET / HTTP/3.0\r\nHost: x\r\n\r\n')"
    expect "no Host" 400 "$(raw 'GET / HTTP/1.1\r\n\r\n')"
    expect "chunked body" 501 "$(raw \
        'PUT /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')"
    expect "PUT without a length" 411 \
        "$(raw 'PUT /x HTTP/1.1\r\nHost: x\r\n\r\n')"
    expect "binary noise" 400 "$(raw '\x16\x03\x01\x02\n\x01\n\n')"
    expect "a field of 9000 bytes" 431 "$(raw \
        "GET / HTTP/1.1\r\nHost: x\r\nX: $(printf '%09000d' 0)\r\n\r\n")"
    expect "two requests in one packet" "200 200" "$(at timeout 20 bash -c '
        exec 3<>"/dev/tcp/$1/80"
        r="HEAD /hello.txt HTTP/1.1\r\nHost: x\r\n"
        printf "$r\r\n${r}Connection: close\r\n\r\n" >&3
        grep -o "^HTTP/1.1 [0-9]*" <&3 | cut -c10- | xargs' _ "$ip")"
    expect "still serving" 200 "$(status "$url/hello.txt")"
}

# 48 clients at once, and one connection for many requests.
suite_many() {
    local i pids=() n
    for ((i = 0; i < 48; i++)); do
        get -o "$dir/many.$i" -r "$((i * 300000))-$((i * 300000 + 299999))" \
            "$url/big.bin" &
        pids+=($!)
    done
    for i in "${pids[@]}"; do
        wait "$i" || die "one of 48 clients failed"
    done
    for ((i = 0; i < 48; i++)); do
        cat "$dir/many.$i"
    done | cmp -s - <(head -c 14400000 "$dir/files/big.bin") ||
        die "48 clients: pieces differ"
    rm -f "$dir"/many.*
    echo "ok: 48 clients at once"
    n=$(get -o /dev/null -w '%{num_connects}\n' "$url/docs/README.md" \
        $(for ((i = 0; i < 20; i++)); do echo "-o /dev/null $url/hello.txt"; done) |
        awk '{ s += $1 } END { print s }')
    expect "21 requests, one connection" 1 "$n"
}

# Clients that hold all connections and say nothing: others get an answer, and
# the places come back when they go.
suite_flood() {
    : >"$dir/hold"
    at bash -c 'for i in {1..80}; do
            exec {fd}<>"/dev/tcp/$1/80" || exit
        done; echo held; while [ -e "$2" ]; do sleep 0.1; done' _ "$ip" \
        "$dir/hold" >"$dir/flood" &
    local pid=$! i code
    for ((i = 0; i < 400; i++)); do
        grep -q held "$dir/flood" && break
        sleep 0.05
    done
    grep -q held "$dir/flood" || die "80 clients do not get in"
    code=$(status "$url/hello.txt" || true)
    expect "80 silent clients: the next one is refused politely" 503 "$code"
    rm "$dir/hold"
    wait $pid
    expect "... served when they have gone" 200 "$(status "$url/hello.txt")"
}

# Echoes of all sizes: one packet, then up to 45 fragments each way.
suite_ping() {
    local size
    command -v ping >/dev/null || {
        echo "ping is missing: its sizes are not tested"
        return
    }
    for size in 0 1 56 1471 1472 1473 2952 8192 14792 14793 20000 32768 65000 \
        65506 65507; do
        at ping -q -c 3 -i 0.02 -W 2 -s $size $ip >"$dir/ping" ||
            die "ping -s $size: $(tail -n 2 "$dir/ping")"
    done
    echo "ok: ping of 0 to 65507 bytes"
}

suite_all() {
    suite_ping
    suite_get
    suite_ranges
    suite_bad
    suite_many
    suite_flood
}
