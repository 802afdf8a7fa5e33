#!/bin/bash
# How large the trusted base is, as tests/layers.sh counts it: lines of code.
# Its memory is hv_rss and vm_hv_rss.
command -v git >/dev/null && git rev-parse --git-dir >/dev/null 2>&1 || {
    echo "needs the repository, to know weir-hv's files"
    exit 77
}
lines=$(bash tests/layers.sh | sed -n 's/^weir-hv: \([0-9]*\) lines of code.*/\1/p')
[ -n "$lines" ] || exit 1
echo "{\"name\":\"hv_lines\",\"unit\":\"lines\",\"higher_is_better\":false," \
    "\"weir\":$lines,\"peer_name\":null,\"peer\":null}"
