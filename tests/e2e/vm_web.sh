#!/bin/bash
# The web guest as a VM: what an HTTP client may expect of it, as of the
# process domain (web_http.sh), served by the same source.
. "$(dirname "$0")/web_lib.sh"
. "$(dirname "$0")/web_suite.sh"

web_begin
web_need_vm
suite_files
web_image 64M "$dir/files"
web_start_weir
weir list | grep -q '^web .*pvh' || die "the guest is no VM: $(weir list)"
suite_all
expect "PUT to a read-only guest" 405 "$(status -T "$dir/files/hello.txt" \
    "$url/new.txt")"
web_stop || die "weir down"
echo "vm_web: all as it should be"
