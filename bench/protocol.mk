# Host calls of a runner process, while both sides spin.
$(BUILD)/bench/echo.so: bench/echo.c
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CPPFLAGS) $(filter-out -fopenmp,$(CFLAGS)) -fPIC -shared -fvisibility=hidden -o $@ $<
$(BUILD)/bench/bench_protocol: $(BUILD)/obj/bench/bench_protocol.o $(BUILD)/libpodium.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(BACKEND_LIBS) $(LDLIBS)
bench: bench-protocol
.PHONY: bench-protocol
bench-protocol: $(BUILD)/bench/bench_protocol $(BUILD)/bench/echo.so $(BUILD)/podium-runner
	@$< $(BUILD)/bench/echo.so
