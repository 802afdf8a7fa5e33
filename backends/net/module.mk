# backends/net: weir-netback; host/: weir-nethost for the device manager
NETBACK_SRC := $(addprefix backends/net/,vif.c vif_connect.c queue.c queue_setup.c \
	log.c tx.c txreq.c rx.c stage.c ctrl.c pool.c mcast.c offload.c switch.c capture.c \
	sink_tap.c sink_switch.c sink_memory.c)
$(call lib,weir-netback,$(NETBACK_SRC))
$(call lib,weir-nethost,$(addprefix backends/net/host/,rtnl.c hostif.c tap.c filter.c nft.c))
$(call prog,weir-netback,backends/net/netback.c,$(NET_XEN) weir-netback weir-back \
	$(XENPORT) weir-hvclient weir-xenbus weir-ring,-lseccomp -lcap-ng \
	$(NET_XEN_LIBS) $(XENPORT_LIBS))

MAN_PAGES += backends/net/weir-netback.8

FUZZERS += net_request
FUZZ_SRC_net_request := backends/net/txreq.c backends/net/offload.c

NET_TEST_LIBS := weir-netback weir-back weir-front weir-fakestore weir-store weir-xenbus weir-fakeport weir-ring
$(call test,test_net,tests/unit/test_net.c tests/unit/net_world.c,$(NET_TEST_LIBS))
$(call helper,net_guest,tests/e2e/net_guest.c tests/bench/load_net.c,weir-front weir-hvclient weir-xenbus weir-ring,-lseccomp -lcap-ng)
$(call test,net_check,tests/e2e/net_check.c,weir-launch weir-nethost weir-back weir-xshosted weir-hvclient weir-xenbus weir-ring,-lnftnl -lmnl -lseccomp -lcap-ng)

$(call helper,bench_net,$(addprefix tests/bench/,bench_net.c net_memif.c net_veth.c),weir-launch weir-back weir-xshosted weir-hvclient weir-xenbus weir-ring,-lseccomp -lcap-ng)
BENCHES += $(B)/tests/bench_net $(B)/tests/net_guest
$(call test,test_net_hostile,tests/unit/test_net_hostile.c tests/unit/net_raw.c tests/unit/net_world.c,$(NET_TEST_LIBS))
$(call test,test_netfront_hostile,tests/unit/test_netfront_hostile.c tests/unit/net_world.c,$(NET_TEST_LIBS))
$(call test,test_net_switch,tests/unit/test_net_switch.c tests/unit/net_world.c,$(NET_TEST_LIBS))
$(call test,test_net_offload,tests/unit/test_net_offload.c tests/unit/net_world.c,$(NET_TEST_LIBS))
$(call test,test_net_wake,tests/unit/test_net_wake.c tests/unit/net_raw.c tests/unit/net_world.c,$(NET_TEST_LIBS))
THREAD_TESTS += test_net_wake test_net test_net_hostile test_net_switch
$(call test,test_net_parts,tests/unit/test_net_parts.c,weir-netback weir-ring)
$(call helper,net_attacker,tests/e2e/net_attacker.c,weir-front weir-hvclient weir-xenbus weir-ring,-lseccomp -lcap-ng)
$(call test,net_attack,tests/e2e/net_attack.c,weir-launch weir-back weir-xshosted weir-hvclient weir-xenbus weir-ring,-lseccomp -lcap-ng)

# With points to die at (--crash-after K), and without the log.
NET_STEPS := $(addprefix backends/net/,log.c tx.c rx.c ctrl.c pool.c vif_connect.c)
NET_PROG_LIBS := weir-netback weir-back weir-hvclient weir-xenbus weir-ring
$(call variant_prog,steps,weir-netback-steps,backends/net/netback.c $(NET_STEPS) \
	$(STEPS_COMMON),$(NET_PROG_LIBS),-lseccomp -lcap-ng)
$(call variant_prog,nolog,weir-netback-nolog,backends/net/netback.c \
	backends/net/log.c,$(NET_PROG_LIBS),-lseccomp -lcap-ng)

# The backend dies between any two steps; and a successor that has no log.
NET_RIG := $(addprefix tests/unit/,crash_case.c net_rig.c net_rig_frame.c \
	net_rig_front.c fake_qthread.c)
NET_RIG_LIBS := weir-netback weir-back weir-fakestore weir-xsd weir-store \
	weir-xshosted weir-xenbus weir-fakeport weir-hvclient weir-ring
$(call variant_prog,steps,test_net_crash,tests/unit/test_net_crash.c $(NET_RIG) \
	$(NET_STEPS),$(NET_RIG_LIBS),-lseccomp -lcap-ng -lcmocka)
$(call variant_prog,nologsteps,test_net_crash_nolog,tests/unit/test_net_crash_nolog.c \
	$(NET_RIG) $(NET_STEPS),$(NET_RIG_LIBS),-lseccomp -lcap-ng -lcmocka)
TESTS += $(B)/tests/test_net_crash $(B)/tests/test_net_crash_nolog

# Real domains, tap and bridge, while the driver domain is killed.
$(call helper,udp_stream,tests/e2e/udp_stream.c)
$(call script,tests/e2e/restart_traffic.sh)

FUZZERS += net_log
FUZZ_SRC_net_log := backends/net/log.c backends/net/pool.c backends/common/kept.c ring/ring.c
