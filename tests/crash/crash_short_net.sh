#!/bin/bash
# The same for networks.
exec bash "$(dirname "$0")/crash_short.sh" net "$@"
