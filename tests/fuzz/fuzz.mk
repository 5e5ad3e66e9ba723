# `make fuzz FUZZ_SECONDS=60` runs every tests/fuzz/fuzz_NAME.c under libFuzzer with sanitizers;
# the seeds in tests/golden/fuzz/NAME/ are replayed by `make test` (tests/fuzz.t) without it.
FUZZ_SECONDS ?= 60
FUZZ_CC ?= clang
FUZZ_NAMES := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_BUILD := $(BUILD)/fuzz
FUZZ_FLAGS := -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined
FUZZ_LIB_SOURCES = $(filter-out engine/cpu/% engine/ref/% comm/mpi.c,$(LIB_SOURCES))
FUZZ_REPLAYS := $(FUZZ_NAMES:%=$(BUILD)/tests/replay_%)

.PHONY: fuzz
fuzz:
	@if ! echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n);' \
	  'int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return !d && n; }' | \
	  $(FUZZ_CC) -fsanitize=fuzzer,address -x c - -o /dev/null 2>/dev/null; then \
	  echo 'fuzz: skipped, $(FUZZ_CC) with libFuzzer not found (Debian: clang libclang-rt-14-dev)'; \
	else for name in $(FUZZ_NAMES); do \
	  $(MAKE) --no-print-directory $(FUZZ_BUILD)/fuzz_$$name && \
	  mkdir -p $(FUZZ_BUILD)/corpus/$$name tests/golden/fuzz/$$name && \
	  $(FUZZ_BUILD)/fuzz_$$name -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 \
	    -verbosity=0 -artifact_prefix=$(FUZZ_BUILD)/$$name- \
	    $(FUZZ_BUILD)/corpus/$$name tests/golden/fuzz/$$name && \
	  echo "fuzz: $$name: $(FUZZ_SECONDS) s, nothing found" || exit 1; done; fi

# The library again with the sanitizers of libFuzzer: only what a target links is compiled.
$(FUZZ_BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(FUZZ_CC) $(CPPFLAGS) -std=c17 -fno-math-errno -march=$(ARCH) $(FUZZ_FLAGS) \
	  -fno-sanitize=fuzzer -fsanitize=fuzzer-no-link -c -o $@ $<
$(FUZZ_BUILD)/obj/gen/workloads.o: $(BUILD)/gen/workloads.c
	@mkdir -p $(@D)
	$(call say,CC  )
	$(Q)$(FUZZ_CC) $(CPPFLAGS) -std=c17 $(FUZZ_FLAGS) -fno-sanitize=fuzzer -c -o $@ $<
$(FUZZ_BUILD)/libpodium.a: $(patsubst %.c,$(FUZZ_BUILD)/obj/%.o,$(FUZZ_LIB_SOURCES)) \
  $(FUZZ_BUILD)/obj/gen/workloads.o
	@rm -f $@
	$(call say,LINK)
	$(Q)$(AR) rcs $@ $^
$(FUZZ_BUILD)/fuzz_%: $(FUZZ_BUILD)/obj/tests/fuzz/fuzz_%.o $(FUZZ_BUILD)/libpodium.a
	$(call say,LINK)
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) -o $@ $^ $(LDLIBS) $(shell $(CC) -print-file-name=libgomp.so)

$(BUILD)/tests/replay_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(BUILD)/obj/tests/fuzz/replay.o $(BUILD)/libpodium.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(BACKEND_LIBS) $(LDLIBS)
tests: $(FUZZ_REPLAYS)
