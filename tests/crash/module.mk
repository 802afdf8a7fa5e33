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
$(call script,tests/crash/crash_short.sh tests/crash/crash_short_net.sh \
	tests/e2e/manager_up.sh tests/e2e/manager_steps.sh tests/crash/soak_short.sh)

## crashtest       N (10000) kills of the disk driver domain under load; SEED
## crashtest-net   N (10000) kills of the network driver domain; SEED
## crashtest-manager  weir-devd killed at each step of what it does; SEED, POINTS
## crashtest-store  weir-xenstored dies at each step, some hours; POINTS=N: each Nth
## soak            everything at once for SECONDS (1800); SEED
.PHONY: crashtest crashtest-net crashtest-manager crashtest-store soak
.PHONY: crashtest-run-blk crashtest-run-net crashtest-run-manager soak-run
.PHONY: crashtest-run-store
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

SOAK_PROGRAMS := $(addprefix $(B)/tests/,crash_load crash_net crash_left \
	crash_kill webguest)
soak: packages-build+demo
	@$(MAKE) --no-print-directory soak-run
# Of the command line alone: shells have a variable of that name.
SOAK_SECONDS := $(if $(filter command line,$(origin SECONDS)),$(SECONDS),1800)
soak-run: all $(SOAK_PROGRAMS)
	@env -u SECONDS B=$(B) bash tests/crash/soak.sh $(SOAK_SECONDS) $(SEED)
POINTS_EACH = $(if $(filter command line,$(origin POINTS)),$(POINTS),all)
crashtest-manager: packages-build+demo
	@$(MAKE) --no-print-directory crashtest-run-manager
crashtest-run-manager: all $(SOAK_PROGRAMS) $(B)/tests/weir-devd-steps
	@B=$(B) SEED=$(SEED) POINTS=$(POINTS_EACH) bash tests/e2e/manager_steps.sh
crashtest-store: packages-build+demo
	@$(MAKE) --no-print-directory crashtest-run-store
crashtest-run-store: all $(addprefix $(B)/tests/,webguest crash_left \
		weir-devd-steps weir-xenstored-steps)
	@B=$(B) SEED=$(SEED) POINTS=$(POINTS_EACH) bash tests/e2e/store_steps.sh
