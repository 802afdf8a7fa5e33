# tests/crash: what guests must not notice when a driver domain is killed
CRASH_SECTORS := tests/crash/sector.c
CRASH_LEAKS := tests/crash/leaks.c tests/crash/leaks_count.c
$(call helper,crash_load,$(addprefix tests/crash/,load_main.c load_io.c \
	load_check.c guest.c) $(CRASH_SECTORS),weir-front weir-hvclient weir-xenbus \
	weir-ring,$$(HVCLIENT_LIBS))
$(call helper,crash_kill,$(addprefix tests/crash/,kill_main.c devd_client.c \
	image_check.c gaps.c) $(CRASH_LEAKS) $(CRASH_SECTORS),weir-dd \
	weir-hvclient weir-xshosted weir-xenbus weir-ring,$$(HVCLIENT_LIBS))
$(call helper,crash_left,tests/crash/left_main.c $(CRASH_LEAKS),weir-dd \
	weir-hvclient weir-xshosted weir-xenbus weir-ring,$$(HVCLIENT_LIBS))
$(call helper,crash_net,$(addprefix tests/crash/,net_main.c stream.c guest.c),weir-front weir-hvclient \
	weir-xenbus weir-ring,$$(HVCLIENT_LIBS))
$(call script,tests/crash/crash_short.sh tests/crash/crash_short_net.sh)

## crashtest       N (10000) kills of the disk driver domain under load; SEED
## crashtest-net   N (10000) kills of the network driver domain; SEED
.PHONY: crashtest crashtest-net crashtest-run-blk crashtest-run-net
N ?= 10000
crashtest: packages-build+demo
	@$(MAKE) --no-print-directory crashtest-run-blk
crashtest-net: packages-build+demo
	@$(MAKE) --no-print-directory crashtest-run-net
crashtest-run-blk: all $(addprefix $(B)/tests/,crash_load crash_kill \
		weir-blkback-steps weir-blkback-nolog)
	@B=$(B) bash tests/crash/crash.sh blk $(N) $(SEED)
crashtest-run-net: all $(addprefix $(B)/tests/,crash_net crash_kill \
		weir-netback-steps weir-netback-nolog)
	@B=$(B) bash tests/crash/crash.sh net $(N) $(SEED)
