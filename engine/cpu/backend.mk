# The CPU kernels contract a * b + c into fused multiply-adds (off by default under -std=c17).
$(BUILD)/obj/engine/cpu/%.o: override CFLAGS += -ffp-contract=fast
# clang reports each simd loop it leaves scalar (a maximum, say) as a warning: speed, not a fault.
ifneq ($(findstring clang,$(CC)),)
$(BUILD)/obj/engine/cpu/%.o: override CFLAGS += -Wno-pass-failed
endif
