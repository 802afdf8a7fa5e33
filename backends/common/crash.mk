# Test programs that die where a test wants them to, and programs without their
# logs: the same sources with another flag, in folders of their own.
# $(call variant,FOLDER,FLAG)
define variant_
$(B)/$(1)/%.o: %.c $(B)/flags
	@mkdir -p $$(@D)
	$$(call say,CC,$$< $(1))$(CC) $(CFLAGS_ALL) $(2) -MMD -MP -c -o $$@ $$<
endef
variant = $(eval $(call variant_,$(strip $(1)),$(strip $(2))))
# $(call variant_prog,FOLDER,NAME,SOURCES,LIBS,LDLIBS): build/tests/NAME
define variant_prog_
TEST_PROGRAMS += $(B)/tests/$(2)
OBJS += $(patsubst %.c,$(B)/$(1)/%.o,$(3))
$(B)/tests/$(2): $(patsubst %.c,$(B)/$(1)/%.o,$(3)) $(foreach l,$(4),$(B)/lib/lib$(l).a)
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)$(CC) $(LDFLAGS_ALL) -o $$@ $$^ $(5)
endef
variant_prog = $(eval $(call variant_prog_,$(strip $(1)),$(strip $(2)),$(3),$(4),$(5)))

$(call variant,steps,-DWEIR_CRASH_STEPS)
$(call variant,nolog,-DWEIR_NO_LOG)
$(call variant,nologsteps,-DWEIR_NO_LOG -DWEIR_CRASH_STEPS)
