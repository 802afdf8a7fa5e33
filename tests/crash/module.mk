# tests/crash: what guests must not notice when a driver domain is killed
$(call helper,crash_load,$(addprefix tests/crash/,load_main.c load_io.c \
	load_check.c sector.c),weir-front weir-hvclient weir-xenbus weir-ring,$$(HVCLIENT_LIBS))
$(call helper,crash_kill,$(addprefix tests/crash/,kill_main.c devd_client.c \
	image_check.c gaps.c sector.c),weir-dd)
