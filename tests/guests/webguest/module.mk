# webguest: the demonstration guest, and its server without Weir

WEBGUEST_DIR := tests/guests/webguest
WEBGUEST_CORE := $(addprefix $(WEBGUEST_DIR)/,http_parse.c text.c response.c \
	options.c extio.c fs.c fs_put.c body.c conn.c conn_put.c server.c net.c reass.c)
WEBGUEST_LDLIBS := -llwip -lext2fs -lcom_err

$(call helper,webguest,$(WEBGUEST_CORE) $(addprefix $(WEBGUEST_DIR)/,\
	console.c disk_front.c nic_front.c guest.c main_process.c),\
	weir-front weir-xenbus weir-ring weir-hvclient,\
	$(WEBGUEST_LDLIBS) $$(HVCLIENT_LIBS))
$(call helper,webguest-tap,$(WEBGUEST_CORE) $(addprefix $(WEBGUEST_DIR)/,\
	disk_file.c nic_tap.c main_tap.c),,$(WEBGUEST_LDLIBS))

$(filter $(B)/obj/$(WEBGUEST_DIR)/%,$(sort $(OBJS))): EXTRA := \
	-isystem /usr/include/lwip

FUZZERS += http reass
FUZZ_SRC_http := $(WEBGUEST_DIR)/http_parse.c
FUZZ_SRC_reass := $(WEBGUEST_DIR)/reass.c

$(call test,test_webguest,$(addprefix $(WEBGUEST_DIR)/,http_parse.c text.c \
	response.c options.c reass.c) tests/unit/test_webguest.c)

$(call script,tests/e2e/web_tap.sh)
ASAN_SCRIPTS += tests/e2e/web_tap.sh
$(call script,tests/e2e/web_http.sh tests/e2e/web_fsck.sh)

# The same guest as a kernel: lwIP from Debian's source, with options of its
# own, and the static C library.  Built on demand: the source is fetched.
WEB_VM_DIR := $(WEBGUEST_DIR)/vm
WEB_LWIP := $(B)/lwip/source
WEB_VM_OBJS := $(patsubst %.c,$(B)/webvm/%.o,$(WEBGUEST_CORE) \
	$(addprefix $(WEBGUEST_DIR)/,console.c disk_front.c nic_front.c guest.c) \
	$(WEB_VM_DIR)/libc.c $(WEB_VM_DIR)/main_vm.c) \
	$(B)/webvm/$(WEB_VM_DIR)/libc_entry.o
WEB_LWIP_OBJS := $(patsubst %,$(B)/webvm/lwip/%.o,def inet_chksum init ip mem \
	memp netif pbuf raw stats sys tcp tcp_in tcp_out timeouts udp ipv4/etharp \
	ipv4/icmp ipv4/ip4 ipv4/ip4_addr ipv4/ip4_frag ethernet)
WEB_VM_CRT = $(foreach o,crt1 crti crtn,$(shell $(CC) -print-file-name=$(o).o))
WEB_VM_FLAGS := -fno-pie -I$(WEB_VM_DIR) -isystem $(WEB_LWIP)/src/include

$(B)/lwip/stamp: $(WEB_VM_DIR)/lwip.sh
	$(Q)sh $< $(WEB_LWIP) && touch $@
$(B)/webvm/%.o: %.c $(B)/flags $(B)/lwip/stamp
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CFLAGS_ALL) $(WEB_VM_FLAGS) -MMD -MP -c -o $@ $<
$(B)/webvm/%.o: %.S
	@mkdir -p $(@D)
	$(call say,AS,$<)$(CC) -I. -c -o $@ $<
# They run before the library has its thread-local storage.
$(B)/webvm/$(WEB_VM_DIR)/%.o: WEB_VM_FLAGS += -fno-stack-protector
# Another house's code, with warnings of its own.
WEB_LWIP_CC = @mkdir -p $(@D); $(CC) -std=gnu11 -O2 -g -fno-pie -w \
	-fno-strict-aliasing -I$(WEB_VM_DIR) -I$(WEB_LWIP)/src/include -c -o $@
$(B)/webvm/lwip/ethernet.o: $(B)/lwip/stamp $(WEB_VM_DIR)/lwipopts.h
	$(WEB_LWIP_CC) $(WEB_LWIP)/src/netif/ethernet.c
$(B)/webvm/lwip/%.o: $(B)/lwip/stamp $(WEB_VM_DIR)/lwipopts.h
	$(WEB_LWIP_CC) $(WEB_LWIP)/src/core/$*.c

$(B)/guests/webguest.elf: $(WEB_VM_OBJS) $(WEB_LWIP_OBJS) \
		$(foreach l,$(GUEST_LIBS),$(B)/lib/libweir-$(l).a) $(GUEST_LD)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) -Wl,--defsym=weir_guest_stack_size=1M $(GUEST_LDFLAGS) \
		-o $@ $(WEB_VM_CRT) $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -lext2fs \
		-lcom_err -lc -lgcc -lgcc_eh -Wl,--end-group
-include $(WEB_VM_OBJS:.o=.d)

$(call script,tests/e2e/vm_web.sh tests/e2e/vm_web_fsck.sh)
