# Weir: split-driver I/O framework with driver domains.  `make help` lists the targets.
#
# One module.mk a folder declares what the folder builds, with the macros
# below.  B is the build directory, SAN a sanitizer list (SAN=address,undefined),
# V=1 shows the commands.

B ?= build
SAN ?=
V ?= 0
CC ?= cc
AR ?= ar
PREFIX ?= /usr/local
DESTDIR ?=
VERSION := 0.1.0

Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' '$(1)' '$(2)';)

WARN := -Wall -Wextra -Wshadow -Wpointer-arith -Wcast-qual -Wwrite-strings \
	-Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
OPT ?= -O2
# Instrumented code hides value ranges from gcc: two warnings that rest on them
# are for builds without a sanitizer.
CFLAGS_ALL := -std=c11 -D_GNU_SOURCE -I. -I$(B)/gen $(OPT) -g -fno-strict-aliasing \
	-fstack-protector-strong $(WARN) -DWEIR_VERSION='"$(VERSION)"' -pthread \
	$(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=undefined \
	-Wno-format-truncation -Wno-maybe-uninitialized) \
	$(CFLAGS)
LDFLAGS_ALL := -pthread -Wl,-z,relro,-z,now $(if $(SAN),-fsanitize=$(SAN)) $(LDFLAGS)
# What a guest kernel is compiled with; symbols beyond memcpy, memmove, memset
# and memcmp in such an archive fail the build.
FREESTANDING := -ffreestanding -fno-builtin-printf -fno-stack-protector

.DEFAULT_GOAL := all
.SECONDEXPANSION:
PROGRAMS :=
LIBRARIES :=
TESTS :=
TEST_SCRIPTS :=
INSTALL_HEADERS :=
MAN_PAGES :=
BENCHES :=
OBJS :=
CHECK_EXTRA :=

# $(call objs,SOURCES): their object files (.c, or .S with cpp)
objs = $(patsubst %.S,$(B)/obj/%.o,$(patsubst %.c,$(B)/obj/%.o,$(1)))

# $(call lib,NAME,SOURCES,CFLAGS): build/lib/libNAME.a
define lib_
LIBRARIES += $(B)/lib/lib$(1).a
OBJS += $(call objs,$(2))
$(call objs,$(2)): EXTRA := $(3)
$(B)/lib/lib$(1).a: $(call objs,$(2))
	@mkdir -p $$(@D)
	$$(call say,AR,$$@)rm -f $$@ && $(AR) rcs $$@ $$^
endef
lib = $(eval $(call lib_,$(strip $(1)),$(2),$(3)))

# $(call freelib,NAME,SOURCES): a freestanding archive, checked for symbols
define freelib_
LIBRARIES += $(B)/lib/lib$(1).a
OBJS += $(call objs,$(2))
$(call objs,$(2)): EXTRA := $(FREESTANDING)
$(B)/lib/lib$(1).a: $(call objs,$(2))
	@mkdir -p $$(@D)
	$$(call say,AR,$$@)rm -f $$@ && $(AR) rcs $$@ $$^
	$(if $(SAN),,$(Q)sh tests/check-freestanding.sh $$@)
endef
freelib = $(eval $(call freelib_,$(strip $(1)),$(2)))

# $(call prog,NAME,SOURCES,LIBS,LDLIBS): build/bin/NAME; LIBS are names of ours,
# in link order (a user before what it uses)
define prog_
PROGRAMS += $(B)/bin/$(1)
OBJS += $(call objs,$(2))
$(B)/bin/$(1): $(call objs,$(2)) $(foreach l,$(3),$(B)/lib/lib$(l).a)
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)$(CC) $(LDFLAGS_ALL) -o $$@ $$^ $(4)
endef
prog = $(eval $(call prog_,$(strip $(1)),$(2),$(3),$(4)))

# $(call test,NAME,SOURCES,LIBS,LDLIBS): build/tests/NAME, a cmocka program that
# `make check` runs
define test_
TESTS += $(B)/tests/$(1)
$(call helper_,$(1),$(2),$(3),$(4))
endef
test = $(eval $(call test_,$(strip $(1)),$(2),$(3),$(4) -lcmocka))

# $(call helper,NAME,SOURCES,LIBS,LDLIBS): build/tests/NAME, run by test scripts
define helper_
TEST_PROGRAMS += $(B)/tests/$(1)
OBJS += $(call objs,$(2))
$(B)/tests/$(1): $(call objs,$(2)) $(foreach l,$(3),$(B)/lib/lib$(l).a)
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)$(CC) $(LDFLAGS_ALL) -o $$@ $$^ $(4)
endef
helper = $(eval $(call helper_,$(strip $(1)),$(2),$(3),$(4)))

# $(call script,FILES): test scripts that `make check` runs: exit 0 passed,
# 77 skipped with the reason as last line, anything else failed
script = $(eval TEST_SCRIPTS += $(1))

include backends/common/crash.mk
include ring/module.mk
include xenbus/module.mk
include hypervisor/module.mk
include hypervisor/loader/module.mk
include frontends/module.mk
include backends/module.mk
include driverdomains/module.mk
include tests/module.mk

# Flags stamp: a change of flags rebuilds everything.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(CFLAGS_ALL)' | cmp -s - $@ || echo '$(CC) $(CFLAGS_ALL)' > $@

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CFLAGS_ALL) $(EXTRA) -MMD -MP -c -o $@ $<

$(B)/obj/%.o: %.S $(B)/flags
	@mkdir -p $(@D)
	$(call say,AS,$<)$(CC) -I. -g -MMD -MP -c -o $@ $<

-include $(patsubst %.o,%.d,$(sort $(OBJS)))

.PHONY: all tests help clean FORCE
FORCE:

all: $$(LIBRARIES) $$(PROGRAMS)

tests: all $$(TESTS) $$(TEST_PROGRAMS)

help:
	@sed -n 's/^## *//p' Makefile tests/module.mk tests/crash/module.mk \
		tests/lab/module.mk | sort

clean:
	rm -rf $(B)

## all             build programs and libraries into build/
## clean           remove build/
## help            this list
