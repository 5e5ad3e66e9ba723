# Podium: `make` builds what this machine can, `make help` says the rest.
# Adding a source file edits no list: the folders are read.

BUILD ?= build
CC ?= gcc
PYTHON ?= python3
ARCH ?= native

CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
CPPFLAGS += -D_GNU_SOURCE -Iinclude -I. -I$(BUILD)/gen -MMD -MP
override CFLAGS += -std=c17 $(WARNINGS) -fopenmp -fno-math-errno
ifdef DEV
override CFLAGS += -Werror -Wconversion -Wno-sign-conversion
endif
comma := ,
ifdef SANITIZE
override CFLAGS += -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=undefined
LDFLAGS += -fsanitize=$(SANITIZE)
# At the start, not at first use: LeakSanitizer of gcc 12 crashes on the thread-local variables of a library
# that came later.
LDLIBS += -Wl,--no-as-needed -ldnnl
BUILD := $(BUILD)/sanitize-$(subst $(comma),-,$(SANITIZE))
endif
LDLIBS += -lyaml -ljansson -lunistring -lz -ldl -lm
# engine/backend.c refers to the openers weakly, which alone pulls nothing out of the archive; a GPU's
# backend.mk adds its name to BACKENDS.
BACKENDS := $(foreach b,ref cpu,$(if $(wildcard engine/$(b)/*.c),$(b)))
BACKEND_ROOTS = $(foreach b,$(BACKENDS),-Wl,-u,backend_$(b)_open)
PODIUM_REVISION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)

# Folders below the command line, in the order of the arrows (DESIGN: include <- engine <- nn <- ...).
LIB_DIRS := base engine engine/ref engine/cpu nn data comm workloads harness scoring \
            $(wildcard tracks/*/)
LIB_SOURCES := $(foreach d,$(LIB_DIRS),$(wildcard $(d:/=)/*.c))
CLI_SOURCES := $(wildcard cli/*.c)
RUNNER_SOURCES := $(wildcard runner/*.c)
OPTIMIZERS := $(patsubst %.c,$(BUILD)/%.so,$(wildcard optimizers/*.c))
WORKLOADS := $(patsubst workloads/%.yaml,%,$(wildcard workloads/*.yaml))
TEST_SOURCES := $(wildcard tests/test_*.c)
TESTS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(TEST_SOURCES))

LIB := $(BUILD)/libpodium.a
PODIUM := $(BUILD)/podium
RUNNER := $(BUILD)/podium-runner
RUNNER_LIBRARY := $(BUILD)/libpodium_runner.so

# A line a file; V=1 shows whole commands.
ifdef V
Q :=
say :=
else
Q := @
say = @echo "  $(1) $(patsubst $(BUILD)/%,%,$@)"
endif

.DEFAULT_GOAL := all
.PHONY: all race check test soak bench bench-peers leaderboard first-results data style install man clean help setup
.SECONDARY:

-include $(wildcard engine/*/backend.mk) comm/mpi.mk
-include $(wildcard tools/*/*.mk tests/*/*.mk bench/*.mk)

LIB_OBJECTS := $(LIB_SOURCES:%.c=$(BUILD)/obj/%.o) $(BUILD)/obj/gen/workloads.o $(BUILD)/obj/gen/presets.o
CLI_OBJECTS := $(CLI_SOURCES:%.c=$(BUILD)/obj/%.o) $(BUILD)/obj/gen/commands.o \
               $(BUILD)/obj/gen/revision.o

all: $(if $(CLI_SOURCES),$(PODIUM) podium) $(if $(RUNNER_SOURCES),$(RUNNER) $(RUNNER_LIBRARY)) $(OPTIMIZERS)

# The hot kernels: for this machine's instruction set, reassociation only where a pragma says so.
$(BUILD)/obj/engine/cpu/%.o: override CFLAGS += -O3 -march=$(ARCH) -fno-trapping-math
# The jitter of images too: without contraction, so the pixels are the same on every machine.
$(BUILD)/obj/data/image_data.o: override CFLAGS += -O3 -march=$(ARCH) -fno-trapping-math -ffp-contract=off
# The reader of AlgoPerf's logs, 50 MB of text.
$(BUILD)/obj/scoring/algoperf_csv.o: override CFLAGS += -march=$(ARCH) -ffp-contract=off
$(BUILD)/obj/engine/program%.o: override CFLAGS += -O3 -march=$(ARCH) -fno-trapping-math
$(BUILD)/obj/engine/linalg.o: override CFLAGS += -O3 -march=$(ARCH) -fno-trapping-math

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC  )
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(BUILD)/obj/gen/%.o: $(BUILD)/gen/%.c
	@mkdir -p $(@D)
	$(call say,CC  )
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# Registries from directory listings, rewritten only when the listing changes.
$(BUILD)/gen/workloads.c: tools/registry.sh $(wildcard workloads/*.c workloads/*.yaml) FORCE
	@sh tools/registry.sh workloads $@
$(BUILD)/gen/presets.c: tools/registry.sh $(wildcard scoring/presets/*.yaml) FORCE
	@sh tools/registry.sh presets $@
$(BUILD)/gen/commands.c: tools/registry.sh $(wildcard cli/cmd_*.c) FORCE
	@sh tools/registry.sh commands $@
# The revision is an object of podium alone: a commit relinks neither the library nor the tests.
$(BUILD)/gen/revision.c: FORCE
	@mkdir -p $(@D); { echo '#include "cli/revision.h"'; \
	echo 'const char podium_revision[] = "$(PODIUM_REVISION)";'; } > $@.new; \
	cmp -s $@.new $@ && rm $@.new || mv $@.new $@
.PHONY: FORCE

$(LIB): $(LIB_OBJECTS) $(BACKEND_OBJECTS)
	@rm -f $@; mkdir -p $(@D)
	$(call say,AR  )
	$(Q)$(AR) rcs $@ $^
$(PODIUM): $(CLI_OBJECTS) $(LIB)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(BACKEND_ROOTS) -o $@ $(CLI_OBJECTS) $(LIB) $(BACKEND_LIBS) $(LDLIBS)
# A link is as old as what it leads to, so one to another build would look up to date.
podium: $(PODIUM) $(if $(filter $(PODIUM),$(shell readlink podium)),,FORCE)
	@ln -sf $(PODIUM) $@

# The runner holds the submission's .so and nothing of ours but include/ and the protocol.  One thread,
# so nothing for ThreadSanitizer, which moreover cannot load in a .so.
# Records name a submission by the SHA-256 of its .so: where the source lies must not be in it.
SUBMISSION_CFLAGS = $(filter-out -fopenmp -fsanitize=thread,$(CFLAGS)) -ffile-prefix-map=$(CURDIR)=.
$(RUNNER): $(RUNNER_SOURCES) $(wildcard runner/*.h include/podium/*.h)
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CPPFLAGS) $(SUBMISSION_CFLAGS) $(filter-out -fsanitize=thread,$(LDFLAGS)) -rdynamic -MF $(BUILD)/runner.d -o $@ \
	  $(RUNNER_SOURCES) -ldl -lpthread -lm

# The same as a library, for python/podium.  No sanitizer: their run-time must come before Python's own.
$(RUNNER_LIBRARY): $(RUNNER_SOURCES) $(wildcard runner/*.h include/podium/*.h)
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CPPFLAGS) $(filter-out -fsanitize=% -fno-sanitize%,$(SUBMISSION_CFLAGS)) -DRUNNER_LIBRARY -fPIC -shared \
	  -fvisibility=hidden -MF $(BUILD)/runner_library.d -o $@ $(filter-out runner/main.c,$(RUNNER_SOURCES)) -ldl -lpthread -lm

$(BUILD)/optimizers/%.so: optimizers/%.c
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CPPFLAGS) $(SUBMISSION_CFLAGS) -fPIC -shared -fvisibility=hidden -o $@ $< -lm

$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(BUILD)/obj/tests/tap.o $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(BACKEND_ROOTS) -o $@ $< $(BUILD)/obj/tests/tap.o $(LIB) $(BACKEND_LIBS) $(LDLIBS)
# --- what README promises ------------------------------------------------------------------
JOBS ?= $(shell nproc)
SHELL_TESTS := $(sort $(wildcard tests/*.t))
RACERS ?= nadamw nesterov sgd
RACE_DIR ?= results/race

tests: all $(TESTS)

test: tests
	@PODIUM_BUILD=$(BUILD) tools/prove.sh $(TESTS) $(SHELL_TESTS)

# Installs what is missing, builds, runs every test.
check:
	@tools/setup.sh check
	@$(MAKE) -j$(JOBS) tests
	@$(MAKE) --no-print-directory test

# Installs what is missing, builds, races three optimizers on vit mini and shows the result.
race:
	@tools/setup.sh race
	@$(MAKE) -s -j$(JOBS) all
	@rm -rf $(RACE_DIR)
	./podium run $(RACERS) --preset quick --workload vit --suite mini --results $(RACE_DIR)
	@./podium score $(RACE_DIR)
	@./podium leaderboard $(RACE_DIR) --out $(RACE_DIR)/html

# What takes longer than a test may: sanitizers over all tests, a minute of each fuzz target, threads.
soak: tests
	PODIUM_MUTANTS=all PODIUM_BUILD=$(BUILD) tools/prove.sh $(BUILD)/tests/test_optimizer_mutation
	$(MAKE) -j$(JOBS) SANITIZE=address,undefined tests
	$(MAKE) --no-print-directory SANITIZE=address,undefined test
	$(MAKE) fuzz FUZZ_SECONDS=60
	$(MAKE) thread-check

# BENCHMARKS.md's tables and the sites, from the committed records: what submissions/ holds, and
# every optimizer at its defaults, which are other submissions by the same names.
leaderboard: all
	@sh tools/tables.sh ./podium
	./podium leaderboard results/mini $(addprefix --tuning ,$(filter-out %-bleu.jsonl,$(wildcard results/tuning/*.jsonl))) \
	  --out $(BUILD)/leaderboard
	./podium leaderboard results/first-mini --out $(BUILD)/leaderboard-defaults

# Every optimizer at its defaults on the mini workloads; FIRST="--jobs 2 --lock FILE": options of the tool.
first-results: all
	tools/first_results.py $(FIRST)

data: all
	./podium data all

# Reformats what the change touches; `make style CHECK=1` only says where.
STYLE_FILES = $(shell git ls-files '*.c' '*.h')
style:
	clang-format $(if $(CHECK),--dry-run -Werror,-i) $(STYLE_FILES)

# Manual pages from the help texts.
man: all
	@rm -rf $(BUILD)/man
	sh tools/man.sh $(PODIUM) $(BUILD)/man

PREFIX ?= /usr/local
SHARE = $(DESTDIR)$(PREFIX)/share
HOME_DIR = $(DESTDIR)$(PREFIX)/lib/podium
install: all man
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/include/podium $(SHARE)/man/man1 \
	  $(SHARE)/bash-completion/completions $(HOME_DIR)/build/optimizers $(HOME_DIR)/data
	install -m 755 $(PODIUM) $(RUNNER) $(HOME_DIR)/build/
	install -m 644 $(RUNNER_LIBRARY) $(HOME_DIR)/build/
	install -D -m 644 -t $(HOME_DIR)/python/podium python/podium/*.py
	install -m 644 $(OPTIMIZERS) $(HOME_DIR)/build/optimizers/
	for f in $(BUILD)/backends/*.so; do \
	  [ ! -e $$f ] || install -D -m 644 -t $(HOME_DIR)/build/backends $$f || exit 1; done
	cp -r data/glyphs data/debian-text data/sentences data/backbone.* data/sources.yaml $(HOME_DIR)/data/
	cp -r submissions $(HOME_DIR)/
	install -m 644 include/podium/*.h $(DESTDIR)$(PREFIX)/include/podium/
	install -m 644 $(BUILD)/man/*.1 $(SHARE)/man/man1/
	install -m 644 tools/completion.bash $(SHARE)/bash-completion/completions/podium
	ln -sf ../lib/podium/build/podium $(DESTDIR)$(PREFIX)/bin/podium

help:
	@echo 'make              build what this machine can'
	@echo 'make race         install what is missing, race three optimizers on vit mini, show the result'
	@echo 'make check        install what is missing, run all tests'
	@echo 'make test         run all tests, no set-up'
	@echo 'make soak         sanitizers over all tests, a minute of each fuzz target, threads'
	@echo 'make fuzz         a minute of each fuzz target (FUZZ_SECONDS=60), by clang'
	@echo 'make thread-check the tests where threads meet, under ThreadSanitizer, by clang'
	@echo 'make bench        speed, as ratios against rivals; bench-peers sets up PyTorch for it'
	@echo 'make optimizer-table  docs/optimizers.md: counted, measured and proven'
	@echo 'make leaderboard  the tables and sites from results/'
	@echo 'make first-results  every optimizer at its defaults on the mini workloads: hours; resumes'
	@echo 'make data         prepare and verify data sets'
	@echo 'make style        clang-format (CHECK=1: only say where)'
	@echo 'make man          manual pages below build/man, from the help texts'
	@echo 'make install      PREFIX=/usr/local DESTDIR='
	@echo 'make clean'
	@echo 'Variables: DEV=1 (-Werror -Wconversion), SANITIZE=address,undefined, YES=1 (do not ask),'
	@echo '           CC=clang, ARCH=x86-64-v3, CUDA=0, HIP=0, MPI=0, V=1 (whole commands)'

clean:
	rm -rf build podium

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
