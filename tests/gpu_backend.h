/* A GPU backend against `ref`: every kernel it offers over odd shapes, and programs against the
 * host.  test_backend_cuda.c and test_backend_hip.c include it. */
#ifndef TESTS_GPU_BACKEND_H
#define TESTS_GPU_BACKEND_H

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "engine/backend.h"
#include "engine/ops.h"
#include "tests/tap.h"

enum { GPU_TEST_MAX = 1 << 16 }; /* elements of a tensor */

static backend *gpu, *yardstick;

static double gpu_sample(int64_t i, int salt)
{
    uint32_t h = ((uint32_t)i + 1) * 2654435761u ^ (uint32_t)salt * 40503u;
    h ^= h >> 15;
    return ((double)(h & 0xFFFF) - 32768) / 16384;
}

static tensor gpu_shape(int ndim, const int64_t *shape)
{
    tensor t = {.ndim = ndim, .count = 1};
    for (int d = 0; d < ndim; d++) {
        t.shape[d] = shape[d];
        t.count *= shape[d];
    }
    return t;
}

#define SHAPE(...) \
    gpu_shape((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]){__VA_ARGS__})

/* Fills the inputs of both calls with the same numbers (f32 and f64), allocates the outputs. */
static bool gpu_fill(op_call *c, op_call *want)
{
    static float f32[GPU_TEST_MAX];
    bool fine = true;
    for (int i = 0; i < OP_MAX_IN + OP_MAX_OUT; i++) {
        tensor *t = i < OP_MAX_IN ? &c->in[i] : &c->out[i - OP_MAX_IN];
        tensor *w = i < OP_MAX_IN ? &want->in[i] : &want->out[i - OP_MAX_IN];
        if (!t->count)
            continue;
        *w = *t;
        t->dtype = PODIUM_F32;
        w->dtype = PODIUM_F64;
        w->data = calloc((size_t)t->count, sizeof(double));
        fine = fine && t->count <= GPU_TEST_MAX && w->data &&
               gpu->alloc(gpu, (size_t)t->count * sizeof(float), &t->data) == 0;
        if (!fine || i >= OP_MAX_IN)
            continue;
        for (int64_t k = 0; k < t->count; k++) {
            f32[k] = (float)gpu_sample(k, i);
            if (c->kind == OP_LAYER_NORM_BACKWARD && i == 3) /* rstd */
                f32[k] = 0.5F + fabsf(f32[k]);
            ((double *)w->data)[k] = (double)f32[k];
        }
        fine = gpu->copy_in(gpu, t->data, f32, (size_t)t->count * sizeof(float)) == 0;
    }
    return fine;
}

/* Largest difference of an output, relative to its largest element. */
static double gpu_difference(const tensor *got, const tensor *want)
{
    static float f32[GPU_TEST_MAX];
    const double *w = want->data;
    double most = 0, scale = 1e-30;
    if (gpu->copy_out(gpu, f32, got->data, (size_t)got->count * sizeof(float)))
        return INFINITY;
    for (int64_t k = 0; k < got->count; k++) {
        double d = fabs((double)f32[k] - w[k]);
        if (isnan(w[k]) && isnan((double)f32[k]))
            continue;
        most = d <= most ? most : d; /* a NaN wins */
        scale = fmax(scale, fabs(w[k]));
    }
    return most / scale;
}

