#!/bin/bash
# The web guest's server without Weir, on a file and a tap: HTTP, and an image
# it wrote to passes fsck.
. "$(dirname "$0")/web_lib.sh"
. "$(dirname "$0")/web_suite.sh"
. "$(dirname "$0")/web_writes.sh"

web_begin
suite_files
web_image 64M "$dir/files"
web_start_tap --writable
suite_all
writes_all
web_stop || die "the guest ended with an error"
writes_check_image
echo "web_tap: all as it should be"
