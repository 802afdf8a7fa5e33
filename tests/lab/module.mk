# Labs: whole machines under emulation.  README.md; each lab is one script that
# ends with "N passed, N failed, N skipped".

$(call helper,kvm_caps,tests/lab/kvm_caps.c,)

LABS := host
LAB_PROGRAMS := $(patsubst %,$(B)/tests/%,webguest kvm_caps hv_puppet \
	hv_domains hv_events hv_grant_ends hv_grants test_dd_host \
	test_dd_sandbox test_hv_held test_pagewin test_verify)
LABS += xen
LAB_PROGRAMS += $(patsubst %,$(B)/guests/%.elf,example webguest runtime_test)

.PHONY: labs $(LABS:%=lab-%) $(LABS:%=lab-%-run)
labs: $(LABS:%=lab-%)
$(LABS:%=lab-%): packages-build+demo+lab
	@$(MAKE) --no-print-directory $@-run
$(LABS:%=lab-%-run): all $(LAB_PROGRAMS)
	@B=$(B) bash tests/lab/$(patsubst lab-%-run,%,$@).sh

## labs            all labs, one after the other
## lab-host        process domains and /dev/kvm on a stock Debian kernel
## lab-xen         real Xen: both backends for a stock PV guest; an own PVH guest
