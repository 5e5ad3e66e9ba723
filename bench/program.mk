# The program runner against a loop by hand.
$(BUILD)/obj/bench/bench_program.o: override CFLAGS += -O3 -march=$(ARCH)
$(BUILD)/bench/bench_program: $(BUILD)/obj/bench/bench_program.o $(BUILD)/libpodium.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(BACKEND_LIBS) $(LDLIBS)
bench: bench-program
.PHONY: bench-program
bench-program: $(BUILD)/bench/bench_program
	@$<
