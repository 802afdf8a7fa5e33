# tests/guests/runtime: a kernel that tests the guest runtime from inside
$(call guest,runtime_test,tests/guests/runtime/runtime_test.c)
$(call script,tests/e2e/vm_runtime.sh)
