# Labs: whole machines under emulation.  README.md; each lab is one script that
# ends with "N passed, N failed, N skipped".

$(call helper,kvm_caps,tests/lab/kvm_caps.c,)
$(call helper,steady,tests/lab/steady.c,)
$(call script,tests/lab/run_test.sh)

LABS := host linux drivervm restart
LAB_PROGRAMS := $(patsubst %,$(B)/tests/%,webguest kvm_caps steady hv_puppet \
	hv_domains hv_events hv_grant_ends hv_grants test_dd_host \
	test_dd_sandbox test_hv_held test_pagewin test_verify)
LABS += xen
LAB_PROGRAMS += $(patsubst %,$(B)/guests/%.elf,example webguest runtime_test)

# A lab's parts: its script's first argument.
LAB_PARTS_linux := s k
LAB_PARTS_drivervm := stock weir
# How often each driver domain is killed.
LAB_PARTS_restart = $(if $(filter file undefined,$(origin N)),100,$(N))

# The order in which `make labs` begins them: long ones first, and those that
# build KVM when the machine is a new one not both at the same time.
# Of lab-restart a short one: what its kills may show, others have shown.
LAB_ORDER := xen linux:s drivervm:weir host drivervm:stock linux:k restart:5

.PHONY: labs labs-run $(LABS:%=lab-%) $(LABS:%=lab-%-run)
labs: packages-build+demo
	@$(MAKE) --no-print-directory labs-run
labs-run: all $(LAB_PROGRAMS)
	@B=$(B) bash tests/lab/run.sh $(LAB_ORDER)
$(LABS:%=lab-%): packages-build+demo+lab
	@$(MAKE) --no-print-directory $@-run
$(LABS:%=lab-%-run): all $(LAB_PROGRAMS)
	@for part in $(or $(LAB_PARTS_$(patsubst lab-%-run,%,$@)),all); do \
		B=$(B) bash tests/lab/$(patsubst lab-%-run,%,$@).sh $$part || \
		[ $$? = 77 ] || exit 1; done

## labs            all labs, two at a time
## lab-host        process domains and /dev/kvm on a stock Debian kernel
## lab-bench       bench_vm on a stock Debian kernel; good for ratios only
## lab-linux       a stock Debian guest, without and with KVM's Xen support
## lab-drivervm    a stock driver VM serves a stock guest; then Weir's backends
## lab-restart     a stock Debian guest, its driver domains killed N (100) times
## lab-xen         real Xen: both backends for a stock PV guest; an own PVH guest
