# A training step against PyTorch: bench-peers makes the private venv the peers need.
$(BUILD)/bench/bench_step: $(BUILD)/obj/bench/bench_step.o $(BUILD)/obj/bench/step_case.o $(BUILD)/libpodium.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(BACKEND_ROOTS) $(BACKEND_LIBS) $(LDLIBS)
bench: bench-step
.PHONY: bench-step
bench-step: $(BUILD)/bench/bench_step
	@$(PYTHON) bench/run.py --build $(BUILD) $(BENCH_ARGS)
bench-peers:
	$(PYTHON) -m venv build/peers
	build/peers/bin/pip install --quiet torch numpy
