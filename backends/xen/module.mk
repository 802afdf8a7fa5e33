# backends/xen: both backends in a Linux domain on Xen's ABI
ifeq ($(HAVE_XEN),1)
XEN_BACK_SOURCES := $(addprefix backends/xen/,xen_dev.c xen_manager.c xen_run.c)
$(call lib,weir-xenback,$(XEN_BACK_SOURCES))
$(call lib,weir-xenvbd,backends/xen/xen_vbd.c)
$(call lib,weir-xenvif,backends/xen/xen_vif.c)
$(call objs,backends/blk/main.c backends/net/netback.c): EXTRA := -DWEIR_HAVE_XEN=1

BLK_XEN := weir-xenback weir-xenvbd
NET_XEN := weir-xenback weir-xenvif weir-nethost
XENPORT := weir-xenport weir-xshosted
NET_XEN_LIBS := -lmnl

XEN_TEST_LIBS := weir-xenback weir-xenvbd weir-xenvif weir-back $(XS_TEST_LIBS) \
	weir-fakeport weir-ring
$(call test,test_xen_manager,tests/unit/test_xen_manager.c,$(XEN_TEST_LIBS),\
	-Xlinker --wrap=weir_tap_create)
$(call test,test_xen_life,tests/unit/test_xen_life.c,$(XEN_TEST_LIBS),\
	-Xlinker --wrap=weir_tap_create)
$(call test,test_xen_pair,tests/unit/test_xen_pair.c,$(XEN_TEST_LIBS),\
	-Xlinker --wrap=weir_tap_create)
endif
