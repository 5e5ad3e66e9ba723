# The HIP backend from the CUDA sources; built when hipcc and hipBLAS's header are found; HIP=0
# leaves it out.  HIP_ARCHITECTURES: the devices to compile for.
BACKEND_OBJECTS += $(BUILD)/obj/engine/hip/load.o
BACKEND_LIBS += -Wl,-u,backend_hip_open -ldl
HIPCC ?= $(shell command -v hipcc 2>/dev/null)
HIP_ROOT ?= $(firstword $(wildcard /opt/rocm) /usr)
HIP_ARCHITECTURES ?= gfx90a gfx1100
HIP_LIBRARY := $(BUILD)/backends/libpodium_hip.so
HIP_OBJECTS := $(patsubst engine/cuda/%.cu,$(BUILD)/obj/engine/hip/%.o,$(wildcard engine/cuda/*.cu))
HIP_FLAGS := -x hip -std=c++17 -O2 -fPIC -Wall -Wextra -fvisibility=hidden -I. -Iinclude \
  -D_GNU_SOURCE $(HIP_ARCHITECTURES:%=--offload-arch=%)
ifneq ($(HIP),0)
ifneq ($(and $(HIPCC),$(wildcard $(HIP_ROOT)/include/hipblas/hipblas.h)),)
all: $(HIP_LIBRARY)
endif
endif
$(HIP_OBJECTS): $(BUILD)/obj/engine/hip/%.o: engine/cuda/%.cu
	@mkdir -p $(@D)
	$(call say,CC  )
	$(Q)$(HIPCC) $(HIP_FLAGS) -MMD -MP -c -o $@ $<
$(HIP_LIBRARY): $(HIP_OBJECTS)
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(HIPCC) -shared -o $@ $^ -L$(HIP_ROOT)/lib -lhipblas -lhiprtc
