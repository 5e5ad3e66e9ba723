# What a step of each optimizer costs, and docs/optimizers.md made from it.
$(BUILD)/obj/bench/bench_optimizers.o: override CFLAGS += -O3 -march=$(ARCH)
$(BUILD)/bench/bench_optimizers: $(BUILD)/obj/bench/bench_optimizers.o $(BUILD)/libpodium.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(BACKEND_ROOTS) -o $@ $^ $(BACKEND_LIBS) $(LDLIBS)
bench: bench-optimizers
.PHONY: bench-optimizers optimizer-table
bench-optimizers: all $(BUILD)/bench/bench_optimizers
	@PODIUM_RUNNER=$(BUILD)/podium-runner $(BUILD)/bench/bench_optimizers $(BUILD)/optimizers
optimizer-table: all $(BUILD)/bench/bench_optimizers
	@mkdir -p docs
	@PODIUM_RUNNER=$(BUILD)/podium-runner $(BUILD)/bench/bench_optimizers $(BUILD)/optimizers > $(BUILD)/optimizers.new
	@{ cat tools/optimizers.head; cat $(BUILD)/optimizers.new; } > docs/optimizers.md
