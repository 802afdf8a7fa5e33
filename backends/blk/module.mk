# backends/blk: weir-blkback
BLKBACK_SOURCES := $(addprefix backends/blk/,request.c engine_aio.c engine_sync.c \
	engine_fault.c grants.c inflight.c queue.c queue_take.c queue_io.c queue_setup.c \
	vbd.c vbd_connect.c vbd_io.c)

$(call lib,weir-blkback,$(BLKBACK_SOURCES))
$(call prog,weir-blkback,backends/blk/main.c,$(BLK_XEN) weir-blkback weir-back \
	$(XENPORT) weir-hvclient weir-xenbus weir-ring,-laio $$(HVCLIENT_LIBS) \
	$(XENPORT_LIBS))

BLK_TEST_LIBS := weir-front weir-blkback weir-back weir-fakestore weir-xsd \
	weir-store weir-xshosted weir-xenbus weir-fakeport weir-ring
$(call test,test_blk_hostile_front,tests/unit/test_blk_hostile_front.c \
	tests/unit/blk_world.c,$(BLK_TEST_LIBS) weir-hvclient,-laio $$(HVCLIENT_LIBS))
$(call test,test_blkfront,tests/unit/test_blkfront.c \
	tests/unit/blk_world.c,$(BLK_TEST_LIBS) weir-hvclient,-laio $$(HVCLIENT_LIBS))

# Real domains: a guest that checks its disk.
$(call helper,blk_check,tests/e2e/blk_check.c,weir-front weir-hvclient \
	weir-xenbus weir-ring,$$(HVCLIENT_LIBS))
$(call test,blk_data,tests/e2e/blk_data.c,$(LAUNCH_LIBS),$$(HVCLIENT_LIBS))

$(call helper,blk_load,tests/bench/blk_load.c tests/bench/load_blk.c,weir-front weir-hvclient \
	weir-xenbus weir-ring,$$(HVCLIENT_LIBS))
$(call helper,bench_blk,tests/bench/bench_blk.c tests/bench/zram.c,$(LAUNCH_LIBS),$$(HVCLIENT_LIBS))
BENCHES += $(B)/tests/bench_blk $(B)/tests/blk_load

$(call test,test_blk_hostile_back,tests/unit/test_blk_hostile_back.c tests/unit/lone_front.c,\
	$(BLK_TEST_LIBS) weir-hvclient,-laio $$(HVCLIENT_LIBS))

$(call test,test_blk_hostile_table,tests/unit/test_blk_hostile_table.c tests/unit/lone_front.c,\
	$(BLK_TEST_LIBS) weir-hvclient,-laio $$(HVCLIENT_LIBS))

$(call test,test_blk_shortage,tests/unit/test_blk_shortage.c \
	tests/unit/blk_world.c,$(BLK_TEST_LIBS) weir-hvclient,-laio $$(HVCLIENT_LIBS))
THREAD_TESTS += test_blk_shortage

$(call test,test_blkfront_again,tests/unit/test_blkfront_again.c \
	tests/unit/blk_world.c,$(BLK_TEST_LIBS) weir-hvclient,-laio $$(HVCLIENT_LIBS))
THREAD_TESTS += test_blkfront_again

FUZZERS += blk_request
FUZZ_SRC_blk_request := backends/blk/request.c

THREAD_TESTS += test_blkfront test_blk_hostile_front
MAN_PAGES += backends/blk/weir-blkback.8

# Real domains: a guest without manners beside a good one.
$(call helper,blk_hostile,tests/e2e/blk_hostile.c,weir-front weir-hvclient \
	weir-xenbus weir-ring,$$(HVCLIENT_LIBS))
$(call test,blk_rules,tests/e2e/blk_rules.c,$(LAUNCH_LIBS),$$(HVCLIENT_LIBS))

$(call test,test_backend_common,tests/unit/test_backend_common.c,weir-back,)
THREAD_TESTS += test_backend_common

# With points to die at (--crash-after K), and without the log.
STEPS_COMMON := backends/common/crash_point.c backends/common/domain_main.c
BLK_STEPS := $(addprefix backends/blk/,inflight.c queue.c queue_take.c queue_io.c \
	queue_setup.c vbd_connect.c)
BLK_PROG_LIBS := weir-blkback weir-back weir-hvclient weir-xenbus weir-ring
$(call variant_prog,steps,weir-blkback-steps,backends/blk/main.c $(BLK_STEPS) \
	$(STEPS_COMMON),$(BLK_PROG_LIBS),-laio $$(HVCLIENT_LIBS))
$(call variant_prog,nolog,weir-blkback-nolog,backends/blk/main.c \
	backends/blk/inflight.c,$(BLK_PROG_LIBS),-laio $$(HVCLIENT_LIBS))

# The backend dies between any two steps; and a successor that has no log.
CRASH_RIG := $(addprefix tests/unit/,crash_case.c crash_rig.c crash_front.c \
	fake_qthread.c)
CRASH_LIBS := weir-blkback weir-back weir-fakestore weir-xsd weir-store \
	weir-xshosted weir-xenbus weir-fakeport weir-hvclient weir-ring
CRASH_LDLIBS := -laio $$(HVCLIENT_LIBS) -lcmocka
$(call variant_prog,steps,test_blk_crash,tests/unit/test_blk_crash.c $(CRASH_RIG) \
	$(BLK_STEPS),$(CRASH_LIBS),$(CRASH_LDLIBS))
$(call variant_prog,nologsteps,test_blk_crash_nolog,tests/unit/test_blk_crash_nolog.c \
	$(CRASH_RIG) $(BLK_STEPS),$(CRASH_LIBS),$(CRASH_LDLIBS))
TESTS += $(B)/tests/test_blk_crash $(B)/tests/test_blk_crash_nolog

$(call test,test_blk_log,tests/unit/test_blk_log.c,weir-blkback weir-back)
FUZZERS += blk_log
FUZZ_SRC_blk_log := backends/blk/inflight.c backends/blk/request.c \
	backends/common/kept.c

$(call test,test_blk_resume,tests/unit/test_blk_resume.c tests/unit/blk_world.c,\
	$(BLK_TEST_LIBS) weir-hvclient,-laio $$(HVCLIENT_LIBS))
$(call test,test_blk_full,tests/unit/test_blk_full.c,\
	$(BLK_TEST_LIBS) weir-hvclient,-laio $$(HVCLIENT_LIBS))
THREAD_TESTS += test_blk_resume
