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