/* Runs c (shapes set, no data) on the device and on `ref`. */
static void gpu_compare(op_call c, const char *what)
{
    op_call want = c;
    c.backend = gpu;
    want.backend = yardstick;
    const op_kernel *kernel = &gpu->kernels[c.kind], *other = &yardstick->kernels[c.kind];
    if (!ok(kernel->run && other->run, "%s is offered", what))
        return;
    bool fine = gpu_fill(&c, &want);
    if (fine && other->prepare)
        fine = other->prepare(&want) == 0;
    if (fine && want.scratch_bytes)
        want.scratch = aligned_alloc(64, (want.scratch_bytes + 63) / 64 * 64);
    fine = fine && kernel->run(&c) == 0 && other->run(&want) == 0;
    ok(fine, "%s runs", what);
    for (int i = 0; fine && i < OP_MAX_OUT; i++) {
        if (!c.out[i].count)
            continue;
        double d = gpu_difference(&c.out[i], &want.out[i]);
        if (!ok(d < 2e-5, "%s: output %d is ref's", what, i))
            tap_diag("difference %.3g of the largest element", d);
    }
    if (other->release)
        other->release(&want);
    free(want.scratch);
    for (int i = 0; i < OP_MAX_IN + OP_MAX_OUT; i++) {
        gpu->free(gpu, i < OP_MAX_IN ? c.in[i].data : c.out[i - OP_MAX_IN].data);
        free(i < OP_MAX_IN ? want.in[i].data : want.out[i - OP_MAX_IN].data);
    }
}

static void gpu_test_matrices(int64_t M, int64_t N, int64_t K)
{
    for (int t = 0; t < 4; t++) {
        bool ta = t & 1, tb = t & 2;
        op_call c = {.kind = OP_MATMUL, .i = {ta, tb}};
        c.in[0] = ta ? SHAPE(3, K, M) : SHAPE(3, M, K);
        c.in[1] = tb ? SHAPE(3, N, K) : SHAPE(3, K, N);
        c.out[0] = SHAPE(3, M, N);
        gpu_compare(c, "matrix product");
    }
    for (int act = ACT_NONE; act <= ACT_SILU; act++) {
        op_call c = {.kind = OP_LINEAR,
                     .in = {SHAPE(M, K), SHAPE(N, K), SHAPE(N)},
                     .out = {SHAPE(M, N), SHAPE(M, N)},
                     .i = {act}};
        gpu_compare(c, "linear");
        op_call dx = {.kind = OP_LINEAR_DX,
                      .in = {SHAPE(M, N), SHAPE(N, K), SHAPE(M, K)},
                      .out = {SHAPE(M, K)},
                      .i = {act}};
        gpu_compare(dx, "linear, gradient of its input");
    }
    op_call dw = {
        .kind = OP_LINEAR_DW, .in = {SHAPE(M, N), SHAPE(M, K)}, .out = {SHAPE(N, K), SHAPE(N)}};
    gpu_compare(dw, "linear, gradient of its weights");
}

static void gpu_test_norms(int64_t rows, int64_t C)
{
    op_call norm = {.kind = OP_LAYER_NORM,
                    .in = {SHAPE(rows, C), SHAPE(C), SHAPE(C)},
                    .out = {SHAPE(rows, C), SHAPE(rows), SHAPE(rows)},
                    .f = {1e-5}};
    gpu_compare(norm, "layer norm");
    op_call sum = {.kind = OP_ADD_LAYER_NORM,
                   .in = {SHAPE(rows, C), SHAPE(rows, C), SHAPE(C), SHAPE(C)},
                   .out = {SHAPE(rows, C), SHAPE(rows, C), SHAPE(rows), SHAPE(rows)},
                   .f = {1e-5}};
    gpu_compare(sum, "layer norm of a sum");
    op_call back = {
        .kind = OP_LAYER_NORM_BACKWARD,
        .in = {SHAPE(rows, C), SHAPE(rows, C), SHAPE(rows), SHAPE(rows), SHAPE(C), SHAPE(rows, C)},
        .out = {SHAPE(rows, C), SHAPE(C), SHAPE(C)}};
    gpu_compare(back, "layer norm, backward");
}

