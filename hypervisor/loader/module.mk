# hypervisor/loader: weir-load, and what the device manager links to start it.
# No part of weir-hv.

LD_PURE := $(addprefix hypervisor/loader/,acpi.c bzimage.c elf.c place.c stubs.c \
	unpack.c answer.c) hypervisor/vm_map.c
LD_LIBS := -lz -llzma -lzstd -llz4
$(call lib,weir-load,$(LD_PURE) hypervisor/loader/build.c hypervisor/loader/seal.c)
# Users of weir_vm_image_push link weir-hvclient behind it.
$(call lib,weir-vmload,$(addprefix hypervisor/loader/,load.c spawn.c push.c answer.c))
$(call prog,weir-load,hypervisor/loader/main.c hypervisor/loader/check.c,weir-load,\
	$(LD_LIBS) -lseccomp -lcap-ng)

MAN_PAGES += hypervisor/loader/weir-load.8

LD_IMAGES := tests/unit/ld_images.c
$(call test,test_loader,tests/unit/test_loader.c $(LD_IMAGES),weir-load,$(LD_LIBS))
$(call test,test_loader_packed,tests/unit/test_loader_packed.c $(LD_IMAGES),weir-load,$(LD_LIBS))
$(call test,test_loader_stubs,tests/unit/test_loader_stubs.c $(LD_IMAGES),weir-load,$(LD_LIBS))
$(call test,test_loader_place,tests/unit/test_loader_place.c $(LD_IMAGES),weir-load,$(LD_LIBS))
$(call helper,ld_acpi_dump,tests/unit/ld_acpi_dump.c,weir-load)
$(call script,tests/unit/test_acpi.sh)
LD_RIG := tests/unit/vmload_rig.c
$(call test,test_vmload,tests/unit/test_vmload.c $(LD_RIG) $(LD_IMAGES),weir-vmload \
	weir-hvclient,$(LD_LIBS) $(HVCLIENT_LIBS))
$(call test,test_vmload_liars,tests/unit/test_vmload_liars.c \
	tests/unit/vmload_liar.c $(LD_RIG),weir-vmload)
$(B)/tests/test_vmload: | $(B)/bin/weir-load
$(call test,test_load_seal,tests/unit/test_load_seal.c,weir-load,-lseccomp -lcap-ng)

FUZZERS += elf bzimage loadanswer
FUZZ_SRC_elf := $(addprefix hypervisor/loader/,elf.c stubs.c place.c acpi.c) \
	hypervisor/vm_map.c
FUZZ_SRC_bzimage := $(addprefix hypervisor/loader/,elf.c bzimage.c unpack.c)
FUZZ_LIBS_bzimage := $(LD_LIBS)
FUZZ_SRC_loadanswer := hypervisor/loader/answer.c
$(call script,tests/e2e/load_program.sh)
