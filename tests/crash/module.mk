# tests/crash: what guests must not notice when a driver domain is killed
CRASH_SECTORS := tests/crash/sector.c
$(call helper,crash_load,$(addprefix tests/crash/,load_main.c load_io.c \
	load_check.c) $(CRASH_SECTORS),weir-front weir-hvclient weir-xenbus \
	weir-ring,$$(HVCLIENT_LIBS))
$(call helper,crash_kill,$(addprefix tests/crash/,kill_main.c devd_client.c \
	image_check.c gaps.c) $(CRASH_SECTORS),weir-dd)
$(call script,tests/crash/crash_short.sh)

## crashtest       N (10000) kills of the disk driver domain under load; SEED
.PHONY: crashtest
N ?= 10000
CRASH_PROGS := crash_load crash_kill weir-blkback-steps weir-blkback-nolog
crashtest: packages-build+demo
	@$(MAKE) --no-print-directory crashtest-run
.PHONY: crashtest-run
crashtest-run: all $(addprefix $(B)/tests/,$(CRASH_PROGS))
	@B=$(B) bash tests/crash/crash.sh $(N) $(SEED)

$(call helper,crash_net,tests/crash/net_main.c tests/crash/stream.c,weir-front weir-hvclient \
	weir-xenbus weir-ring,$$(HVCLIENT_LIBS))
