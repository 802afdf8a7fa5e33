# tests/guests/tiny: flat guest kernels, B/guests/NAME.bin, for tests of VM
# domains.  They are their own kernels: none of the build's flags apply.

TINY := tests/guests/tiny
TINY_CFLAGS := -std=c11 -m64 -O2 -g -I. -ffreestanding -fno-stack-protector \
	-fno-pic -fno-pie -mno-red-zone -mgeneral-regs-only -mcmodel=small \
	-fno-asynchronous-unwind-tables -fno-strict-aliasing $(WARN)

# $(call tiny,NAME,SOURCES)
define tiny_
TINY_GUESTS += $(B)/guests/$(1).bin
$(B)/guests/$(1).elf: $(patsubst %,$(B)/guests/obj/%.o,$(TINY)/start.S \
	$(TINY)/tiny.c $(2)) $(TINY)/tiny.ld
	$$(call say,LD,$$@)$(LD) -nostdlib -static -T $(TINY)/tiny.ld \
		-o $$@ $$(filter %.o,$$^)
$(B)/guests/$(1).bin: $(B)/guests/$(1).elf
	$(Q)objcopy -O binary $$< $$@
-include $(patsubst %,$(B)/guests/obj/%.d,$(TINY)/tiny.c $(TINY)/start.S $(2))
endef
tiny = $(eval $(call tiny_,$(strip $(1)),$(2)))

$(B)/guests/obj/%.o: %
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(TINY_CFLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(call tiny,puppet,$(TINY)/puppet.c $(TINY)/obey.c)

# $(call vmtest,NAME,SOURCES): a test with VMs of these guests and puppets
VM_RIG := tests/e2e/hv_driver.c tests/e2e/vm_rig.c tests/e2e/vm_calls.c
vmtest = $(call test,$(1),$(2) $(VM_RIG),weir-hvclient,$(HVCLIENT_LIBS)) \
	$(eval $(B)/tests/$(1): | $(B)/bin/weir-hv $(B)/tests/hv_puppet $(TINY_GUESTS))
