# tests/e2e/hostile: domains that break the rules of design section 8, and the
# tests that run them beside innocent ones.  Run in the release build and with
# the sanitizers.
HOSTILE_LIBS := weir-front weir-hvclient weir-xenbus weir-ring
HOSTILE_LAB := tests/e2e/hostile_lab.c
# Real frontends.
HOSTILE_WORK := tests/e2e/hostile_work.c tests/e2e/hostile_dom.c

$(call helper,hostile_blkfront,$(addprefix tests/e2e/,hostile_blkfront.c \
	hostile_blk_req.c hostile_blk_ring.c hostile_blk_end.c hostile_disk.c \
	hostile_dom.c),$(HOSTILE_LIBS),$(HVCLIENT_LIBS))
$(call helper,hostile_innocent,tests/e2e/hostile_innocent.c \
	$(HOSTILE_WORK),$(HOSTILE_LIBS),$(HVCLIENT_LIBS))
$(call test,hostile_blk,tests/e2e/hostile_blk_test.c $(HOSTILE_LAB),\
	$(LAUNCH_LIBS),$(HVCLIENT_LIBS))

$(call helper,hostile_netfront,$(addprefix tests/e2e/,hostile_netfront.c \
	hostile_net_tx.c hostile_net_ring.c hostile_vif.c hostile_dom.c),\
	$(HOSTILE_LIBS),$(HVCLIENT_LIBS))
$(call test,hostile_net,tests/e2e/hostile_net_test.c $(HOSTILE_LAB),\
	$(LAUNCH_LIBS),$(HVCLIENT_LIBS))

$(call helper,hostile_backend,$(addprefix tests/e2e/,hostile_backend.c \
	hostile_back_disk.c hostile_back_net.c hostile_dom.c),\
	$(HOSTILE_LIBS),$(HVCLIENT_LIBS))
$(call helper,hostile_victim,tests/e2e/hostile_victim.c \
	$(HOSTILE_WORK),$(HOSTILE_LIBS),$(HVCLIENT_LIBS))
$(call test,hostile_back,tests/e2e/hostile_back_test.c $(HOSTILE_LAB),\
	$(LAUNCH_LIBS),$(HVCLIENT_LIBS))

$(call helper,hostile_store,tests/e2e/hostile_store.c \
	tests/e2e/hostile_dom.c,$(HOSTILE_LIBS),$(HVCLIENT_LIBS))
$(call test,hostile_registry,tests/e2e/hostile_store_test.c $(HOSTILE_LAB),\
	$(LAUNCH_LIBS),$(HVCLIENT_LIBS))
