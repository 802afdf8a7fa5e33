# webguest: the demonstration guest, and its server without Weir

WEBGUEST_DIR := tests/guests/webguest
WEBGUEST_CORE := $(addprefix $(WEBGUEST_DIR)/,http_parse.c text.c response.c \
	options.c extio.c fs.c fs_put.c body.c conn.c conn_put.c server.c net.c reass.c)
WEBGUEST_LDLIBS := -llwip -lext2fs -lcom_err

$(call helper,webguest,$(WEBGUEST_CORE) $(addprefix $(WEBGUEST_DIR)/,\
	console.c disk_front.c nic_front.c guest.c main_process.c),\
	weir-front weir-xenbus weir-ring weir-hvclient,\
	$(WEBGUEST_LDLIBS) $$(HVCLIENT_LIBS))
$(call helper,webguest-tap,$(WEBGUEST_CORE) $(addprefix $(WEBGUEST_DIR)/,\
	disk_file.c nic_tap.c main_tap.c),,$(WEBGUEST_LDLIBS))

$(filter $(B)/obj/$(WEBGUEST_DIR)/%,$(sort $(OBJS))): EXTRA := \
	-isystem /usr/include/lwip

FUZZERS += http reass
FUZZ_SRC_http := $(WEBGUEST_DIR)/http_parse.c
FUZZ_SRC_reass := $(WEBGUEST_DIR)/reass.c

$(call test,test_webguest,$(addprefix $(WEBGUEST_DIR)/,http_parse.c text.c \
	response.c options.c reass.c) tests/unit/test_webguest.c)

$(call script,tests/e2e/web_tap.sh)
ASAN_SCRIPTS += tests/e2e/web_tap.sh
$(call script,tests/e2e/web_http.sh tests/e2e/web_fsck.sh)
