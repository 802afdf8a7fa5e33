# Labs: whole machines under emulation.  README.md; each lab is one script that
# ends with "N passed, N failed, N skipped".

$(call helper,kvm_caps,tests/lab/kvm_caps.c,)

LABS := host linux drivervm
LAB_PROGRAMS := $(patsubst %,$(B)/tests/%,webguest kvm_caps hv_puppet \
	hv_domains hv_events hv_grant_ends hv_grants test_dd_host \
	test_dd_sandbox test_hv_held test_pagewin test_verify)
LABS += xen
LAB_PROGRAMS += $(patsubst %,$(B)/guests/%.elf,example webguest runtime_test)

# Run one after the other, as the script's first argument.
LAB_PARTS_linux := s k
LAB_PARTS_drivervm := stock weir

.PHONY: labs $(LABS:%=lab-%) $(LABS:%=lab-%-run)
labs: $(LABS:%=lab-%)
$(LABS:%=lab-%): packages-build+demo+lab
	@$(MAKE) --no-print-directory $@-run
$(LABS:%=lab-%-run): all $(LAB_PROGRAMS)
	@for part in $(or $(LAB_PARTS_$(patsubst lab-%-run,%,$@)),all); do \
		B=$(B) bash tests/lab/$(patsubst lab-%-run,%,$@).sh $$part || \
		exit 1; done

## labs            all labs, one after the other
## lab-host        process domains and /dev/kvm on a stock Debian kernel
## lab-linux       a stock Debian guest, without and with KVM's Xen support
## lab-drivervm    a stock driver VM serves a stock guest; then Weir's backends
## lab-xen         real Xen: both backends for a stock PV guest; an own PVH guest
