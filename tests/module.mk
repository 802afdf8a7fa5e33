# tests: how everything is run.  Each folder's own module.mk declares its tests
# with test, script, FUZZERS and BENCHES; which of them take long (FIRST_TESTS)
# and which must not have company (ALONE_TESTS).

THREAD_TESTS ?=
ASAN_SCRIPTS ?=
FIRST_TESTS += vm_fuzz isolation.sh restart_hang.sh hostile_back cli_crash.sh \
	restart_disk.sh test_blk_crash test_net_crash test_xs_crash \
	restart_hotplug.sh cli_vmback.sh restart_traffic.sh restart_vm.sh \
	manager_steps.sh store_steps.sh soak_short.sh exhaust_space.sh \
	exhaust_grants.sh exhaust_files.sh store_back.sh manager_back.sh \
	exhaust_net_memory.sh
ALONE_TESTS +=
$(call script,tests/layers.sh tests/run_test.sh tests/e2e/install.sh)
include tests/isolation/module.mk
include tests/guests/webguest/module.mk
include tests/guests/runtime/module.mk
include tests/bench/vm.mk
include tests/guests/tiny/module.mk
include tests/guests/fuzzguest/module.mk
include tests/e2e/vm.mk
include tests/e2e/hostile.mk
include tests/e2e/exhaust.mk
include tests/crash/module.mk
include tests/lab/module.mk

## demo            a guest serves files from a real disk over a real bridge
## check           install what tests need, run all but the labs
## check-all       check, then labs: what CI runs
## bench           the table of ratios; also build/bench.json
## fuzz            each fuzzer for FUZZ_SECONDS (60); FUZZ_VM_CALLS of the guest
## install         PREFIX (/usr/local), DESTDIR
## format          clang-format over the tree
.PHONY: demo check check-all check-release check-asan check-tsan check-corpora bench \
	fuzz fuzzers install format packages-%

packages-%:
	@sh tests/install-packages.sh $(subst +, ,$*)

demo: packages-build+demo
	@$(MAKE) --no-print-directory demo-run
.PHONY: demo-run
demo-run: all $(B)/tests/webguest
	@B=$(B) bash tests/demo.sh

check: packages-build+demo+check
	@MAKE='$(MAKE)' B=$(B) bash tests/check.sh

check-all: packages-build+demo+check
	@MAKE='$(MAKE)' B=$(B) bash tests/check.sh labs

# run.sh runs several at a time, those that take long first.
RUN_TESTS = B=$(B) TEST_FIRST='$(FIRST_TESTS)' TEST_ALONE='$(ALONE_TESTS)'
check-release: tests
	@$(RUN_TESTS) bash tests/run.sh $(TESTS) $(TEST_SCRIPTS)

# The sanitizers' builds are the same rules in another build directory.
ASAN = --no-print-directory B=$(B)/asan SAN=address,undefined OPT=-O1
TSAN = --no-print-directory B=$(B)/tsan SAN=thread OPT=-O1
.PHONY: check-build check-asan-build check-tsan-build check-asan-run \
	check-tsan-run check-tsan-tests
# All that a check runs.
check-build: tests fuzzers check-asan-build check-tsan-build
check-asan-build:
	@$(MAKE) $(ASAN) tests
check-tsan-build:
	@$(MAKE) $(TSAN) check-tsan-tests

check-asan:
	@$(MAKE) $(ASAN) check-asan-run
check-asan-run: tests
	@$(RUN_TESTS) ASAN_OPTIONS=abort_on_error=1 \
		UBSAN_OPTIONS=print_stacktrace=1 \
		bash tests/run.sh $(TESTS) $(ASAN_SCRIPTS)

check-tsan:
	@$(MAKE) $(TSAN) check-tsan-run
check-tsan-tests: $(patsubst %,$(B)/tests/%,$(THREAD_TESTS))
check-tsan-run: check-tsan-tests
	@$(RUN_TESTS) TSAN_OPTIONS=halt_on_error=1 \
		bash tests/run.sh $(patsubst %,$(B)/tests/%,$(THREAD_TESTS))

# Fuzzers: FUZZERS += NAME, FUZZ_SRC_NAME := sources; tests/fuzz/fuzz_NAME.c.
FUZZ_CC ?= clang-14
FUZZ_SECONDS ?= 60
FUZZ_BINS := $(FUZZERS:%=$(B)/fuzz/fuzz_%)
define fuzzer_
$(B)/fuzz/fuzz_$(1): tests/fuzz/fuzz_$(1).c $(FUZZ_SRC_$(1)) $(B)/flags
	@mkdir -p $$(@D)
	$$(call say,FUZZ,$$@)$(FUZZ_CC) -std=c11 -D_GNU_SOURCE -I. -O1 -g -pthread \
		-DWEIR_VERSION='"$(VERSION)"' \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		-o $$@ $$(filter %.c,$$^) $(FUZZ_LIBS_$(1))
endef
$(foreach f,$(FUZZERS),$(eval $(call fuzzer_,$(f))))
fuzzers: $(FUZZ_BINS)

check-corpora: fuzzers
	@B=$(B) bash tests/fuzz/replay.sh $(FUZZERS)

fuzz: packages-fuzz
	@$(MAKE) --no-print-directory fuzzers
	@$(MAKE) $(ASAN) $(B)/asan/tests/vm_fuzz
	@B=$(B) SECONDS_EACH=$(FUZZ_SECONDS) bash tests/fuzz/run.sh $(FUZZERS)

bench: packages-build+demo+bench+check
	@$(MAKE) --no-print-directory bench-run
.PHONY: bench-run
bench-run: tests $(BENCHES)
	@B=$(B) bash tests/bench/collect.sh

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

# What a guest kernel links, and what a program links to be a process domain
# or to talk to the registry and weir-hv.
INSTALL_LIBS := $(patsubst %,$(B)/lib/libweir-%.a,ring xenbus front guest hvclient \
	xshosted)
install: all
	@B=$(B) PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' VERSION=$(VERSION) \
		PROGRAMS='$(PROGRAMS)' LIBRARIES='$(INSTALL_LIBS)' \
		EXAMPLES='$(wildcard driverdomains/examples/*.cfg)' \
		EXAMPLE_KERNEL='$(EXAMPLE_KERNEL)' LD_SCRIPTS='$(LD_SCRIPTS)' \
		HEADERS='$(INSTALL_HEADERS)' MANS='$(MAN_PAGES)' \
		PCS='$(PC_FILES)' UNITS='$(UNIT_FILES)' sh driverdomains/install.sh
