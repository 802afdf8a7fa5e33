#!/bin/bash
# The soak, for `make check`.
exec bash "$(dirname "$0")/soak.sh" "${1:-12}" "${@:2}"
