# backends: what this folder builds; the macros are in ../Makefile
BACK_SOURCES := $(addprefix backends/common/,backend.c backend_dev.c \
	backend_resource.c resource.c stats.c limit.c peer.c qthread.c domain_main.c)

$(call lib,weir-back,$(BACK_SOURCES))

include backends/blk/module.mk
include backends/net/module.mk
