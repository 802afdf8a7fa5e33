# frontends/net: the network frontend
FRONT_SOURCES += $(addprefix frontends/net/,netfront.c nf_tx.c nf_rx.c \
	nf_pages.c nf_ctrl.c nf_wait.c)
INSTALL_HEADERS += frontends/net/netfront.h
MAN_PAGES += frontends/net/weir_netfront.3
