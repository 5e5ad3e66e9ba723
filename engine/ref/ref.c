/* The reference backend's table and its host memory. */
#include "engine/ref/ref.h"

#include <stdlib.h>
#include <string.h>

static int32_t ref_alloc(backend *b, size_t bytes, void **out)
{
    (void)b;
    size_t rounded = (bytes + 63) / 64 * 64;
    if (rounded < bytes)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate %zu bytes", bytes);
    void *data = aligned_alloc(64, rounded ? rounded : 64);
    if (!data)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate %zu bytes", bytes);
    memset(data, 0, rounded ? rounded : 64);
    *out = data;
    return 0;
}

static void ref_free(backend *b, void *data)
{
    (void)b;
    free(data);
}

static int32_t ref_copy(backend *b, void *to, const void *from, size_t bytes)
{
    (void)b;
    if (bytes)
        memcpy(to, from, bytes);
    return 0;
}

static int32_t ref_synchronise(backend *b)
{
    (void)b;
    return 0;
}

static int32_t ref_program_run(backend *b, program *p, const program_args *args)
{
    (void)b;
    return program_run_host(p, args, 1);
}

static int32_t ref_linalg(backend *b, const linalg_call *c)
{
    return linalg_run_host(&b->linalg_space, c);
}

static void ref_destroy(backend *b)
{
    linalg_release(&b->linalg_space);
    free(b);
}

/* Errors: PODIUM_ENOMEM.  `threads` is of no use here: the yardstick has one. */
int32_t backend_ref_open(backend **out, int threads)
{
    (void)threads;
    backend *b = calloc(1, sizeof *b);
    if (!b)
        return podium_fail(PODIUM_ENOMEM, "cannot allocate the ref backend");
    *b = (backend){
        .name = "ref",
        .description = "plain C, double, one thread",
        .real = PODIUM_F64,
        .threads = 1,
        .host_memory = true,
        .alloc = ref_alloc,
        .free = ref_free,
        .copy_in = ref_copy,
        .copy_out = ref_copy,
        .synchronise = ref_synchronise,
        .program_run = ref_program_run,
        .linalg = ref_linalg,
        .linalg_space = {.real = PODIUM_F64},
        .destroy = ref_destroy,
    };
    ref_elementwise_kernels(b->kernels);
    ref_reduce_kernels(b->kernels);
    ref_shape_kernels(b->kernels);
    ref_rows_kernels(b->kernels);
    ref_matmul_kernels(b->kernels);
    ref_linear_kernels(b->kernels);
    ref_norm_kernels(b->kernels);
    ref_attention_kernels(b->kernels);
    ref_phm_kernels(b->kernels);
    ref_softmax_kernels(b->kernels);
    ref_loss_kernels(b->kernels);
    ref_rms_norm_kernels(b->kernels);
    ref_tokens_kernels(b->kernels);
    ref_patches_kernels(b->kernels);
    ref_dropout_kernels(b->kernels);
    ref_experts_kernels(b->kernels);
    *out = b;
    return 0;
}
