# tests/bench: VM domains
$(call lib,weir-launchvm,tests/e2e/launch_vm.c)
$(call guest,vm_guest,$(addprefix tests/bench/,vm_guest.c vm_guest_event.c vm_loop.S load_blk.c load_net.c))
$(B)/guests/vm_first.elf: $(B)/obj/tests/bench/vm_first.o
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) -nostdlib -static -no-pie -Wl,--build-id=none \
		-Wl,-Ttext=0x200000 -Wl,-e,first -o $@ $<
$(call helper,vm_echo,tests/bench/vm_echo.c,weir-hvclient weir-ring,$(HVCLIENT_LIBS))
ifeq ($(SAN),)
$(call helper,bench_vm,$(addprefix tests/bench/,bench_vm.c bench_vm_cpu.c bench_vm_dev.c \
	vm_peer.c vm_peer_vm.c vm_peer_oneway.c net_veth.c zram.c),\
	weir-launchvm weir-vmload $(LAUNCH_LIBS),$(HVCLIENT_LIBS))
$(B)/tests/bench_vm: | $(B)/guests/vm_guest.elf $(B)/guests/vm_first.elf \
	$(B)/tests/vm_echo $(B)/bin/weir-load
BENCHES += $(B)/tests/bench_vm
endif
# weir-hv's size, from the sources.
BENCHES += $(B)/tests/bench_hv_lines
$(B)/tests/bench_hv_lines: tests/bench/hv_lines.sh
	@mkdir -p $(@D)
	$(Q)install -m 755 $< $@

# The VM part in a lab, without and with KVM's Xen support.
.PHONY: lab-bench lab-bench-run
lab-bench: packages-build+demo+bench+check+lab
	@$(MAKE) --no-print-directory $@-run
lab-bench-run: all $(B)/tests/bench_vm $(B)/tests/kvm_caps
	@for mode in s k; do B=$(B) bash tests/lab/bench.sh $$mode || \
		[ $$? = 77 ] || exit 1; done
