# frontends: what this folder builds; the macros are in ../Makefile
FRONT_SOURCES := frontends/common/xenbus_front.c frontends/common/text.c

include frontends/blk/module.mk
include frontends/net/module.mk

$(call freelib,weir-front,$(FRONT_SOURCES))
include frontends/guest/module.mk

INSTALL_HEADERS += frontends/common/xenbus_front.h
PC_FILES += frontends/weir-front.pc.in
