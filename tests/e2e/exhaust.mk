# tests/e2e/exhaust_*: one resource after the other runs out under load.
$(call helper,exhaust_guest,tests/e2e/exhaust_guest.c \
	$(HOSTILE_WORK),$(HOSTILE_LIBS),$(HVCLIENT_LIBS))
$(call helper,exhaust_netguest,tests/e2e/exhaust_netguest.c \
	tests/e2e/hostile_dom.c tests/crash/stream.c,$(HOSTILE_LIBS),$(HVCLIENT_LIBS))
$(call helper,exhaust_tool,tests/e2e/exhaust_tool.c,weir-xshosted weir-xenbus \
	weir-ring)
$(call script,$(addprefix tests/e2e/exhaust_,grants.sh store.sh files.sh \
	memory.sh space.sh net.sh net_guest.sh \
	net_files.sh net_memory.sh))
