# xenbus: what this folder builds; the macros are in ../Makefile
XS_WIRE := xenbus/wire.c xenbus/ring_page.c
XS_CLIENT := xenbus/client.c xenbus/client_ops.c xenbus/client_key.c \
	xenbus/ring_transport.c xenbus/state.c

$(call freelib,weir-xenbus,$(XS_WIRE) $(XS_CLIENT))
$(call lib,weir-xshosted,xenbus/socket.c xenbus/device.c)

MAN_PAGES += xenbus/weir-xenstored.8
INSTALL_HEADERS += xenbus/wire.h xenbus/client.h xenbus/state.h xenbus/socket.h

XS_STORE := $(addprefix xenbus/,store.c check.c node.c domain.c conn.c \
	conn_out.c watch.c transaction.c transaction_commit.c request.c \
	request_read.c request_write.c request_perms.c request_dom.c journal.c \
	journal_open.c journal_rec.c journal_snap.c journal_load.c \
	journal_load_conn.c)
$(call lib,weir-store,$(XS_STORE))

# The server's I/O, apart from main, for tests too.
$(call lib,weir-xsd,xenbus/server.c xenbus/server_ring.c)
$(call prog,weir-xenstored,xenbus/xenstored.c xenbus/xenstored_domain.c,\
	weir-xsd weir-store weir-xenbus weir-hvclient,$$(HVCLIENT_LIBS))

# With points to die at (--crash-after N), and without the journal's commits.
XS_STEPS := xenbus/journal.c xenbus/journal_open.c xenbus/server_ring.c
$(call variant_prog,steps,weir-xenstored-steps,xenbus/xenstored.c \
	xenbus/xenstored_domain.c $(XS_STEPS) backends/common/crash_point.c,\
	weir-xsd weir-store weir-xenbus weir-hvclient,$$(HVCLIENT_LIBS))
XS_CRASH := tests/unit/xs_crash.c tests/unit/xs_crash_guest.c $(XS_STEPS)
$(call variant_prog,steps,test_xs_crash,tests/unit/test_xs_crash.c $(XS_CRASH),\
	weir-xsd weir-store weir-xenbus weir-fakeport weir-ring,-lcmocka)
$(call variant_prog,nologsteps,test_xs_crash_nolog,\
	tests/unit/test_xs_crash_nolog.c $(XS_CRASH),\
	weir-xsd weir-store weir-xenbus weir-fakeport weir-ring,-lcmocka)
TESTS += $(B)/tests/test_xs_crash $(B)/tests/test_xs_crash_nolog

XS_TEST_LIBS := weir-fakestore weir-xsd weir-store weir-xshosted weir-xenbus
$(call lib,weir-fakestore,tests/unit/fake_store.c tests/unit/fake_xsd.c)
$(call test,test_xs_fake,tests/unit/test_xs_fake.c,$(XS_TEST_LIBS) \
	weir-fakeport weir-ring)
$(call test,test_xs_wire,tests/unit/test_xs_wire.c,weir-xenbus)
$(call test,test_xs_state,tests/unit/test_xs_state.c,weir-xenbus)
$(call test,test_xs_refused,tests/unit/test_xs_refused.c,$(XS_TEST_LIBS))
$(call test,test_xs_store,tests/unit/test_xs_store.c,$(XS_TEST_LIBS))
$(call test,test_xs_watch,tests/unit/test_xs_watch.c,$(XS_TEST_LIBS))
$(call test,test_xs_tx,tests/unit/test_xs_tx.c,$(XS_TEST_LIBS))
$(call test,test_xs_quota,tests/unit/test_xs_quota.c,$(XS_TEST_LIBS))
$(call test,test_xs_turn,tests/unit/test_xs_turn.c,$(XS_TEST_LIBS))
$(call test,test_xs_ring,tests/unit/test_xs_ring.c,$(XS_TEST_LIBS) \
	weir-fakeport weir-ring)
$(call test,test_xs_events,tests/unit/test_xs_events.c,weir-store \
	weir-xenbus weir-fakeport weir-ring,-Xlinker --wrap=malloc)
$(call test,test_xs_journal,tests/unit/test_xs_journal.c,weir-xsd weir-store \
	weir-xenbus weir-fakeport weir-ring,-Xlinker --wrap=malloc)
$(call test,test_xs_device,tests/unit/test_xs_device.c,weir-xshosted weir-xenbus,\
	-Xlinker --wrap=read -Xlinker --wrap=write)
$(call script,tests/e2e/xs_tools.sh)
ASAN_SCRIPTS += tests/e2e/xs_tools.sh
$(call helper,xs_guest,tests/e2e/xs_guest.c,weir-hvclient weir-xenbus \
	weir-ring,$$(HVCLIENT_LIBS))
$(call test,xs_domain,tests/e2e/xs_domain.c,weir-launch weir-back \
	weir-xshosted weir-hvclient weir-xenbus weir-ring,$$(HVCLIENT_LIBS))
$(call helper,bench_xs,tests/bench/bench_xs.c,weir-xshosted weir-xenbus)
BENCHES += $(B)/tests/bench_xs

FUZZERS += xs_wire xs_store xs_ring xs_log
FUZZ_SRC_xs_log := $(XS_STORE) xenbus/wire.c
FUZZ_SRC_xs_wire := xenbus/wire.c
FUZZ_SRC_xs_store := $(XS_STORE) xenbus/wire.c
FUZZ_SRC_xs_ring := $(XS_STORE) $(XS_WIRE) $(XS_CLIENT) xenbus/server.c \
	xenbus/server_ring.c
