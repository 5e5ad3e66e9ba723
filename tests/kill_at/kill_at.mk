# A library that kills the process it is preloaded into, for tests/resume.t.
KILL_AT := $(BUILD)/tests/kill_at.so
$(KILL_AT): tests/kill_at/kill_at.c
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CPPFLAGS) -O2 -g -std=c17 $(WARNINGS) -fPIC -shared -o $@ $<
tests: $(KILL_AT)
