# hypervisor: what this folder builds; the macros are in ../Makefile

HV_VM := $(addprefix hypervisor/,vm.c vm_access.c vm_cpuid.c vm_map.c vm_mem.c \
	vm_new.c vm_p2m.c vm_run.c vm_seccomp.c vm_start.c)
# Xen's ABI towards a VM's guest
HV_VMXEN := $(addprefix hypervisor/,grant_use.c vm_call.c vm_call_event.c \
	vm_call_grant.c vm_call_mem.c vm_call_misc.c vm_call_sched.c \
	vm_call_vcpu.c vm_event.c vm_kxen.c vm_page.c vm_time.c)
HV_CORE := $(addprefix hypervisor/,codec.c console.c ctl.c ctl_ops.c domain.c \
	domain_end.c domain_new.c domain_revive.c domain_run.c event.c frames.c grant.c host.c hyper_event.c \
	hyper_grant.c hyper_keep.c hyper_mem.c hyper_start.c hypercall.c iospace.c keep.c log.c \
	memory.c pagewin.c pagewin_probe.c stash.c track.c verify.c verify_fds.c \
	verify_maps.c) $(HV_VM) $(HV_VMXEN)
HV_CLIENT := hypervisor/codec.c $(addprefix hypervisor/client/,codec_client.c \
	control.c control_ops.c \
	process.c process_call.c process_evt.c process_fault.c \
	process_life.c process_log.c process_mem.c \
	seal.c seal_filter.c seal_list.c window.c)

$(call lib,weir-hvcore,$(HV_CORE))
$(call lib,weir-hvclient,$(HV_CLIENT))
$(call prog,weir-hv,hypervisor/main.c,weir-hvcore)
# What a program that links weir-hvclient links too.
HVCLIENT_LIBS := -lseccomp -lcap-ng

MAN_PAGES += hypervisor/weir-hv.8
PC_FILES += hypervisor/weir-hvclient.pc.in
INSTALL_HEADERS += hypervisor/hv_abi.h hypervisor/client/control.h \
	hypervisor/client/process.h

$(call test,test_hv_tables,tests/unit/test_hv_tables.c,weir-hvcore)
$(call test,test_vm_p2m,tests/unit/test_vm_p2m.c,weir-hvcore)
$(call test,test_vm_filter,tests/unit/test_vm_filter.c,weir-hvcore)
$(call test,test_vm_mem,tests/unit/test_vm_mem.c,weir-hvcore)
$(call test,test_hv_channels,tests/unit/test_hv_channels.c \
	hypervisor/client/codec_client.c,weir-hvcore)
$(call test,test_hvctl,tests/unit/test_hvctl.c,weir-hvclient)
$(call test,test_hv_keep,tests/unit/test_hv_keep.c tests/fuzz/hv_fake.c,weir-hvcore)
$(call test,test_hv_stash,tests/unit/test_hv_stash.c $(addprefix \
	hypervisor/client/,codec_client.c control.c control_ops.c),weir-hvcore,-Xlinker --wrap=close)
# The fuzzers' made-up kernel, and calls that are looked at on their way.
HV_HELD_WRAP := $(patsubst %,-Xlinker --wrap=%,hv_memory_populate hv_memory_discard \
	hv_grant_release hv_event_close hv_hypercall pthread_mutex_unlock \
	pthread_create)
$(call test,test_hv_held,tests/unit/test_hv_held.c tests/fuzz/hv_fake.c,weir-hvcore,$(HV_HELD_WRAP))

# End to end: a weir-hv and puppet domains in it.
HV_DRIVER := tests/e2e/hv_driver.c
$(call helper,hv_puppet,tests/e2e/hv_puppet.c,weir-hvclient,$(HVCLIENT_LIBS))
$(call test,hv_grants,tests/e2e/hv_grants.c $(HV_DRIVER),weir-hvclient,$(HVCLIENT_LIBS))
$(call test,hv_grant_ends,tests/e2e/hv_grant_ends.c $(HV_DRIVER),weir-hvclient,$(HVCLIENT_LIBS))
$(call test,hv_domains,tests/e2e/hv_domains.c $(HV_DRIVER),weir-hvclient,$(HVCLIENT_LIBS))
$(call test,hv_events,tests/e2e/hv_events.c $(HV_DRIVER),weir-hvclient,$(HVCLIENT_LIBS))
$(call test,hv_revive,tests/e2e/hv_revive.c $(HV_DRIVER),weir-hvclient,$(HVCLIENT_LIBS))
$(call test,hv_revive_misuse,tests/e2e/hv_revive_misuse.c $(HV_DRIVER),weir-hvclient,$(HVCLIENT_LIBS))
$(call test,hv_revive_races,tests/e2e/hv_revive_races.c $(HV_DRIVER),weir-hvclient,$(HVCLIENT_LIBS))
$(call test,hv_storm,tests/e2e/hv_storm.c $(HV_DRIVER),weir-hvclient,$(HVCLIENT_LIBS))
$(call test,hv_hostile,tests/e2e/hv_hostile.c $(HV_DRIVER),weir-hvclient,$(HVCLIENT_LIBS))
$(call script,tests/e2e/hv_program.sh)
THREAD_TESTS += hv_grants hv_grant_ends hv_domains hv_events hv_revive hv_revive_misuse hv_revive_races hv_storm hv_hostile test_hv_channels test_hv_held test_hv_stash
$(addprefix $(B)/tests/,hv_grants hv_grant_ends hv_domains hv_events hv_revive \
	hv_revive_misuse hv_revive_races hv_storm hv_hostile): | $(B)/bin/weir-hv \
	$(B)/tests/hv_puppet
$(call helper,bench_grant,tests/bench/bench_grant.c $(HV_DRIVER),weir-hvclient,$(HVCLIENT_LIBS) -lcmocka)
$(call helper,bench_hv_rss,tests/bench/bench_hv_rss.c $(HV_DRIVER),weir-hvclient,$(HVCLIENT_LIBS) -lcmocka)
$(call helper,bench_revive,tests/bench/bench_revive.c $(HV_DRIVER),weir-hvclient,$(HVCLIENT_LIBS) -lcmocka)
$(B)/tests/bench_grant $(B)/tests/bench_hv_rss $(B)/tests/bench_revive: | $(B)/bin/weir-hv \
	$(B)/tests/hv_puppet
BENCHES += $(B)/tests/bench_grant $(B)/tests/bench_hv_rss \
	$(B)/tests/bench_revive

# VM domains over a made-up KVM.
VM_FAKE := tests/fuzz/vm_fake.c tests/fuzz/hv_fake.c
$(call test,test_vm_events,tests/unit/test_vm_events.c $(VM_FAKE),weir-hvcore)
$(call test,test_vm_calls,tests/unit/test_vm_calls.c $(VM_FAKE),weir-hvcore)

HV_FUZZ := tests/fuzz/hv_fake.c $(filter-out %pagewin.c %pagewin_probe.c \
	%verify.c %verify_fds.c %verify_maps.c %host.c,$(HV_CORE))
FUZZERS += hvdom hvctl vmcall
FUZZ_SRC_hvdom := $(HV_FUZZ)
FUZZ_SRC_hvctl := $(HV_FUZZ) hypervisor/client/codec_client.c
FUZZ_SRC_vmcall := $(HV_FUZZ) tests/fuzz/vm_fake.c

include hypervisor/client/xen.mk
