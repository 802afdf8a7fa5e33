# xenbus: what this folder builds; the macros are in ../Makefile
XS_WIRE := xenbus/wire.c xenbus/ring_page.c
XS_CLIENT := xenbus/client.c xenbus/client_ops.c xenbus/client_key.c \
	xenbus/ring_transport.c xenbus/state.c

$(call freelib,weir-xenbus,$(XS_WIRE) $(XS_CLIENT))
$(call lib,weir-xshosted,xenbus/socket.c)

INSTALL_HEADERS += xenbus/wire.h xenbus/client.h xenbus/state.h xenbus/socket.h
