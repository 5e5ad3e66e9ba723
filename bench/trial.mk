# A trial's costs beside the training: protocol, records, memory.
$(BUILD)/bench/bench_trial: $(BUILD)/obj/bench/bench_trial.o $(BUILD)/libpodium.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(BACKEND_ROOTS) $(BACKEND_LIBS) $(LDLIBS)
bench: bench-trial
.PHONY: bench-trial
bench-trial: $(BUILD)/bench/bench_trial $(BUILD)/optimizers/nadamw.so $(BUILD)/podium-runner
	@GOMP_SPINCOUNT=1000 $< $(BUILD)/optimizers/nadamw.so
