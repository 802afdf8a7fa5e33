#!/bin/bash
# A guest serves files from a real disk over a real bridge, through two driver
# domains: everything an HTTP client may expect, and a 16 MiB download.
. "$(dirname "$0")/web_lib.sh"
. "$(dirname "$0")/web_suite.sh"

web_begin
suite_files
web_image 64M "$dir/files"
web_start_weir
suite_all
expect "PUT to a read-only guest" 405 "$(status -T "$dir/files/hello.txt" \
    "$url/new.txt")"
web_stop || die "weir down"
echo "web_http: all as it should be"
