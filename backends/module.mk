# backends: what this folder builds; the macros are in ../Makefile
BACK_SOURCES := $(addprefix backends/common/,backend.c backend_slot.c \
	backend_dev.c backend_resource.c backend_resume.c resource.c stats.c kept.c \
	limit.c peer.c qthread.c domain_main.c)

$(call lib,weir-back,$(BACK_SOURCES))

# For end-to-end tests and benchmarks of both: a machine without weir-devd.
LAUNCH_LIBS := weir-launch weir-back weir-hvclient weir-xshosted weir-xenbus \
	weir-ring
$(call lib,weir-launch,tests/e2e/launch.c tests/e2e/launch_dev.c)

include backends/xen/module.mk
include backends/blk/module.mk
include backends/net/module.mk

$(call test,test_xenbus_dev,tests/unit/test_xenbus_dev.c,weir-front weir-back \
	$(XS_TEST_LIBS) weir-fakeport weir-ring)

$(call lib,weir-backrig,tests/unit/back_rig.c)
BACK_RIG := weir-backrig weir-back $(XS_TEST_LIBS) weir-fakeport weir-hvclient \
	weir-ring
$(call test,test_back_resume,tests/unit/test_back_resume.c,$(BACK_RIG),\
	$$(HVCLIENT_LIBS))
$(call test,test_back_kept,tests/unit/test_back_kept.c,$(BACK_RIG),\
	$$(HVCLIENT_LIBS))
