# ring: what this folder builds; the macros are in ../Makefile
$(call freelib,weir-ring,ring/ring.c ring/grant.c ring/grant_wait.c ring/poll.c)

# the test double of a machine (tests/unit/fake_port.h)
$(call lib,weir-fakeport,tests/unit/fake_port.c tests/unit/fake_grant.c tests/unit/fake_event.c \
	tests/unit/fake_keep.c)

$(call test,test_abi,tests/unit/test_abi.c tests/unit/test_abi_io.c tests/unit/test_abi_call.c,weir-ring)
$(call test,test_ring,tests/unit/test_ring.c tests/unit/test_ring_hostile.c,weir-ring)
$(call test,test_ring_threads,tests/unit/test_ring_threads.c,weir-ring weir-fakeport)
$(call test,test_gnttab,tests/unit/test_gnttab.c tests/unit/test_gnttab_shortage.c,weir-ring weir-fakeport)
$(call test,test_fake_port,tests/unit/test_fake_port.c,weir-ring weir-fakeport)
$(call test,test_checked,tests/unit/test_checked.c,weir-ring)
$(call test,test_poll,tests/unit/test_poll.c,weir-ring weir-fakeport)
$(call script,tests/unit/test_headers.sh tests/models/run.sh)
THREAD_TESTS += test_ring_threads test_gnttab

$(call helper,bench_ring,tests/bench/bench_ring.c,weir-ring)
BENCHES += $(B)/tests/bench_ring

INSTALL_HEADERS += $(filter-out ring/grant_private.h,$(wildcard ring/*.h))
MAN_PAGES += ring/man/weir_ring.3 ring/man/weir_gnttab.3 ring/man/weir_port.3
PC_FILES += ring/weir-ring.pc.in
