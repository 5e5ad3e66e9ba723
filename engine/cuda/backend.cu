/* The GPU backend's table: device, memory, copies. */
#include "engine/cuda/gpu.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <new>

const gpu_services *gpu_host;

int32_t gpu_fail(int32_t code, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return gpu_host->fail(code, text);
}

int32_t gpu_check(cudaError_t error, const char *what)
{
    if (error == cudaSuccess)
        return 0;
    return gpu_fail(error == cudaErrorMemoryAllocation ? PODIUM_ENOMEM : PODIUM_EDEVICE,
                    "%s: %s failed: %s", GPU_NAME, what, cudaGetErrorString(error));
}

int32_t gpu_check_blas(cublasStatus_t status, const char *what)
{
    if (status == CUBLAS_STATUS_SUCCESS)
        return 0;
    return gpu_fail(PODIUM_EDEVICE, "%s: %s failed with BLAS status %d", GPU_NAME, what,
                    (int)status);
}

int32_t gpu_launched(const char *what)
{
    return gpu_check(cudaGetLastError(), what);
}

static int32_t gpu_alloc(backend *b, size_t bytes, void **out)
{
    *out = nullptr;
    TRY(gpu_check(cudaMalloc(out, bytes ? bytes : 64), "allocating device memory"));
    return gpu_check(cudaMemsetAsync(*out, 0, bytes, gpu_of(b)->stream), "clearing memory");
}

static void gpu_free(backend *, void *data)
{
    cudaFree(data);
}

static int32_t gpu_copy_in(backend *b, void *device, const void *host, size_t bytes)
{
    cudaStream_t stream = gpu_of(b)->stream;
    TRY(gpu_check(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream),
                  "copying to the device"));
    return gpu_check(cudaStreamSynchronize(stream), "copying to the device");
}

static int32_t gpu_copy_out(backend *b, void *host, const void *device, size_t bytes)
{
    cudaStream_t stream = gpu_of(b)->stream;
    TRY(gpu_check(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, stream),
                  "copying from the device"));
    return gpu_check(cudaStreamSynchronize(stream), "copying from the device");
}

static int32_t gpu_synchronise(backend *b)
{
    return gpu_check(cudaStreamSynchronize(gpu_of(b)->stream), "waiting for the device");
}

static void gpu_destroy(backend *b)
{
    gpu_state *g = gpu_of(b);
    gpu_programs_free(g);
    if (g->blas)
        cublasDestroy(g->blas);
    if (g->stream)
        cudaStreamDestroy(g->stream);
    delete g;
}

/* Device 0, its stream and BLAS handle.  Errors: PODIUM_ENOTSUP without a device. */
static int32_t open_device(gpu_state *g)
{
    int count = 0;
    cudaError_t found = cudaGetDeviceCount(&count);
    if (found != cudaSuccess || !count)
        return gpu_fail(PODIUM_ENOTSUP, "no %s device: %s", GPU_NAME,
                        found != cudaSuccess ? cudaGetErrorString(found) : "none is visible");
    cudaDeviceProp device;
    TRY(gpu_check(cudaSetDevice(0), "choosing device 0"));
    TRY(gpu_check(cudaGetDeviceProperties(&device, 0), "asking for the device's properties"));
    g->num_blocks = device.multiProcessorCount;
    g->major = device.major;
    g->minor = device.minor;
    snprintf(g->description, sizeof g->description, "%s, %zu MiB", device.name,
             device.totalGlobalMem >> 20);
    TRY(gpu_check(cudaStreamCreate(&g->stream), "creating a stream"));
    TRY(gpu_check_blas(cublasCreate(&g->blas), "opening BLAS"));
    return gpu_check_blas(cublasSetStream(g->blas, g->stream), "setting the BLAS stream");
}

extern "C" __attribute__((visibility("default"))) int32_t
podium_gpu_open(const gpu_services *services, backend **out)
{
    gpu_host = services;
    *out = nullptr;
    if (services->struct_size != sizeof *services)
        return services->fail(PODIUM_ENOTSUP, "the device's library is of another build of podium");
    gpu_state *g = new (std::nothrow) gpu_state();
    if (!g)
        return gpu_fail(PODIUM_ENOMEM, "no memory for the device's state");
    backend *b = &g->base;
    b->name = GPU_NAME;
    b->description = g->description;
    b->real = PODIUM_F32;
    b->threads = 1;
    b->alloc = gpu_alloc;
    b->free = gpu_free;
    b->copy_in = gpu_copy_in;
    b->copy_out = gpu_copy_out;
    b->synchronise = gpu_synchronise;
    b->program_run = gpu_program_run;
    b->destroy = gpu_destroy;
    b->state = g;
    gpu_elementwise_kernels(b->kernels);
    gpu_linear_kernels(b->kernels);
    gpu_norm_kernels(b->kernels);
    int32_t rc = open_device(g);
    if (rc) {
        gpu_destroy(b);
        return rc;
    }
    *out = b;
    return 0;
}
