#!/bin/sh
# SPDX-License-Identifier: MIT
# ACPICA reads the ACPI tables of a VM without a complaint, finds what
# hypervisor/vm_map.h says in them, and compiles the DSDT back to the same
# bytes.
set -eu
cd "$(dirname "$0")/../.."
B=${B:-build}
for t in iasl acpiexec; do
    command -v $t >/dev/null || {
        echo "$t is not there: install acpica-tools"
        exit 77
    }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

want() { # FILE PATTERN
    grep -qE "$2" "$dir/$1.dsl" || {
        echo "$1 does not have: $2"
        cat "$dir/$1.dsl"
        exit 1
    }
}

for vcpus in 1 8; do
    rm -f "$dir"/*
    "$B/tests/ld_acpi_dump" "$dir" $vcpus
    for t in XSDT FACP APIC DSDT; do
        iasl -d "$dir/$t.dat" >"$dir/log" 2>&1 || {
            cat "$dir/log"
            exit 1
        }
        if grep -iE 'warning|error|invalid' "$dir/log" "$dir/$t.dsl"; then
            exit 1
        fi
    done
    [ "$(grep -c 'Processor Enabled : 1' "$dir/APIC.dsl")" = $vcpus ]
    [ "$(sed -n 's/.*Local Apic ID ://p' "$dir/APIC.dsl" | sort -u |
        wc -l)" = $vcpus ]
    want APIC 'Local Apic Address : FEE00000'
    want APIC 'Address : FEC00000'
    want FACP 'Hardware Reduced \(V5\) : 1'
    want FACP 'Reset Register Supported \(V2\) : 1'
    want FACP 'Value to cause reset : 01'
    for port in 4 5 6; do
        want FACP "Address : 000000000000040$port"
    done
    iasl -p "$dir/again" "$dir/DSDT.dsl" >"$dir/log" 2>&1 || {
        cat "$dir/log"
        exit 1
    }
    # The compiler signs its output (bytes 28 to 35) and sums it up (9).
    cmp -l "$dir/DSDT.dat" "$dir/again.aml" |
        awk '$1 != 10 && ($1 < 29 || $1 > 36) { bad = 1; print }
             END { exit bad }'
    [ "$(wc -c <"$dir/DSDT.dat")" = "$(wc -c <"$dir/again.aml")" ]
done
acpiexec -b 'evaluate \_S5' "$dir/DSDT.dat" >"$dir/log" 2>&1
[ "$(grep -c 'Integer. = 0*5$' "$dir/log")" = 2 ] || {
    cat "$dir/log"
    exit 1
}