static void gpu_test_elementwise(void)
{
    for (int kind = OP_ADD; kind <= OP_DIV; kind++) {
        op_call c = {.kind = kind, .in = {SHAPE(3, 1, 17), SHAPE(1, 5, 17)}};
        c.out[0] = SHAPE(3, 5, 17);
        gpu_compare(c, "binary op with broadcasting");
    }
    for (int kind = 0; kind < UNARY_COUNT; kind++) {
        op_call c = {.kind = OP_UNARY, .in = {SHAPE(1013)}, .out = {SHAPE(1013)}, .i = {kind}};
        bool wild = kind == UNARY_LOG || kind == UNARY_SQRT || kind == UNARY_RSQRT;
        if (!wild)
            gpu_compare(c, "unary function");
        op_call d = {.kind = OP_UNARY_BACKWARD,
                     .in = {SHAPE(1013), SHAPE(1013)},
                     .out = {SHAPE(1013)},
                     .i = {kind}};
        if (!wild)
            gpu_compare(d, "slope of a unary function");
    }
    op_call affine = {.kind = OP_AFFINE, .in = {SHAPE(999)}, .out = {SHAPE(999)}, .f = {2.5, -1}};
    gpu_compare(affine, "affine");
    op_call copy = {.kind = OP_COPY, .in = {SHAPE(7, 11)}, .out = {SHAPE(77)}};
    gpu_compare(copy, "copy");
}

/* The same text on host and device: no element differs by a bit, sums to double precision. */
static void gpu_test_program(void)
{
    enum { N = 40000 };
    static float x[2][N], y[2][N];
    static const program_segment segments[] = {{0, 16384}, {16400, 100}, {20000, 20000}};
    double pp[] = {1, -2, 0.5}, sum, sum_host, q[3], q_host[3], c = 0.9;
    program *p = NULL;
    ok(program_compile(&p, "v0 = v0 - c0*p0*v1/(sqrt(abs(v0)) + 1e-3);"
                           "s0 += v0; q0 += v0*v1") == 0,
       "a program compiles");
    void *device[2] = {NULL, NULL};
    for (int v = 0; v < 2; v++) {
        for (int i = 0; i < N; i++)
            x[v][i] = (float)gpu_sample(i, v);
        ok(gpu->alloc(gpu, sizeof x[v], &device[v]) == 0 &&
               gpu->copy_in(gpu, device[v], x[v], sizeof x[v]) == 0,
           "a vector on the device");
    }
    program_args a = {.count = N,
                      .dtype = PODIUM_F32,
                      .num_segments = 3,
                      .segments = segments,
                      .vectors = device,
                      .constants = &c,
                      .per_param = (const double *[]){pp},
                      .sums = &sum,
                      .per_param_sums = (double *[]){q}};
    if (!ok(gpu->program_run(gpu, p, &a) == 0, "a program runs on the device"))
        tap_diag("%s", podium_error());
    for (int v = 0; v < 2; v++)
        gpu->copy_out(gpu, y[v], device[v], sizeof y[v]);
    a.vectors = (void *[]){x[0], x[1]};
    a.sums = &sum_host;
    a.per_param_sums = (double *[]){q_host};
    ok(program_run_host(p, &a, 1) == 0, "and on the host");
    ok(!memcmp(x, y, sizeof x), "every element is the host's, bit for bit");
    close_to(sum, sum_host, 1e-12, "the sum");
    for (int i = 0; i < 3; i++)
        close_to(q[i], q_host[i], 1e-12, "the sum of parameter %d", i);
    for (int v = 0; v < 2; v++)
        gpu->free(gpu, device[v]);
    program_destroy(p);
}

static int gpu_test(int32_t (*open_device)(backend **out, int threads))
{
    int32_t rc = open_device(&gpu, 0);
    if (rc == PODIUM_ENOTSUP)
        return tap_skip_all(podium_error());
    if (!ok(rc == 0 && backend_ref_open(&yardstick, 1) == 0, "opens the device"))
        return tap_done();
    gpu_test_elementwise();
    gpu_test_matrices(1, 1, 1);
    gpu_test_matrices(33, 17, 65);
    gpu_test_norms(1, 1);
    gpu_test_norms(37, 193);
    gpu_test_program();
    gpu->destroy(gpu);
    yardstick->destroy(yardstick);
    return tap_done();
}

#endif
