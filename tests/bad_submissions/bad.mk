# Submissions with one fault each, for tests/check.t and tests/test_runner.c.
BAD_SUBMISSIONS := $(patsubst %.c,$(BUILD)/%.so,$(wildcard tests/bad_submissions/*.c))
$(BUILD)/tests/bad_submissions/%.so: tests/bad_submissions/%.c
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CPPFLAGS) $(SUBMISSION_CFLAGS) -fPIC -shared -fvisibility=hidden -o $@ $<
tests: $(BAD_SUBMISSIONS)
