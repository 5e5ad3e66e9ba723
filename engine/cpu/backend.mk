# The CPU kernels contract a * b + c into fused multiply-adds (off by default under -std=c17).
$(BUILD)/obj/engine/cpu/%.o: override CFLAGS += -ffp-contract=fast
