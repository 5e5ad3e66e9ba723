/* What the files of the GPU backend share.  One source for CUDA and HIP: engine/hip/rename.h maps
 * the vendor's names.  All values are f32, row-major, on one stream. */
#ifndef ENGINE_CUDA_GPU_H
#define ENGINE_CUDA_GPU_H

#ifdef __HIP__
#include "engine/hip/rename.h"
#else
#include <cublas_v2.h>
#include <cuda.h>
#include <cuda_runtime.h>
#include <nvrtc.h>
#define GPU_NAME "cuda"
#define GPU_ARCHITECTURE "--gpu-architecture=sm_%d%d"
#define GPU_NO_CONTRACTION "--fmad=false"
#endif

extern "C" {
#include "engine/cuda/load.h"
#include "engine/ops.h"
}

struct gpu_program; /* a compiled program, program.cu */

struct gpu_state {
    backend base;
    char description[320];
    cudaStream_t stream;
    cublasHandle_t blas;
    int32_t num_blocks; /* that fill the device */
    int32_t major, minor;
    gpu_program *programs;
};

extern const gpu_services *gpu_host;

static inline gpu_state *gpu_of(backend *b)
{
    return (gpu_state *)b->state;
}

/* Sets podium's message and returns code; printf's format. */
int32_t gpu_fail(int32_t code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* PODIUM_EDEVICE naming `what` when `error` is one; 0 otherwise. */
int32_t gpu_check(cudaError_t error, const char *what);
int32_t gpu_check_blas(cublasStatus_t status, const char *what);
/* The launch error of the kernels before it. */
int32_t gpu_launched(const char *what);

void gpu_elementwise_kernels(op_kernel *k);
void gpu_linear_kernels(op_kernel *k);
void gpu_norm_kernels(op_kernel *k);
int32_t gpu_program_run(backend *b, program *p, const program_args *args);
void gpu_programs_free(gpu_state *g);

enum { GPU_THREADS = 256 };

/* Blocks for a grid-stride loop over n elements. */
static inline unsigned gpu_blocks(const gpu_state *g, int64_t n)
{
    int64_t wanted = (n + GPU_THREADS - 1) / GPU_THREADS, most = 8 * (int64_t)g->num_blocks;
    return (unsigned)(wanted < 1 ? 1 : wanted > most ? most : wanted);
}

#endif
