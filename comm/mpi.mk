# MPI as a shared object beside the binary, opened when a launcher started the process, so that
# podium runs on machines without MPI.  Built when mpicc is found; MPI=0 leaves it out.
MPICC ?= $(shell command -v mpicc 2>/dev/null)
MPI_LIBRARY := $(BUILD)/backends/libpodium_mpi.so
LIB_SOURCES := $(filter-out comm/mpi.c,$(LIB_SOURCES))
ifneq ($(MPI),0)
ifneq ($(MPICC),)
all: $(MPI_LIBRARY)
endif
endif
$(MPI_LIBRARY): comm/mpi.c comm/transport.h
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(MPICC) $(CPPFLAGS) $(filter-out -fopenmp,$(CFLAGS)) $(LDFLAGS) -fPIC -shared \
	  -fvisibility=hidden -o $@ $<
