# tests/isolation: the seal and what keeps a domain inside it

SEAL_SRC := hypervisor/client/window.c hypervisor/client/seal.c \
	hypervisor/client/seal_list.c hypervisor/client/seal_filter.c
PAGEWIN_SRC := hypervisor/pagewin.c hypervisor/pagewin_probe.c \
	hypervisor/verify.c hypervisor/verify_maps.c hypervisor/verify_fds.c
SEAL_LIBS := -lseccomp -lcap-ng

$(call test,test_pagewin,tests/unit/test_pagewin.c tests/unit/cell.c \
	$(SEAL_SRC) $(PAGEWIN_SRC),,$(SEAL_LIBS))
$(call test,test_verify,tests/unit/test_verify.c tests/unit/cell.c \
	$(SEAL_SRC) $(PAGEWIN_SRC),,$(SEAL_LIBS))
$(call test,test_seal,tests/unit/test_seal.c tests/unit/cell.c \
	$(SEAL_SRC) $(PAGEWIN_SRC),,$(SEAL_LIBS))

# Attacks.  The puppet's seal and weir-hv-broken's checks can be broken by
# environment variables (hypervisor/client/breakable.h): for cheating domains,
# and to see each test fail when its rule is taken out.
ISO := tests/isolation
$(call helper,isolation-puppet,$(ISO)/puppet.c $(ISO)/mistakes.c \
	$(ISO)/break_seal.c $(ISO)/break_seal_filter.c $(ISO)/break_window.c \
	$(ISO)/break_process_life.c,\
	weir-hvclient,$(SEAL_LIBS) -laio)
$(call helper,isolation-hv-broken,hypervisor/main.c $(ISO)/break_pagewin.c \
	$(ISO)/break_verify.c $(ISO)/break_verify_maps.c \
	$(ISO)/break_verify_fds.c $(ISO)/break_memory.c $(ISO)/break_frames.c \
	$(ISO)/break_vm_mem.c $(ISO)/break_vm_p2m.c $(ISO)/break_vm_access.c \
	$(ISO)/break_vm_seccomp.c $(ISO)/break_domain_end.c \
	$(ISO)/break_domain_revive.c $(ISO)/break_hyper_mem.c \
	$(ISO)/break_keep.c,weir-hvcore)
$(call helper,isolation-runner,$(ISO)/runner.c $(ISO)/lab.c $(ISO)/calls.c \
	$(ISO)/grants.c $(ISO)/seals.c $(ISO)/death.c $(ISO)/pin.c,\
	weir-hvclient,$(SEAL_LIBS))
$(call script,tests/isolation/isolation.sh)
