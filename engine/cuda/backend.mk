# The CUDA backend: a shared object beside the binary, opened when asked for, so that podium runs
# on machines without CUDA.  Built when nvcc is found; CUDA=0 leaves it out.
BACKEND_OBJECTS += $(BUILD)/obj/engine/cuda/load.o
BACKEND_LIBS += -Wl,-u,backend_cuda_open -ldl
NVCC ?= $(shell command -v nvcc 2>/dev/null)
CUDA_SOURCES := $(wildcard engine/cuda/*.cu)
CUDA_LIBRARY := $(BUILD)/backends/libpodium_cuda.so
CUDA_FLAGS := -std=c++17 -O2 -Xcompiler -fPIC,-Wall,-Wextra,-fvisibility=hidden -I. -Iinclude \
  -D_GNU_SOURCE -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=[sm_90,compute_90]
ifneq ($(CUDA),0)
ifneq ($(NVCC),)
CUDA_HOME := $(patsubst %/bin/nvcc,%,$(realpath $(NVCC)))
all: $(CUDA_LIBRARY)
endif
endif
$(BUILD)/obj/engine/cuda/%.cu.o: engine/cuda/%.cu
	@mkdir -p $(@D)
	$(call say,CC  )
	$(Q)$(NVCC) $(CUDA_FLAGS) -MMD -MP -c -o $@ $<
$(CUDA_LIBRARY): $(CUDA_SOURCES:%=$(BUILD)/obj/%.o)
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(NVCC) -shared -o $@ $^ -lcublas -lnvrtc -L$(CUDA_HOME)/lib64/stubs -lcuda \
	  -Xlinker -rpath,$(CUDA_HOME)/lib64
