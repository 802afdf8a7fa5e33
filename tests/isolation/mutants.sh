#!/bin/bash
# mutants.sh: takes each rule of isolation out, by the switches of
# hypervisor/client/breakable.h in test programs, and wants the attack that
# guards it to fail.  A mutant that all attacks survive is an untested rule.
#
# Lines below: what weir-hv leaves out; what the domain leaves out; the attacks
# that must turn red.  "-" is nothing.  A hv rule runs in isolation-hv-broken.
set -u
B=${B:-build}
export B
log=$(mktemp)
trap 'rm -f "$log"' EXIT
killed=0 survived=0

mutant() {
    local hv=$1 dom=$2
    shift 2
    [ "$hv" = - ] && hv=
    [ "$dom" = - ] && dom=
    for attack in "$@"; do
        HV_BREAK=$hv PUPPET_BREAK=$dom HV=$B/tests/isolation-hv-broken \
            WEIR_ISOLATION_DEATHS=3 \
            "$B/tests/isolation-runner" "$attack" >"$log" 2>&1
        if grep -q "^FAIL  $attack:" "$log"; then
            killed=$((killed + 1))
            echo "ok    without ${hv:-.}/${dom:-.}:" \
                "$(sed -n "s/^FAIL  \($attack\): [^ ]* /\1: /p" "$log")"
        elif grep -q "^      .* needs " "$log"; then
            echo "skip  without ${hv:-.}/${dom:-.}:$(grep " needs " "$log")"
        else
            survived=$((survived + 1))
            echo "FAIL  without ${hv:-.}/${dom:-.}: $attack does not notice:"
            cat "$log"
        fi
    done
}

# the hand on the window
mutant readonly - write-to-readonly kernel-write-to-readonly
mutant check - unmap-claimed-but-not-done
mutant punch - pinned-frame
# death
mutant wait - io-of-the-dead
mutant verify-kept keep hv-killed
mutant - untie parent-killed
mutant - life hv-killed-ends
# the seal, seen from outside
mutant verify-fds - seal-kept-memory seal-directory seal-own-userfaultfd \
    seal-leftover-descriptor seal-userfaultfd-not-kept
mutant verify-maps - seal-second-mapping seal-unregistered-window \
    seal-inherited-on-fork seal-not-msealed
mutant verify-alone - seal-kept-sibling seal-sibling-in-its-cgroup
mutant verify-root - seal-full-root
mutant verify-tasks - seal-unsealed-thread seal-no-seccomp seal-no-new-privs \
    seal-kept-capability seal-bounding-set seal-root-identity
mutant misaligned - seal-aligned-window
# the seal, from inside
mutant - close seal-inherited-descriptor
mutant verify-tasks filter call-madvise-remove
# Other tests (tests/e2e), with a rule of weir-hv taken out.
e2e_mutant() {
    local rule=$1 program=$2
    shift 2
    for test in "$@"; do
        VM_TEST=$test HV_TEST=$test WEIR_BREAK=$rule HV=$B/tests/isolation-hv-broken \
            timeout 60 "$B/tests/$program" >"$log" 2>&1
        if [ $? = 77 ]; then
            echo "skip  without $rule: $(tail -n 1 "$log")"
        elif grep -q "^\[  FAILED  \] $test\$" "$log"; then
            killed=$((killed + 1))
            echo "ok    without $rule: $test"
        else
            survived=$((survived + 1))
            echo "FAIL  without $rule: $test does not notice:"
            cat "$log"
        fi
    done
}
e2e_mutant kept hv_revive a_kept_page_is_out_of_reach_until_asked_for
e2e_mutant keeper hv_revive what_is_kept_is_for_the_same_domain_alone
e2e_mutant rest hv_revive nothing_else_of_the_dead_is_left
e2e_mutant zero hv_revive nothing_else_of_the_dead_is_left
e2e_mutant vm-unmap vm_grants nothing_is_seen_after_the_unmap \
    a_vm_page_appears_alone_in_a_vm
e2e_mutant vm-unmap vm_watch an_unmapped_page_is_gone_for_all_vcpus \
    a_dead_granters_page_is_not_followed a_page_given_back_is_gone_for_all_vcpus
e2e_mutant vm-span vm_grants a_process_page_appears_alone_in_a_vm \
    a_vm_page_appears_alone_in_a_vm a_page_over_own_ram_replaces_that_page_alone
e2e_mutant vm-readonly vm_grants a_read_only_page_is_not_written
e2e_mutant vm-access vm_grants a_read_only_page_is_not_written
e2e_mutant vm-p2m vm_grants a_vm_page_appears_alone_in_a_process \
    a_vm_page_appears_alone_in_a_vm
e2e_mutant "vm-foreign owner" vm_grants what_is_no_ram_of_its_own_is_not_granted
e2e_mutant owner vm_grants what_is_no_ram_of_its_own_is_not_granted
e2e_mutant vm-memfd vm_stages only_ram_is_loaded_and_only_from_a_memfd
e2e_mutant vm-seccomp vm_life a_guests_threads_are_confined
echo "$killed mutants found, $survived not"
[ "$survived" = 0 ]
