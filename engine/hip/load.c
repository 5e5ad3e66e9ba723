/* The HIP backend: built from ../cuda through gpu.h's rename table, opened the same way. */
#include "engine/cuda/load.h"

int32_t backend_hip_open(backend **out, int threads)
{
    (void)threads; /* host threads; the device has its own */
    return gpu_backend_open(out, "hip");
}
