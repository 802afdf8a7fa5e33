# The xen port, where its libraries are (Debian: libxen-dev).
XEN_PKGS := xengnttab xenevtchn xentoollog
HAVE_XEN := $(shell pkg-config --exists $(XEN_PKGS) 2>/dev/null && echo 1)
ifeq ($(HAVE_XEN),1)
XENPORT_LIBS := $(shell pkg-config --libs xengnttab xenevtchn)
$(call lib,weir-xenport,$(addprefix hypervisor/client/,xen.c xen_grant.c xen_evtchn.c))
# Made-up libraries in the place of Xen's.
$(call test,test_xenport,tests/unit/test_xenport.c tests/unit/fake_xen.c,weir-xenport)
endif
