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
ifdef SANITIZE
override CFLAGS += -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=undefined
LDFLAGS += -fsanitize=$(SANITIZE)
BUILD := $(BUILD)/sanitize-$(subst $(comma),-,$(SANITIZE))
endif
comma := ,
LDLIBS += -lyaml -ljansson -lz -lm
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

.DEFAULT_GOAL := all
.PHONY: all race check test soak bench bench-peers leaderboard data style install clean help setup
.SECONDARY:

-include $(wildcard engine/*/backend.mk)
-include $(wildcard tools/*/*.mk tests/*/*.mk bench/*.mk)

LIB_OBJECTS := $(LIB_SOURCES:%.c=$(BUILD)/obj/%.o) $(BUILD)/obj/gen/workloads.o
CLI_OBJECTS := $(CLI_SOURCES:%.c=$(BUILD)/obj/%.o) $(BUILD)/obj/gen/commands.o

all: $(if $(CLI_SOURCES),$(PODIUM) podium) $(if $(RUNNER_SOURCES),$(RUNNER)) $(OPTIMIZERS)

# The hot kernels: for this machine's instruction set, reassociation only where a pragma says so.
$(BUILD)/obj/engine/cpu/%.o: override CFLAGS += -O3 -march=$(ARCH) -fno-trapping-math
$(BUILD)/obj/engine/program%.o: override CFLAGS += -O3 -march=$(ARCH) -fno-trapping-math

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(BUILD)/obj/gen/%.o: $(BUILD)/gen/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# Registries from directory listings, rewritten only when the listing changes.
$(BUILD)/gen/workloads.c: tools/registry.sh $(wildcard workloads/*.c workloads/*.yaml) FORCE
	@sh tools/registry.sh workloads $@
$(BUILD)/gen/commands.c: tools/registry.sh $(wildcard cli/cmd_*.c) FORCE
	@sh tools/registry.sh commands $@
$(BUILD)/gen/revision.h: FORCE
	@mkdir -p $(@D); echo '#define PODIUM_REVISION "$(PODIUM_REVISION)"' > $@.new; \
	cmp -s $@.new $@ && rm $@.new || mv $@.new $@
FORCE:
$(LIB_OBJECTS) $(CLI_OBJECTS): | $(BUILD)/gen/revision.h

$(LIB): $(LIB_OBJECTS) $(BACKEND_OBJECTS)
	@rm -f $@; mkdir -p $(@D)
	$(AR) rcs $@ $^
$(PODIUM): $(CLI_OBJECTS) $(LIB)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(CLI_OBJECTS) $(LIB) -ldnnl $(BACKEND_LIBS) $(LDLIBS)
podium: $(PODIUM)
	@ln -sf $(PODIUM) $@

# The runner holds the submission's .so and nothing of ours but include/ and the protocol.
$(RUNNER): $(RUNNER_SOURCES) $(wildcard runner/*.h include/podium/*.h)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(filter-out -fopenmp,$(CFLAGS)) $(LDFLAGS) -rdynamic -MF $(BUILD)/runner.d -o $@ \
	  $(RUNNER_SOURCES) -ldl -lpthread -lm

$(BUILD)/optimizers/%.so: optimizers/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(filter-out -fopenmp,$(CFLAGS)) -fPIC -shared -fvisibility=hidden -o $@ $< -lm

$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(BUILD)/obj/tests/tap.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(BUILD)/obj/tests/tap.o $(LIB) -ldnnl $(BACKEND_LIBS) $(LDLIBS)
tests: all $(TESTS)
test: tests
	@PODIUM_BUILD=$(BUILD) prove --nocolor $(TESTS) $(wildcard tests/*.t)

clean:
	rm -rf build podium

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
