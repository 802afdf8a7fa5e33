# backends: what this folder builds; the macros are in ../Makefile
$(call lib,weir-back,backends/common/backend.c)

include backends/blk/module.mk
include backends/net/module.mk
