# `make thread-check`: the tests where threads meet, under ThreadSanitizer.  With clang, whose OpenMP
# tells the sanitizer when threads meet (libarcher): gcc's libgomp is not instrumented and tells
# nothing, so every parallel loop would be reported and a suppression would hide our own faults too.
# oneDNN is not instrumented either: what it does inside is not looked at, what we do beside it is.
THREAD_CC ?= clang
THREAD_TESTS := program graph cpu_math backend_ops image_data vit runner
THREAD_BUILD := $(BUILD)/sanitize-thread
THREAD_LOADED := $(BAD_SUBMISSIONS:$(BUILD)/%=$(THREAD_BUILD)/%) # what test_runner loads
THREAD_PROBE := $(THREAD_BUILD)/probe
THREAD_ENV := OMP_NUM_THREADS=4 TSAN_OPTIONS='ignore_noninstrumented_modules=1 history_size=4'

.PHONY: thread-check
thread-check:
	@mkdir -p $(THREAD_BUILD)
	@if ! $(THREAD_CC) -g -O1 -fopenmp -fsanitize=thread -o $(THREAD_PROBE) tests/thread/probe.c \
	  2>/dev/null || ! $(THREAD_ENV) $(THREAD_PROBE) >/dev/null 2>&1; then \
	  echo 'thread-check: skipped, no $(THREAD_CC) whose OpenMP works with ThreadSanitizer' \
	    '(Debian: clang libomp-dev)'; \
	elif $(THREAD_ENV) $(THREAD_PROBE) race >/dev/null 2>&1; then \
	  echo 'thread-check: ThreadSanitizer does not report a race that is there' >&2; exit 1; \
	else \
	  $(MAKE) CC=$(THREAD_CC) SANITIZE=thread all $(THREAD_LOADED) $(THREAD_TESTS:%=$(THREAD_BUILD)/tests/test_%) && \
	  PODIUM_BUILD=$(THREAD_BUILD) $(THREAD_ENV) \
	    bash tools/prove.sh $(THREAD_TESTS:%=$(THREAD_BUILD)/tests/test_%); \
	fi
