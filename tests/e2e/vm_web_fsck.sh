#!/bin/bash
# The web guest as a VM writes to its disk; afterwards fsck.ext4 -fn of the
# image is clean, and it holds what was written.
. "$(dirname "$0")/web_lib.sh"
. "$(dirname "$0")/web_suite.sh"
. "$(dirname "$0")/web_writes.sh"

web_begin
web_need_vm
suite_files
web_image 64M "$dir/files"
web_access=rw
web_start_weir --writable
writes_all
web_stop || die "weir down"
writes_check_image
echo "vm_web_fsck: all as it should be"
