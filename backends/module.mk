# backends: what this folder builds; the macros are in ../Makefile
BACK_SOURCES := $(addprefix backends/common/,backend.c backend_dev.c resource.c \
	stats.c limit.c)

$(call lib,weir-back,$(BACK_SOURCES))

include backends/blk/module.mk
include backends/net/module.mk
