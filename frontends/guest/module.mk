# frontends/guest: the port of guest kernels, the runtime, the example kernel
GUEST_DIR := frontends/guest
$(call freelib,weir-guest,$(addprefix $(GUEST_DIR)/,start.S runtime.c guest.c \
	console.c pages.c ram.c port_guest.c port_guest_grant.c mem.c))
# Without this gcc makes memset call memset.
$(B)/obj/$(GUEST_DIR)/mem.o: EXTRA := $(FREESTANDING) \
	-fno-tree-loop-distribute-patterns

GUEST_LD := $(GUEST_DIR)/weir-guest.ld
GUEST_LDFLAGS := -nostdlib -static -no-pie -Wl,-T,$(GUEST_LD) \
	-Wl,--build-id=none -Wl,-z,max-page-size=4096
GUEST_LIBS := front guest xenbus ring

# $(call guest,NAME,SOURCES): build/guests/NAME.elf, a kernel.  There is none in
# a sanitizer's build: nothing would print for it.
define guest_
OBJS += $(call objs,$(2))
$(call objs,$(2)): EXTRA := $(FREESTANDING)
GUESTS += $(B)/guests/$(1).elf
TEST_PROGRAMS += $(B)/guests/$(1).elf
$(B)/guests/$(1).elf: $(call objs,$(2)) \
		$(foreach l,$(GUEST_LIBS),$(B)/lib/libweir-$(l).a) $(GUEST_LD)
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)$(CC) $(GUEST_LDFLAGS) -o $$@ \
		$$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group
endef
GUESTS :=
guest = $(if $(SAN),,$(eval $(call guest_,$(strip $(1)),$(2))))

GUEST_EXAMPLE := driverdomains/examples/kernel
$(call guest,example,$(GUEST_EXAMPLE)/example.c $(GUEST_EXAMPLE)/echo.c)

INSTALL_HEADERS += $(addprefix $(GUEST_DIR)/,guest.h port_guest.h console.h \
	pages.h level0.h)
MAN_PAGES += $(addprefix $(GUEST_DIR)/,weir_guest.3 weir_port_guest.3)
PC_FILES += $(GUEST_DIR)/weir-guest.pc.in
LD_SCRIPTS += $(GUEST_LD)
EXAMPLE_KERNEL := $(wildcard $(GUEST_EXAMPLE)/*)

GUEST_PORT := $(addprefix $(GUEST_DIR)/,port_guest.c port_guest_grant.c)
$(call test,test_port_guest,tests/unit/test_port_guest.c tests/unit/fake_guest.c $(GUEST_PORT))
$(call test,test_port_guest_grant,tests/unit/test_port_guest_grant.c \
	tests/unit/fake_guest.c $(GUEST_PORT))
$(call test,test_guest_parts,tests/unit/test_guest_parts.c $(addprefix $(GUEST_DIR)/,\
	pages.c console.c) $(GUEST_EXAMPLE)/echo.c)
$(call test,test_guest_ram,tests/unit/test_guest_ram.c $(addprefix $(GUEST_DIR)/,\
	ram.c pages.c))
$(call test,test_guest_mem,tests/unit/test_guest_mem.c tests/unit/guest_memcpy.c)
$(call script,tests/e2e/vm_example.sh)
