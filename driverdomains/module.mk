# driverdomains: what this folder builds; the macros are in ../Makefile
DD_SOURCES := $(addprefix driverdomains/,config_value.c config_rate.c \
	config_device.c config_scan.c devctl.c devctl_fields.c instance.c \
	restart_policy.c \
	cgroup.c cgroup_find.c cgroup_place.c cgroup_kill.c sandbox.c sandbox_child.c logsink.c image.c)
$(call lib,weir-dd,$(DD_SOURCES))

DEVD_SOURCES := $(addprefix driverdomains/devd_,main.c groups.c loop.c client.c \
	request.c refuse.c list.c dom.c start.c vm.c end.c restart.c revive.c \
	resume.c outage.c heart.c backend.c vmback.c \
	prepare.c dev.c filter.c regcall.c regdom.c registry.c store.c \
	storeback.c record.c stash.c recover.c restore.c takeover.c \
	sweep.c)
$(call prog,weir-devd,$(DEVD_SOURCES),weir-dd weir-vmload weir-back weir-nethost \
	weir-hvclient weir-xshosted weir-xenbus weir-ring,-lnftnl -lmnl -lseccomp -lcap-ng)

# With points to die at: WEIR_CRASH_AT=n is the last one.
$(call variant_prog,steps,weir-devd-steps,$(DEVD_SOURCES) \
	backends/common/crash_point.c,weir-dd weir-vmload weir-back weir-nethost \
	weir-hvclient weir-xshosted weir-xenbus weir-ring,-lnftnl -lmnl -lseccomp -lcap-ng)

CLI_SOURCES := $(addprefix driverdomains/,cli_main.c cli_call.c cli_json.c \
	cli_create.c cli_list.c cli_stats.c cli_device.c cli_up.c \
	cli_console.c cli_top.c cli_store.c config_load.c config_keys.c \
	config_vm.c config_restart.c config_disk.c)
$(call prog,weir,$(CLI_SOURCES),weir-dd weir-hvclient weir-xshosted \
	weir-xenbus weir-ring,-lxlutil -lxenlight)

MAN_PAGES += driverdomains/weir.8 driverdomains/weir-devd.8 \
	driverdomains/weir.cfg.5
UNIT_FILES += driverdomains/weir-hv.service.in driverdomains/weir-devd.service.in

DD_CONFIG := $(addprefix driverdomains/,config_value.c config_rate.c \
	config_device.c config_scan.c)
DD_CODEC := driverdomains/devctl.c driverdomains/devctl_fields.c
FUZZERS += devctl config devd_record
FUZZ_SRC_devctl := $(DD_CODEC) driverdomains/config_value.c
FUZZ_SRC_devd_record := $(DD_CODEC) driverdomains/config_value.c \
	driverdomains/devd_record.c
FUZZ_SRC_config := $(DD_CONFIG)

$(call test,test_dd_config,tests/unit/test_dd_config.c \
	driverdomains/config_load.c driverdomains/config_keys.c \
	driverdomains/config_vm.c driverdomains/config_restart.c \
	driverdomains/config_disk.c,weir-dd,\
	-lxlutil -lxenlight)
$(call test,test_dd_devctl,tests/unit/test_dd_devctl.c,weir-dd)
$(call test,test_dd_record,tests/unit/test_dd_record.c \
	driverdomains/devd_record.c,weir-dd)
$(call test,test_dd_takeover,tests/unit/test_dd_takeover.c \
	tests/unit/dd_takeover_rig.c tests/unit/told.c \
	$(addprefix driverdomains/devd_,record.c stash.c recover.c restore.c \
	takeover.c),\
	weir-dd)
$(call test,test_dd_host,tests/unit/test_dd_host.c,weir-dd)
$(call test,test_dd_sandbox,tests/unit/test_dd_sandbox.c,weir-dd)
$(call test,test_dd_revive,tests/unit/test_dd_revive.c,weir-dd)
DD_REVIVAL := tests/unit/dd_revival_rig.c tests/unit/told.c \
	$(addprefix driverdomains/devd_,revive.c resume.c outage.c heart.c)
$(call test,test_dd_revival,tests/unit/test_dd_revival.c $(DD_REVIVAL),weir-dd)
$(call test,test_dd_heart,tests/unit/test_dd_heart.c $(DD_REVIVAL),weir-dd)
$(call test,test_dd_backend,tests/unit/test_dd_backend.c tests/unit/told.c \
	$(addprefix driverdomains/devd_,backend.c refuse.c),weir-back)
$(call test,test_dd_restart,tests/unit/test_dd_restart.c \
	driverdomains/devd_restart.c,)
$(call test,test_dd_registry,tests/unit/test_dd_registry.c \
	driverdomains/devd_registry.c driverdomains/devd_regdom.c \
	driverdomains/devd_regcall.c,\
	weir-xenbus weir-ring)
$(call test,test_dd_outage,tests/unit/test_dd_outage.c \
	$(addprefix driverdomains/devd_,registry.c regdom.c regcall.c),\
	weir-fakestore weir-xsd weir-store weir-xshosted weir-xenbus weir-ring)
$(call test,test_dd_store,tests/unit/test_dd_store.c \
	$(addprefix driverdomains/devd_,storeback.c outage.c),weir-dd weir-xshosted weir-xenbus \
	weir-ring,-lseccomp -lcap-ng)
$(call test,test_dd_dev,tests/unit/test_dd_dev.c tests/unit/told.c \
	$(addprefix driverdomains/devd_,dev.c refuse.c),weir-dd)
$(call test,test_dd_vm,tests/unit/test_dd_vm.c \
	$(addprefix driverdomains/devd_,vm.c refuse.c),weir-dd)

DD_SCRIPTS := $(addprefix tests/e2e/cli_,updown.sh down.sh errors.sh hotplug.sh \
	two.sh crash.sh vm.sh vmback.sh) tests/e2e/net_filter.sh \
	$(addprefix tests/e2e/restart_,disk.sh net.sh vm.sh \
	hotplug.sh limit.sh hang.sh) tests/e2e/manager_back.sh \
	tests/e2e/manager_vm.sh tests/e2e/manager_group.sh \
	tests/e2e/manager_tap.sh \
	$(addprefix tests/e2e/store_,back.sh limit.sh vm.sh steps.sh)
$(call script,$(DD_SCRIPTS))

$(call helper,bench_start,tests/bench/bench_start.c)
BENCHES += $(B)/tests/bench_start
